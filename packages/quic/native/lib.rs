//! The native half of @higgins/quic: raw QUIC and WebTransport on one UDP port, in a thread of its own.
//!
//! `addon` is what JavaScript calls, `event_loop` what runs in the thread; `shared` is what lies between them.
#![deny(unsafe_op_in_unsafe_fn)]

mod addon;
mod commands;
mod config;
mod connection;
mod counted;
mod event_loop;
mod events;
mod failure;
mod ids;
mod limits;
mod port;
mod session;
mod sets;
mod shared;
mod streams;
mod tls;
mod waker;
mod webtransport;
