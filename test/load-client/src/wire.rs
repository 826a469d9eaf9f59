//! The few fields and messages of draft-ietf-moq-transport-18 that a plain subscriber needs.

/// Types of messages and of streams (draft-18 §10, §11).
pub const SETUP: u64 = 0x2f00;
pub const GOAWAY: u64 = 0x10;
pub const SUBSCRIBE: u64 = 0x3;
pub const SUBSCRIBE_OK: u64 = 0x4;
pub const REQUEST_ERROR: u64 = 0x5;
pub const PUBLISH_DONE: u64 = 0xb;
pub const PADDING_STREAM: u64 = 0x132b_3e28;

/// Private property of Higgins tracks: the publisher's wall clock in ms.
pub const PUBLISH_TIME_PROPERTY: u64 = 0x3802;
const IMMUTABLE_PROPERTIES: u64 = 0xb;

/// Reads fields from the front of a slice; `None` where it ends too early.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub fn uint8(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub fn uint16(&mut self) -> Option<u16> {
        let bytes = self.bytes(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        if length > self.rest.len() {
            return None;
        }
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(bytes)
    }

    /// A vi64 (draft-18 §1.4.1): the leading ones of the first byte count the bytes that follow.
    pub fn vi64(&mut self) -> Option<u64> {
        let first = *self.rest.first()?;
        let following = first.leading_ones() as usize;
        let bytes = self.bytes(following + 1)?;
        let mask = if following >= 7 { 0 } else { 0x7f >> following };
        Some(
            bytes[1..]
                .iter()
                .fold(u64::from(first & mask), |value, byte| {
                    value << 8 | u64::from(*byte)
                }),
        )
    }
}

/// Appends a vi64 in its shortest form.
pub fn write_vi64(out: &mut Vec<u8>, value: u64) {
    let bits = 64 - value.leading_zeros() as usize;
    let following = if bits <= 7 {
        0
    } else {
        ((bits - 1) / 7).min(8)
    };
    let bytes = value.to_be_bytes();
    match following {
        8 => out.push(0xff),
        7 => out.push(0xfe),
        _ => out.push(!(0xffu8 >> following) | (value >> (8 * following)) as u8),
    }
    out.extend_from_slice(&bytes[8 - following..]);
}

/// SETUP for raw QUIC (draft-18 §10.3) with PATH, AUTHORITY and MOQT_IMPLEMENTATION.
pub fn setup(authority: &str, path: &str) -> Vec<u8> {
    let mut options = Vec::new();
    let mut previous = 0;
    let texts = [
        (0x1, path),
        (0x5, authority),
        (
            0x7,
            concat!("higgins-load-client/", env!("CARGO_PKG_VERSION")),
        ),
    ];
    for (kind, text) in texts {
        if kind == 0x1 && text.is_empty() {
            continue;
        }
        write_vi64(&mut options, kind - previous);
        write_bytes(&mut options, text.as_bytes());
        previous = kind;
    }
    message(SETUP, &options)
}

/// SUBSCRIBE (draft-18 §10.7) from the largest object on, without any parameter.
pub fn subscribe(request_id: u64, namespace: &[Vec<u8>], name: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    write_vi64(&mut fields, request_id);
    write_vi64(&mut fields, namespace.len() as u64);
    for field in namespace {
        write_bytes(&mut fields, field);
    }
    write_bytes(&mut fields, name);
    write_vi64(&mut fields, 0);
    message(SUBSCRIBE, &fields)
}

/// The first message of `bytes` and what it took; `None` until it is whole.
pub fn read_message(bytes: &[u8]) -> Option<(u64, &[u8], usize)> {
    let mut reader = Reader::new(bytes);
    let kind = reader.vi64()?;
    let length = reader.uint16()?;
    let payload = reader.bytes(usize::from(length))?;
    Some((kind, payload, bytes.len() - reader.remaining()))
}

