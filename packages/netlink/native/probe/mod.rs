//! Asks members of direct server return whether they are set up for it, before clients' packets go to them: whether an
//! address is theirs, whether somebody serves its port, and whether they tell their neighbours of it.

#[cfg(not(test))]
mod binding;

mod answers;
mod packets;
mod socket;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::error::{NetlinkError, Result};
use answers::{Answer, Said};
use packets::{Ends, TCP, UDP};
use socket::{Kind, Link, PORT_MIN, PacketSocket};

/// Questions of one call: each has a port of its own.
pub const PROBES_MAX: usize = 4_096;
/// A call holds a thread for so long at most.
pub const WINDOW_MAX: Duration = Duration::from_secs(2);
/// Times that each question is put while it is not answered: a lost packet is no finding.
const ATTEMPTS: u32 = 3;
/// Frames of one call that are looked at, so that a flood of them ends as well.
const FRAMES_MAX: usize = 65_536;
/// Through routers; a member on the link gets packets that nobody forwards.
const HOPS_ROUTED: u8 = 64;
/// Sequence numbers of echo requests to the virtual address, and to the member's own.
const ECHO_VIRTUAL: u16 = 1;
const ECHO_OWN: u16 = 2;

/// One virtual address of one member.
pub struct Probe {
    pub device: u32,
    pub device_mac: [u8; 6],
    /// The next hop's: the member's where it is on the link. Empty where the device has none.
    pub mac: Vec<u8>,
    pub is_on_link: bool,
    /// The node's own address on the way.
    pub source: IpAddr,
    /// The member's own address.
    pub member: IpAddr,
    /// The virtual address.
    pub address: IpAddr,
    /// TCP or UDP; of others only the address is asked for.
    pub protocol: u8,
    pub port: u16,
    /// What a datagram carries.
    pub payload: Vec<u8>,
}

/// What was seen of one question.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Something came from the virtual address, whatever it said.
    pub is_present: bool,
    /// The port accepts connections, or sent a datagram.
    pub is_served: bool,
    /// The port refuses.
    pub is_refused: bool,
    /// A datagram came from here instead.
    pub served_from: Option<IpAddr>,
    /// The member's own address answers.
    pub is_alive: bool,
    /// Who said that it can't deliver, or won't forward.
    pub rejected_by: Option<IpAddr>,
    /// Somebody sent our own question back to us.
    pub is_returned: bool,
    /// The member tells others on the link that the virtual address is at its MAC address.
    pub is_claimed: bool,
    /// Why silence says nothing: a question could not be sent, or answers were lost.
    pub obstacle: Option<String>,
}

struct Question<'a> {
    probe: &'a Probe,
    port: u16,
    sequence: u32,
    nonce: u32,
    evidence: Evidence,
}

/// Puts all questions and listens for as long as the window says. Blocks; needs CAP_NET_RAW.
pub fn run(probes: &[Probe], window: Duration) -> Result<Vec<Evidence>> {
    if probes.len() > PROBES_MAX {
        let message = format!("{} probes, expected at most {PROBES_MAX}", probes.len());
        return Err(NetlinkError::new(libc::E2BIG, message));
    }
    let mut questions = questions(probes)?;
    let mut own: Vec<IpAddr> = probes.iter().map(|probe| probe.source).collect();
    own.sort_unstable();
    own.dedup();
    let mut sockets = Vec::new();
    for kind in [Kind::Ip4, Kind::Ip6, Kind::Arp] {
        if probes.iter().any(|probe| needs(probe, kind)) {
            sockets.push(PacketSocket::open(kind, &own)?);
        }
    }
    let began = Instant::now();
    let mut frames = 0;
    for attempt in 1..=ATTEMPTS {
        for question in &mut questions {
            question.ask(&sockets);
        }
        let until = began + window.min(WINDOW_MAX) * attempt / ATTEMPTS;
        listen(&mut sockets, &mut questions, until, &mut frames)?;
    }
    let lost = lost(&sockets, frames)?;
    Ok(questions
        .into_iter()
        .map(|Question { evidence, .. }| Evidence {
            obstacle: evidence.obstacle.or_else(|| lost.clone()),
            ..evidence
        })
        .collect())
}

