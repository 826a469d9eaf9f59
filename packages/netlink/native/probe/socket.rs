//! Sockets of packets, beneath the kernel's own network layer: it would drop answers whose source is an address of the
//! node's own, which a virtual address may be.

use std::mem::{size_of, zeroed};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::packets::{ICMP, ICMP6, TCP, UDP};
use crate::error::{NetlinkError, Result};

/// Ports that questions come from: above those that the kernel gives to its own connections, unless it is told otherwise.
pub const PORT_MIN: u16 = 61_000;
/// The largest frame of which anything is read: a jumbo frame has no more.
const FRAME_BYTES_MAX: usize = 9_216;

/// What a socket hears.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ip4,
    Ip6,
    Arp,
}

/// Where a packet goes, or came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    pub device: u32,
    /// Empty where the device has no such addresses.
    pub mac: Vec<u8>,
}

pub struct PacketSocket {
    kind: Kind,
    descriptor: OwnedFd,
    buffer: Vec<u8>,
}

impl PacketSocket {
    /// Hears packets of all devices from now on, of TCP and UDP only what goes to these addresses. Needs CAP_NET_RAW.
    pub fn open(kind: Kind, own: &[IpAddr]) -> Result<Self> {
        // SAFETY: a plain system call; the descriptor is owned by nobody else. Without a protocol nothing is received yet.
        let descriptor = unsafe {
            let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            let raw = libc::socket(libc::AF_PACKET, flags, 0);
            if raw < 0 {
                return Err(NetlinkError::last_os("opening a packet socket"));
            }
            OwnedFd::from_raw_fd(raw)
        };
        let socket = Self {
            kind,
            descriptor,
            buffer: vec![0; FRAME_BYTES_MAX],
        };
        socket.filter(own)?;
        let address = socket.address(0, &[]);
        // SAFETY: the pointer and its size describe a local.
        let bound = unsafe {
            libc::bind(
                socket.descriptor.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if bound < 0 {
            return Err(NetlinkError::last_os("binding a packet socket"));
        }
        Ok(socket)
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn send(&self, packet: &[u8], link: &Link) -> Result<()> {
        let address = self.address(link.device, &link.mac);
        // SAFETY: both pointers are to memory of the sizes given, which outlives the call.
        let sent = unsafe {
            libc::sendto(
                self.descriptor.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                libc::MSG_DONTWAIT,
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 {
            return Err(NetlinkError::last_os("sending a packet"));
        }
        Ok(())
    }

    /// The next packet that came in, and from whom; None if there is none now. What loopback carries is left out: the node
    /// answers itself there.
    pub fn receive(&mut self) -> Result<Option<(&[u8], Link)>> {
        // SAFETY: zeros are a valid value of this structure.
        let mut from: libc::sockaddr_ll = unsafe { zeroed() };
        loop {
            let mut length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            // SAFETY: the buffer is exclusively borrowed, and the other pointers are to locals of the sizes given.
            let count = unsafe {
                libc::recvfrom(
                    self.descriptor.as_raw_fd(),
                    self.buffer.as_mut_ptr().cast(),
                    self.buffer.len(),
                    libc::MSG_DONTWAIT,
                    (&raw mut from).cast(),
                    &mut length,
                )
            };
            let Ok(count) = usize::try_from(count) else {
                let error = NetlinkError::last_os("receiving packets");
                match error.errno {
                    libc::EAGAIN => return Ok(None),
                    // A device that went away says so once.
                    libc::EINTR | libc::ENETDOWN => continue,
                    _ => return Err(error),
                }
            };
            if from.sll_hatype == libc::ARPHRD_LOOPBACK || from.sll_pkttype == libc::PACKET_OUTGOING
            {
                continue;
            }
            let mac_bytes = usize::from(from.sll_halen).min(from.sll_addr.len());
            let link = Link {
                device: u32::try_from(from.sll_ifindex).unwrap_or(0),
                mac: from.sll_addr[..mac_bytes].to_vec(),
            };
            return Ok(Some((&self.buffer[..count.min(FRAME_BYTES_MAX)], link)));
        }
    }

    /// Frames that were lost since the last call because nobody took them in time.
    pub fn lost(&self) -> Result<u32> {
        // SAFETY: zeros are a valid value of this structure.
        let mut statistics: libc::tpacket_stats = unsafe { zeroed() };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: both pointers are to locals of the sizes given.
        let status = unsafe {
            libc::getsockopt(
                self.descriptor.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &mut length,
            )
        };
        if status < 0 {
            return Err(NetlinkError::last_os("counting lost packets"));
        }
        Ok(statistics.tp_drops)
    }

    fn address(&self, device: u32, mac: &[u8]) -> libc::sockaddr_ll {
        let protocol = match self.kind {
            Kind::Ip4 => libc::ETH_P_IP,
            Kind::Ip6 => libc::ETH_P_IPV6,
            Kind::Arp => libc::ETH_P_ARP,
        };
        // SAFETY: zeros are a valid value of this structure.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (protocol as u16).to_be();
        address.sll_ifindex = device as libc::c_int;
        let bytes = mac.len().min(address.sll_addr.len());
        address.sll_halen = bytes as u8;
        address.sll_addr[..bytes].copy_from_slice(&mac[..bytes]);
        address
    }

    /// Has the kernel leave out what can't be an answer, so that traffic costs a look and no copy.
    fn filter(&self, own: &[IpAddr]) -> Result<()> {
        let mut program = match self.kind {
            Kind::Arp => return Ok(()),
            kind => filter(kind, own),
        };
        let program = libc::sock_fprog {
            len: program.len() as u16,
            filter: program.as_mut_ptr(),
        };
        // SAFETY: the kernel copies the program, which outlives the call.
        let attached = unsafe {
            libc::setsockopt(
                self.descriptor.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of::<libc::sock_fprog>() as libc::socklen_t,
            )
        };
        if attached < 0 {
            return Err(NetlinkError::last_os("filtering packets"));
        }
        Ok(())
    }
}

/// Waits until one of the sockets has something, or the time has come.
pub fn wait(sockets: &[PacketSocket], until: Instant) -> Result<()> {
    let mut polled: Vec<libc::pollfd> = sockets
        .iter()
        .map(|socket| libc::pollfd {
            fd: socket.descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    let left = until.saturating_duration_since(Instant::now());
    // Rounded up: a wait of no time at all would turn in circles.
    let wait = left + Duration::from_micros(999);
    // SAFETY: the pointer and the count describe a local.
    let ready = unsafe {
        libc::poll(
            polled.as_mut_ptr(),
            polled.len() as libc::nfds_t,
            i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
        )
    };
    if ready < 0 {
        let error = NetlinkError::last_os("waiting for packets");
        if error.errno != libc::EINTR {
            return Err(error);
        }
    }
    Ok(())
}

const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const LOAD_HALF_BEHIND: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
const LOAD_HEADER_BYTES: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
/// With more addresses of its own than that a node hears what goes to any: the ports are a filter still.
const OWN_MAX: usize = 64;

/// ICMP, and what goes to an address of our own at the ports of questions. Of an address of IPv6 the last word has to do.
fn filter(kind: Kind, own: &[IpAddr]) -> Vec<libc::sock_filter> {
    let (protocol_at, destination_at, icmp) = match kind {
        Kind::Ip6 => (6, 36, ICMP6),
        _ => (9, 16, ICMP),
    };
    let mut words: Vec<u32> = own
        .iter()
        .filter(|address| address.is_ipv4() == (kind == Kind::Ip4))
        .map(last_word)
        .collect();
    words.sort_unstable();
    words.dedup();
    words.truncate(OWN_MAX + 1);
    let addresses = match words.len() {
        0..=OWN_MAX => words.len(),
        _ => 0,
    };
    let ports = match kind {
        Kind::Ip6 => vec![step(LOAD_HALF, 0, 0, 42)],
        _ => vec![
            step(LOAD_HEADER_BYTES, 0, 0, 0),
            step(LOAD_HALF_BEHIND, 0, 0, 2),
        ],
    };
    // Behind the protocol: the word, its comparisons, a refusal; the port, its comparison; what is let through; a refusal.
    let addressed = if addresses > 0 { addresses + 2 } else { 0 };
    let behind = addressed + ports.len() + 1;
    let mut program = vec![
        step(LOAD_BYTE, 0, 0, protocol_at),
        step(IF_EQUAL, behind as u8 + 2, 0, icmp.into()),
        step(IF_EQUAL, 1, 0, TCP.into()),
        step(IF_EQUAL, 0, behind as u8 + 1, UDP.into()),
    ];
    if addresses > 0 {
        program.push(step(LOAD_WORD, 0, 0, destination_at));
        for (index, word) in words.into_iter().enumerate() {
            program.push(step(IF_EQUAL, (addresses - index) as u8, 0, word));
        }
        program.push(step(RETURN, 0, 0, 0));
    }
    program.extend(ports);
    program.push(step(IF_AT_LEAST, 0, 1, PORT_MIN.into()));
    program.push(step(RETURN, 0, 0, FRAME_BYTES_MAX as u32));
    program.push(step(RETURN, 0, 0, 0));
    program
}

fn last_word(address: &IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => u32::from(*address),
        IpAddr::V6(address) => u128::from(*address) as u32,
    }
}

fn step(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The few instructions that the filters consist of, as the kernel runs them: what can't be read is left out.
    fn run(program: &[libc::sock_filter], packet: &[u8]) -> bool {
        let half = |at: usize| {
            let bytes = packet.get(at..at + 2)?;
            Some(u32::from(u16::from_be_bytes([bytes[0], bytes[1]])))
        };
        let word = |at: usize| Some((half(at)? << 16) | half(at + 2)?);
        let (mut value, mut index, mut at) = (0, 0, 0);
        loop {
            let step = program[at];
            let k = step.k as usize;
            at += 1;
            let loaded = match step.code {
                LOAD_BYTE => packet.get(k).map(|&byte| u32::from(byte)),
                LOAD_HALF => half(k),
                LOAD_WORD => word(k),
                LOAD_HALF_BEHIND => half(index + k),
                LOAD_HEADER_BYTES => {
                    index = usize::from(packet[k] & 0x0f) * 4;
                    continue;
                }
                IF_EQUAL | IF_AT_LEAST => {
                    let holds = if step.code == IF_EQUAL {
                        value == step.k
                    } else {
                        value >= step.k
                    };
                    at += usize::from(if holds { step.jt } else { step.jf });
                    continue;
                }
                _ => return step.k > 0,
            };
            match loaded {
                Some(number) => value = number,
                None => return false,
            }
        }
    }

    #[test]
    fn filters_let_through_what_may_be_an_answer_and_nothing_else() {
        use crate::probe::packets::{Ends, datagram, echo, syn};
        for (kind, source, destination, other) in [
            (Kind::Ip4, "10.9.0.9", "10.3.0.1", "10.3.0.2"),
            (Kind::Ip6, "fd09::9", "fd03::1", "fd03::2"),
        ] {
            let own = |count: u32| -> Vec<IpAddr> {
                let others = (0..count).map(|number| match kind {
                    Kind::Ip4 => IpAddr::from((0x0a04_0000 + number).to_be_bytes()),
                    _ => IpAddr::from(u128::from(number + 0x100).to_be_bytes()),
                });
                others.chain([destination.parse().unwrap()]).collect()
            };
            let elsewhere = Ends {
                source: source.parse().unwrap(),
                destination: other.parse().unwrap(),
                hops: 64,
            };
            for count in [0, 1, 7, OWN_MAX as u32 - 1] {
                let program = filter(kind, &own(count));
                let passing = syn(elsewhere, 80, PORT_MIN, 1).unwrap();
                assert!(!run(&program, &passing));
                assert!(run(&program, &echo(elsewhere, 1, 1, 1).unwrap()));
            }
            let many = filter(kind, &own(OWN_MAX as u32));
            assert!(run(&many, &syn(elsewhere, 80, PORT_MIN, 1).unwrap()));
            assert!(!run(&many, &syn(elsewhere, 80, PORT_MIN - 1, 1).unwrap()));
            let ends = Ends {
                destination: destination.parse().unwrap(),
                ..elsewhere
            };
            for count in [0, 1, 7, OWN_MAX as u32 - 1] {
                let program = filter(kind, &own(count));
                assert!(run(&program, &syn(ends, 80, PORT_MIN, 1).unwrap()));
                assert!(run(&program, &datagram(ends, 53, u16::MAX, b"").unwrap()));
                assert!(run(&program, &echo(ends, 1, 1, 1).unwrap()));
                assert!(!run(&program, &syn(ends, PORT_MIN, 80, 1).unwrap()));
                assert!(!run(
                    &program,
                    &datagram(ends, 53, PORT_MIN - 1, b"").unwrap()
                ));
                let mut sctp = syn(ends, 80, PORT_MIN, 1).unwrap();
                sctp[if kind == Kind::Ip6 { 6 } else { 9 }] = 132;
                assert!(!run(&program, &sctp));
            }
        }
    }
}
