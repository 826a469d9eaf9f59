//! What the program is to do.

use super::key::Key;
use crate::error::{NetlinkError, Result};

/// Services of one program; one word each in the kernel.
const SERVICES_MAX: usize = 65_536;
/// Slots of one service: above the largest Maglev table.
const SLOTS_MAX: usize = 1 << 20;
/// Members of one service, as slots are 16 bits wide and one value is nobody.
const MEMBERS_MAX: usize = 0xffff;
/// Addresses of all services, times their devices: about 100 bytes each in the kernel.
const VIPS_MAX: usize = 1 << 20;

/// A listener in one address family.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub id: String,
    pub family: u8,
    pub protocol: u8,
    pub port: u16,
    pub devices: Vec<String>,
    /// Padded with zeros to 16 bytes.
    pub addresses: Vec<[u8; 16]>,
    pub seed: u32,
    pub key: Key,
    /// Whether the hop to the member counts in the packet's TTL.
    pub routed: bool,
    pub members: Vec<Member>,
    /// Index of a member per slot; without slots, nobody serves.
    pub slots: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub name: String,
    pub hop: Hop,
}

/// How a packet reaches a member.
#[derive(Debug, Clone, PartialEq)]
pub enum Hop {
    /// Through a device, to this MAC address.
    Neighbour { device: String, mac: [u8; 6] },
    /// As the kernel's routing has it at that moment, towards this address.
    Route([u8; 16]),
}

/// Refuses what the kernel's tables can't hold; the caller is a program, so this says what is wrong, not where.
pub fn check(services: &[Service]) -> Result<()> {
    limit("services", services.len(), SERVICES_MAX)?;
    let vips = services
        .iter()
        .map(|service| service.addresses.len() * service.devices.len());
    limit("addresses times devices", vips.sum(), VIPS_MAX)?;
    for service in services {
        let id = &service.id;
        limit(&format!("slots of {id}"), service.slots.len(), SLOTS_MAX)?;
        limit(
            &format!("members of {id}"),
            service.members.len(),
            MEMBERS_MAX,
        )?;
        let members = service.members.len();
        if service
            .slots
            .iter()
            .any(|slot| usize::from(*slot) >= members)
        {
            return refused(format!("slots of {id}: expected indices below {members}"));
        }
    }
    Ok(())
}

fn limit(what: &str, count: usize, max: usize) -> Result<()> {
    if count <= max {
        return Ok(());
    }
    refused(format!("{what}: {count}, expected at most {max}"))
}

fn refused(message: String) -> Result<()> {
    Err(NetlinkError::new(libc::EINVAL, message))
}
