//! Which words of a flow a service hashes, as the program reads them: what `nft` makes of the same fields.

use super::layout::KEY_WORDS;
use crate::error::{NetlinkError, Result};

/// First word and bytes of each field in the program's words of a flow, for IPv4 and IPv6.
const SOURCE: u8 = 0;
const DESTINATION: u8 = 4;
const PROTOCOL: u8 = 8;
const SOURCE_PORT: u8 = 9;
const DESTINATION_PORT: u8 = 10;
/// A word that is always zero.
const ZERO: u8 = 15;

/// How a key is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub pick: [u8; KEY_WORDS],
    /// Bytes that are hashed: each field is padded to four, but a key of one field is not.
    pub bytes: u32,
    pub source_mask: [u8; 16],
}

impl Key {
    /// `fields` as `@higgins/balancing` names them; `source_bits` are the leading bits of the source that count.
    pub fn new(fields: &[String], family: u8, source_bits: Option<u32>) -> Result<Self> {
        let address_bytes = if family == 4 { 4 } else { 16 };
        let mut key = Self {
            pick: [ZERO; KEY_WORDS],
            bytes: 0,
            source_mask: mask(source_bits.unwrap_or(address_bytes * 8)),
        };
        let mut words = 0;
        for field in fields {
            let (first, bytes) = place(field, address_bytes)?;
            for word in 0..bytes.div_ceil(4) {
                let pick = key.pick.get_mut(words).filter(|_| words < KEY_WORDS);
                *pick.ok_or_else(|| refused("longer than any packet's key"))? = first + word as u8;
                words += 1;
            }
            key.bytes = if fields.len() == 1 {
                bytes
            } else {
                words as u32 * 4
            };
        }
        if key.bytes == 0 {
            return Err(refused("without a field"));
        }
        Ok(key)
    }
}

fn place(field: &str, address_bytes: u32) -> Result<(u8, u32)> {
    Ok(match field {
        "source-address" => (SOURCE, address_bytes),
        "destination-address" => (DESTINATION, address_bytes),
        "protocol" => (PROTOCOL, 1),
        "source-port" => (SOURCE_PORT, 2),
        "destination-port" => (DESTINATION_PORT, 2),
        other => return Err(refused(&format!("with field {other:?}"))),
    })
}

fn mask(bits: u32) -> [u8; 16] {
    std::array::from_fn(|index| match bits.saturating_sub(index as u32 * 8) {
        left @ 0..8 => !(0xff_u32 >> left) as u8,
        _ => 0xff,
    })
}

fn refused(what: &str) -> NetlinkError {
    NetlinkError::new(libc::EINVAL, format!("key {what} is refused"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fields: &[&str], family: u8, bits: Option<u32>) -> Key {
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        Key::new(&fields, family, bits).unwrap()
    }

    #[test]
    fn pads_fields_but_not_a_single_one() {
        let one = key(&["source-port"], 4, None);
        assert_eq!(
            (one.bytes, one.pick[0], one.pick[1]),
            (2, SOURCE_PORT, ZERO)
        );
        let two = key(&["source-port", "source-address"], 6, None);
        assert_eq!(two.bytes, 20);
        assert_eq!(two.pick[..6], [SOURCE_PORT, 0, 1, 2, 3, ZERO]);
    }

    #[test]
    fn masks_leading_bits() {
        assert_eq!(
            key(&["source-address"], 4, Some(21)).source_mask[..5],
            [0xff, 0xff, 0xf8, 0, 0]
        );
        assert_eq!(key(&["source-address"], 6, None).source_mask, [0xff; 16]);
    }

    #[test]
    fn refuses_what_no_packet_has() {
        let all = [
            "source-address",
            "destination-address",
            "protocol",
            "source-port",
            "destination-port",
        ];
        assert_eq!(key(&all, 6, None).bytes, 44);
        let repeated: Vec<_> = all
            .iter()
            .chain(&all)
            .map(|field| (*field).to_owned())
            .collect();
        assert!(Key::new(&repeated, 6, None).is_err());
        assert!(Key::new(&["mark".to_owned()], 4, None).is_err());
        assert!(Key::new(&[], 4, None).is_err());
    }
}
