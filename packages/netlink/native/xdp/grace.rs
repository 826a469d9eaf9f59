//! Waits, beside the caller, until no packet can be under way with what the program was told before.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;

/// A grace period that has begun; clones are the same one.
#[derive(Clone)]
pub struct Grace(Arc<(Mutex<Option<bool>>, Condvar)>);

impl Grace {
    pub fn begin() -> Self {
        let grace = Self(Arc::default());
        let ended = grace.clone();
        thread::spawn(move || {
            let (outcome, changed) = &*ended.0;
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(synchronize());
            changed.notify_all();
        });
        grace
    }

    /// Blocks until all packets of before are through; false where the kernel can't say.
    pub fn wait(&self) -> bool {
        let (outcome, changed) = &*self.0;
        let guard = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = changed.wait_while(guard, |outcome| outcome.is_none());
        ended
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or(false)
    }
}

/// With more than one processor this is the kernel's `synchronize_rcu`, which a running program holds up; with one, no
/// program is running while this does.
fn synchronize() -> bool {
    // SAFETY: the call takes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0 }
}
