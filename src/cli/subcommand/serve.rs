//! `tenure serve LAKE…`: lakes for everything that speaks PostgreSQL's protocol.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tenure::Tenure;
use tenure::server::{Log, Server, ServerOptions, TlsFiles};

use crate::cli::args::{Serve, Shared};
use crate::cli::output::Output;
use crate::cli::runtime::{Runtimes, interrupted};
use crate::cli::{Outcome, Stop, allocator, config};

/// Threads of the engine, most of which wait.
const THREADS: usize = 32;

/// Where the users are unless told otherwise.
pub(crate) fn users_file(given: Option<&Path>) -> Outcome<PathBuf> {
    match given {
        Some(path) => Ok(path.to_path_buf()),
        None => config::folder()
            .map(|folder| folder.join("users"))
            .ok_or_else(|| Stop::usage("there is no configuration folder; give --users FILE")),
    }
}

/// Serves until Ctrl-C.
pub(crate) fn run(wanted: &Serve, shared: &Shared, output: &Output) -> Outcome {
    let log: Arc<dyn Log> = match &wanted.log {
        None => Arc::new(ToStderr(output.clone())),
        Some(path) => Arc::new(ToFile::open(path)?),
    };
    let listen = SocketAddr::new(wanted.host, wanted.port);
    let mut options = ServerOptions::new(listen, users_file(wanted.users.as_deref())?, log);
    options.tls = match (&wanted.tls_cert, &wanted.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })
        }
        _ => None,
    };
    options.max_connections = wanted.max_connections;
    options.session_memory = wanted.session_memory;
    options.statement_timeout = wanted.statement_timeout;
    options.max_statement_timeout = wanted.max_statement_timeout;
    options.writable = wanted.allow_views;
    options.analyze = wanted.allow_analyze;
    // an operator that does not yield keeps a thread; there are more threads than statements run on,
    // so that it does not keep other clients waiting
    let runtimes = Runtimes::new(Some(shared.threads.unwrap_or_default().max(THREADS)))?;
    let mut builder = Tenure::builder();
    for lake in &wanted.lakes {
        builder = builder.lake(lake);
    }
    if let Some(as_of) = &shared.as_of {
        builder = builder.as_of(as_of);
    }
    if let Some(timezone) = &shared.timezone {
        builder = builder.timezone(timezone);
    }
    if let Some(bytes) = shared.memory_limit {
        builder = builder.memory_limit(bytes);
    }
    if let Some(threads) = shared.threads {
        builder = builder.threads(threads);
    }
    let base = runtimes.wait(async move { builder.build().await })?;
    for warning in base.warnings() {
        output.warn(warning);
    }
    allocator::keep_giving_back();
    let engine = runtimes.engine();
    let served = runtimes.front(async {
        let server = Server::bind(&base, engine, options).await?;
        output.note(&format!("listening on {}; Ctrl-C stops", server.address()?));
        server.serve(interrupted()).await;
        Ok::<_, tenure::Error>(())
    });
    {
        let _inside = runtimes.engine().enter();
        drop(base);
    }
    runtimes.shut_down();
    Ok(served?)
}

#[derive(Debug)]
struct ToStderr(Output);

impl Log for ToStderr {
    fn line(&self, line: &str) {
        self.0.note(line);
    }
}

/// A file that only its owner reads; lines are added.
#[derive(Debug)]
struct ToFile(Mutex<File>);

impl ToFile {
    fn open(path: &Path) -> Outcome<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file =
            options.open(path).map_err(|e| Stop::file("write", &path.display().to_string(), &e))?;
        Ok(Self(Mutex::new(file)))
    }
}

impl Log for ToFile {
    fn line(&self, line: &str) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // a full disk must not end what is served
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}
