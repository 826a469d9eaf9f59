//! The objects of one subgroup stream (draft-18 §11.4.2), read as their bytes come.

use crate::wire::{self, Reader};

/// What a stream turned out to carry.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// The SUBGROUP_HEADER was read.
    Header {
        track_alias: u64,
    },
    Object(Object),
}

/// An object that has arrived whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Object {
    pub payload_bytes: u64,
    /// The first 8 bytes of the payload as a big-endian number; none if it is shorter.
    pub prefix: Option<u64>,
    /// The publish time property.
    pub publish_time_ms: Option<u64>,
}

/// Bytes that an object's head may take: more is refused, so that a broken relay cannot fill the memory.
const HEAD_BYTES_MAX: usize = 64 * 1024;

#[derive(Default)]
pub struct ObjectStream {
    pending: Vec<u8>,
    header: Option<Header>,
    /// The object whose payload is on its way, and how much of it is missing.
    current: Option<(Object, u64)>,
}

struct Header {
    has_properties: bool,
}

impl ObjectStream {
    /// Takes bytes and hands out what became whole. The error says why the stream cannot be read.
    pub fn push(&mut self, mut bytes: &[u8], take: &mut impl FnMut(Item)) -> Result<(), String> {
        loop {
            bytes = self.payload(bytes, take);
            if bytes.is_empty() && self.pending.is_empty() {
                return Ok(());
            }
            self.pending.extend_from_slice(bytes);
            bytes = &[];
            let Some(taken) = self.head(take)? else {
                return match self.pending.len() {
                    0..=HEAD_BYTES_MAX => Ok(()),
                    length => Err(format!("an object's head has more than {length} bytes")),
                };
            };
            // What lies behind the head is payload, or the next head.
            let rest = self.pending.split_off(taken);
            self.pending.clear();
            let left = self.payload(&rest, take).to_vec();
            self.pending = left;
            if self.pending.is_empty() {
                return Ok(());
            }
        }
    }

    /// Whether the stream may end here.
    pub fn is_between_objects(&self) -> bool {
        self.header.is_some() && self.pending.is_empty() && self.current.is_none()
    }

    /// Takes payload bytes from the front and returns the rest.
    fn payload<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Item)) -> &'a [u8] {
        let Some((mut object, missing)) = self.current.take() else {
            return bytes;
        };
        let taken = bytes
            .len()
            .min(usize::try_from(missing).unwrap_or(usize::MAX));
        let seen = object.payload_bytes - missing;
        for (index, byte) in bytes[..taken].iter().enumerate().take(8) {
            if seen + (index as u64) < 8 {
                object.prefix = object.prefix.map(|prefix| prefix << 8 | u64::from(*byte));
            }
        }
        match missing - taken as u64 {
            0 => take(Item::Object(object)),
            left => self.current = Some((object, left)),
        }
        &bytes[taken..]
    }

    /// Reads a header or an object's head from the front of `pending`; returns the bytes it took once it is whole.
    fn head(&mut self, take: &mut impl FnMut(Item)) -> Result<Option<usize>, String> {
        let mut reader = Reader::new(&self.pending);
        match &self.header {
            None => {
                let Some((header, track_alias)) = read_header(&mut reader)? else {
                    return Ok(None);
                };
                take(Item::Header { track_alias });
                self.header = Some(header);
            }
            Some(header) => {
                let Some(object) = read_object_head(&mut reader, header.has_properties) else {
                    return Ok(None);
                };
                match object.payload_bytes {
                    0 => take(Item::Object(object)),
                    length => self.current = Some((object, length)),
                }
            }
        }
        Ok(Some(self.pending.len() - reader.remaining()))
    }
}

fn read_header(reader: &mut Reader) -> Result<Option<(Header, u64)>, String> {
    let Some(kind) = reader.vi64() else {
        return Ok(None);
    };
    let mode = kind & 0x06;
    if kind & !0x6f != 0x10 || mode == 0x06 {
        return Err(format!(
            "stream type {kind:#x} is not a subgroup, which is all that this client reads"
        ));
    }
    let read = |reader: &mut Reader| {
        let track_alias = reader.vi64()?;
        reader.vi64()?;
        if mode == 0x04 {
            reader.vi64()?;
        }
        if kind & 0x20 == 0 {
            reader.uint8()?;
        }
        Some((
            Header {
                has_properties: kind & 0x01 != 0,
            },
            track_alias,
        ))
    };
    Ok(read(reader))
}

fn read_object_head(reader: &mut Reader, has_properties: bool) -> Option<Object> {
    reader.vi64()?;
    let mut publish_time_ms = None;
    if has_properties {
        let length = usize::try_from(reader.vi64()?).ok()?;
        publish_time_ms = wire::find_integer(reader.bytes(length)?, wire::PUBLISH_TIME_PROPERTY);
    }
    let payload_bytes = reader.vi64()?;
    if payload_bytes == 0 {
        reader.vi64()?;
    }
    let prefix = (payload_bytes >= 8).then_some(0);
    Some(Object {
        payload_bytes,
        prefix,
        publish_time_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Type 0x31 (properties, default priority), alias 5, group 1; then an object with a publish time and 10 bytes of
    // payload, one with 2 bytes and no properties, one that is empty with status 3.
    fn stream() -> Vec<u8> {
        let mut bytes = vec![0x31, 5, 1];
        bytes.extend([0, 3, 0xb8, 0x02, 9, 10, 0, 0, 0, 0, 0, 0, 1, 2, 0xee, 0xee]);
        bytes.extend([0, 0, 2, 0xaa, 0xbb]);
        bytes.extend([0, 0, 0, 3]);
        bytes
    }

    fn expected() -> Vec<Item> {
        let object = |payload_bytes, prefix, publish_time_ms| {
            Item::Object(Object {
                payload_bytes,
                prefix,
                publish_time_ms,
            })
        };
        vec![
            Item::Header { track_alias: 5 },
            object(10, Some(0x0102), Some(9)),
            object(2, None, None),
            object(0, None, None),
        ]
    }

    #[test]
    fn reads_the_same_in_any_pieces() {
        let bytes = stream();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut reader = ObjectStream::default();
                let mut items = Vec::new();
                for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    reader.push(piece, &mut |item| items.push(item)).unwrap();
                }
                assert_eq!(items, expected());
                assert!(reader.is_between_objects());
            }
        }
    }

    #[test]
    fn knows_when_it_ends_too_early() {
        let bytes = stream();
        let whole = [3, 19, 24, 28];
        for end in 1..=bytes.len() {
            let mut reader = ObjectStream::default();
            reader.push(&bytes[..end], &mut |_| {}).unwrap();
            assert_eq!(reader.is_between_objects(), whole.contains(&end), "{end}");
        }
    }

    #[test]
    fn refuses_other_streams() {
        for kind in [0x05u8, 0x16, 0x1e, 0x77, 0x00] {
            let mut reader = ObjectStream::default();
            assert!(
                reader.push(&[kind, 0, 0, 0], &mut |_| {}).is_err(),
                "{kind:#x}"
            );
        }
    }
}
