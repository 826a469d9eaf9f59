//! Moments on the boot clock as the kernel's timeouts, which count whole ticks from the tick before.

use std::mem::MaybeUninit;

/// Milliseconds since boot, sleep included.
pub fn boot_ms() -> f64 {
    read(libc::clock_gettime, libc::CLOCK_BOOTTIME)
}

/// The timeout that makes an element end at `deadline_boot_ms`, or at the first tick after it: never 0, which is none.
pub fn timeout_until(deadline_boot_ms: f64) -> u64 {
    let left_ms = deadline_boot_ms - boot_ms();
    whole_ticks(left_ms + since_tick_ms(), tick_ms())
}

/// The time since the last tick, by which what the kernel says of an element's time left is too much.
pub fn since_tick_ms() -> f64 {
    let coarse_ms = read(libc::clock_gettime, libc::CLOCK_MONOTONIC_COARSE);
    (read(libc::clock_gettime, libc::CLOCK_MONOTONIC) - coarse_ms).max(0.0)
}

/// The kernel rounds down to ticks of 1 to 10 ms; those of 3.3 ms are no whole milliseconds.
fn whole_ticks(since_tick_ms: f64, tick_ms: f64) -> u64 {
    ((since_tick_ms / tick_ms).ceil().max(1.0) * tick_ms).ceil() as u64
}

fn tick_ms() -> f64 {
    read(libc::clock_getres, libc::CLOCK_MONOTONIC_COARSE)
}

type ClockCall = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

fn read(call: ClockCall, clock: libc::clockid_t) -> f64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the pointer is to a local of the right type, all zeroes are a valid value of it, and every Linux since
    // 2.6.39 has these clocks.
    let time = unsafe {
        call(clock, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_the_first_tick_that_is_not_early() {
        for (since_tick_ms, tick_ms, timeout) in [
            (5_000.0, 4.0, 5_000),
            (5_000.1, 4.0, 5_004),
            (5_003.9, 4.0, 5_004),
            (20.5, 1.0, 21),
            (11.0, 10.0, 20),
            (3.0, 3.333_333, 4),
            (9.9, 3.333_333, 10),
        ] {
            assert_eq!(whole_ticks(since_tick_ms, tick_ms), timeout);
        }
    }

    #[test]
    fn a_moment_that_is_past_ends_with_the_next_tick_and_not_never() {
        assert_eq!(whole_ticks(-12_000.0, 4.0), 4);
        assert_eq!(whole_ticks(0.0, 1.0), 1);
        assert!((1..=10).contains(&timeout_until(boot_ms() - 1.0)));
    }

    #[test]
    fn a_tick_is_1_to_10_ms() {
        assert!((1.0..=10.0).contains(&tick_ms()));
    }
}
