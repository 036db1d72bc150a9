//! Memory that exchanges are not refused.
//!
//! DataFusion's `RepartitionExec` writes a batch to disk if it is refused the memory for it, and in
//! version 55.2 its readers and writers may then wait for each other for ever
//! (<https://github.com/apache/datafusion/issues/24883>). As long as all its partitions are read it
//! holds a batch or two for each, so it is counted and not refused. Where one partition gets almost all
//! rows and is read slowly it may hold many: then it is refused, 256 MB above the limit.

use std::fmt;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// A pool that an exchange may overdraw.
#[derive(Debug)]
pub(super) struct ExchangePool<P>(pub(super) P);

/// What the names of an exchange's consumers begin with.
const EXCHANGE: &str = "RepartitionExec[";
/// Bytes above the limit that an exchange may bring what is in use to.
const OVERDRAFT: usize = 256 << 20;

impl<P: MemoryPool> fmt::Display for ExchangePool<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<P: MemoryPool> MemoryPool for ExchangePool<P> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.0.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.0.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.0.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.0.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let most = match self.0.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes.saturating_add(OVERDRAFT),
            MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
        };
        let in_use = self.0.reserved().saturating_add(additional);
        if in_use <= most && reservation.consumer().name().starts_with(EXCHANGE) {
            self.0.grow(reservation, additional);
            return Ok(());
        }
        self.0.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.0.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.0.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::FairSpillPool;

    use super::*;

    #[test]
    fn an_exchange_gets_what_others_are_refused_and_it_is_counted() {
        let pool: Arc<dyn MemoryPool> = Arc::new(ExchangePool(FairSpillPool::new(100)));
        let exchange =
            MemoryConsumer::new("RepartitionExec[3]").with_can_spill(true).register(&pool);
        let other = MemoryConsumer::new("SortExec[3]").with_can_spill(true).register(&pool);
        // two share what there is
        other.try_grow(51).unwrap_err();
        exchange.try_grow(101).unwrap();
        assert_eq!(pool.reserved(), 101);
        exchange.try_grow(OVERDRAFT).unwrap_err();
        other.try_grow(50).unwrap();
        exchange.try_grow(OVERDRAFT - 51).unwrap();
        assert_eq!(pool.reserved(), 100 + OVERDRAFT);
    }
}
