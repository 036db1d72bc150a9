//! A proxy that answers 503 for the first requests and then passes everything on as it is, so that
//! signatures stay valid.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// how many requests were turned away
    pub(crate) refused: Arc<AtomicUsize>,
}

const BUSY: &str = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>";

/// Starts a proxy in front of `target` that turns away the first `refuse` requests.
pub(crate) fn busy(target: u16, refuse: usize) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let count = Arc::clone(&count);
            std::thread::spawn(move || {
                let turned_away = count
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| {
                        (n < refuse).then_some(n + 1)
                    })
                    .is_ok();
                let _ = if turned_away { turn_away(client) } else { pass(client, target) };
            });
        }
    });
    Proxy { port, refused }
}

fn turn_away(mut client: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut buffer)? {
            0 => break,
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
    write!(
        client,
        "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{BUSY}",
        BUSY.len()
    )
}

fn pass(client: TcpStream, target: u16) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", target))?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    std::io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}

/// Starts a server that sends everyone to `elsewhere`.
pub(crate) fn redirecting(elsewhere: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = write!(
                client,
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
    });
    port
}
