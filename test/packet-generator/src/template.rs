//! The frame of 60 bytes that all packets share: Ethernet, IPv4, and UDP without checksum, which IPv4 allows.

use std::net::Ipv4Addr;

pub const FRAME_BYTES: usize = 60;
const IP: usize = 14;
const UDP: usize = 34;

/// Source address, source port and the header's checksum are zeros, which the program fills in.
pub fn template(mac: [u8; 6], destination: Ipv4Addr, port: u16) -> [u8; FRAME_BYTES] {
    let mut frame = [0; FRAME_BYTES];
    frame[..6].copy_from_slice(&mac);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[12..IP].copy_from_slice(&0x0800_u16.to_be_bytes());
    frame[IP] = 0x45;
    frame[IP + 2..IP + 4].copy_from_slice(&((FRAME_BYTES - IP) as u16).to_be_bytes());
    frame[IP + 8] = 64;
    frame[IP + 9] = 17;
    frame[IP + 16..UDP].copy_from_slice(&destination.octets());
    frame[UDP + 2..UDP + 4].copy_from_slice(&port.to_be_bytes());
    frame[UDP + 4..UDP + 6].copy_from_slice(&((FRAME_BYTES - UDP) as u16).to_be_bytes());
    frame
}

/// The sum of the words of the IP header, not folded.
pub fn header_sum(frame: &[u8; FRAME_BYTES]) -> u32 {
    let words = frame[IP..UDP].chunks(2);
    words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum()
}

/// As the program reads it: 16 words, of which the last is unused.
pub fn words(frame: &[u8; FRAME_BYTES]) -> [u32; 16] {
    std::array::from_fn(|word| {
        let bytes = frame
            .get(word * 4..word * 4 + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_ne_bytes)
    })
}
