//! The native half of @higgins/quic: raw QUIC and WebTransport on one UDP port, in a thread of its own.
//!
//! `addon` is what JavaScript calls, `event_loop` what runs in the thread; `shared` is what lies between them.
#![deny(unsafe_op_in_unsafe_fn)]

mod addon;
mod closing;
mod commands;
mod config;
mod connection;
mod counted;
mod event_loop;
mod events;
mod execution;
mod failure;
mod heads;
mod ids;
mod limits;
mod options;
mod port;
mod reading;
mod receiving;
mod session;
mod sets;
mod shared;
mod streams;
mod tls;
mod verifiers;
mod waker;
mod webtransport;
