//! What frames of others say. Nothing in them is believed before it is looked at: every read is bounds-checked, and what
//! is not plainly an answer is none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::packets::{
    ARP_BYTES, ECHO_REQUEST, ECHO_REQUEST_6, ICMP, ICMP6, NEIGHBOUR_HOPS, TCP, UDP,
};

const ECHO_REPLY: u8 = 0;
const ECHO_REPLY_6: u8 = 129;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const TARGET_LINK_ADDRESS: u8 = 2;
/// Destination unreachable, redirect, time exceeded, parameter problem; the same of IPv6, where redirects are another kind.
const ERRORS: [u8; 4] = [3, 5, 11, 12];
const ERRORS_6: [u8; 4] = [1, 2, 3, 4];

/// One packet that may be an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub from: IpAddr,
    pub to: IpAddr,
    pub said: Said,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Tcp {
        from_port: u16,
        to_port: u16,
        acknowledged: u32,
        syn_ack: bool,
        reset: bool,
    },
    Udp {
        from_port: u16,
        to_port: u16,
    },
    Echo {
        is_reply: bool,
        identifier: u16,
        sequence: u16,
        nonce: u32,
    },
    /// An ICMP error about a packet to `about`, whose source port or identifier is `token`.
    Error {
        is_port: bool,
        about: IpAddr,
        protocol: u8,
        token: u16,
    },
    /// A neighbour says that it has an address.
    Claim {
        address: IpAddr,
        mac: Option<[u8; 6]>,
    },
}

/// The answer in a packet of IPv4; None if it is none.
pub fn of_ip4(packet: &[u8]) -> Option<Answer> {
    let (from, to, protocol, payload) = split_4(packet)?;
    let said = match protocol {
        TCP => tcp(payload)?,
        UDP => udp(payload)?,
        ICMP => icmp_4(payload)?,
        _ => return None,
    };
    Some(Answer {
        from: from.into(),
        to: to.into(),
        said,
    })
}

/// The same for IPv6; packets with extension headers are none.
pub fn of_ip6(packet: &[u8]) -> Option<Answer> {
    let (from, to, protocol, payload) = split_6(packet)?;
    let said = match protocol {
        TCP => tcp(payload)?,
        UDP => udp(payload)?,
        ICMP6 => icmp_6(payload, packet[7])?,
        _ => return None,
    };
    Some(Answer {
        from: from.into(),
        to: to.into(),
        said,
    })
}

/// Who says in a packet of ARP, a question or an answer, that it has which address: both make others remember it.
pub fn of_arp(packet: &[u8]) -> Option<(Ipv4Addr, [u8; 6])> {
    let packet = packet.get(..ARP_BYTES)?;
    if packet[..6] != [0, 1, 8, 0, 6, 4] || packet[6] != 0 || ![1, 2].contains(&packet[7]) {
        return None;
    }
    let mac = packet[8..14].try_into().ok()?;
    Some((ip4(&packet[14..18])?, mac))
}

fn split_4(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr, u8, &[u8])> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    let total = usize::from(number(packet, 2)?);
    // Later fragments have no header of the next layer.
    let is_later = number(packet, 6)? & 0x1fff != 0;
    if first >> 4 != 4 || header < 20 || total < header || is_later {
        return None;
    }
    let payload = packet.get(header..total.min(packet.len()))?;
    Some((
        ip4(packet.get(12..16)?)?,
        ip4(packet.get(16..20)?)?,
        packet[9],
        payload,
    ))
}

fn split_6(packet: &[u8]) -> Option<(Ipv6Addr, Ipv6Addr, u8, &[u8])> {
    if packet.first()? >> 4 != 6 {
        return None;
    }
    let length = usize::from(number(packet, 4)?);
    let payload = packet.get(40..packet.len().min(40 + length))?;
    Some((
        ip6(packet.get(8..24)?)?,
        ip6(packet.get(24..40)?)?,
        packet[6],
        payload,
    ))
}

