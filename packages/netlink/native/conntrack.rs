//! Connection tracking: counting and deleting flows that match a filter.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::error::Result;
use crate::message::{Attributes, Header, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, Writer, unsigned};
use crate::socket::Socket;

const SUBSYSTEM: u16 = (libc::NFNL_SUBSYS_CTNETLINK as u16) << 8;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const PROTOCOL_INFO: u16 = 4;
const MARK: u16 = 8;
const ID: u16 = 12;
const ZONE: u16 = 18;
const MARK_MASK: u16 = 21;
/// TCP states of flows that carry nothing any more: TIME_WAIT and CLOSE.
const TCP_ENDED: [u64; 2] = [7, 8];
const NESTED: u16 = 1 << 15;
/// Deletions that are under way before their answers are read; the answers fit the receive buffer many times.
const DELETIONS_IN_FLIGHT_MAX: usize = 64;

/// One direction of a flow; what is None matches everything.
#[derive(Debug, Clone, Default)]
pub struct Direction {
    pub source: Option<IpAddr>,
    pub destination: Option<IpAddr>,
    pub source_port: Option<u16>,
    pub destination_port: Option<u16>,
}

#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// IP protocol number.
    pub protocol: Option<u8>,
    pub original: Direction,
    pub reply: Direction,
    /// Value and mask of the flow's mark; sorted out by the kernel.
    pub mark: Option<(u32, u32)>,
    /// Leaves out TCP flows that have ended and are only remembered.
    pub open_only: bool,
}

/// A flow as needed to delete it: the family and the attributes that name it.
struct Flow {
    family: u8,
    attributes: Vec<(u16, Vec<u8>)>,
}

/// The number of flows that match.
pub fn count(socket: &mut Socket, filter: &Filter) -> Result<u32> {
    let mut count = 0;
    each(socket, filter, |_, _| count += 1)?;
    Ok(count)
}

/// The number of flows that match, by mark, in ascending order of marks.
pub fn count_by_mark(socket: &mut Socket, filter: &Filter) -> Result<BTreeMap<u32, u32>> {
    let mut counts = BTreeMap::new();
    each(socket, filter, |_, attributes| {
        *counts.entry(mark_of(&attributes)).or_insert(0) += 1;
    })?;
    Ok(counts)
}

/// Deletes the flows that match and returns how many; a flow that ended meanwhile is not counted.
pub fn delete(socket: &mut Socket, filter: &Filter) -> Result<u32> {
    let mut flows = Vec::new();
    each(socket, filter, |family, attributes| {
        let kept = [TUPLE_ORIGINAL, ID, ZONE];
        let named = attributes
            .filter(|(kind, _)| kept.contains(kind))
            .map(|(kind, value)| (kind, value.to_vec()));
        flows.push(Flow {
            family,
            attributes: named.collect(),
        });
    })?;
    let mut deleted = 0;
    for chunk in flows.chunks(DELETIONS_IN_FLIGHT_MAX) {
        deleted += delete_chunk(socket, chunk)?;
    }
    Ok(deleted)
}

fn delete_chunk(socket: &mut Socket, flows: &[Flow]) -> Result<u32> {
    let first = socket.sequences(flows.len() as u32);
    for (index, flow) in flows.iter().enumerate() {
        let mut writer = Writer::default();
        let header = Header {
            kind: DELETE,
            flags: NLM_F_REQUEST | NLM_F_ACK,
            sequence: first + index as u32,
            family: flow.family,
            resource: 0,
        };
        let mark = writer.begin(header);
        for (kind, value) in &flow.attributes {
            writer.attribute(
                if *kind == TUPLE_ORIGINAL {
                    kind | NESTED
                } else {
                    *kind
                },
                value,
            );
        }
        writer.end(mark);
        socket.send(&writer.into_bytes())?;
    }
    let mut deleted = 0;
    let mut failure = None;
    socket.verdicts(|verdict| match verdict.errno {
        0 => deleted += 1,
        libc::ENOENT => {}
        _ => failure = Some(verdict.into_error("deleting a flow")),
    })?;
    failure.map_or(Ok(deleted), Err)
}

fn each(socket: &mut Socket, filter: &Filter, mut found: impl FnMut(u8, Attributes)) -> Result<()> {
    let family = filter.family();
    let header = Header {
        kind: GET,
        flags: NLM_F_REQUEST | NLM_F_DUMP,
        sequence: 0,
        family,
        resource: 0,
    };
    socket.request(
        header,
        |writer| {
            if let Some((value, mask)) = filter.mark {
                writer.u32(MARK, value);
                writer.u32(MARK_MASK, mask);
            }
        },
        |message| {
            let attributes = message.attributes();
            if filter.matches(&attributes) {
                found(message.payload.first().copied().unwrap_or(0), attributes);
            }
        },
    )?;
    Ok(())
}

impl Filter {
    fn family(&self) -> u8 {
        let addresses = [
            self.original.source,
            self.original.destination,
            self.reply.source,
            self.reply.destination,
        ];
        match addresses.into_iter().flatten().next() {
            Some(IpAddr::V4(_)) => libc::AF_INET as u8,
            Some(IpAddr::V6(_)) => libc::AF_INET6 as u8,
            None => libc::AF_UNSPEC as u8,
        }
    }

    fn matches(&self, attributes: &Attributes) -> bool {
        // Kernels that do not know the filter answer with every flow.
        if self
            .mark
            .is_some_and(|(value, mask)| mark_of(attributes) & mask != value)
            || (self.open_only && has_ended(attributes))
        {
            return false;
        }
        let original = Tuple::read(attributes.nested(TUPLE_ORIGINAL));
        let reply = Tuple::read(attributes.nested(TUPLE_REPLY));
        self.protocol
            .is_none_or(|protocol| original.protocol == Some(protocol))
            && self.original.matches(&original)
            && self.reply.matches(&reply)
    }
}

impl Direction {
    fn matches(&self, tuple: &Tuple) -> bool {
        (self.source.is_none() || self.source == tuple.source)
            && (self.destination.is_none() || self.destination == tuple.destination)
            && (self.source_port.is_none() || self.source_port == tuple.source_port)
            && (self.destination_port.is_none() || self.destination_port == tuple.destination_port)
    }
}

fn mark_of(attributes: &Attributes) -> u32 {
    unsigned(attributes.get(MARK), 4).unwrap_or(0) as u32
}

fn has_ended(attributes: &Attributes) -> bool {
    let tcp = attributes.nested(PROTOCOL_INFO).nested(1);
    unsigned(tcp.get(1), 1).is_some_and(|state| TCP_ENDED.contains(&state))
}

#[derive(Default)]
struct Tuple {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    protocol: Option<u8>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
}

impl Tuple {
    fn read(tuple: Attributes) -> Self {
        let (ip, proto) = (tuple.nested(1), tuple.nested(2));
        Self {
            source: address(ip.get(1).or_else(|| ip.get(3))),
            destination: address(ip.get(2).or_else(|| ip.get(4))),
            protocol: unsigned(proto.get(1), 1).map(|number| number as u8),
            source_port: unsigned(proto.get(2), 2).map(|port| port as u16),
            destination_port: unsigned(proto.get(3), 2).map(|port| port as u16),
        }
    }
}

fn address(value: Option<&[u8]>) -> Option<IpAddr> {
    let value = value?;
    <[u8; 4]>::try_from(value)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from))
        .ok()
}
