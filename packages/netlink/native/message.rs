//! Netlink framing: messages of 4-byte aligned, nested attributes behind an nfgenmsg header.

use crate::error::{NetlinkError, Result};

/// `struct nlmsghdr`.
pub const HEADER_BYTES: usize = 16;
/// `struct nfgenmsg`.
const GENERIC_BYTES: usize = 4;
const NESTED: u16 = 1 << 15;
const TYPE_MASK: u16 = 0x3fff;

pub const NLM_F_REQUEST: u16 = 0x01;
pub const NLM_F_ACK: u16 = 0x04;
pub const NLM_F_DUMP: u16 = 0x300;
pub const NLM_F_CREATE: u16 = 0x400;
pub const NLM_F_DUMP_INTR: u16 = 0x10;

/// What a message starts with.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
    pub family: u8,
    pub resource: u16,
}

/// Writes messages one behind the other into one buffer.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
    deadlines: Vec<(usize, f64)>,
}

/// Where an open message or nested attribute begins.
#[derive(Clone, Copy)]
pub struct Mark(usize);

impl Writer {
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes, and where in them eight bytes wait for the time left until a moment on the boot clock.
    pub fn into_parts(self) -> (Vec<u8>, Vec<(usize, f64)>) {
        (self.bytes, self.deadlines)
    }

    pub fn begin(&mut self, header: Header) -> Mark {
        let mark = Mark(self.bytes.len());
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        self.bytes.extend_from_slice(&header.kind.to_ne_bytes());
        self.bytes.extend_from_slice(&header.flags.to_ne_bytes());
        self.bytes.extend_from_slice(&header.sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        self.bytes.push(header.family);
        self.bytes.push(0);
        self.bytes.extend_from_slice(&header.resource.to_be_bytes());
        mark
    }

    /// Puts a fixed part of another kind in place of the one that `begin` wrote.
    pub fn fixed_part(&mut self, body: &[u8]) {
        self.bytes.truncate(self.bytes.len() - GENERIC_BYTES);
        self.bytes.extend_from_slice(body);
    }

    pub fn end(&mut self, mark: Mark) {
        let length = (self.bytes.len() - mark.0) as u32;
        self.bytes[mark.0..mark.0 + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// Sets flags of a message that was written before.
    pub fn add_flags(&mut self, mark: Mark, flags: u16) {
        let at = mark.0 + 6;
        let old = u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]]);
        self.bytes[at..at + 2].copy_from_slice(&(old | flags).to_ne_bytes());
    }

    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.bytes
            .extend_from_slice(&((4 + value.len()) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub fn string(&mut self, kind: u16, value: &str) {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    pub fn u32(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    pub fn u64(&mut self, kind: u16, value: u64) {
        self.attribute(kind, &value.to_be_bytes());
    }

    /// An attribute that is filled in when the bytes are sent: what is left until that moment on the boot clock.
    pub fn deadline(&mut self, kind: u16, boot_ms: f64) {
        self.u64(kind, 0);
        self.deadlines.push((self.bytes.len() - 8, boot_ms));
    }

    pub fn nest(&mut self, kind: u16) -> Mark {
        let mark = Mark(self.bytes.len());
        self.bytes.extend_from_slice(&0u16.to_ne_bytes());
        self.bytes.extend_from_slice(&(kind | NESTED).to_ne_bytes());
        mark
    }

    /// Closes a nested attribute; its content must fit 65,535 bytes, which the callers see to.
    pub fn end_nest(&mut self, mark: Mark) {
        let length = (self.bytes.len() - mark.0) as u16;
        self.bytes[mark.0..mark.0 + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

/// One message as received.
pub struct Message<'a> {
    pub kind: u16,
    pub flags: u16,
    pub sequence: u32,
    /// Everything behind the header.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes behind the nfgenmsg header.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.payload.get(GENERIC_BYTES..).unwrap_or(&[]))
    }
}

/// Splits a datagram into its messages.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Result<Message<'_>>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        match next_message(bytes) {
            Ok((message, rest)) => {
                bytes = rest;
                Some(Ok(message))
            }
            Err(error) => {
                bytes = &[];
                Some(Err(error))
            }
        }
    })
}

fn next_message(bytes: &[u8]) -> Result<(Message<'_>, &[u8])> {
    let header = bytes
        .get(..HEADER_BYTES)
        .ok_or_else(|| NetlinkError::malformed("short header"))?;
    let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
    if length < HEADER_BYTES || length > bytes.len() {
        return Err(NetlinkError::malformed("message length"));
    }
    let message = Message {
        kind: u16::from_ne_bytes([header[4], header[5]]),
        flags: u16::from_ne_bytes([header[6], header[7]]),
        sequence: u32::from_ne_bytes([header[8], header[9], header[10], header[11]]),
        payload: &bytes[HEADER_BYTES..length],
    };
    Ok((
        message,
        &bytes[length.next_multiple_of(4).min(bytes.len())..],
    ))
}

/// Iterates over attributes; ends at the first that does not fit its container.
#[derive(Clone)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The value of the first attribute of that kind.
    pub fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.clone()
            .find(|(each, _)| *each == kind)
            .map(|(_, value)| value)
    }

    /// The attributes nested in the first attribute of that kind; none if it is absent.
    pub fn nested(&self, kind: u16) -> Attributes<'a> {
        Attributes::new(self.get(kind).unwrap_or(&[]))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.bytes.get(..4)?;
        let length = u16::from_ne_bytes([head[0], head[1]]) as usize;
        let kind = u16::from_ne_bytes([head[2], head[3]]) & TYPE_MASK;
        let value = self.bytes.get(4..length)?;
        self.bytes = self.bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    }
}

/// A big-endian unsigned integer of up to 8 bytes; None if the attribute is absent or of another size.
pub fn unsigned(value: Option<&[u8]>, bytes: usize) -> Option<u64> {
    let value = value.filter(|value| value.len() == bytes)?;
    Some(
        value
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
    )
}

/// A string attribute up to its terminating zero.
pub fn text(value: &[u8]) -> String {
    let end = value
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_and_reads_a_message_with_nested_attributes() {
        let mut writer = Writer::default();
        let mark = writer.begin(Header {
            kind: 7,
            flags: 1,
            sequence: 9,
            family: 2,
            resource: 10,
        });
        writer.string(1, "set");
        let nest = writer.nest(2);
        writer.u32(3, 77);
        writer.end_nest(nest);
        writer.end(mark);
        let bytes = writer.into_bytes();
        let message = messages(&bytes).next().unwrap().unwrap();
        assert_eq!((message.kind, message.flags, message.sequence), (7, 1, 9));
        assert_eq!(text(message.attributes().get(1).unwrap()), "set");
        assert_eq!(unsigned(message.attributes().nested(2).get(3), 4), Some(77));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for message in messages(&bytes).flatten() {
                for (_, value) in message.attributes() {
                    let _ = (text(value), Attributes::new(value).count());
                }
            }
        }
    }
}
