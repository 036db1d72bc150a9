//! Who gets in: so many sessions, so many connections that have not logged in, and so many wrong
//! passwords a second from one address.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::options::PENDING;

/// Time between two answers to wrong passwords from one address: five a second.
const PAUSE: Duration = Duration::from_millis(200);
/// Addresses remembered; older ones are long free to try again.
const ADDRESSES: usize = 10_000;

/// The doors of a server.
#[derive(Debug)]
pub(super) struct Admission {
    sessions: Arc<Semaphore>,
    pending: Mutex<VecDeque<(u64, AbortHandle)>>,
    failures: Mutex<HashMap<IpAddr, Instant>>,
}

impl Admission {
    pub(super) fn new(sessions: usize) -> Self {
        Self {
            sessions: Arc::new(Semaphore::new(sessions)),
            pending: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Whether another session would be one too many.
    pub(super) fn full(&self) -> bool {
        self.sessions.available_permits() == 0
    }

    /// A session's place.
    pub(super) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.sessions).try_acquire_owned().ok()
    }

    /// A connection waits to log in. The oldest that waits makes room for it, so that those who never
    /// log in do not keep out those who do.
    pub(super) fn wait(&self, id: u64, connection: AbortHandle) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.push_back((id, connection));
        if pending.len() > PENDING
            && let Some((_, oldest)) = pending.pop_front()
        {
            oldest.abort();
        }
    }

    /// A connection has logged in, or is gone.
    pub(super) fn waited(&self, id: u64) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(at) = pending.binary_search_by_key(&id, |(id, _)| *id) {
            pending.remove(at);
        }
    }

    /// Waits for the turn of another wrong password from an address.
    pub(super) async fn failed(&self, address: IpAddr) {
        let turn = {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if failures.len() >= ADDRESSES {
                failures.retain(|_, turn| *turn > now);
            }
            let turn = failures.get(&address).map_or(now, |last| (*last).max(now)) + PAUSE;
            failures.insert(address, turn);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_that_waits_makes_room() {
        let admission = Admission::new(1);
        let first = tokio::spawn(std::future::pending::<()>());
        admission.wait(0, first.abort_handle());
        let others: Vec<_> = (1..=PENDING as u64)
            .map(|id| {
                let task = tokio::spawn(std::future::pending::<()>());
                admission.wait(id, task.abort_handle());
                task
            })
            .collect();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(others.iter().all(|task| !task.is_finished()));
        for (id, task) in (1..).zip(others) {
            admission.waited(id);
            task.abort();
        }
        assert!(admission.pending.lock().unwrap().is_empty());
        assert!(!admission.full());
        let place = admission.enter();
        assert!(admission.full() && admission.enter().is_none());
        drop(place);
        assert!(!admission.full());
    }

    #[tokio::test]
    async fn wrong_passwords_wait_for_each_other() {
        let admission = Admission::new(1);
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 1]));
        let start = Instant::now();
        let all = (0..5).map(|_| admission.failed(here));
        futures::join!(futures::future::join_all(all), admission.failed(there));
        assert!(start.elapsed() >= PAUSE * 5);
    }
}
