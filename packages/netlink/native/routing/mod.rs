//! Routing of the namespace: devices, neighbours, the way to an address, and routes for packets with a mark.

#[cfg(not(test))]
mod binding;
mod messages;

use std::collections::HashMap;
use std::net::IpAddr;

use crate::error::{NetlinkError, Result};
use crate::message::{Attributes, text};
use crate::socket::Socket;
use messages::{
    Kind, Rule, address, address_bytes, family_of, is_route, native_u32, read_body, request,
};

const LINK_MAC: u16 = 1;
const LINK_NAME: u16 = 3;
const LINK_UP: u32 = 1;
const NEIGHBOUR_ADDRESS: u16 = 1;
const NEIGHBOUR_MAC: u16 = 2;
/// States in which the MAC address is known: reachable, stale, delay, probe, noarp and permanent.
const NEIGHBOUR_KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;
const ROUTE_DESTINATION: u16 = 1;
const ROUTE_DEVICE: u16 = 4;
const ROUTE_GATEWAY: u16 = 5;
const ROUTE_SOURCE: u16 = 7;
const ROUTE_TABLE: u16 = 15;
/// RTN_UNICAST and RTN_LOCAL.
const TYPE_UNICAST: u8 = 1;
const TYPE_LOCAL: u8 = 2;

/// A network device.
pub struct Link {
    pub index: u32,
    pub name: String,
    /// Whether it carries Ethernet frames (ARPHRD_ETHER).
    pub ethernet: bool,
    pub up: bool,
    pub mac: Vec<u8>,
}

/// How packets to an address leave.
pub struct Way {
    pub device: u32,
    pub gateway: Option<IpAddr>,
    /// The node's own address on that way.
    pub source: Option<IpAddr>,
    pub local: bool,
}

/// A neighbour whose MAC address is known.
pub struct Neighbour {
    pub device: u32,
    pub address: IpAddr,
    pub mac: Vec<u8>,
}

/// A routing table of its own for packets with a mark: its number is the mark's, and its one route is this.
#[derive(Clone, PartialEq, Eq)]
pub struct MarkedRoute {
    pub family: u8,
    pub mark: u32,
    pub device: u32,
    pub gateway: IpAddr,
}

fn open() -> Result<Socket> {
    Socket::open_protocol(libc::NETLINK_ROUTE, None)
}

pub fn links() -> Result<Vec<Link>> {
    let mut links = Vec::new();
    request(
        &mut open()?,
        Kind::GetLinks,
        &[0; 16],
        |_| {},
        |message| {
            let (body, attributes) = read_body(message, 16);
            links.push(Link {
                index: native_u32(&body[4..8]),
                name: attributes.get(LINK_NAME).map(text).unwrap_or_default(),
                ethernet: u16::from_ne_bytes([body[2], body[3]]) == libc::ARPHRD_ETHER,
                up: native_u32(&body[8..12]) & LINK_UP != 0,
                mac: attributes.get(LINK_MAC).unwrap_or(&[]).to_vec(),
            });
        },
    )?;
    Ok(links)
}

/// None if there is no way.
pub fn way_to(destination: IpAddr) -> Result<Option<Way>> {
    let bytes = address_bytes(destination);
    let mut body = [0; 12];
    body[0] = family_of(destination);
    body[1] = bytes.len() as u8 * 8;
    let mut way = None;
    let answer = request(
        &mut open()?,
        Kind::GetRoute,
        &body,
        |writer| writer.attribute(ROUTE_DESTINATION, &bytes),
        |message| {
            let (body, attributes) = read_body(message, 12);
            let kind = body[7];
            if kind == TYPE_UNICAST || kind == TYPE_LOCAL {
                way = Some(Way {
                    device: attributes.get(ROUTE_DEVICE).map_or(0, native_u32),
                    gateway: address(attributes.get(ROUTE_GATEWAY)),
                    source: address(attributes.get(ROUTE_SOURCE)),
                    local: kind == TYPE_LOCAL,
                });
            }
        },
    );
    match answer {
        Err(error)
            if [
                libc::ENETUNREACH,
                libc::EHOSTUNREACH,
                libc::EACCES,
                libc::EINVAL,
            ]
            .contains(&error.errno) =>
        {
            Ok(None)
        }
        other => other.map(|()| way),
    }
}

