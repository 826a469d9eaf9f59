//! What the XDP program and the loader share, byte for byte: the structures of `bpf/balancer.h`.

use aya::Pod;

pub const BLOCK_SLOTS: usize = 64;
pub const KEY_WORDS: usize = 12;
pub const HOP_NEIGHBOUR: u8 = 0;
pub const HOP_ROUTE: u8 = 1;
/// Reasons why a packet of a service was left to the kernel, in the order of `enum reason`.
pub const REASONS: [&str; 5] = ["nobody", "route", "device", "fragment", "ttl"];

/// A virtual address of a service on one device; address and port as in the packet.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Vip {
    pub address: [u8; 16],
    pub device: u32,
    pub port: [u8; 2],
    pub protocol: u8,
    pub family: u8,
}

#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct VipTarget {
    pub service: u32,
    pub mac: [u8; 6],
    pub unused: u16,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Table {
    pub seed: u32,
    pub size: u32,
    pub first_block: u32,
    pub first_member: u32,
    pub members: u32,
    pub key_bytes: u32,
    pub source_mask: [u8; 16],
    pub pick: [u8; KEY_WORDS],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Block {
    pub member: [u16; BLOCK_SLOTS],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Member {
    pub address: [u8; 16],
    pub device: u32,
    pub counter: u32,
    pub destination: [u8; 6],
    pub source: [u8; 6],
    pub hop: u8,
    pub routed: u8,
    pub unused: u16,
}

#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
}

// SAFETY: plain numbers in C's layout, without padding.
unsafe impl Pod for Vip {}
// SAFETY: as above.
unsafe impl Pod for VipTarget {}
// SAFETY: as above.
unsafe impl Pod for Counter {}
