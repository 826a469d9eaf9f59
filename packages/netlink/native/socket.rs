//! One netlink socket in the network namespace of the process.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::error::{NetlinkError, Result};
use crate::message::{
    Attributes, HEADER_BYTES, Header, Message, NLM_F_DUMP_INTR, Writer, messages, text,
};

/// Send buffer that is asked for; the kernel copies a batch into one buffer of its size only while it is sent.
const SEND_BUFFER_BYTES: libc::c_int = 32 << 20;
/// The kernel keeps this much of the send buffer for itself (`netlink_sendmsg`).
const SEND_RESERVE_BYTES: usize = 32;
/// The kernel fills dump answers up to 32 KiB.
const RECEIVE_BYTES: usize = 128 << 10;
/// Answers come while the request is sent, or a dump goes on; this bound only ends a wait that can't end.
const ANSWER_SECONDS_MAX: libc::time_t = 10;

const SOL_NETLINK: libc::c_int = 270;
const NETLINK_CAP_ACK: libc::c_int = 10;
const NETLINK_EXT_ACK: libc::c_int = 11;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;

pub struct Socket {
    descriptor: OwnedFd,
    sequence: u32,
    batch_bytes_max: usize,
    buffer: Vec<u8>,
}

/// The kernel's verdict on one message.
pub struct Verdict {
    pub sequence: u32,
    /// 0 for an acknowledgement.
    pub errno: i32,
    pub explanation: Option<String>,
}

impl Socket {
    /// Opens a socket to nf_tables and conntrack; `send_buffer_bytes` asks for a smaller send buffer than the largest that
    /// can be had.
    pub fn open(send_buffer_bytes: Option<u32>) -> Result<Self> {
        Self::open_protocol(libc::NETLINK_NETFILTER, send_buffer_bytes)
    }