pub fn neighbours() -> Result<Vec<Neighbour>> {
    let mut neighbours = Vec::new();
    request(
        &mut open()?,
        Kind::GetNeighbours,
        &[0; 12],
        |_| {},
        |message| {
            let (body, attributes) = read_body(message, 12);
            let state = u16::from_ne_bytes([body[8], body[9]]);
            let mac = attributes.get(NEIGHBOUR_MAC).unwrap_or(&[]);
            if let Some(address) = address(attributes.get(NEIGHBOUR_ADDRESS))
                && state & NEIGHBOUR_KNOWN != 0
                && mac.len() == 6
            {
                neighbours.push(Neighbour {
                    device: native_u32(&body[4..8]),
                    address,
                    mac: mac.to_vec(),
                });
            }
        },
    )?;
    Ok(neighbours)
}

/// Marked routes of ours that are whole: rule and route.
pub fn marked_routes() -> Result<Vec<MarkedRoute>> {
    let mut socket = open()?;
    let mut found = Vec::new();
    for family in [libc::AF_INET as u8, libc::AF_INET6 as u8] {
        let routes = routes_of(&mut socket, family)?;
        for rule in Rule::all(&mut socket, family)? {
            if let Some(route) = routes.get(&rule.mark) {
                found.push(route.clone());
            }
        }
    }
    Ok(found)
}

/// Brings the route about, then the rule that leads to it; what is there already is replaced.
pub fn add_marked_route(route: &MarkedRoute) -> Result<()> {
    let mut socket = open()?;
    let bytes = address_bytes(route.gateway);
    request(
        &mut socket,
        Kind::ReplaceRoute,
        &messages::route_body(route.family),
        |writer| {
            writer.attribute(ROUTE_TABLE, &route.mark.to_ne_bytes());
            writer.attribute(ROUTE_DEVICE, &route.device.to_ne_bytes());
            writer.attribute(ROUTE_GATEWAY, &bytes);
        },
        |_| {},
    )?;
    let rule = Rule { mark: route.mark };
    match rule.add(&mut socket, route.family) {
        Err(error) if error.errno == libc::EEXIST => Ok(()),
        other => other,
    }
}

/// Takes away rule and route of a mark; what is not there is no error.
pub fn remove_marked_route(family: u8, mark: u32) -> Result<()> {
    let mut socket = open()?;
    absent_is_fine(Rule { mark }.remove(&mut socket, family))?;
    absent_is_fine(request(
        &mut socket,
        Kind::DeleteRoute,
        &messages::route_body(family),
        |writer| writer.attribute(ROUTE_TABLE, &mark.to_ne_bytes()),
        |_| {},
    ))
}

/// Our routes by table.
fn routes_of(socket: &mut Socket, family: u8) -> Result<HashMap<u32, MarkedRoute>> {
    let mut body = [0; 12];
    body[0] = family;
    let mut routes = HashMap::new();
    request(
        socket,
        Kind::GetRoutes,
        &body,
        |_| {},
        |message| {
            let (body, attributes) = read_body(message, 12);
            if let Some(route) = marked_route(&body, &attributes).filter(|_| is_route(message)) {
                routes.insert(route.mark, route);
            }
        },
    )?;
    Ok(routes)
}

fn marked_route(body: &[u8], attributes: &Attributes) -> Option<MarkedRoute> {
    if body[5] != messages::PROTOCOL {
        return None;
    }
    Some(MarkedRoute {
        family: body[0],
        mark: native_u32(attributes.get(ROUTE_TABLE)?),
        device: native_u32(attributes.get(ROUTE_DEVICE)?),
        gateway: address(attributes.get(ROUTE_GATEWAY))?,
    })
}

fn absent_is_fine(result: Result<()>) -> Result<()> {
    match result {
        Err(NetlinkError { errno, .. }) if [libc::ENOENT, libc::ESRCH].contains(&errno) => Ok(()),
        other => other,
    }
}
