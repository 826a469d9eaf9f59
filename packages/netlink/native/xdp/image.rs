//! A loaded program with its tables.
//!
//! Addresses and the room of each service are fixed when the program is loaded; what changes with health and weights goes
//! into the half of the service's room that no packet reads, and then one word leads there.

use std::collections::{HashMap, HashSet};

use aya::Ebpf;
use aya::maps::{DevMapHash, HashMap as BpfHashMap, Map, MapData, PerCpuArray};

use super::array::SharedArray;
use super::grace::Grace;
use super::layout::{
    BLOCK_SLOTS, Block, Counter, HOP_NEIGHBOUR, HOP_ROUTE, Member, REASONS, Table, Vip, VipTarget,
};
use super::program::{self, Sizes, failure};
use super::service::{Hop, Service};
use crate::error::{NetlinkError, Result};

/// Room that a service gets beyond its members of now, so that a few more need no other program.
const SPARE_MEMBERS: usize = 4;

/// Numbers and MAC addresses of the devices that services name.
pub type Devices = HashMap<String, (u32, [u8; 6])>;

pub struct Image {
    ebpf: Ebpf,
    pub vips: HashMap<Vip, VipTarget>,
    services: SharedArray<u32>,
    tables: SharedArray<Table>,
    blocks: SharedArray<Block>,
    members: SharedArray<Member>,
    counters: PerCpuArray<MapData, Counter>,
    reasons: PerCpuArray<MapData, u64>,
    devices: DevMapHash<MapData>,
    named: Devices,
    rooms: Vec<Room>,
}

/// What a service may use: two halves of blocks and members, and counters.
struct Room {
    first_block: usize,
    blocks: usize,
    first_member: usize,
    members: usize,
    first_counter: usize,
    /// Which half the packets read.
    half: usize,
    /// Since the last change of halves; until its end a packet may still read the other one.
    grace: Option<Grace>,
    current: Service,
    /// Counter of each member.
    counting: HashMap<String, usize>,
    /// What each counter had when its member got it.
    starts: Vec<Counter>,
}

impl Image {
    /// Loads a program for these services and fills its tables; nothing leads to it yet.
    pub fn new(services: &[Service], devices: &Devices) -> Result<Self> {
        let rooms = rooms_for(services);
        let (blocks, members, counters) = rooms.last().map_or((0, 0, 0), |room| {
            (
                room.first_block + 2 * room.blocks,
                room.first_member + 2 * room.members,
                room.first_counter + room.members,
            )
        });
        let vips = vips_of(services, devices)?;
        let sizes = Sizes {
            vips: vips.len() as u32,
            services: services.len() as u32,
            tables: 2 * services.len() as u32,
            blocks: blocks as u32,
            members: members as u32,
            counters: counters as u32,
        };
        let mut ebpf = program::load(&sizes)?;
        let mut image = Self {
            services: SharedArray::map(take(&mut ebpf, "services")?, services.len().max(1))?,
            tables: SharedArray::map(take(&mut ebpf, "tables")?, 2 * services.len().max(1))?,
            blocks: SharedArray::map(take(&mut ebpf, "blocks")?, blocks.max(1))?,
            members: SharedArray::map(take(&mut ebpf, "members")?, members.max(1))?,
            counters: typed(take(&mut ebpf, "counters")?)?,
            reasons: typed(take(&mut ebpf, "reasons")?)?,
            devices: typed(take(&mut ebpf, "devices")?)?,
            vips,
            named: devices.clone(),
            rooms,
            ebpf,
        };
        image.fill_vips()?;
        for (index, service) in services.iter().enumerate() {
            image.write(index, service, devices)?;
        }
        Ok(image)
    }

    pub fn program(&mut self) -> Result<&mut aya::programs::Xdp> {
        program::program(&mut self.ebpf)
    }

    pub fn program_id(&mut self) -> Result<u32> {
        let info = self.program()?.info();
        Ok(info
            .map_err(|error| failure("reading the XDP program", &error))?
            .id())
    }

    /// Whether the services differ from these in nothing but what `replace` can change.
    pub fn fits(&self, services: &[Service], devices: &Devices) -> bool {
        self.named == *devices
            && vips_of(services, devices).is_ok_and(|vips| vips == self.vips)
            && self.rooms.len() == services.len()
            && self.rooms.iter().zip(services).all(|(room, service)| {
                room.current.id == service.id
                    && service.slots.len().div_ceil(BLOCK_SLOTS) <= room.blocks
                    && service.members.len() <= room.members
            })
    }

