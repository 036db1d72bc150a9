//! Cancel requests: they come on a connection of their own, with the number and the secret that a
//! session was given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pgwire::messages::startup::SecretKey;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};

/// The sessions that can be cancelled.
#[derive(Debug, Default)]
pub(super) struct Cancels {
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    next: i32,
    by_pid: HashMap<i32, (SecretKey, Arc<Signal>)>,
}

/// Stops the statement of one session, if there is one.
#[derive(Debug, Default)]
pub(super) struct Signal {
    running: Mutex<Option<Arc<Notify>>>,
}

impl Signal {
    /// A statement begins; what was asked before is not for it.
    pub(super) fn begin(&self) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&notify));
        notify
    }

    /// The statement has ended.
    pub(super) fn end(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn cancel(&self) {
        if let Some(running) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            running.notify_one();
        }
    }
}

/// A session's place among those that can be cancelled; it goes with this.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pid: i32,
    pub(super) secret: SecretKey,
    pub(super) signal: Arc<Signal>,
    all: Arc<Cancels>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.all.sessions().by_pid.remove(&self.pid);
    }
}

impl Cancels {
    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number and a secret for a new session.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Entry> {
        let mut secret = [0; 4];
        SystemRandom::new()
            .fill(&mut secret)
            .map_err(|_| Error::new(ErrorKind::Io, "the system gives no random numbers"))?;
        let secret = SecretKey::I32(i32::from_be_bytes(secret));
        let signal = Arc::new(Signal::default());
        let mut sessions = self.sessions();
        // a number from 1 that nobody has
        loop {
            sessions.next = sessions.next.checked_add(1).unwrap_or(1);
            let free = !sessions.by_pid.contains_key(&sessions.next);
            if free {
                break;
            }
        }
        let pid = sessions.next;
        sessions.by_pid.insert(pid, (secret.clone(), Arc::clone(&signal)));
        Ok(Entry { pid, secret, signal, all: Arc::clone(self) })
    }

    /// Cancels what the session does, if the secret is its own. Nobody is told whether it was.
    pub(super) fn cancel(&self, pid: i32, secret: &SecretKey) {
        let found = self
            .sessions()
            .by_pid
            .get(&pid)
            .filter(|(own, _)| own == secret)
            .map(|(_, signal)| Arc::clone(signal));
        if let Some(signal) = found {
            signal.cancel();
        }
    }
}
