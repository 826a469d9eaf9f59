//! Questions as packets from the network layer up: what carries them adds the link layer's header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMP: u8 = 1;
pub const ICMP6: u8 = 58;
pub const ECHO_REQUEST: u8 = 8;
pub const ECHO_REQUEST_6: u8 = 128;
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
/// Neighbour discovery is believed only with the largest hop limit: it can't have come through a router (RFC 4861, 7.1.1).
pub const NEIGHBOUR_HOPS: u8 = 255;
pub const ARP_BYTES: usize = 28;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const SEGMENT_BYTES_MAX: u16 = 1220;
const WINDOW: u16 = 64_240;
const SOURCE_LINK_ADDRESS: u8 = 1;

/// Between whom, and how far.
#[derive(Clone, Copy)]
pub struct Ends {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub hops: u8,
}

/// The first packet of a connection.
pub fn syn(ends: Ends, from_port: u16, to_port: u16, sequence: u32) -> Option<Vec<u8>> {
    let mut segment = tcp_header(from_port, to_port, sequence, SYN, 24);
    segment.extend([2, 4]);
    segment.extend(SEGMENT_BYTES_MAX.to_be_bytes());
    packet(ends, TCP, segment, Some(16))
}

/// Ends a connection that was half open.
pub fn reset(ends: Ends, from_port: u16, to_port: u16, sequence: u32) -> Option<Vec<u8>> {
    packet(
        ends,
        TCP,
        tcp_header(from_port, to_port, sequence, RST, 20),
        Some(16),
    )
}

pub fn datagram(ends: Ends, from_port: u16, to_port: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(8 + payload.len()).ok()?;
    let mut datagram = Vec::with_capacity(usize::from(length));
    for field in [from_port, to_port, length, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(payload);
    packet(ends, UDP, datagram, Some(6))
}

/// An echo request that carries a number by which its answer is known.
pub fn echo(ends: Ends, identifier: u16, sequence: u16, nonce: u32) -> Option<Vec<u8>> {
    let (protocol, kind) = match ends.destination {
        IpAddr::V4(_) => (ICMP, ECHO_REQUEST),
        IpAddr::V6(_) => (ICMP6, ECHO_REQUEST_6),
    };
    let mut message = vec![kind, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(nonce.to_be_bytes());
    packet(ends, protocol, message, Some(2))
}

/// Who has this address? (RFC 826)
pub fn arp_request(source: Ipv4Addr, source_mac: [u8; 6], wanted: Ipv4Addr) -> Vec<u8> {
    let mut request = vec![0, 1, 8, 0, 6, 4, 0, 1];
    request.extend(source_mac);
    request.extend(source.octets());
    request.extend([0; 6]);
    request.extend(wanted.octets());
    request
}

/// The same for IPv6 (RFC 4861, 4.3), to the group that whoever has the address listens to.
pub fn solicitation(source: Ipv6Addr, source_mac: [u8; 6], wanted: Ipv6Addr) -> Option<Vec<u8>> {
    let [.., a, b, c] = wanted.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let mut message = vec![NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(wanted.octets());
    message.extend([SOURCE_LINK_ADDRESS, 1]);
    message.extend(source_mac);
    let ends = Ends {
        source: source.into(),
        destination: group.into(),
        hops: NEIGHBOUR_HOPS,
    };
    packet(ends, ICMP6, message, Some(2))
}

fn tcp_header(from_port: u16, to_port: u16, sequence: u32, flags: u8, bytes: u8) -> Vec<u8> {
    let mut header = Vec::with_capacity(24);
    header.extend(from_port.to_be_bytes());
    header.extend(to_port.to_be_bytes());
    header.extend(sequence.to_be_bytes());
    header.extend([0; 4]);
    header.extend([bytes << 2, flags]);
    header.extend(WINDOW.to_be_bytes());
    header.extend([0; 4]);
    header
}

/// The header in front of a payload, whose checksum stands at an offset; None for families that differ, or too much.
fn packet(
    ends: Ends,
    protocol: u8,
    mut payload: Vec<u8>,
    sum_at: Option<usize>,
) -> Option<Vec<u8>> {
    let length = u16::try_from(payload.len()).ok()?;
    let pseudo = pseudo_header(ends, protocol, length)?;
    if let Some(at) = sum_at {
        let value = match checksum([pseudo.as_slice(), &payload]) {
            // Zero means that a datagram has none.
            0 if protocol == UDP => u16::MAX,
            value => value,
        };
        payload
            .get_mut(at..at + 2)?
            .copy_from_slice(&value.to_be_bytes());
    }
    let mut packet = match (ends.source, ends.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            header_4(source, destination, protocol, ends.hops, length)?
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length.to_be_bytes());
            header.extend([protocol, ends.hops]);
            header.extend(source.octets());
            header.extend(destination.octets());
            header
        }
        _ => return None,
    };
    packet.append(&mut payload);
    Some(packet)
}

fn header_4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    hops: u8,
    length: u16,
) -> Option<Vec<u8>> {
    let mut header = vec![0x45, 0];
    header.extend(length.checked_add(20)?.to_be_bytes());
    header.extend([0, 0, 0x40, 0, hops, protocol, 0, 0]);
    header.extend(source.octets());
    header.extend(destination.octets());
    let sum = checksum([header.as_slice()]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    Some(header)
}

/// What the checksum covers beside the payload. ICMP of IPv4 covers nothing else.
fn pseudo_header(ends: Ends, protocol: u8, length: u16) -> Option<Vec<u8>> {
    let mut pseudo = Vec::with_capacity(40);
    match (ends.source, ends.destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) if protocol == ICMP => {}
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            pseudo.extend(source.octets());
            pseudo.extend(destination.octets());
            pseudo.extend([0, protocol]);
            pseudo.extend(length.to_be_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            pseudo.extend(source.octets());
            pseudo.extend(destination.octets());
            pseudo.extend(u32::from(length).to_be_bytes());
            pseudo.extend([0, 0, 0, protocol]);
        }
        _ => return None,
    }
    Some(pseudo)
}

