//! Direct server return in XDP: loads the program of `bpf/`, keeps its tables, attaches it for good.
//!
//! Layers, lowest first: `layout` and `key` (what the program reads), `array` and `grace` (how it is told), `devices`,
//! `pins` (what outlives the process), `image` (a program with its tables), `balancer` (from one desired state to the next).

mod array;
pub mod balancer;
mod binding;
pub mod devices;
mod grace;
mod image;
pub mod key;
mod layout;
mod pins;
mod program;
pub mod service;
