//! A real S3 server: SeaweedFS' `weed mini`, one for each test process, gone when it ends.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use object_store::aws::AmazonS3Builder;
use tenure::lake::StoreOptions;

pub(crate) const BUCKET: &str = "lake";
pub(crate) const ADMIN_KEY: &str = "TENUREADMINKEY000001";
pub(crate) const ADMIN_SECRET: &str = "tenure-admin-secret-do-not-log-0001";
pub(crate) const READ_KEY: &str = "TENUREREADKEY0000001";
pub(crate) const READ_SECRET: &str = "tenure-ro-secret-do-not-log-000001";

pub(crate) struct Seaweed {
    pub(crate) port: u16,
    /// plain HTTP, without credentials
    pub(crate) filer: u16,
    /// its standard input is the leash: the server is killed when it closes
    _leash: Child,
}

/// The server, started at the first call.
pub(crate) fn seaweed() -> &'static Seaweed {
    static SERVER: OnceLock<Seaweed> = OnceLock::new();
    SERVER.get_or_init(start)
}

impl Seaweed {
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Options of a lake on this server.
    pub(crate) fn options(&self, key: &str, secret: &str) -> StoreOptions {
        options(&self.endpoint(), key, secret)
    }

    /// A store that may write.
    pub(crate) fn admin(&self) -> impl ObjectStore + use<> {
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_region("us-east-1")
            .with_allow_http(true)
            .with_bucket_name(BUCKET)
            .with_access_key_id(ADMIN_KEY)
            .with_secret_access_key(ADMIN_SECRET)
            .build()
            .unwrap()
    }
}

pub(crate) fn options(endpoint: &str, key: &str, secret: &str) -> StoreOptions {
    StoreOptions::new()
        .with("endpoint", endpoint)
        .with("region", "us-east-1")
        .with("access_key_id", key)
        .with("secret_access_key", secret)
}

fn start() -> Seaweed {
    let weed = super::python().join("weed");
    let folder = tempfile::Builder::new().prefix("weed").tempdir().unwrap().keep();
    let identities = format!(
        r#"{{"identities":[
          {{"name":"admin","credentials":[{{"accessKey":"{ADMIN_KEY}","secretKey":"{ADMIN_SECRET}"}}],"actions":["Admin","Read","List","Tagging","Write"]}},
          {{"name":"reader","credentials":[{{"accessKey":"{READ_KEY}","secretKey":"{READ_SECRET}"}}],"actions":["Read:{BUCKET}","List:{BUCKET}"]}}]}}"#
    );
    let config = folder.join("s3.json");
    std::fs::write(&config, identities).unwrap();
    let [s3, master, volume, filer, admin] = ports();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    // telemetry is on and the address is public unless told otherwise
    let script =
        r#"dir=$1; shift; "$@" </dev/null & server=$!; read -r _; kill -9 $server; rm -rf "$dir""#;
    let leash = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(&folder)
        .arg(&weed)
        .args(["-logtostderr=true", "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
        .args(["-master.telemetry=false", "-webdav=false", "-admin.ui=false"])
        .args(["-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
        .arg(format!("-dir={}", folder.display()))
        .arg(format!("-s3.config={}", config.display()))
        .arg(format!("-s3.port={s3}"))
        .arg(format!("-master.port={master}"))
        .arg(format!("-volume.port={volume}"))
        .arg(format!("-filer.port={filer}"))
        .arg(format!("-admin.port={admin}"))
        .env("S3_BUCKET", BUCKET)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("these tests need a shell to start {}: {e}", weed.display()));
    let server = Seaweed { port: s3, filer, _leash: leash };
    // the port answers before the bucket is there
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(wait(&server, &folder));
        });
    });
    server
}

async fn wait(server: &Seaweed, folder: &std::path::Path) {
    let store = server.admin();
    let started = Instant::now();
    while store.put(&Path::from("started/now"), "yes".into()).await.is_err() {
        if started.elapsed() > Duration::from_secs(90) {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(15).collect();
            panic!("the S3 server did not start: {end:#?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Free ports; the server takes each one plus 10,000 as well.
fn ports() -> [u16; 5] {
    let mut found = vec![];
    let mut port = 12_000 + u16::try_from(std::process::id() % 9_000).unwrap();
    while found.len() < 5 {
        port = if port >= 22_700 { 12_000 } else { port + 1 };
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 10_000) {
            found.push(port);
        }
    }
    found.try_into().unwrap()
}
