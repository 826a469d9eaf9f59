//! One thread that carries many connections over a few sockets: quinn-proto does the protocol, this does the I/O.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Endpoint, EndpointConfig, Event,
};

use crate::socket::{Datagram, ReceiveBuffer, Socket};

/// System calls per socket and turn, so that one busy socket does not starve the others.
const RECEIVE_ROUNDS: usize = 8;
/// Packets per connection and turn, for the same reason.
const TRANSMITS_PER_TURN: usize = 64;

pub struct Driver {
    endpoint: Endpoint,
    sockets: Vec<Socket>,
    connections: Vec<Option<Slot>>,
    /// Connections that have something to do, each once.
    dirty: Vec<usize>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    buffer: ReceiveBuffer,
    transmit: Vec<u8>,
}

struct Slot {
    connection: Connection,
    socket: usize,
    is_dirty: bool,
    /// The earliest entry of this connection among the timers.
    timer: Option<Instant>,
}

impl Driver {
    /// `sockets` sockets towards `peer`.
    pub fn new(peer: SocketAddr, sockets: usize) -> Result<Self, String> {
        let sockets = (0..sockets)
            .map(|_| {
                Socket::bind(peer).map_err(|error| format!("no socket towards {peer}: {error}"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            endpoint: Endpoint::new(Arc::new(EndpointConfig::default()), None, true, None),
            sockets,
            connections: Vec::new(),
            dirty: Vec::new(),
            timers: BinaryHeap::new(),
            buffer: ReceiveBuffer::default(),
            transmit: Vec::new(),
        })
    }

    /// Starts a connection on socket `socket` and returns its number; numbers count from 0.
    pub fn connect(
        &mut self,
        config: ClientConfig,
        peer: SocketAddr,
        server_name: &str,
        socket: usize,
    ) -> Result<usize, String> {
        let (handle, connection) = self
            .endpoint
            .connect(Instant::now(), config, peer, server_name)
            .map_err(|error| format!("no connection to {peer}: {error}"))?;
        let slot = Slot {
            connection,
            socket,
            is_dirty: false,
            timer: None,
        };
        if self.connections.len() <= handle.0 {
            self.connections.resize_with(handle.0 + 1, || None);
        }
        self.connections[handle.0] = Some(slot);
        self.mark(handle.0);
        Ok(handle.0)
    }

    /// The connection, if it still exists; it is driven in the next turn.
    pub fn connection(&mut self, number: usize) -> Option<&mut Connection> {
        self.mark(number);
        self.connections
            .get_mut(number)?
            .as_mut()
            .map(|slot| &mut slot.connection)
    }

    /// Waits for something to do, until `deadline` at the latest, and does it; `on_event` gets what connections say.
    pub fn turn(
        &mut self,
        deadline: Instant,
        on_event: &mut impl FnMut(usize, &mut Connection, Event) -> Result<(), String>,
    ) -> Result<(), String> {
        self.drive_dirty(on_event)?;
        self.wait(deadline)?;
        for socket in 0..self.sockets.len() {
            self.sockets[socket].flush();
            self.receive(socket);
        }
        self.expire();
        self.drive_dirty(on_event)
    }

    fn wait(&self, deadline: Instant) -> Result<(), String> {
        let now = Instant::now();
        let timer = self
            .timers
            .peek()
            .map_or(deadline, |Reverse((at, _))| deadline.min(*at));
        let left = if self.dirty.is_empty() {
            timer.saturating_duration_since(now)
        } else {
            Duration::ZERO
        };
        let mut descriptors: Vec<libc::pollfd> = self.sockets.iter().map(interest).collect();
        // poll counts in whole ms: round up, or the last fraction becomes a busy loop.
        let timeout = left.as_micros().div_ceil(1000).min(1000) as i32;
        // SAFETY: the pointer and the length are those of a live vector of pollfd.
        let ready = unsafe {
            libc::poll(
                descriptors.as_mut_ptr(),
                descriptors.len() as libc::nfds_t,
                timeout,
            )
        };
        let error = std::io::Error::last_os_error();
        match ready < 0 && error.kind() != std::io::ErrorKind::Interrupted {
            true => Err(format!("poll fails: {error}")),
            false => Ok(()),
        }
    }

    fn receive(&mut self, socket: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut datagrams = Vec::new();
        self.sockets[socket].receive(&mut buffer, RECEIVE_ROUNDS, |datagram| {
            datagrams.push(datagram)
        });
        self.buffer = buffer;
        let now = Instant::now();
        for datagram in datagrams {
            self.handle(datagram, now);
        }
    }

    fn handle(&mut self, datagram: Datagram, now: Instant) {
        let Datagram {
            from,
            local_ip,
            ecn,
            bytes,
        } = datagram;
        self.transmit.clear();
        let event = self
            .endpoint
            .handle(now, from, local_ip, ecn, bytes, &mut self.transmit);
        // A client has nothing to accept, and no stateless answers worth sending.
        if let Some(DatagramEvent::ConnectionEvent(handle, event)) = event
            && let Some(Some(slot)) = self.connections.get_mut(handle.0)
        {
            slot.connection.handle_event(event);
            self.mark(handle.0);
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, number))) = self.timers.peek().copied() {
            if at > now {
                return;
            }
            self.timers.pop();
            let Some(Some(slot)) = self.connections.get_mut(number) else {
                continue;
            };
            if slot.timer == Some(at) {
                slot.timer = None;
                slot.connection.handle_timeout(now);
                self.mark(number);
            }
        }
    }