/// The Internet's checksum (RFC 1071) over parts that follow each other; all but the last have even lengths.
pub fn checksum<const PARTS: usize>(parts: [&[u8]; PARTS]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(source: &str, destination: &str) -> Ends {
        Ends {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            hops: 1,
        }
    }

    /// A packet is right if the sum over everything, its checksum included, is zero.
    fn verified(packet: &[u8], ends: Ends, protocol: u8) -> bool {
        let at = if ends.source.is_ipv4() { 20 } else { 40 };
        let payload = &packet[at..];
        let pseudo = pseudo_header(ends, protocol, payload.len() as u16).unwrap();
        checksum([pseudo.as_slice(), payload]) == 0 && (at == 40 || checksum([&packet[..20]]) == 0)
    }

    #[test]
    fn every_question_has_right_checksums_in_both_families() {
        for (source, destination, icmp) in [
            ("10.3.0.1", "10.9.0.9", ICMP),
            ("fd03::1", "fd09::9", ICMP6),
        ] {
            let ends = ends(source, destination);
            for (packet, protocol) in [
                (syn(ends, 61_000, 80, 7), TCP),
                (reset(ends, 61_000, 80, 8), TCP),
                (datagram(ends, 61_000, 53, b"odd"), UDP),
                (datagram(ends, 61_000, 53, b""), UDP),
                (echo(ends, 61_000, 1, 0x1234_5678), icmp),
            ] {
                assert!(verified(&packet.unwrap(), ends, protocol));
            }
        }
    }

    #[test]
    fn a_syn_is_what_rfc_9293_says() {
        let packet = syn(ends("10.3.0.1", "10.9.0.9"), 61_000, 80, 0x0102_0304).unwrap();
        assert_eq!(packet.len(), 44);
        assert_eq!(packet[..4], [0x45, 0, 0, 44]);
        assert_eq!((packet[8], packet[9]), (1, TCP));
        assert_eq!(packet[20..24], [0xee, 0x48, 0, 80]);
        assert_eq!(packet[24..28], [1, 2, 3, 4]);
        assert_eq!((packet[32], packet[33]), (6 << 4, SYN));
    }

    #[test]
    fn a_solicitation_goes_to_the_group_of_the_address() {
        let source: Ipv6Addr = "fd03::1".parse().unwrap();
        let wanted: Ipv6Addr = "fd09::12:3456".parse().unwrap();
        let packet = solicitation(source, [2, 0, 0, 0, 0, 1], wanted).unwrap();
        let group = "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap();
        assert_eq!(packet[24..40], group.octets());
        assert_eq!(packet[7], NEIGHBOUR_HOPS);
        assert_eq!(packet[40], NEIGHBOUR_SOLICITATION);
        let ends = ends("fd03::1", "ff02::1:ff12:3456");
        assert!(verified(&packet, ends, ICMP6));
    }

    #[test]
    fn families_are_not_mixed() {
        assert!(syn(ends("10.3.0.1", "fd09::9"), 1, 2, 3).is_none());
        assert!(echo(ends("fd09::9", "10.3.0.1"), 1, 2, 3).is_none());
    }

    #[test]
    fn an_arp_request_is_28_bytes() {
        let request = arp_request(
            Ipv4Addr::new(10, 3, 0, 1),
            [2, 0, 0, 0, 0, 1],
            Ipv4Addr::new(10, 9, 0, 9),
        );
        assert_eq!(request.len(), ARP_BYTES);
        assert_eq!(request[24..], [10, 9, 0, 9]);
    }
}