    /// Brings in what is new; returns how many services changed. Each changes at once, one after the other.
    pub fn replace(&mut self, services: &[Service], devices: &Devices) -> Result<u32> {
        let changed: Vec<usize> = (0..services.len())
            .filter(|index| self.rooms[*index].current != services[*index])
            .collect();
        for index in &changed {
            let grace = self.rooms[*index].grace.take();
            if grace.is_some_and(|grace| !grace.wait()) {
                return Err(NetlinkError::new(
                    libc::EAGAIN,
                    "the kernel can't say whether a table is still read",
                ));
            }
            self.write(*index, &services[*index], devices)?;
        }
        if !changed.is_empty() {
            let grace = Grace::begin();
            for index in &changed {
                self.rooms[*index].grace = Some(grace.clone());
            }
        }
        Ok(changed.len() as u32)
    }

    /// Lets packets leave through these devices only.
    pub fn allow_devices(&mut self, devices: &[u32]) -> Result<()> {
        let context = "listing the devices that can send";
        let known: Vec<u32> = self
            .devices
            .keys()
            .filter_map(std::result::Result::ok)
            .collect();
        for device in devices.iter().filter(|device| !known.contains(device)) {
            let inserted = self.devices.insert(*device, *device, None, 0);
            inserted.map_err(|error| failure(context, &error))?;
        }
        for device in known.iter().filter(|device| !devices.contains(device)) {
            // A device that went away took its entry along.
            let _ = self.devices.remove(*device);
        }
        Ok(())
    }

    /// Packets and bytes of each member of each service, since the program was loaded.
    pub fn counters(&self) -> Result<Vec<(&str, &str, Counter)>> {
        let mut all = Vec::new();
        for room in &self.rooms {
            for member in &room.current.members {
                let counter = room.counting[&member.name];
                let (now, start) = (
                    self.counter(room.first_counter + counter)?,
                    room.starts[counter],
                );
                let count = Counter {
                    packets: now.packets - start.packets,
                    bytes: now.bytes - start.bytes,
                };
                all.push((room.current.id.as_str(), member.name.as_str(), count));
            }
        }
        Ok(all)
    }

    pub fn reasons(&self) -> Result<[u64; REASONS.len()]> {
        let mut counts = [0; REASONS.len()];
        for (index, count) in counts.iter_mut().enumerate() {
            let values = self.reasons.get(&(index as u32), 0);
            let values = values.map_err(|error| failure("reading counters", &error))?;
            *count = values.iter().sum();
        }
        Ok(counts)
    }

    /// What differs between the tables as they are and as they were written; empty if nothing does.
    pub fn differences(&self) -> Vec<String> {
        let rooms = self.rooms.iter().enumerate();
        rooms
            .filter(|(index, room)| !self.is_intact(*index, room))
            .map(|(_, room)| format!("XDP table of {} is not as it was written", room.current.id))
            .collect()
    }

    fn is_intact(&self, index: usize, room: &Room) -> bool {
        let table = self.tables.get(2 * index + room.half);
        let first = room.first_block + room.half * room.blocks;
        let slots = room.current.slots.iter().enumerate();
        self.services.get(index) == (2 * index + room.half) as u32
            && table.size as usize == room.current.slots.len()
            && table.first_block as usize == first
            && room
                .current
                .slots
                .chunks(BLOCK_SLOTS)
                .enumerate()
                .all(|(block, slots)| {
                    self.blocks.get(first + block).member[..slots.len()] == *slots
                })
            && slots.len() <= room.blocks * BLOCK_SLOTS
    }

    fn counter(&self, index: usize) -> Result<Counter> {
        let values = self.counters.get(&(index as u32), 0);
        let values = values.map_err(|error| failure("reading counters", &error))?;
        Ok(values
            .iter()
            .fold(Counter::default(), |sum, value| Counter {
                packets: sum.packets + value.packets,
                bytes: sum.bytes + value.bytes,
            }))
    }

    fn fill_vips(&mut self) -> Result<()> {
        let map = self.ebpf.map_mut("vips").ok_or_else(|| missing("vips"))?;
        let mut map: BpfHashMap<_, Vip, VipTarget> = map
            .try_into()
            .map_err(|error| failure("filling in addresses", &error))?;
        for (vip, target) in &self.vips {
            map.insert(vip, target, 0)
                .map_err(|error| failure("filling in addresses", &error))?;
        }
        Ok(())
    }

