//! A lake on a real S3 server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use datafusion::arrow::array::Int64Array;
use datafusion::object_store::ObjectStoreExt;
use datafusion::object_store::path::Path;
use datafusion::prelude::{SessionConfig, SessionContext};
use tenure::ErrorKind;
use tenure::lake::{Lake, StoreOptions, open_path};

use super::snapshot::{read, version};
use super::table;
use crate::support::parquet::{batch, bytes, rows, session};
use crate::support::proxy;
use crate::support::seaweed::{
    ADMIN_KEY, ADMIN_SECRET, BUCKET, READ_KEY, READ_SECRET, Seaweed, options, seaweed,
};

async fn upload(server: &Seaweed, key: &str, body: Vec<u8>) {
    server.admin().put(&Path::from(key), body.into()).await.unwrap();
}

const MODEL: &str = r#"[tables.orders]
customer = "id"
time = "TIMESTAMP '2017-01-01'"
event = "'purchase'"
"#;

/// Six months of orders under `prefix`, partitioned by month.
pub(crate) async fn months(server: &Seaweed, prefix: &str) {
    for month in 1..=6 {
        let ids = Int64Array::from_iter_values((0..100).map(|i| month * 1000 + i));
        let body = bytes(&batch(vec![("id", Arc::new(ids))]), 50);
        upload(server, &format!("{prefix}/orders/month={month}/part.parquet"), body).await;
    }
    upload(server, &format!("{prefix}/tenure.toml"), MODEL.into()).await;
    upload(server, &format!("{prefix}/orders/_SUCCESS"), vec![]).await;
}

async fn open(
    ctx: &SessionContext,
    prefix: &str,
    options: &StoreOptions,
) -> Result<Lake, tenure::Error> {
    Lake::open(&format!("s3://{BUCKET}/{prefix}"), options, &ctx.runtime_env()).await
}