    /// The same for another protocol of netlink.
    pub fn open_protocol(protocol: libc::c_int, send_buffer_bytes: Option<u32>) -> Result<Self> {
        // SAFETY: a plain system call; the descriptor is owned by nobody else.
        let descriptor = unsafe {
            let raw = libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                protocol,
            );
            if raw < 0 {
                return Err(NetlinkError::last_os("opening a netlink socket"));
            }
            OwnedFd::from_raw_fd(raw)
        };
        let mut socket = Self {
            descriptor,
            sequence: 1,
            batch_bytes_max: 0,
            buffer: vec![0; RECEIVE_BYTES],
        };
        socket.configure(send_buffer_bytes)?;
        Ok(socket)
    }

    /// Largest batch that one send can carry.
    pub fn batch_bytes_max(&self) -> usize {
        self.batch_bytes_max
    }

    /// Reserves `count` sequence numbers and returns the first.
    pub fn sequences(&mut self, count: u32) -> u32 {
        let first = self.sequence;
        self.sequence = self.sequence.wrapping_add(count).max(1);
        first
    }

    pub fn send(&self, bytes: &[u8]) -> Result<()> {
        // SAFETY: the buffer outlives the call. Without a destination address the kernel is the receiver.
        let sent = unsafe {
            libc::send(
                self.descriptor.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
            )
        };
        if sent < 0 {
            Err(NetlinkError::last_os("sending to the kernel"))
        } else {
            Ok(())
        }
    }

    /// Reads the verdicts that are there, without waiting: the kernel handles a batch while it is sent.
    pub fn verdicts(&mut self, mut each: impl FnMut(Verdict)) -> Result<()> {
        loop {
            let count = match self.receive(libc::MSG_DONTWAIT) {
                Err(error) if error.errno == libc::EAGAIN => return Ok(()),
                other => other?,
            };
            for message in messages(&self.buffer[..count]) {
                if let Some(verdict) = verdict_of(&message?)? {
                    each(verdict);
                }
            }
        }
    }

    /// Sends one request and hands over every message of the answer; `Ok(false)` if it is not one consistent state.
    pub fn request(
        &mut self,
        header: Header,
        body: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message),
    ) -> Result<bool> {
        let sequence = self.sequences(1);
        let mut writer = Writer::default();
        let mark = writer.begin(Header { sequence, ..header });
        body(&mut writer);
        writer.end(mark);
        self.send(&writer.into_bytes())?;
        self.answer(sequence, &mut each)
    }

    fn answer(&mut self, sequence: u32, each: &mut impl FnMut(&Message)) -> Result<bool> {
        let mut consistent = true;
        loop {
            let count = self.receive(0)?;
            for message in messages(&self.buffer[..count]) {
                let message = message?;
                if message.sequence != sequence {
                    continue;
                }
                consistent &= message.flags & NLM_F_DUMP_INTR == 0;
                if message.kind == NLMSG_DONE {
                    return Ok(consistent);
                }
                match verdict_of(&message)? {
                    Some(verdict) if verdict.errno != 0 => {
                        return Err(verdict.into_error("reading"));
                    }
                    Some(_) => return Ok(consistent),
                    None => each(&message),
                }
            }
        }
    }

    fn receive(&mut self, flags: libc::c_int) -> Result<usize> {
        loop {
            // SAFETY: the buffer is exclusively borrowed for the call.
            let count = unsafe {
                libc::recv(
                    self.descriptor.as_raw_fd(),
                    self.buffer.as_mut_ptr().cast(),
                    self.buffer.len(),
                    flags | libc::MSG_TRUNC,
                )
            };
            match usize::try_from(count) {
                Ok(count) if count > self.buffer.len() => {
                    return Err(NetlinkError::malformed("answer longer than the buffer"));
                }
                Ok(count) => return Ok(count),
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(NetlinkError::last_os("receiving from the kernel")),
            }
        }
    }

    fn configure(&mut self, send_buffer_bytes: Option<u32>) -> Result<()> {
        let wanted =
            send_buffer_bytes.map_or(SEND_BUFFER_BYTES, |bytes| (bytes / 2) as libc::c_int);
        // A user namespace may not exceed wmem_max; the plain option takes what is allowed.
        if self
            .set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &wanted)
            .is_err()
        {
            self.set(libc::SOL_SOCKET, libc::SO_SNDBUF, &wanted)?;
        }
        self.batch_bytes_max = self.send_buffer()?.saturating_sub(SEND_RESERVE_BYTES);
        self.set(SOL_NETLINK, NETLINK_CAP_ACK, &1)?;
        self.set(SOL_NETLINK, NETLINK_EXT_ACK, &1)?;
        let patience = libc::timeval {
            tv_sec: ANSWER_SECONDS_MAX,
            tv_usec: 0,
        };
        self.set(libc::SOL_SOCKET, libc::SO_RCVTIMEO, &patience)
    }

    fn set<T>(&self, level: libc::c_int, option: libc::c_int, value: &T) -> Result<()> {
        // SAFETY: the pointer and its size describe `value`, which outlives the call.
        let status = unsafe {
            libc::setsockopt(
                self.descriptor.as_raw_fd(),
                level,
                option,
                (value as *const T).cast(),
                size_of::<T>() as libc::socklen_t,
            )
        };
        if status < 0 {
            Err(NetlinkError::last_os("configuring a netlink socket"))
        } else {
            Ok(())
        }
    }

    fn send_buffer(&self) -> Result<usize> {
        let mut bytes: libc::c_int = 0;
        let mut length = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: both pointers are to locals of the sizes given.
        let status = unsafe {
            libc::getsockopt(
                self.descriptor.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_SNDBUF,
                (&raw mut bytes).cast(),
                &mut length,
            )
        };
        if status < 0 {
            Err(NetlinkError::last_os("reading a socket's send buffer"))
        } else {
            Ok(bytes as usize)
        }
    }
}

impl Verdict {
    pub fn into_error(self, context: &str) -> NetlinkError {
        let reason = self.explanation.unwrap_or_else(|| describe(self.errno));
        NetlinkError::new(self.errno, format!("{context}: {reason}"))
    }
}

fn verdict_of(message: &Message) -> Result<Option<Verdict>> {
    if message.kind != NLMSG_ERROR {
        return Ok(None);
    }
    let code = message
        .payload
        .get(..4)
        .ok_or_else(|| NetlinkError::malformed("short error"))?;
    let original = message
        .payload
        .get(4..4 + HEADER_BYTES)
        .ok_or_else(|| NetlinkError::malformed("short error"))?;
    let tail = message
        .payload
        .get(4 + HEADER_BYTES..)
        .filter(|_| message.flags & NLM_F_ACK_TLVS != 0);
    Ok(Some(Verdict {
        sequence: u32::from_ne_bytes([original[8], original[9], original[10], original[11]]),
        errno: i32::from_ne_bytes([code[0], code[1], code[2], code[3]]).saturating_neg(),
        explanation: tail
            .and_then(|bytes| Attributes::new(bytes).get(NLMSGERR_ATTR_MSG))
            .map(text),
    }))
}

/// The kernel's own codes above 511 are unknown to the C library.
fn describe(errno: i32) -> String {
    io::Error::from_raw_os_error(errno).to_string()
}