    /// Writes into the half that is not read, and leads the packets there.
    fn write(&mut self, index: usize, service: &Service, devices: &Devices) -> Result<()> {
        self.assign_counters(index, service)?;
        let room = &mut self.rooms[index];
        let half = 1 - room.half;
        let first_block = room.first_block + half * room.blocks;
        let first_member = room.first_member + half * room.members;
        for (at, member) in service.members.iter().enumerate() {
            let counter = room.first_counter + room.counting[&member.name];
            self.members.set(
                first_member + at,
                member_of(&member.hop, service.routed, counter, devices)?,
            );
        }
        for (block, slots) in service.slots.chunks(BLOCK_SLOTS).enumerate() {
            let mut member = [0; BLOCK_SLOTS];
            member[..slots.len()].copy_from_slice(slots);
            self.blocks.set(first_block + block, Block { member });
        }
        let table = Table {
            seed: service.seed,
            size: service.slots.len() as u32,
            first_block: first_block as u32,
            first_member: first_member as u32,
            members: service.members.len() as u32,
            key_bytes: service.key.bytes,
            source_mask: service.key.source_mask,
            pick: service.key.pick,
        };
        self.tables.set(2 * index + half, table);
        self.services.publish(index, (2 * index + half) as u32);
        room.half = half;
        room.current = service.clone();
        Ok(())
    }

    /// Members that stay keep their counters; new ones take those of members that left.
    fn assign_counters(&mut self, index: usize, service: &Service) -> Result<()> {
        let names: HashSet<&str> = service
            .members
            .iter()
            .map(|member| member.name.as_str())
            .collect();
        self.rooms[index]
            .counting
            .retain(|name, _| names.contains(name.as_str()));
        let taken: HashSet<usize> = self.rooms[index].counting.values().copied().collect();
        let mut free = (0..self.rooms[index].members).filter(|counter| !taken.contains(counter));
        for member in &service.members {
            if self.rooms[index].counting.contains_key(&member.name) {
                continue;
            }
            let counter = free.next().ok_or_else(|| missing("counter"))?;
            let start = self.counter(self.rooms[index].first_counter + counter)?;
            self.rooms[index].starts[counter] = start;
            self.rooms[index]
                .counting
                .insert(member.name.clone(), counter);
        }
        Ok(())
    }
}

fn rooms_for(services: &[Service]) -> Vec<Room> {
    let (mut first_block, mut first_member, mut first_counter) = (0, 0, 0);
    let mut rooms = Vec::with_capacity(services.len());
    for service in services {
        let room = Room {
            first_block,
            blocks: service.slots.len().div_ceil(BLOCK_SLOTS).max(1),
            first_member,
            members: service.members.len() + SPARE_MEMBERS,
            first_counter,
            half: 1,
            grace: None,
            current: service.clone(),
            counting: HashMap::new(),
            starts: vec![Counter::default(); service.members.len() + SPARE_MEMBERS],
        };
        first_block += 2 * room.blocks;
        first_member += 2 * room.members;
        first_counter += room.members;
        rooms.push(room);
    }
    rooms
}

fn vips_of(services: &[Service], devices: &Devices) -> Result<HashMap<Vip, VipTarget>> {
    let mut vips = HashMap::new();
    for (index, service) in services.iter().enumerate() {
        for name in &service.devices {
            let (device, mac) = device_of(name, devices)?;
            for address in &service.addresses {
                let vip = Vip {
                    address: *address,
                    device,
                    port: service.port.to_be_bytes(),
                    protocol: service.protocol,
                    family: service.family,
                };
                let target = VipTarget {
                    service: index as u32,
                    mac,
                    unused: 0,
                };
                if vips
                    .insert(vip, target)
                    .is_some_and(|other| other != target)
                {
                    let message = format!(
                        "{}: another service has the same address, port and device",
                        service.id
                    );
                    return Err(NetlinkError::new(libc::EEXIST, message));
                }
            }
        }
    }
    Ok(vips)
}

fn member_of(hop: &Hop, routed: bool, counter: usize, devices: &Devices) -> Result<Member> {
    let member = Member {
        counter: counter as u32,
        routed: routed.into(),
        ..Member::default()
    };
    Ok(match hop {
        Hop::Route(address) => Member {
            hop: HOP_ROUTE,
            address: *address,
            ..member
        },
        Hop::Neighbour { device, mac } => {
            let (device, source) = device_of(device, devices)?;
            Member {
                hop: HOP_NEIGHBOUR,
                device,
                destination: *mac,
                source,
                ..member
            }
        }
    })
}

fn device_of(name: &str, devices: &Devices) -> Result<(u32, [u8; 6])> {
    let message = || NetlinkError::new(libc::ENODEV, format!("device {name} is not there"));
    devices.get(name).copied().ok_or_else(message)
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name).ok_or_else(|| missing(name))
}

fn typed<T: TryFrom<Map, Error = aya::maps::MapError>>(map: Map) -> Result<T> {
    map.try_into()
        .map_err(|error| failure("opening a map", &error))
}

fn missing(name: &str) -> NetlinkError {
    NetlinkError::malformed(&format!("the XDP program has no {name}"))
}