/// No secret may be in anything that is shown.
fn clean(error: &tenure::Error) {
    for text in
        [error.to_string(), format!("{error:?}"), error.hint().unwrap_or_default().to_owned()]
    {
        for secret in
            [ADMIN_KEY, ADMIN_SECRET, READ_SECRET, "wrong-secret", "Signature=", "<Error", "<?xml"]
        {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_partitioned_lake_is_read_with_a_key_that_may_only_read() {
    let server = seaweed();
    months(server, "read").await;
    let ctx = session();
    let lake = open(&ctx, "read", &server.options(READ_KEY, READ_SECRET)).await.unwrap();
    assert_eq!((lake.name(), lake.tables()), ("read", vec!["orders".to_owned()]));
    assert_eq!(lake.read_text("tenure.toml").await.unwrap().as_deref(), Some(MODEL));
    let orders = table(&ctx, &lake, "orders").await.unwrap();
    assert_eq!((orders.files(), orders.rows()), (6, Some(600)));
    let sql = "SELECT month, count(*), min(id) FROM t WHERE month >= 5 AND id >= 5050 GROUP BY month ORDER BY month";
    assert_eq!(rows(&ctx, orders, sql).await.unwrap(), ["5 | 50 | 5050", "6 | 100 | 6000"]);
    // globs and single files
    let state = ctx.state();
    for (path, count) in [
        ("read/orders/month=[12]/*.parquet", "200"),
        ("read/orders/month=3/part.parquet", "100"),
        ("read/orders/", "600"),
    ] {
        let location = format!("s3://{BUCKET}/{path}");
        let one = open_path(
            &location,
            &server.options(READ_KEY, READ_SECRET),
            &ctx.runtime_env(),
            &state,
        )
        .await
        .unwrap();
        assert_eq!(rows(&ctx, one, "SELECT count(*) FROM t").await.unwrap(), [count], "{path}");
    }
    // a file that arrives is seen by the next statement
    upload(
        server,
        "read/orders/month=7/part.parquet",
        bytes(&batch(vec![("id", Arc::new(Int64Array::from(vec![7])))]), 1),
    )
    .await;
    assert_eq!(table(&ctx, &lake, "orders").await.unwrap().rows(), Some(601));
}

#[tokio::test]
async fn an_empty_prefix_says_what_was_listed() {
    let server = seaweed();
    let ctx = session();
    let options = server.options(READ_KEY, READ_SECRET);
    let error = open(&ctx, "nothing/here", &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoFiles);
    assert!(
        error.to_string().contains("s3://lake/nothing/here: nothing was listed there"),
        "{error}"
    );
    let error =
        Lake::open("s3://no-such-bucket/x", &options, &ctx.runtime_env()).await.unwrap_err();
    assert_eq!(error.kind().exit_code(), 3, "{error}");
    clean(&error);
}

#[tokio::test]
async fn wrong_credentials_are_denied_without_showing_them() {
    let server = seaweed();
    months(server, "denied").await;
    let ctx = session();
    for (key, secret) in
        [(READ_KEY, "wrong-secret-0001"), ("UNKNOWNKEY0000000001", "wrong-secret-0002")]
    {
        let error = open(&ctx, "denied", &server.options(key, secret)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert_eq!(error.kind().exit_code(), 3);
        assert!(error.to_string().starts_with("s3://lake refused access to"), "{error}");
        clean(&error);
        assert!(!error.to_string().contains(key), "{error}");
    }
}

#[tokio::test]
async fn an_object_that_is_overwritten_midway_is_one_clear_error() {
    let server = seaweed();
    let ctx = SessionContext::new_with_config(
        SessionConfig::new().with_target_partitions(1).with_batch_size(100),
    );
    let mut errors = 0;
    let trials = std::env::var("TENURE_TRIALS").map_or(12, |n| n.parse().unwrap());
    for trial in 0..trials {
        let prefix = format!("swap{trial}");
        for i in 0..6 {
            upload(server, &format!("{prefix}/t/{i}.parquet"), version(1)).await;
        }
        let lake = open(&ctx, &prefix, &server.options(READ_KEY, READ_SECRET)).await.unwrap();
        let t = table(&ctx, &lake, "t").await.unwrap();
        let admin = server.admin();
        let delete = trial % 3 == 2;
        let answer = read(&ctx, t, async || {
            for i in 0..6 {
                let key = Path::from(format!("{prefix}/t/{i}.parquet"));
                match delete {
                    true => admin.delete(&key).await.unwrap(),
                    false => drop(admin.put(&key, version(2).into()).await.unwrap()),
                }
            }
        });
        match answer.await {
            Ok((count, seen)) => assert_eq!((count, seen), (18_000, vec![1])),
            Err(error) => {
                let kind = if delete { ErrorKind::Gone } else { ErrorKind::Changed };
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.to_string().starts_with("file t/"), "{error}");
                clean(&error);
                errors += 1;
            }
        }
    }
    assert!(errors * 2 >= trials, "only {errors} of {trials} trials met a change");
}

#[tokio::test]
async fn a_busy_store_is_asked_again() {
    let server = seaweed();
    months(server, "busy").await;
    let proxy = proxy::busy(server.port, 8);
    let ctx = session();
    let endpoint = format!("http://127.0.0.1:{}", proxy.port);
    let lake = open(&ctx, "busy", &options(&endpoint, READ_KEY, READ_SECRET)).await.unwrap();
    let orders = table(&ctx, &lake, "orders").await.unwrap();
    assert_eq!(
        rows(&ctx, orders, "SELECT count(*), sum(id) FROM t").await.unwrap(),
        ["600 | 2129700"]
    );
    assert_eq!(proxy.refused.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn a_store_that_stays_busy_is_given_up() {
    let server = seaweed();
    let proxy = proxy::busy(server.port, usize::MAX);
    let ctx = session();
    let endpoint = format!("http://127.0.0.1:{}", proxy.port);
    let options = options(&endpoint, READ_KEY, READ_SECRET).with("retry_seconds", "2");
    let started = Instant::now();
    let error = open(&ctx, "busy", &options).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("kept answering 503 (SlowDown)"), "{error}");
    clean(&error);
}

#[tokio::test]
async fn a_web_address_is_one_table() {
    let server = seaweed();
    months(server, "web").await;
    let ctx = session();
    let file = format!(
        "http://127.0.0.1:{}/buckets/{BUCKET}/web/orders/month=3/part.parquet",
        server.filer
    );
    let (state, none) = (ctx.state(), StoreOptions::new());
    let t =
        open_path(&format!("{file}?token=hush"), &none, &ctx.runtime_env(), &state).await.unwrap();
    assert_eq!(t.location(), file);
    assert_eq!(
        rows(&ctx, Arc::clone(&t) as _, "SELECT count(*), max(id) FROM t").await.unwrap(),
        ["100 | 3099"]
    );
    // a web server's file is pinned as well
    upload(server, "web/orders/month=3/part.parquet", version(1)).await;
    let error = rows(&ctx, t, "SELECT * FROM t").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    let missing = format!("{file}x?token=hush");
    let error = open_path(&missing, &none, &ctx.runtime_env(), &state).await.unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
    assert_eq!(error.kind().exit_code(), 3, "{error}");
}

#[tokio::test]
async fn a_wrong_endpoint_is_said_soon() {
    let ctx = session();
    // nothing listens at the port of a listener that is gone
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Instant::now();
    let endpoint = format!("http://127.0.0.1:{port}");
    let error = open(&ctx, "x", &options(&endpoint, READ_KEY, READ_SECRET)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.to_string(), "cannot reach s3://lake");
    clean(&error);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = seaweed();
    months(server, "redirect").await;
    let file = "buckets/lake/redirect/orders/month=3/part.parquet";
    let port = proxy::redirecting(format!("http://127.0.0.1:{}/{file}", server.filer));
    let ctx = session();
    let (state, none) = (ctx.state(), StoreOptions::new());
    let location = format!("http://127.0.0.1:{port}/{file}");
    let error = open_path(&location, &none, &ctx.runtime_env(), &state).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("elsewhere (307)"), "{error}");
}
