//! Memory of one session among several: what it takes counts against its own limit and against the
//! limit that all have together.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// A session's pool inside that of all sessions.
#[derive(Debug)]
pub(super) struct SharedPool {
    own: Arc<dyn MemoryPool>,
    all: Arc<dyn MemoryPool>,
}

impl SharedPool {
    pub(super) fn new(own: Arc<dyn MemoryPool>, all: Arc<dyn MemoryPool>) -> Self {
        Self { own, all }
    }
}

impl fmt::Display for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.own, self.all)
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "session"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
        self.all.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
        self.all.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.own.grow(reservation, additional);
        self.all.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.all.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.own.try_grow(reservation, additional)?;
        self.all
            .try_grow(reservation, additional)
            .inspect_err(|_| self.own.shrink(reservation, additional))
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.own.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn a_session_has_its_share_and_all_have_the_whole() {
        let all: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let session = || -> Arc<dyn MemoryPool> {
            let own = Arc::new(GreedyMemoryPool::new(70));
            Arc::new(SharedPool::new(own, Arc::clone(&all)))
        };
        let (first, second) = (session(), session());
        let a = MemoryConsumer::new("a").register(&first);
        let b = MemoryConsumer::new("b").register(&second);
        assert!(a.try_grow(71).is_err());
        a.try_grow(70).unwrap();
        assert!(b.try_grow(31).is_err());
        assert_eq!(second.reserved(), 0);
        b.try_grow(30).unwrap();
        drop(a);
        assert_eq!(all.reserved(), 30);
        b.try_grow(40).unwrap();
    }
}