/// The error code and the reason of a REQUEST_ERROR (draft-18 §10.6).
pub fn read_request_error(payload: &[u8]) -> Option<(u64, String)> {
    let mut reader = Reader::new(payload);
    let code = reader.vi64()?;
    reader.vi64()?;
    let length = reader.vi64()?;
    let reason = reader.bytes(usize::try_from(length).ok()?)?;
    Some((code, String::from_utf8_lossy(reason).into_owned()))
}

/// The integer of an even property, also from inside IMMUTABLE_PROPERTIES (draft-18 §1.4.3, §12.7).
pub fn find_integer(properties: &[u8], wanted: u64) -> Option<u64> {
    let mut reader = Reader::new(properties);
    let mut kind = 0u64;
    while reader.remaining() > 0 {
        kind = kind.checked_add(reader.vi64()?)?;
        let value = reader.vi64()?;
        if kind.is_multiple_of(2) {
            if kind == wanted {
                return Some(value);
            }
            continue;
        }
        let bytes = reader.bytes(usize::try_from(value).ok()?)?;
        if kind == IMMUTABLE_PROPERTIES
            && let Some(found) = find_integer(bytes, wanted)
        {
            return Some(found);
        }
    }
    None
}

fn message(kind: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 5);
    write_vi64(&mut bytes, kind);
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_vi64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of draft-18 §1.4.1, but for the one that is not in its shortest form.
    const EXAMPLES: [(&[u8], u64); 7] = [
        (&[0x25], 37),
        (&[0xbb, 0xbd], 15_293),
        (&[0xed, 0x7f, 0x3e, 0x7d], 226_442_877),
        (&[0xfa, 0xa1, 0xa0, 0xe4, 0x03, 0xd8], 2_893_212_287_960),
        (
            &[0xfc, 0x89, 0x98, 0xab, 0xc6, 0x6b, 0xc0],
            151_288_809_941_952,
        ),
        (
            &[0xfe, 0xfa, 0x31, 0x8f, 0xa8, 0xe3, 0xca, 0x11],
            70_423_237_261_249_041,
        ),
        (&[0xff; 9], u64::MAX),
    ];

    #[test]
    fn vi64_matches_the_draft() {
        for (bytes, value) in EXAMPLES {
            assert_eq!(Reader::new(bytes).vi64(), Some(value));
            let mut written = Vec::new();
            write_vi64(&mut written, value);
            assert_eq!(written, bytes);
        }
        assert_eq!(Reader::new(&[0x80, 0x25]).vi64(), Some(37));
    }

    #[test]
    fn vi64_round_trips_at_every_length() {
        for bits in 0..64 {
            for value in [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                let mut written = Vec::new();
                write_vi64(&mut written, value);
                assert_eq!(Reader::new(&written).vi64(), Some(value));
                assert_eq!(Reader::new(&written[..written.len() - 1]).vi64(), None);
            }
        }
    }

    #[test]
    fn messages_are_read_when_they_are_whole() {
        let bytes = subscribe(2, &[b"a".to_vec(), b"bc".to_vec()], b"current");
        for end in 0..bytes.len() {
            assert!(read_message(&bytes[..end]).is_none());
        }
        let (kind, payload, taken) = read_message(&bytes).unwrap();
        assert_eq!((kind, taken), (SUBSCRIBE, bytes.len()));
        assert_eq!(payload, b"\x02\x02\x01a\x02bc\x07current\x00");
    }

    #[test]
    fn properties_are_found_inside_immutable_ones() {
        // Type 0xb with 6 bytes: 0x3800 = 5, then 0x3802 = 7.
        let properties = [0x0b, 0x05, 0xb8, 0x00, 0x05, 0x02, 0x07];
        assert_eq!(find_integer(&properties, 0x3800), Some(5));
        assert_eq!(find_integer(&properties, PUBLISH_TIME_PROPERTY), Some(7));
        assert_eq!(find_integer(&properties, 0x3804), None);
        assert_eq!(find_integer(&properties[..5], 0x3800), None);
    }
}