/// Why answers may have been lost, such as in a flood; None if none was.
fn lost(sockets: &[PacketSocket], frames: usize) -> Result<Option<String>> {
    if frames >= FRAMES_MAX {
        return Ok(Some(format!("more than {FRAMES_MAX} frames came in")));
    }
    let mut lost = 0_u32;
    for socket in sockets {
        lost = lost.saturating_add(socket.lost()?);
    }
    Ok((lost > 0).then(|| format!("{lost} frames that may have been answers were lost")))
}

/// Why nothing can be asked here; None if it can.
pub fn obstacle() -> Option<String> {
    PacketSocket::open(Kind::Arp, &[])
        .err()
        .map(|error| error.message)
}

fn needs(probe: &Probe, kind: Kind) -> bool {
    match kind {
        Kind::Ip4 => probe.address.is_ipv4(),
        Kind::Ip6 => probe.address.is_ipv6(),
        Kind::Arp => probe.address.is_ipv4() && probe.is_on_link,
    }
}

fn questions(probes: &[Probe]) -> Result<Vec<Question<'_>>> {
    let mut random = vec![0_u8; probes.len() * 8 + 2];
    fill_random(&mut random)?;
    let [first, second, numbers @ ..] = random.as_slice() else {
        return Ok(Vec::new());
    };
    // Another place to begin with each time: an answer to the round before is not taken for one to this.
    let start = usize::from(u16::from_be_bytes([*first, *second]));
    Ok(probes
        .iter()
        .zip(numbers.chunks_exact(8))
        .enumerate()
        .map(|(index, (probe, number))| Question {
            probe,
            port: PORT_MIN + ((start + index) % PROBES_MAX) as u16,
            sequence: u32::from_be_bytes([number[0], number[1], number[2], number[3]]),
            nonce: u32::from_be_bytes([number[4], number[5], number[6], number[7]]),
            evidence: Evidence::default(),
        })
        .collect())
}

fn fill_random(buffer: &mut [u8]) -> Result<()> {
    for chunk in buffer.chunks_mut(256) {
        // SAFETY: the pointer and the length describe the chunk. Up to 256 bytes come whole.
        let count = unsafe { libc::getrandom(chunk.as_mut_ptr().cast(), chunk.len(), 0) };
        if usize::try_from(count) != Ok(chunk.len()) {
            return Err(NetlinkError::last_os("taking random numbers"));
        }
    }
    Ok(())
}

fn listen(
    sockets: &mut [PacketSocket],
    questions: &mut [Question],
    until: Instant,
    frames: &mut usize,
) -> Result<()> {
    while Instant::now() < until && *frames < FRAMES_MAX {
        socket::wait(sockets, until)?;
        let mut resets = Vec::new();
        for socket in sockets.iter_mut() {
            let kind = socket.kind();
            while *frames < FRAMES_MAX
                && let Some((packet, link)) = socket.receive()?
            {
                *frames += 1;
                hear(questions, kind, packet, &link, &mut resets);
            }
        }
        for (index, acknowledged) in resets {
            questions[index].reset(sockets, acknowledged);
        }
    }
    Ok(())
}

fn hear(
    questions: &mut [Question],
    kind: Kind,
    packet: &[u8],
    link: &Link,
    resets: &mut Vec<(usize, u32)>,
) {
    let answer = match kind {
        Kind::Arp => {
            if let Some((address, mac)) = answers::of_arp(packet) {
                claim(questions, address.into(), &mac);
            }
            return;
        }
        Kind::Ip4 => answers::of_ip4(packet),
        Kind::Ip6 => answers::of_ip6(packet),
    };
    let Some(Answer { from, to, said }) = answer else {
        return;
    };
    if let Said::Claim { address, mac } = said {
        let mac = mac.map_or(link.mac.clone(), Vec::from);
        claim(questions, address, &mac);
        return;
    }
    let Some(index) = asked(questions, &said) else {
        return;
    };
    if let Some(acknowledged) = questions[index].hear(from, to, &said) {
        resets.push((index, acknowledged));
    }
}