fn tcp(segment: &[u8]) -> Option<Said> {
    let flags = *segment.get(13)?;
    Some(Said::Tcp {
        from_port: number(segment, 0)?,
        to_port: number(segment, 2)?,
        acknowledged: u32::from_be_bytes(segment.get(8..12)?.try_into().ok()?),
        syn_ack: flags & 0x17 == 0x12,
        reset: flags & 0x04 != 0,
    })
}

fn udp(datagram: &[u8]) -> Option<Said> {
    datagram.get(..8)?;
    Some(Said::Udp {
        from_port: number(datagram, 0)?,
        to_port: number(datagram, 2)?,
    })
}

fn icmp_4(message: &[u8]) -> Option<Said> {
    match *message.first()? {
        ECHO_REPLY => echo(message, true),
        ECHO_REQUEST => echo(message, false),
        kind if ERRORS.contains(&kind) => {
            let (_, about, protocol, payload) = quoted_4(message.get(8..)?)?;
            let is_port = kind == 3 && message[1] == 3;
            error(is_port, about.into(), protocol, payload)
        }
        _ => None,
    }
}

fn icmp_6(message: &[u8], hops: u8) -> Option<Said> {
    match *message.first()? {
        ECHO_REPLY_6 => echo(message, true),
        ECHO_REQUEST_6 => echo(message, false),
        NEIGHBOUR_ADVERTISEMENT if hops == NEIGHBOUR_HOPS => Some(Said::Claim {
            address: ip6(message.get(8..24)?)?.into(),
            mac: target_mac(message.get(24..)?),
        }),
        kind if ERRORS_6.contains(&kind) => {
            let quoted = message.get(8..)?;
            let (_, about, protocol, payload) = split_6(quoted)?;
            let is_port = kind == 1 && message[1] == 4;
            error(is_port, about.into(), protocol, payload)
        }
        _ => None,
    }
}

fn echo(message: &[u8], is_reply: bool) -> Option<Said> {
    Some(Said::Echo {
        is_reply,
        identifier: number(message, 4)?,
        sequence: number(message, 6)?,
        nonce: u32::from_be_bytes(message.get(8..12)?.try_into().ok()?),
    })
}

/// An error quotes the beginning of a packet, so its length says nothing.
fn quoted_4(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr, u8, &[u8])> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < 20 {
        return None;
    }
    Some((
        ip4(packet.get(12..16)?)?,
        ip4(packet.get(16..20)?)?,
        *packet.get(9)?,
        packet.get(header..)?,
    ))
}

fn error(is_port: bool, about: IpAddr, protocol: u8, payload: &[u8]) -> Option<Said> {
    let token = match protocol {
        TCP | UDP => number(payload, 0)?,
        ICMP | ICMP6 => number(payload, 4)?,
        _ => return None,
    };
    Some(Said::Error {
        is_port,
        about,
        protocol,
        token,
    })
}

/// The link-layer address among the options; None if there is none, or they are malformed.
fn target_mac(mut options: &[u8]) -> Option<[u8; 6]> {
    while let [kind, units, ..] = *options {
        let length = usize::from(units) * 8;
        let option = options.get(..length).filter(|_| length > 0)?;
        if kind == TARGET_LINK_ADDRESS && length == 8 {
            return option[2..8].try_into().ok();
        }
        options = &options[length..];
    }
    None
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn ip4(bytes: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))
}