    fn mark(&mut self, number: usize) {
        if let Some(Some(slot)) = self.connections.get_mut(number)
            && !std::mem::replace(&mut slot.is_dirty, true)
        {
            self.dirty.push(number);
        }
    }

    fn drive_dirty(
        &mut self,
        on_event: &mut impl FnMut(usize, &mut Connection, Event) -> Result<(), String>,
    ) -> Result<(), String> {
        for number in std::mem::take(&mut self.dirty) {
            let Some(mut slot) = self.connections[number].take() else {
                continue;
            };
            slot.is_dirty = false;
            let drained = self.drive(number, &mut slot, on_event)?;
            if !drained {
                self.connections[number] = Some(slot);
            }
        }
        Ok(())
    }

    /// Events first, so that what they write leaves at once; returns whether the connection is over.
    fn drive(
        &mut self,
        number: usize,
        slot: &mut Slot,
        on_event: &mut impl FnMut(usize, &mut Connection, Event) -> Result<(), String>,
    ) -> Result<bool, String> {
        while let Some(event) = slot.connection.poll() {
            on_event(number, &mut slot.connection, event)?;
        }
        let now = Instant::now();
        let socket = &mut self.sockets[slot.socket];
        let segments = socket.max_segments();
        for sent in 0.. {
            if sent == TRANSMITS_PER_TURN {
                slot.is_dirty = true;
                self.dirty.push(number);
                break;
            }
            self.transmit.clear();
            let Some(transmit) = slot
                .connection
                .poll_transmit(now, segments, &mut self.transmit)
            else {
                break;
            };
            let size = transmit.size;
            socket.send(transmit, &self.transmit[..size]);
        }
        let mut drained = false;
        while let Some(event) = slot.connection.poll_endpoint_events() {
            drained |= event.is_drained();
            if let Some(event) = self.endpoint.handle_event(ConnectionHandle(number), event) {
                slot.connection.handle_event(event);
            }
        }
        self.arm(number, slot);
        Ok(drained)
    }

    fn arm(&mut self, number: usize, slot: &mut Slot) {
        if let Some(at) = slot.connection.poll_timeout()
            && slot.timer.is_none_or(|armed| at < armed)
        {
            slot.timer = Some(at);
            self.timers.push(Reverse((at, number)));
        }
    }
}

fn interest(socket: &Socket) -> libc::pollfd {
    let events = if socket.wants_to_write() {
        libc::POLLIN | libc::POLLOUT
    } else {
        libc::POLLIN
    };
    libc::pollfd {
        fd: socket.descriptor(),
        events,
        revents: 0,
    }
}
