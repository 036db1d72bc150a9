//! What a program hears that listens to everything the libraries tell of a store: no secret.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};

use datafusion::prelude::SessionContext;
use tenure::lake::{Lake, StoreOptions, open_path};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::s3::months;
use super::table;
use crate::support::parquet::{rows, session};
use crate::support::proxy;
use crate::support::seaweed::{BUCKET, READ_KEY, READ_SECRET, options, seaweed};
use crate::support::trap::Trap;

static HEARD: Mutex<String> = Mutex::new(String::new());

fn heard() -> MutexGuard<'static, String> {
    HEARD.lock().unwrap()
}

/// Hears everything, at every level.
struct Listener;

/// Statements are told by what parses and plans them: they are the program's own, and many.
fn told_elsewhere(target: &str) -> bool {
    target.starts_with("sqlparser") || target.starts_with("datafusion")
}

impl log::Log for Listener {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        !told_elsewhere(metadata.target())
    }

    fn log(&self, record: &log::Record<'_>) {
        if !told_elsewhere(record.target()) {
            let _ = writeln!(heard(), "{} {}", record.target(), record.args());
        }
    }

    fn flush(&self) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

fn tell(target: &str, record: impl FnOnce(&mut Line)) {
    let mut line = Line(target.to_owned());
    record(&mut line);
    let _ = writeln!(heard(), "{}", line.0);
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !told_elsewhere(metadata.target())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        tell(span.metadata().target(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        tell("", |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        tell(event.metadata().target(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_listener_hears_no_secret() {
    const TOKEN: &str = "canary-session-token";
    const SIGNATURE: &str = "canary-signature";
    const PASSWORD: &str = "canary-url-password";
    let server = seaweed();
    months(server, "traced").await;
    let (proxy, trap) = (proxy::busy(server.port, 3), Trap::start());
    // of this thread, which does all of the work
    let _listening = tracing::subscriber::set_default(Listener);
    log::set_logger(&Listener).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

    let ctx = session();
    let read = async |options: &StoreOptions| {
        let lake =
            Lake::open(&format!("s3://{BUCKET}/traced"), options, &ctx.runtime_env()).await?;
        rows(&ctx, table(&ctx, &lake, "orders").await?, "SELECT count(*) FROM t").await
    };
    let busy = format!("http://127.0.0.1:{}", proxy.port);
    for endpoint in [server.endpoint(), busy] {
        assert_eq!(read(&options(&endpoint, READ_KEY, READ_SECRET)).await.unwrap(), ["600"]);
    }
    let refused = options(&trap.url(), READ_KEY, READ_SECRET).with("token", TOKEN);
    read(&refused).await.unwrap_err();
    let file = format!("buckets/{BUCKET}/traced/orders/month=3/part.parquet");
    let at = |host: String, end: &str| format!("http://{host}/{file}{end}");
    let signed = format!("?X-Amz-Signature={SIGNATURE}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, there) in [
        (at(format!("127.0.0.1:{}", server.filer), &signed), true),
        (at(format!("127.0.0.1:{}", server.filer), &format!("x{signed}")), false),
        (at(format!("me:{PASSWORD}@127.0.0.1:{}", trap.port), &signed), false),
        (at(format!("me:{PASSWORD}@{closed}"), &signed), false),
    ] {
        assert_eq!(open(&ctx, &address).await, there, "{address}");
    }
    log::set_max_level(log::LevelFilter::Off);
    // the name and the password of a URL are sent
    let basic = "bWU6Y2FuYXJ5LXVybC1wYXNzd29yZA==";
    assert!(
        trap.calls().iter().any(|call| call.contains(&format!("authorization: Basic {basic}")))
    );

    let heard = heard();
    println!("{} lines heard", heard.lines().count());
    for target in ["hyper_util", "reqwest", "object_store"] {
        assert!(heard.contains(target), "nothing was heard of {target}");
    }
    for secret in [READ_SECRET, TOKEN, SIGNATURE, PASSWORD, basic, "Signature="] {
        let line = heard.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret}: {line:?}");
    }
}

async fn open(ctx: &SessionContext, address: &str) -> bool {
    let options = StoreOptions::new().with("retry_seconds", "2");
    let state: Arc<_> = Arc::new(ctx.state());
    open_path(address, &options, &ctx.runtime_env(), state.as_ref()).await.is_ok()
}
