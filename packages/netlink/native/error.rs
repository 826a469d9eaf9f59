//! One error type for everything the kernel or the socket may answer.

use std::fmt;

/// A refusal by the kernel, or a failure of the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetlinkError {
    /// Positive errno; 0 if the kernel's answer could not be understood.
    pub errno: i32,
    /// Index of the batch's operation that failed, if the kernel named one.
    pub operation: Option<u32>,
    /// What was being done, and the kernel's own explanation where it gives one.
    pub message: String,
}

impl NetlinkError {
    pub fn new(errno: i32, message: impl Into<String>) -> Self {
        Self {
            errno,
            operation: None,
            message: message.into(),
        }
    }

    /// The calling thread's last system error.
    pub fn last_os(context: &str) -> Self {
        let error = std::io::Error::last_os_error();
        Self::new(
            error.raw_os_error().unwrap_or(0),
            format!("{context}: {error}"),
        )
    }

    /// An answer that breaks netlink's framing.
    pub fn malformed(what: &str) -> Self {
        Self::new(0, format!("malformed answer from the kernel: {what}"))
    }
}

impl fmt::Display for NetlinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (errno {})", self.message, self.errno)
    }
}

impl std::error::Error for NetlinkError {}

pub type Result<T> = std::result::Result<T, NetlinkError>;
