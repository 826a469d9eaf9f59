//! Waiting for sockets with timers finer than a millisecond, and waking the wait from another thread.
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

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

/// What the loop's thread waits for: its waker and the sockets of its ports.
#[derive(Default)]
pub struct Wait {
    descriptors: Vec<libc::pollfd>,
    /// The ports behind the descriptors, of which the first is the waker's.
    ports: Vec<u32>,
    /// None: for ever.
    pub until: Option<Instant>,
}

impl Wait {
    /// Starts anew, with the waker's descriptor.
    pub fn begin(&mut self, waker: RawFd) {
        self.ports.clear();
        self.descriptors.clear();
        self.descriptors.push(interest(waker, false));
    }
    pub fn add(&mut self, port: u32, descriptor: RawFd, writable: bool) {
        self.ports.push(port);
        self.descriptors.push(interest(descriptor, writable));
    }
    /// Waits until a descriptor is ready or the time is over.
    pub fn wait(&mut self) {
        let timeout = self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        // After a signal nothing is ready.
        if poll(&mut self.descriptors, timeout) < 0 {
            for descriptor in &mut self.descriptors {
                descriptor.revents = 0;
            }
        }
    }
    pub fn is_woken(&self) -> bool {
        self.descriptors[0].revents != 0
    }
    pub fn ready_ports(&self) -> impl Iterator<Item = u32> {
        let ready = |descriptor: &libc::pollfd| descriptor.revents != 0;
        let ports = self.ports.iter().zip(&self.descriptors[1..]);
        ports
            .filter(move |(_, descriptor)| ready(descriptor))
            .map(|(port, _)| *port)
    }
}

fn interest(descriptor: RawFd, writable: bool) -> libc::pollfd {
    let events = if writable {
        libc::POLLIN | libc::POLLOUT
    } else {
        libc::POLLIN
    };
    libc::pollfd {
        fd: descriptor,
        events,
        revents: 0,
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
