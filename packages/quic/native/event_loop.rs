//! The loop: commands in, timers, datagrams in, connections driven, datagrams out, events out. One thread per transport.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_udp::BATCH_SIZE;

use crate::commands::Command;
use crate::connection::{Connection, Phase, Turn};
use crate::events::Events;
use crate::ids::IdMap;
use crate::limits::{TIMER_TICK, TRANSMIT_ROUNDS};
use crate::port::Port;
use crate::sets::{Connections, Set};
use crate::shared::Shared;
use crate::waker::{Interest, wait};

/// A part of the receive buffer per datagram batch: the largest that GRO puts together.
pub(crate) const PART_BYTES: usize = 65536;

pub struct Loop {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ports: IdMap<u32, Box<Port>>,
    pub(crate) connections: Connections,
    pub(crate) sets: IdMap<u32, Set>,
    pub(crate) events: Events,
    pub(crate) timers: BinaryHeap<Reverse<(Instant, u32)>>,
    pub(crate) dirty: Vec<u32>,
    /// Connections with data that JavaScript was too busy to take.
    pub(crate) stalled: Vec<u32>,
    pub(crate) commands: Vec<Command>,
    pub(crate) now: Instant,
    /// Where the ticks of the timers are counted from.
    started: Instant,
    pub(crate) retry_handshakes: usize,
    pub(crate) closing: bool,
    pub(crate) receive_buffer: Vec<u8>,
    pub(crate) send_buffer: Vec<u8>,
    pub(crate) interests: Vec<Interest>,
    pub(crate) descriptors: Vec<libc::pollfd>,
    /// The ports behind `interests`, of which the first is the waker's.
    pub(crate) polled: Vec<u32>,
}

impl Loop {
    pub fn new(shared: Arc<Shared>, retry_handshakes: usize) -> Self {
        Self {
            shared,
            ports: IdMap::default(),
            connections: IdMap::default(),
            sets: IdMap::default(),
            events: Events::default(),
            timers: BinaryHeap::new(),
            dirty: Vec::new(),
            stalled: Vec::new(),
            commands: Vec::new(),
            now: Instant::now(),
            started: Instant::now(),
            retry_handshakes,
            closing: false,
            receive_buffer: vec![0; PART_BYTES * BATCH_SIZE],
            send_buffer: Vec::with_capacity(PART_BYTES),
            interests: Vec::new(),
            descriptors: Vec::new(),
            polled: Vec::new(),
        }
    }

    /// Runs until a shutdown is asked for and every peer has been told.
    pub fn run(&mut self) {
        loop {
            self.now = Instant::now();
            self.expire_timers();
            self.drive_dirty();
            self.shared.deliver(&mut self.events.batch);
            if self.closing && self.is_quiet() {
                return;
            }
            self.wait();
            self.now = Instant::now();
            // First: a renewed certificate counts for a client that knocks afterwards.
            self.take_commands();
            self.receive();
        }
    }

    /// Whether nobody waits for anything any more; connections that only drain do not count.
    fn is_quiet(&self) -> bool {
        self.dirty.is_empty()
            && self
                .connections
                .values()
                .all(|connection| connection.phase == Phase::Over)
            && self.ports.values().all(|port| !port.is_blocked())
    }

    fn wait(&mut self) {
        self.polled.clear();
        self.polled.extend(self.ports.keys());
        self.interests.clear();
        self.interests.push(Interest {
            descriptor: self.shared.waker.descriptor(),
            writable: false,
            ready: false,
        });
        self.interests
            .extend(self.ports.values().map(|port| Interest {
                descriptor: port.descriptor(),
                writable: port.is_blocked(),
                ready: false,
            }));
        // In this order: what comes after the loop has said that it sleeps wakes it.
        let no_commands = self.shared.fall_asleep();
        let nothing_to_read = self.stalled.is_empty() || !self.shared.may_read();
        let may_sleep = no_commands && nothing_to_read;
        let timeout = if may_sleep && self.dirty.is_empty() {
            self.timers
                .peek()
                .map(|Reverse((time, _))| time.saturating_duration_since(Instant::now()))
        } else {
            Some(Duration::ZERO)
        };
        wait(&mut self.interests, &mut self.descriptors, timeout);
        self.shared.wake_up();
        if self.interests[0].ready {
            self.shared.waker.clear();
        }
        if self.shared.may_read() {
            for id in std::mem::take(&mut self.stalled) {
                self.mark(id);
            }
        }
    }

    pub(crate) fn mark(&mut self, id: u32) {
        if let Some(connection) = self.connections.get_mut(&id) {
            mark(&mut self.dirty, connection);
        }
    }