/// The question that somebody seems to answer.
fn asked(questions: &[Question], said: &Said) -> Option<usize> {
    let port = match *said {
        Said::Tcp { to_port, .. } | Said::Udp { to_port, .. } => to_port,
        Said::Echo { identifier, .. } => identifier,
        Said::Error { token, .. } => token,
        Said::Claim { .. } => return None,
    };
    // Ports are dealt one after the other, and begin anew at the end.
    let first = usize::from(questions.first()?.port);
    let index = (usize::from(port) + PROBES_MAX).checked_sub(first)? % PROBES_MAX;
    (questions.get(index)?.port == port).then_some(index)
}

fn claim(questions: &mut [Question], address: IpAddr, mac: &[u8]) {
    for question in questions {
        let probe = question.probe;
        question.evidence.is_claimed |=
            probe.is_on_link && probe.address == address && probe.mac == mac;
    }
}

impl Question<'_> {
    /// Puts what is not answered yet.
    fn ask(&mut self, sockets: &[PacketSocket]) {
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
    fn reset(&mut self, sockets: &[PacketSocket], acknowledged: u32) {
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
    fn hear(&mut self, from: IpAddr, to: IpAddr, said: &Said) -> Option<u32> {
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

/// What is asked where a device has no MAC address.
pub fn mac_of(bytes: &[u8]) -> [u8; 6] {
    <[u8; 6]>::try_from(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIRTUAL: &str = "10.9.0.9";
    const MEMBER: &str = "10.3.0.11";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn probe(protocol: u8) -> Probe {
        Probe {
            device: 7,
            device_mac: [2, 0, 0, 0, 0, 1],
            mac: vec![2, 0, 0, 0, 0, 0x11],
            is_on_link: true,
            source: ip("10.3.0.1"),
            member: ip(MEMBER),
            address: ip(VIRTUAL),
            protocol,
            port: 80,
            payload: Vec::new(),
        }
    }

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

    #[test]
    fn a_claim_counts_for_the_member_that_makes_it() {
        let mut other = probe(TCP);
        other.mac = vec![2, 0, 0, 0, 0, 0x12];
        let mut routed = probe(TCP);
        routed.is_on_link = false;
        let probes = [probe(TCP), other, routed];
        let mut questions = questions(&probes).unwrap();
        claim(&mut questions, ip(VIRTUAL), &[2, 0, 0, 0, 0, 0x11]);
        claim(&mut questions, ip(MEMBER), &[2, 0, 0, 0, 0, 0x12]);
        let claimed: Vec<_> = questions
            .iter()
            .map(|each| each.evidence.is_claimed)
            .collect();
        assert_eq!(claimed, [true, false, false]);
    }

    #[test]
    fn answers_find_their_question_wherever_ports_begin() {
        let probes: Vec<_> = (0..PROBES_MAX).map(|_| probe(TCP)).collect();
        for _ in 0..4 {
            let questions = questions(&probes).unwrap();
            for index in [0, 1, PROBES_MAX / 2, PROBES_MAX - 1] {
                let said = Said::Udp {
                    from_port: 80,
                    to_port: questions[index].port,
                };
                assert_eq!(asked(&questions, &said), Some(index));
            }
        }
        let few = questions(&probes[..2]).unwrap();
        for to_port in [0, 80, few[0].port.wrapping_sub(1), u16::MAX] {
            let said = Said::Udp {
                from_port: 80,
                to_port,
            };
            assert!(asked(&few, &said).is_none_or(|index| few[index].port == to_port));
        }
        assert_eq!(
            asked(
                &[],
                &Said::Udp {
                    from_port: 1,
                    to_port: 1
                }
            ),
            None
        );
    }

    #[test]
    fn too_many_probes_are_refused() {
        let probes: Vec<_> = (0..=PROBES_MAX).map(|_| probe(TCP)).collect();
        assert_eq!(run(&probes, WINDOW_MAX).unwrap_err().errno, libc::E2BIG);
    }
}
