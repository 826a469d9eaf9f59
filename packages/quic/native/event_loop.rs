//! The loop: commands in, timers, datagrams in, connections driven, datagrams out, events out. One thread per transport
//! waits for the sockets; while it does, JavaScript's thread takes turns too.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quinn_udp::BATCH_SIZE;

use crate::commands::Command;
use crate::connection::{Connection, Phase, Turn};
use crate::events::Events;
use crate::ids::IdMap;
use crate::limits::{PORTS_READ_AHEAD, TIMER_TICK, TRANSMIT_ROUNDS};
use crate::port::Port;
use crate::sets::{Connections, Set};
use crate::shared::{Shared, lock};
use crate::waker::Wait;

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
    /// Until when the loop's thread waits at most; None: for ever.
    sleeps_until: Option<Instant>,
    /// The descriptors that it waits for are not the right ones any more.
    pub(crate) ports_changed: bool,
    /// A turn of another thread has panicked: the loop ends with its message.
    pub(crate) panicked: Option<String>,
}

/// Runs until a shutdown is asked for and every peer has been told. The loop is free for others while its thread waits;
/// at the end, or when it panics, it lets go of sockets and connections.
pub fn run(shared: &Mutex<Loop>) {
    let _emptied = Emptied(shared);
    let mut wait = Wait::default();
    let mut looped = lock(shared);
    while !looped.turn() {
        looped.before_wait(&mut wait);
        drop(looped);
        wait.wait();
        looped = lock(shared);
        looped.after_wait(&wait);
    }
}

struct Emptied<'a>(&'a Mutex<Loop>);

impl Drop for Emptied<'_> {
    fn drop(&mut self) {
        let mut looped = lock(self.0);
        looped.sets.clear();
        looped.connections.clear();
        looped.ports.clear();
        looped.dirty.clear();
    }
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
            sleeps_until: None,
            ports_changed: false,
            panicked: None,
        }
    }

    /// Timers, connections, events; returns whether the loop is over.
    fn turn(&mut self) -> bool {
        if let Some(message) = self.panicked.take() {
            panic!("{message}");
        }
        self.now = Instant::now();
        self.expire_timers();
        self.drive_dirty();
        self.shared.deliver(&mut self.events.batch);
        self.closing && self.is_quiet()
    }

    /// A turn of the thread that has queued commands: what they send leaves without another thread being woken, which
    /// costs more than the sending. Returns whether the loop's own thread has to be woken all the same.
    pub fn take_turn(&mut self) -> bool {
        self.now = Instant::now();
        self.receive_before_commands();
        self.take_commands();
        self.drive_dirty();
        self.shared.deliver(&mut self.events.batch);
        let must_wake_earlier = self
            .timers
            .peek()
            .is_some_and(|Reverse((time, _))| self.sleeps_until.is_none_or(|until| *time < until));
        must_wake_earlier
            || self.ports_changed
            || self.closing
            || !self.dirty.is_empty()
            || (!self.stalled.is_empty() && self.shared.may_read())
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

    /// What has come by now counts for the commands, above all credit for the streams that they open.
    fn receive_before_commands(&mut self) {
        if self.ports.len() > PORTS_READ_AHEAD {
            return;
        }
        let mut ports = [0; PORTS_READ_AHEAD];
        let count = self.ports.len();
        for (known, id) in ports.iter_mut().zip(self.ports.keys()) {
            *known = *id;
        }
        for id in &ports[..count] {
            self.receive(*id);
        }
    }

    fn before_wait(&mut self, wait: &mut Wait) {
        self.ports_changed = false;
        wait.begin(self.shared.waker.descriptor());
        for (id, port) in &self.ports {
            wait.add(*id, port.descriptor(), port.is_blocked());
        }
        // In this order: what comes after the loop has said that it sleeps wakes it.
        let no_commands = self.shared.fall_asleep();
        let nothing_to_read = self.stalled.is_empty() || !self.shared.may_read();
        let may_sleep = no_commands && nothing_to_read && self.dirty.is_empty();
        self.sleeps_until = match self.timers.peek() {
            _ if !may_sleep => Some(self.now),
            timer => timer.map(|Reverse((time, _))| *time),
        };
        wait.until = self.sleeps_until;
    }

    fn after_wait(&mut self, wait: &Wait) {
        self.shared.wake_up();
        if wait.is_woken() {
            self.shared.waker.clear();
        }
        if self.shared.may_read() {
            for id in std::mem::take(&mut self.stalled) {
                self.mark(id);
            }
        }
        self.now = Instant::now();
        // First: a renewed certificate counts for a client that knocks afterwards.
        self.take_commands();
        self.now = Instant::now();
        for port in wait.ready_ports() {
            self.receive(port);
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
            // It has to be waited for until it takes datagrams again.
            self.ports_changed |= port.is_blocked();
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
            self.ports_changed = true;
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
