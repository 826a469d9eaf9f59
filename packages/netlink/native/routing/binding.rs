//! What JavaScript sees of routing: functions that answer at once.

use std::net::IpAddr;

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use super::{MarkedRoute, links, marked_routes, neighbours, way_to};
use crate::binding::Failure;
use crate::error::{NetlinkError, Result};

#[napi(object)]
pub struct NativeLink {
    pub index: u32,
    pub name: String,
    pub ethernet: bool,
    pub up: bool,
    pub mac: Uint8Array,
}

#[napi(object)]
pub struct NativeWay {
    pub device: u32,
    pub gateway: Option<String>,
    pub source: Option<String>,
    pub local: bool,
}

#[napi(object)]
pub struct NativeNeighbour {
    pub device: u32,
    pub address: String,
    pub mac: Uint8Array,
}

#[napi(object)]
pub struct NativeMarkedRoute {
    pub family: u8,
    pub mark: u32,
    pub device: u32,
    pub gateway: String,
}

/// The answer to any call: a failure, or what was asked for.
#[napi(object)]
#[derive(Default)]
pub struct RoutingAnswer {
    pub failure: Option<Failure>,
    pub links: Option<Vec<NativeLink>>,
    pub way: Option<NativeWay>,
    pub neighbours: Option<Vec<NativeNeighbour>>,
    pub routes: Option<Vec<NativeMarkedRoute>>,
}

#[napi]
pub fn routing_links() -> RoutingAnswer {
    answer(links().map(|all| RoutingAnswer {
        links: Some(all.into_iter().map(link_of).collect()),
        ..RoutingAnswer::default()
    }))
}

#[napi]
pub fn routing_way_to(address: String) -> RoutingAnswer {
    answer(parse(&address).and_then(way_to).map(|way| RoutingAnswer {
        way: way.map(|way| NativeWay {
            device: way.device,
            gateway: way.gateway.map(|address| address.to_string()),
            source: way.source.map(|address| address.to_string()),
            local: way.local,
        }),
        ..RoutingAnswer::default()
    }))
}

#[napi]
pub fn routing_neighbours() -> RoutingAnswer {
    answer(neighbours().map(|all| {
        RoutingAnswer {
            neighbours: Some(
                all.into_iter()
                    .map(|neighbour| NativeNeighbour {
                        device: neighbour.device,
                        address: neighbour.address.to_string(),
                        mac: neighbour.mac.into(),
                    })
                    .collect(),
            ),
            ..RoutingAnswer::default()
        }
    }))
}

#[napi]
pub fn routing_marked_routes() -> RoutingAnswer {
    answer(marked_routes().map(|all| {
        RoutingAnswer {
            routes: Some(
                all.into_iter()
                    .map(|route| NativeMarkedRoute {
                        family: if route.family == libc::AF_INET as u8 {
                            4
                        } else {
                            6
                        },
                        mark: route.mark,
                        device: route.device,
                        gateway: route.gateway.to_string(),
                    })
                    .collect(),
            ),
            ..RoutingAnswer::default()
        }
    }))
}

#[napi]
pub fn routing_add_marked_route(route: NativeMarkedRoute) -> RoutingAnswer {
    let added = parse(&route.gateway).and_then(|gateway| {
        super::add_marked_route(&MarkedRoute {
            family: kernel_family(route.family),
            mark: route.mark,
            device: route.device,
            gateway,
        })
    });
    answer(added.map(|()| RoutingAnswer::default()))
}

#[napi]
pub fn routing_remove_marked_route(family: u8, mark: u32) -> RoutingAnswer {
    let removed = super::remove_marked_route(kernel_family(family), mark);
    answer(removed.map(|()| RoutingAnswer::default()))
}

fn link_of(link: super::Link) -> NativeLink {
    NativeLink {
        index: link.index,
        name: link.name,
        ethernet: link.ethernet,
        up: link.up,
        mac: link.mac.into(),
    }
}

fn kernel_family(family: u8) -> u8 {
    (if family == 4 {
        libc::AF_INET
    } else {
        libc::AF_INET6
    }) as u8
}

fn parse(address: &str) -> Result<IpAddr> {
    address.parse().map_err(|_| {
        NetlinkError::new(
            libc::EINVAL,
            format!("address {address:?}: expected IPv4 or IPv6"),
        )
    })
}

fn answer(result: Result<RoutingAnswer>) -> RoutingAnswer {
    result.unwrap_or_else(|error| RoutingAnswer {
        failure: Some(Failure {
            errno: error.errno,
            operation: error.operation,
            message: error.message,
        }),
        ..RoutingAnswer::default()
    })
}
