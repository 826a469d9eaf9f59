//! Asks members of direct server return whether they are set up for it, before clients' packets go to them: whether an
//! address is theirs, whether somebody serves its port, and whether they tell their neighbours of it.

#[cfg(not(test))]
mod binding;

mod answers;
mod packets;
mod question;
mod socket;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::error::{NetlinkError, Result};
use answers::{Answer, Said};
use question::Question;
use socket::{Kind, Link, PORT_MIN, PacketSocket};

/// Questions of one call: each has a port of its own.
pub const PROBES_MAX: usize = 4_096;
/// A call holds a thread for so long at most.
pub const WINDOW_MAX: Duration = Duration::from_secs(2);
/// Times that each question is put while it is not answered: a lost packet is no finding.
const ATTEMPTS: u32 = 3;
/// Frames of one call that are looked at, so that a flood of them ends as well.
const FRAMES_MAX: usize = 65_536;

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

/// What is asked where a device has no MAC address.
pub fn mac_of(bytes: &[u8]) -> [u8; 6] {
    <[u8; 6]>::try_from(bytes).unwrap_or_default()
}

#[cfg(test)]
pub mod fixture {
    use super::*;

    pub const VIRTUAL: &str = "10.9.0.9";
    pub const MEMBER: &str = "10.3.0.11";

    pub fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    pub fn probe(protocol: u8) -> Probe {
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
}

#[cfg(test)]
mod tests {
    use super::fixture::{MEMBER, VIRTUAL, ip, probe};
    use super::packets::TCP;
    use super::*;

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