    fn expire_timers(&mut self) {
        while let Some(Reverse((time, id))) = self.timers.peek().copied() {
            if time > self.now {
                return;
            }
            self.timers.pop();
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            // Timers are not taken out of the queue when they change: only the newest counts.
            if connection.timer != Some(time) {
                continue;
            }
            connection.timer = None;
            // Most have been put off meanwhile by an acknowledgement: those must not cost a turn.
            if connection.next_timeout().is_some_and(|due| due <= self.now) {
                connection.handle_timeout(self.now);
                mark(&mut self.dirty, connection);
            } else {
                self.arm(id);
            }
        }
    }

    /// Puts a connection's next timer into the queue, unless an earlier one is there that will do so.
    fn arm(&mut self, id: u32) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(due) = connection.next_timeout() else {
            return;
        };
        let time = round_up(due, self.started);
        if connection.timer.is_none_or(|known| time < known) {
            connection.timer = Some(time);
            self.timers.push(Reverse((time, id)));
        }
    }

    pub(crate) fn drive_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            self.drive(id);
        }
        // What was marked meanwhile has its turn after the next look at the sockets.
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    fn drive(&mut self, id: u32) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.dirty = false;
        let before = connection.phase;
        let mut turn = turn(&mut self.events, &self.shared, self.now);
        connection.drive(&mut turn);
        for (set, group) in std::mem::take(&mut turn.stopped) {
            if let Some(set) = self.sets.get_mut(&set) {
                set.forget_group(id, group);
            }
        }
        for set in std::mem::take(&mut connection.missed_in) {
            if !self
                .sets
                .get_mut(&set)
                .is_none_or(|set| set.tell_drained(connection, &mut turn))
            {
                connection.missed_in.push(set);
            }
        }
        if !connection.readable.is_empty() && connection.phase != Phase::Over {
            self.stalled.push(id);
        }
        if before != connection.phase {
            self.phase_changed(id, before);
        }
        self.transmit(id);
        self.finish_turn(id);
    }

    pub(crate) fn phase_changed(&mut self, id: u32, before: Phase) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if before == Phase::Handshake
            && let Some(port) = self.ports.get_mut(&connection.port)
        {
            port.handshakes = port.handshakes.saturating_sub(1);
        }
        if connection.phase == Phase::Over || matches!(connection.phase, Phase::Lingering(_)) {
            for set in std::mem::take(&mut connection.sets) {
                if let Some(set) = self.sets.get_mut(&set) {
                    set.lose(id);
                }
            }
        }
    }

    fn transmit(&mut self, id: u32) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(port) = self.ports.get_mut(&connection.port) else {
            return;
        };
        for round in 0.. {
            if port.is_blocked() {
                port.blocked.push(id);
                return;
            }
            if round == TRANSMIT_ROUNDS {
                return mark(&mut self.dirty, connection);
            }
            self.send_buffer.clear();
            let segments = port.segments_max();
            let Some(transmit) =
                connection
                    .quic
                    .poll_transmit(self.now, segments, &mut self.send_buffer)
            else {
                return;
            };
            port.send(transmit, &self.send_buffer, &self.shared.statistics);
        }
    }

    /// Endpoint events, timer, and the end of a connection that has drained.
    fn finish_turn(&mut self, id: u32) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(port) = self.ports.get_mut(&connection.port) else {
            return;
        };
        let mut drained = false;
        while let Some(event) = connection.quic.poll_endpoint_events() {
            drained |= event.is_drained();
            if let Some(event) = port.endpoint.handle_event(connection.handle, event) {
                connection.quic.handle_event(event);
                mark(&mut self.dirty, connection);
            }
        }
        if drained {
            let handle = connection.handle;
            port.connections.remove(&handle.0);
            let port = connection.port;
            self.connections.remove(&id);
            return self.close_port_if_over(port);
        }
        self.arm(id);
    }

    pub(crate) fn close_port_if_over(&mut self, id: u32) {
        if self
            .ports
            .get(&id)
            .is_some_and(|port| port.is_over() && !port.is_blocked())
        {
            self.ports.remove(&id);
        }
    }
}

/// The next tick of the loop's timers, so that those of many connections are over in one wake-up.
fn round_up(time: Instant, started: Instant) -> Instant {
    let tick = TIMER_TICK.as_nanos() as u64;
    let since = time.saturating_duration_since(started).as_nanos() as u64;
    started + Duration::from_nanos(since.div_ceil(tick) * tick)
}

pub(crate) fn turn<'a>(events: &'a mut Events, shared: &'a Shared, now: Instant) -> Turn<'a> {
    Turn {
        events,
        shared,
        now,
        stopped: Vec::new(),
    }
}

pub(crate) fn mark(dirty: &mut Vec<u32>, connection: &mut Connection) {
    if !connection.dirty {
        connection.dirty = true;
        dirty.push(connection.id);
    }
}
