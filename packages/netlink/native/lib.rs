//! The native half of @higgins/netlink: nf_tables and conntrack over raw netlink sockets, direct server return in XDP, and
//! probes of its members over packet sockets.
//!
//! Layers, lowest first: `clock`, `message` (bytes of netlink messages), `socket` (one kernel socket), `elements`,
//! `batch`, `snapshot`, `structure`, `counters` and `conntrack` (what is said over it; `routing` to rtnetlink), `binding`
//! (what JavaScript sees). `xdp` and `probe` stand beside them.

pub mod batch;
mod binding;
mod clock;
pub mod conntrack;
pub mod counters;
pub mod elements;
pub mod error;
pub mod message;
pub mod probe;
pub mod routing;
pub mod snapshot;
pub mod socket;
pub mod structure;
pub mod xdp;