fn ip6(bytes: &[u8]) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::packets::{Ends, arp_request, datagram, echo as ask, reset, syn};
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x11];

    fn ends(source: &str, destination: &str) -> Ends {
        Ends {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            hops: 64,
        }
    }

    fn families() -> [Ends; 2] {
        [ends("10.9.0.9", "10.3.0.1"), ends("fd09::9", "fd03::1")]
    }

    fn parse(packet: &[u8]) -> Option<Answer> {
        if packet[0] >> 4 == 4 {
            of_ip4(packet)
        } else {
            of_ip6(packet)
        }
    }

    /// An ICMP error about a packet, as a host or router sends it.
    fn error_about(packet: &[u8], from: &str, kind: u8, code: u8, quoted: usize) -> Vec<u8> {
        let is_4 = packet[0] >> 4 == 4;
        let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
        message.extend(&packet[..quoted.min(packet.len())]);
        let to = if is_4 { "10.3.0.1" } else { "fd03::1" };
        let mut carrier = ask(ends(from, to), 0, 0, 0).unwrap();
        carrier.truncate(if is_4 { 20 } else { 40 });
        let length = message.len() as u16 + if is_4 { 20 } else { 0 };
        let at = if is_4 { 2 } else { 4 };
        carrier[at..at + 2].copy_from_slice(&length.to_be_bytes());
        carrier.append(&mut message);
        carrier
    }

    #[test]
    fn ports_flags_and_numbers_are_read() {
        for ends in families() {
            let answer = parse(&syn(ends, 80, 61_000, 5).unwrap()).unwrap();
            assert_eq!((answer.from, answer.to), (ends.source, ends.destination));
            assert_eq!(
                answer.said,
                Said::Tcp {
                    from_port: 80,
                    to_port: 61_000,
                    acknowledged: 0,
                    syn_ack: false,
                    reset: false
                }
            );
            let mut accepted = syn(ends, 80, 61_000, 5).unwrap();
            let at = accepted.len() - 24;
            accepted[at + 13] = 0x12;
            accepted[at + 8..at + 12].copy_from_slice(&9_u32.to_be_bytes());
            assert!(matches!(
                parse(&accepted).unwrap().said,
                Said::Tcp {
                    acknowledged: 9,
                    syn_ack: true,
                    reset: false,
                    ..
                }
            ));
            let refused = parse(&reset(ends, 80, 61_000, 5).unwrap()).unwrap().said;
            assert!(matches!(
                refused,
                Said::Tcp {
                    syn_ack: false,
                    reset: true,
                    ..
                }
            ));
            let said = parse(&datagram(ends, 53, 61_001, b"x").unwrap())
                .unwrap()
                .said;
            assert_eq!(
                said,
                Said::Udp {
                    from_port: 53,
                    to_port: 61_001
                }
            );
            let said = parse(&ask(ends, 61_002, 1, 77).unwrap()).unwrap().said;
            assert_eq!(
                said,
                Said::Echo {
                    is_reply: false,
                    identifier: 61_002,
                    sequence: 1,
                    nonce: 77
                }
            );
        }
    }

    #[test]
    fn errors_tell_about_whom_and_which_question() {
        for (from, to, member, [unreachable, exceeded]) in [
            ("10.3.0.1", "10.9.0.9", "10.3.0.11", [(3, 3), (11, 0)]),
            ("fd03::1", "fd09::9", "fd03::11", [(1, 4), (3, 0)]),
        ] {
            let ends = ends(from, to);
            let asked = datagram(ends, 61_005, 53, b"").unwrap();
            let (kind, code) = unreachable;
            let answer = parse(&error_about(&asked, to, kind, code, 64)).unwrap();
            assert_eq!(answer.from, ends.destination);
            assert_eq!(
                answer.said,
                Said::Error {
                    is_port: true,
                    about: ends.destination,
                    protocol: UDP,
                    token: 61_005
                }
            );
            let asked = ask(ends, 61_006, 0, 1).unwrap();
            let (kind, code) = exceeded;
            let answer = parse(&error_about(&asked, member, kind, code, 64)).unwrap();
            assert_eq!(answer.from, member.parse::<IpAddr>().unwrap());
            assert!(matches!(
                answer.said,
                Said::Error {
                    is_port: false,
                    token: 61_006,
                    ..
                }
            ));
        }
    }

    #[test]
    fn an_error_that_quotes_too_little_is_none() {
        let asked = datagram(ends("10.3.0.1", "10.9.0.9"), 61_005, 53, b"").unwrap();
        assert!(parse(&error_about(&asked, "10.9.0.9", 3, 3, 21)).is_none());
        assert!(parse(&error_about(&asked, "10.9.0.9", 3, 3, 22)).is_some());
    }

    #[test]
    fn arp_of_either_kind_claims_the_address_of_its_sender() {
        let vip = Ipv4Addr::new(10, 9, 0, 9);
        let mut packet = arp_request(vip, MAC, Ipv4Addr::new(10, 3, 0, 1));
        assert_eq!(of_arp(&packet), Some((vip, MAC)));
        packet[7] = 2;
        assert_eq!(of_arp(&packet), Some((vip, MAC)));
        // Frames are padded to 60 bytes.
        packet.resize(46, 0);
        assert_eq!(of_arp(&packet), Some((vip, MAC)));
        packet[7] = 3;
        assert_eq!(of_arp(&packet), None);
        assert_eq!(of_arp(&packet[..27]), None);
    }

    fn advertisement(hops: u8, options: &[u8]) -> Vec<u8> {
        let mut message = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, 0x60, 0, 0, 0];
        message.extend("fd09::9".parse::<Ipv6Addr>().unwrap().octets());
        message.extend(options);
        let mut packet = ask(ends("fd03::11", "fd03::1"), 0, 0, 0).unwrap();
        packet.truncate(40);
        packet[4..6].copy_from_slice(&(message.len() as u16).to_be_bytes());
        packet[7] = hops;
        packet.append(&mut message);
        packet
    }

    #[test]
    fn an_advertisement_claims_its_target_if_no_router_was_in_between() {
        let option = [&[TARGET_LINK_ADDRESS, 1][..], &MAC].concat();
        let claim = |mac| {
            Some(Said::Claim {
                address: "fd09::9".parse().unwrap(),
                mac,
            })
        };
        let said = |packet: Vec<u8>| parse(&packet).map(|answer| answer.said);
        assert_eq!(said(advertisement(255, &option)), claim(Some(MAC)));
        assert_eq!(said(advertisement(254, &option)), None);
        let other = [&[14, 1, 0, 0, 0, 0, 0, 0][..], &option].concat();
        assert_eq!(said(advertisement(255, &other)), claim(Some(MAC)));
        // An option without length would never end.
        assert_eq!(
            said(advertisement(255, &[2, 0, 1, 1, 1, 1, 1, 1])),
            claim(None)
        );
        assert_eq!(said(advertisement(255, &[2, 9])), claim(None));
    }

    #[test]
    fn later_fragments_and_padding_are_not_read() {
        let mut packet = datagram(ends("10.9.0.9", "10.3.0.1"), 53, 61_001, b"").unwrap();
        packet[7] = 1;
        assert!(of_ip4(&packet).is_none());
        packet[7] = 0;
        packet[2..4].copy_from_slice(&24_u16.to_be_bytes());
        assert!(of_ip4(&packet).is_none());
    }

    #[test]
    fn every_prefix_of_an_answer_is_read_without_panic() {
        for ends in families() {
            for packet in [
                syn(ends, 80, 61_000, 5).unwrap(),
                datagram(ends, 53, 61_001, b"x").unwrap(),
                ask(ends, 61_002, 1, 77).unwrap(),
                advertisement(255, &[2, 1, 2, 0, 0, 0, 0, 1]),
            ] {
                for length in 0..packet.len() {
                    let _ = (of_ip4(&packet[..length]), of_ip6(&packet[..length]));
                    let _ = of_arp(&packet[..length]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (of_ip4(&bytes), of_ip6(&bytes), of_arp(&bytes));
        }

        #[test]
        fn packets_of_the_right_version_are_read_without_panic(
            protocol in prop_oneof![Just(TCP), Just(UDP), Just(ICMP), Just(ICMP6)],
            mut bytes in proptest::collection::vec(any::<u8>(), 60..200),
        ) {
            bytes[0] = 0x45;
            bytes[9] = protocol;
            let _ = of_ip4(&bytes);
            bytes[0] = 0x60;
            bytes[6] = protocol;
            let _ = of_ip6(&bytes);
        }
    }
}
