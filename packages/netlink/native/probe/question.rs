//! One question to a member: the packets that put it, and what their answers mean.

use std::net::IpAddr;

use super::answers::Said;
use super::packets::{self, Ends, TCP, UDP};
use super::socket::{Kind, Link, PacketSocket};
use super::{Evidence, Probe};

/// Through routers; a member on the link gets packets that nobody forwards.
const HOPS_ROUTED: u8 = 64;
/// Sequence numbers of echo requests to the virtual address, and to the member's own.
const ECHO_VIRTUAL: u16 = 1;
const ECHO_OWN: u16 = 2;

/// A probe as it is put, and what was seen of it.
pub struct Question<'a> {
    pub probe: &'a Probe,
    /// The node's port, or the identifier of its echo requests: no other question of a call has it.
    pub port: u16,
    /// Of the SYN; what acknowledges it answers this question.
    pub sequence: u32,
    /// What echo requests carry.
    pub nonce: u32,
    pub evidence: Evidence,
}

impl Question<'_> {
    /// Puts what is not answered yet.
    pub fn ask(&mut self, sockets: &[PacketSocket]) {
        let Evidence {
            is_served,
            is_refused,
            is_present,
            is_alive,
            is_claimed,
            ..
        } = self.evidence;
        let probe = self.probe;
        let to_virtual = self.ends(probe.address);
        if !is_served && !is_refused {
            let question = match probe.protocol {
                TCP => packets::syn(to_virtual, self.port, probe.port, self.sequence),
                UDP => packets::datagram(to_virtual, self.port, probe.port, &probe.payload),
                _ => None,
            };
            self.send(sockets, question);
        }
        if !is_present {
            let question = packets::echo(to_virtual, self.port, ECHO_VIRTUAL, self.nonce);
            self.send(sockets, question);
        }
        if !is_alive {
            let question = packets::echo(self.ends(probe.member), self.port, ECHO_OWN, self.nonce);
            self.send(sockets, question);
        }
        if probe.is_on_link && !is_claimed {
            self.ask_neighbour(sockets);
        }
    }

    fn ask_neighbour(&mut self, sockets: &[PacketSocket]) {
        let probe = self.probe;
        match (probe.source, probe.address) {
            (IpAddr::V4(source), IpAddr::V4(address)) => {
                let request = packets::arp_request(source, probe.device_mac, address);
                self.send_as(sockets, Kind::Arp, &request);
            }
            (IpAddr::V6(source), IpAddr::V6(address)) => {
                let question = packets::solicitation(source, probe.device_mac, address);
                self.send(sockets, question);
            }
            _ => {}
        }
    }

    /// Ends the connection that the question has half opened.
    pub fn reset(&mut self, sockets: &[PacketSocket], acknowledged: u32) {
        let ends = self.ends(self.probe.address);
        let packet = packets::reset(ends, self.port, self.probe.port, acknowledged);
        self.send(sockets, packet);
    }

    fn ends(&self, destination: IpAddr) -> Ends {
        let hops = if self.probe.is_on_link {
            1
        } else {
            HOPS_ROUTED
        };
        Ends {
            source: self.probe.source,
            destination,
            hops,
        }
    }

    fn send(&mut self, sockets: &[PacketSocket], packet: Option<Vec<u8>>) {
        let kind = if self.probe.address.is_ipv4() {
            Kind::Ip4
        } else {
            Kind::Ip6
        };
        if let Some(packet) = packet {
            self.send_as(sockets, kind, &packet);
        }
    }

    fn send_as(&mut self, sockets: &[PacketSocket], kind: Kind, packet: &[u8]) {
        let link = Link {
            device: self.probe.device,
            mac: self.probe.mac.clone(),
        };
        let Some(socket) = sockets.iter().find(|socket| socket.kind() == kind) else {
            return;
        };
        if let Err(error) = socket.send(packet, &link) {
            self.evidence.obstacle = Some(error.message);
        }
    }

    /// Takes in an answer; what acknowledges our first packet is to be reset with the number that it gives.
    pub fn hear(&mut self, from: IpAddr, to: IpAddr, said: &Said) -> Option<u32> {
        let probe = self.probe;
        let is_virtual = from == probe.address;
        let evidence = &mut self.evidence;
        match *said {
            Said::Tcp {
                from_port,
                acknowledged,
                syn_ack,
                reset,
                ..
            } => {
                let is_ours = acknowledged == self.sequence.wrapping_add(1);
                if probe.protocol != TCP || !is_virtual || from_port != probe.port || !is_ours {
                    return None;
                }
                evidence.is_present = true;
                evidence.is_served |= syn_ack;
                evidence.is_refused |= reset;
                return syn_ack.then_some(acknowledged);
            }
            Said::Udp { from_port, .. } => {
                if probe.protocol != UDP || from_port != probe.port {
                    return None;
                }
                evidence.is_present |= is_virtual;
                evidence.is_served |= is_virtual;
                if !is_virtual {
                    evidence.served_from = Some(from);
                }
            }
            Said::Echo {
                is_reply,
                sequence,
                nonce,
                ..
            } => {
                if nonce != self.nonce {
                    return None;
                }
                evidence.is_present |= is_reply && is_virtual && sequence == ECHO_VIRTUAL;
                evidence.is_alive |= is_reply && from == probe.member;
                evidence.is_returned |= !is_reply && from == probe.source && to == probe.address;
            }
            Said::Error {
                is_port,
                about,
                protocol,
                ..
            } => {
                if about != probe.address {
                    return None;
                }
                evidence.is_present |= is_virtual;
                let is_host = is_virtual || from == probe.member;
                evidence.is_refused |= is_port && is_host && protocol == UDP;
                if !is_virtual && !is_port {
                    evidence.rejected_by = Some(from);
                }
            }
            Said::Claim { .. } => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{MEMBER, VIRTUAL, ip, probe};
    use super::super::socket::PORT_MIN;
    use super::*;

    fn tcp(acknowledged: u32, syn_ack: bool) -> Said {
        Said::Tcp {
            from_port: 80,
            to_port: 0,
            acknowledged,
            syn_ack,
            reset: !syn_ack,
        }
    }

    fn echo(nonce: u32, is_reply: bool, sequence: u16) -> Said {
        Said::Echo {
            is_reply,
            identifier: 0,
            sequence,
            nonce,
        }
    }

    /// What one question of a probe makes of what others say.
    fn heard(probe: &Probe, tell: impl Fn(&mut Question)) -> Evidence {
        let mut question = Question {
            probe,
            port: PORT_MIN,
            sequence: u32::MAX,
            nonce: 7,
            evidence: Evidence::default(),
        };
        tell(&mut question);
        question.evidence
    }

    #[test]
    fn a_connection_counts_only_from_the_virtual_address_and_with_our_number() {
        let probe = probe(TCP);
        let accepted = heard(&probe, |question| {
            let reset = question.hear(ip(VIRTUAL), probe.source, &tcp(0, true));
            assert_eq!(reset, Some(0));
        });
        assert!(accepted.is_served && accepted.is_present && !accepted.is_refused);
        let refused = heard(&probe, |question| {
            assert_eq!(
                question.hear(ip(VIRTUAL), probe.source, &tcp(0, false)),
                None
            );
        });
        assert!(refused.is_refused && refused.is_present && !refused.is_served);
        for (from, acknowledged) in [(MEMBER, 0), (VIRTUAL, 1)] {
            let nothing = heard(&probe, |question| {
                question.hear(ip(from), probe.source, &tcp(acknowledged, true));
            });
            assert_eq!(nothing, Evidence::default());
        }
    }

    #[test]
    fn a_datagram_from_elsewhere_is_told_with_its_source() {
        let probe = probe(UDP);
        let said = Said::Udp {
            from_port: 80,
            to_port: 0,
        };
        let right = heard(&probe, |question| {
            question.hear(ip(VIRTUAL), probe.source, &said);
        });
        assert!(right.is_served && right.served_from.is_none());
        let wrong = heard(&probe, |question| {
            question.hear(ip(MEMBER), probe.source, &said);
        });
        assert_eq!(wrong.served_from, Some(ip(MEMBER)));
        assert!(!wrong.is_present && !wrong.is_served);
    }

    #[test]
    fn echoes_tell_the_virtual_from_the_own_address_and_from_our_own_question() {
        let probe = probe(TCP);
        let of = |from: &str, to: IpAddr, said: Said| {
            heard(&probe, |question| {
                question.hear(ip(from), to, &said);
            })
        };
        let source = probe.source;
        assert!(of(VIRTUAL, source, echo(7, true, ECHO_VIRTUAL)).is_present);
        assert!(of(MEMBER, source, echo(7, true, ECHO_OWN)).is_alive);
        assert!(of("10.3.0.1", ip(VIRTUAL), echo(7, false, ECHO_VIRTUAL)).is_returned);
        // Of another round, or of anybody else.
        assert_eq!(
            of(VIRTUAL, source, echo(8, true, ECHO_VIRTUAL)),
            Evidence::default()
        );
        assert_eq!(
            of("10.3.0.1", ip(MEMBER), echo(7, false, ECHO_OWN)),
            Evidence::default()
        );
    }

    #[test]
    fn an_error_from_the_virtual_address_shows_that_it_is_there() {
        let error = |is_port, about: &str| Said::Error {
            is_port,
            about: ip(about),
            protocol: UDP,
            token: 0,
        };
        let probe = probe(UDP);
        let of = |from: &str, said: Said| {
            heard(&probe, |question| {
                question.hear(ip(from), probe.source, &said);
            })
        };
        let closed = of(VIRTUAL, error(true, VIRTUAL));
        assert!(closed.is_present && closed.is_refused);
        let forwarded = of(MEMBER, error(false, VIRTUAL));
        assert_eq!(forwarded.rejected_by, Some(ip(MEMBER)));
        assert!(!forwarded.is_present);
        assert_eq!(of(MEMBER, error(false, MEMBER)), Evidence::default());
    }
}
