//! Waiting for sockets with timers finer than a millisecond, and waking the wait from another thread.
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[derive(Debug)]
pub struct Waker {
    sender: UnixStream,
    receiver: UnixStream,
}

impl Waker {
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = UnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        Ok(Self { sender, receiver })
    }
    /// A full pipe means that a wake-up is already under way.
    pub fn wake(&self) {
        let _ = (&self.sender).write(&[1]);
    }
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.receiver).read(&mut bytes), Ok(count) if count == bytes.len()) {}
    }
    pub fn descriptor(&self) -> RawFd {
        self.receiver.as_raw_fd()
    }
}

/// What a descriptor is waited for, and after the wait what it is ready for.
pub struct Interest {
    pub descriptor: RawFd,
    pub writable: bool,
    pub ready: bool,
}

/// Waits until a descriptor is ready or the time is over; `scratch` is reused between calls.
pub fn wait(
    interests: &mut [Interest],
    scratch: &mut Vec<libc::pollfd>,
    timeout: Option<Duration>,
) {
    scratch.clear();
    scratch.extend(interests.iter().map(|interest| libc::pollfd {
        fd: interest.descriptor,
        events: if interest.writable {
            libc::POLLIN | libc::POLLOUT
        } else {
            libc::POLLIN
        },
        revents: 0,
    }));
    let count = poll(scratch, timeout);
    for (interest, result) in interests.iter_mut().zip(scratch.iter()) {
        interest.ready = count > 0 && result.revents != 0;
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn poll(descriptors: &mut [libc::pollfd], timeout: Option<Duration>) -> i32 {
    let time = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the slice and the time live across the call; a null signal mask leaves the thread's mask alone.
    unsafe {
        libc::ppoll(
            descriptors.as_mut_ptr(),
            descriptors.len() as libc::nfds_t,
            time,
            std::ptr::null(),
        )
    }
}

/// Systems without ppoll round up to a millisecond.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn poll(descriptors: &mut [libc::pollfd], timeout: Option<Duration>) -> i32 {
    let millis = timeout.map_or(-1, |timeout| {
        i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    });
    // SAFETY: the slice lives across the call.
    unsafe {
        libc::poll(
            descriptors.as_mut_ptr(),
            descriptors.len() as libc::nfds_t,
            millis,
        )
    }
}
