//! The native half of @higgins/netlink: nf_tables and conntrack over raw netlink sockets, and direct server return in XDP.
//!
//! Layers, lowest first: `clock`, `message` (bytes of netlink messages), `socket` (one kernel socket), `elements`,
//! `batch`, `snapshot`, `structure`, `counters` and `conntrack` (what is said over it; `routing` to rtnetlink), `binding` (what JavaScript sees).

pub mod batch;
mod binding;
mod clock;
pub mod conntrack;
pub mod counters;
pub mod elements;
pub mod error;
pub mod message;
pub mod routing;
pub mod snapshot;
pub mod socket;
pub mod structure;
pub mod xdp;
