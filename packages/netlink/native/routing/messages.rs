//! Messages of rtnetlink: their fixed parts are longer than nf_tables', and numbers are in the machine's order.

use std::net::IpAddr;

use crate::error::Result;
use crate::message::{
    Attributes, Header, Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REQUEST, Writer,
};
use crate::socket::Socket;

/// Tells our routes and rules from those of others, as `ip route show proto 76`.
pub const PROTOCOL: u8 = 76;
/// Before the main table; the local table, at 0, stays the first.
const RULE_PRIORITY: u32 = 1_000;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_EXCL: u16 = 0x200;
const RULE_MARK: u16 = 10;
const RULE_PRIORITY_ATTRIBUTE: u16 = 6;
const RULE_TABLE: u16 = 15;
const RULE_MARK_MASK: u16 = 16;
const RULE_PROTOCOL: u16 = 21;
/// FR_ACT_TO_TBL, RTN_UNICAST and RTNH_F_ONLINK.
const ACTION_TO_TABLE: u8 = 1;
const TYPE_UNICAST: u8 = 1;
const FLAG_ON_LINK: u32 = 4;

#[derive(Clone, Copy)]
pub enum Kind {
    GetLinks,
    GetRoute,
    GetRoutes,
    GetNeighbours,
    ReplaceRoute,
    DeleteRoute,
    GetRules,
    AddRule,
    DeleteRule,
}

impl Kind {
    fn header(self) -> (u16, u16) {
        match self {
            Self::GetLinks => (libc::RTM_GETLINK, NLM_F_DUMP),
            Self::GetRoute => (libc::RTM_GETROUTE, NLM_F_ACK),
            Self::GetRoutes => (libc::RTM_GETROUTE, NLM_F_DUMP),
            Self::GetNeighbours => (libc::RTM_GETNEIGH, NLM_F_DUMP),
            Self::ReplaceRoute => (libc::RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE),
            Self::DeleteRoute => (libc::RTM_DELROUTE, NLM_F_ACK),
            Self::GetRules => (libc::RTM_GETRULE, NLM_F_DUMP),
            Self::AddRule => (libc::RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL),
            Self::DeleteRule => (libc::RTM_DELRULE, NLM_F_ACK),
        }
    }
}

/// Sends a request with a fixed part and attributes, and hands over every message of the answer.
pub fn request(
    socket: &mut Socket,
    kind: Kind,
    body: &[u8],
    attributes: impl FnOnce(&mut Writer),
    each: impl FnMut(&Message),
) -> Result<()> {
    let (number, flags) = kind.header();
    let header = Header {
        kind: number,
        flags: NLM_F_REQUEST | flags,
        sequence: 0,
        family: body[0],
        resource: 0,
    };
    socket.request(
        header,
        |writer| {
            writer.fixed_part(body);
            attributes(writer);
        },
        each,
    )?;
    Ok(())
}

/// The fixed part of a message, filled up with zeros, and the attributes behind it.
pub fn read_body<'a>(message: &Message<'a>, length: usize) -> (Vec<u8>, Attributes<'a>) {
    let mut body = message.payload.get(..length).unwrap_or(&[]).to_vec();
    body.resize(length, 0);
    (
        body,
        Attributes::new(message.payload.get(length..).unwrap_or(&[])),
    )
}

pub fn is_route(message: &Message) -> bool {
    message.kind == libc::RTM_NEWROUTE
}

/// The fixed part of the one route in a mark's table: to everywhere, by a next hop that is on the link.
pub fn route_body(family: u8) -> [u8; 12] {
    let mut body = [0; 12];
    body[0] = family;
    body[5] = PROTOCOL;
    body[7] = TYPE_UNICAST;
    body[8..].copy_from_slice(&FLAG_ON_LINK.to_ne_bytes());
    body
}

/// Leads packets with a mark to the table of that number.
pub struct Rule {
    pub mark: u32,
}

impl Rule {
    /// Rules of ours.
    pub fn all(socket: &mut Socket, family: u8) -> Result<Vec<Self>> {
        let mut body = [0; 12];
        body[0] = family;
        let mut rules = Vec::new();
        request(
            socket,
            Kind::GetRules,
            &body,
            |_| {},
            |message| {
                let (_, attributes) = read_body(message, 12);
                let ours = attributes.get(RULE_PROTOCOL) == Some(&[PROTOCOL]);
                if let Some(mark) = attributes.get(RULE_MARK).map(native_u32).filter(|_| ours) {
                    rules.push(Self { mark });
                }
            },
        )?;
        Ok(rules)
    }

    pub fn add(&self, socket: &mut Socket, family: u8) -> Result<()> {
        self.change(socket, Kind::AddRule, family)
    }

    pub fn remove(&self, socket: &mut Socket, family: u8) -> Result<()> {
        self.change(socket, Kind::DeleteRule, family)
    }

    fn change(&self, socket: &mut Socket, kind: Kind, family: u8) -> Result<()> {
        let mut body = [0; 12];
        body[0] = family;
        body[7] = ACTION_TO_TABLE;
        let attributes = |writer: &mut Writer| {
            writer.attribute(RULE_MARK, &self.mark.to_ne_bytes());
            writer.attribute(RULE_MARK_MASK, &u32::MAX.to_ne_bytes());
            writer.attribute(RULE_TABLE, &self.mark.to_ne_bytes());
            writer.attribute(RULE_PRIORITY_ATTRIBUTE, &RULE_PRIORITY.to_ne_bytes());
            writer.attribute(RULE_PROTOCOL, &[PROTOCOL]);
        };
        request(socket, kind, &body, attributes, |_| {})
    }
}

pub fn family_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

pub fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

pub fn address(value: Option<&[u8]>) -> Option<IpAddr> {
    let value = value?;
    <[u8; 4]>::try_from(value)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from))
        .ok()
}

/// A number in the machine's order; 0 if there are not four bytes.
pub fn native_u32(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_ne_bytes)
}
