//! What the program asks of glibc's allocator: the only place outside `bindings` with `unsafe`.
//!
//! By default it gives memory back to the system as soon as it is free, and gets it again, cleared,
//! a moment later: each bucket of an aggregate did so, which took up to a fifth of the time of a
//! question. And it deals threads out to many arenas, in each of which something stays behind. Figures
//! are in `docs/benchmarks.md`. Other systems' allocators are left as they are.

#[cfg(feature = "pg")]
use std::time::Duration;

#[cfg(feature = "pg")]
use super::args::Action;
use super::args::Arguments;

/// What an arena keeps for later at most; all but the first are made of pieces of 64 MB.
const KEPT: usize = 256 << 20;
/// Of a limit of memory, the arenas of a thread keep this part together.
const SHARE: usize = 8;
/// Arenas for each thread: with one, threads that read files wait for those that compute.
const ARENAS: usize = 4;
/// A piece of this part of what is kept goes back at once.
const PIECES: usize = 8;
/// Time between two looks at what a server could give back.
#[cfg(feature = "pg")]
const PAUSE: Duration = Duration::from_secs(5);

/// Keeps what the next step will ask for again, as far as the limit of memory allows.
pub(super) fn keep(arguments: &Arguments) {
    if is_set_up() {
        return;
    }
    // many clients at a time are better off with an arena for each thread: see `keep_giving_back`
    #[cfg(feature = "pg")]
    if matches!(arguments.action, Some(Action::Serve(_))) {
        return;
    }
    let threads = arguments.shared.threads;
    let threads = threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    let arenas = threads.unwrap_or(1).saturating_mul(ARENAS);
    let kept = arguments.shared.memory_limit.map_or(KEPT, |l| KEPT.min(l / SHARE / ARENAS));
    glibc::set(arenas, kept, kept / PIECES);
}

/// Whether somebody has set the allocator up, who knows better.
fn is_set_up() -> bool {
    let by_hand = |name: &str| name.starts_with("MALLOC_") || name == "GLIBC_TUNABLES";
    std::env::vars_os().any(|(name, _)| name.to_str().is_some_and(by_hand))
}

/// Gives what is free back to the system now and then, for a server: what its threads have freed
/// stays in their arenas otherwise, and grows for hours.
#[cfg(feature = "pg")]
pub(super) fn keep_giving_back() {
    if is_set_up() {
        return;
    }
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(PAUSE);
            glibc::trim();
        }
    });
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "there is no other way to speak to the allocator")]
mod glibc {
    use libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, c_int};

    pub(super) fn set(arenas: usize, kept: usize, piece: usize) {
        for (option, value) in
            [(M_ARENA_MAX, arenas), (M_TRIM_THRESHOLD, kept), (M_MMAP_THRESHOLD, piece)]
        {
            // SAFETY: mallopt takes two numbers, locks the allocator itself, and refuses what it does
            // not know.
            unsafe { libc::mallopt(option, c_int::try_from(value).unwrap_or(c_int::MAX)) };
        }
    }

    #[cfg(feature = "pg")]
    pub(super) fn trim() {
        // SAFETY: malloc_trim takes a number, locks each arena itself, and touches only free memory.
        unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod glibc {
    pub(super) fn set(_arenas: usize, _kept: usize, _piece: usize) {}

    #[cfg(feature = "pg")]
    pub(super) fn trim() {}
}
