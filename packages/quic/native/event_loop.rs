//! The loop: commands in, timers, datagrams in, connections driven, datagrams out, events out. One thread per transport.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn_proto::{DatagramEvent, Dir, Incoming};
use quinn_udp::{BATCH_SIZE, RecvMeta};

use crate::commands::{Command, Connect};
use crate::connection::{Connection, Phase, Turn};
use crate::events::{Events, Kind};
use crate::failure::Failure;
use crate::ids::IdMap;
use crate::limits::{HANDSHAKES, RECEIVE_ROUNDS, TRANSMIT_ROUNDS};
use crate::port::{Port, Received};
use crate::session::Session;
use crate::sets::{Connections, Opening, Set};
use crate::shared::Shared;
use crate::waker::{Interest, wait};

/// A part of the receive buffer per datagram batch: the largest that GRO puts together.
const PART_BYTES: usize = 65536;

pub struct Loop {
    shared: Arc<Shared>,
    ports: IdMap<u32, Box<Port>>,
    connections: Connections,
    sets: IdMap<u32, Set>,
    events: Events,
    timers: BinaryHeap<Reverse<(Instant, u32)>>,
    dirty: Vec<u32>,
    /// Connections with data that JavaScript was too busy to take.
    stalled: Vec<u32>,
    commands: Vec<Command>,
    now: Instant,
    retry_handshakes: usize,
    closing: bool,
    receive_buffer: Vec<u8>,
    send_buffer: Vec<u8>,
    interests: Vec<Interest>,
    descriptors: Vec<libc::pollfd>,
    /// The ports behind `interests`, of which the first is the waker's.
    polled: Vec<u32>,
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
            self.take_commands();
            self.expire_timers();
            self.drive_dirty();
            self.shared.deliver(&mut self.events.batch);
            if self.closing && self.is_quiet() {
                return;
            }
            self.wait();
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

    fn mark(&mut self, id: u32) {
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
            if connection.timer == Some(time) {
                connection.timer = None;
                connection.handle_timeout(self.now);
                mark(&mut self.dirty, connection);
            }
        }
    }

    fn receive(&mut self) {
        let ready: Vec<u32> = self
            .polled
            .iter()
            .zip(&self.interests[1..])
            .filter(|(_, interest)| interest.ready)
            .map(|(port, _)| *port)
            .collect();
        self.now = Instant::now();
        for id in ready {
            self.resume_port(id);
            for _ in 0..RECEIVE_ROUNDS {
                if !self.receive_batch(id) {
                    break;
                }
            }
        }
    }

    fn resume_port(&mut self, id: u32) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        if port.is_blocked() && port.resume(&self.shared.statistics) {
            for connection in std::mem::take(&mut port.blocked) {
                self.mark(connection);
            }
        }
    }

    /// Returns whether there may be more.
    fn receive_batch(&mut self, id: u32) -> bool {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut buffer = std::mem::take(&mut self.receive_buffer);
        let received = match self.ports.get(&id) {
            Some(port) => port.receive(&mut buffer, &mut metas),
            None => Received::Nothing,
        };
        let more = match received {
            Received::Datagrams(count) => {
                for (part, meta) in buffer.chunks_exact(PART_BYTES).zip(&metas[..count]) {
                    self.receive_part(id, &part[..meta.len], meta);
                }
                count == BATCH_SIZE
            }
            Received::Refused => {
                self.refused(id);
                true
            }
            Received::Nothing => false,
        };
        self.receive_buffer = buffer;
        more
    }

    fn receive_part(&mut self, port: u32, bytes: &[u8], meta: &RecvMeta) {
        let statistics = &self.shared.statistics;
        statistics
            .bytes_received
            .fetch_add(bytes.len() as u64, Relaxed);
        for datagram in bytes.chunks(meta.stride.max(1)) {
            self.shared
                .statistics
                .datagrams_received
                .fetch_add(1, Relaxed);
            self.receive_datagram(port, datagram, meta);
        }
    }

    fn receive_datagram(&mut self, id: u32, datagram: &[u8], meta: &RecvMeta) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        let ecn = meta
            .ecn
            .and_then(|ecn| quinn_proto::EcnCodepoint::from_bits(ecn as u8));
        self.send_buffer.clear();
        let event = port.endpoint.handle(
            self.now,
            meta.addr,
            meta.dst_ip,
            ecn,
            BytesMut::from(datagram),
            &mut self.send_buffer,
        );
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(connection) = port
                    .connection(handle)
                    .and_then(|id| self.connections.get_mut(&id))
                {
                    connection.quic.handle_event(event);
                    mark(&mut self.dirty, connection);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.accept(id, incoming),
            Some(DatagramEvent::Response(transmit)) => {
                port.send(transmit, &self.send_buffer, &self.shared.statistics);
            }
            None => {}
        }
    }

    /// A client knocks: it is let in, sent away to prove its address first, or refused.
    fn accept(&mut self, port_id: u32, incoming: Incoming) {
        let Some(port) = self.ports.get_mut(&port_id) else {
            return;
        };
        let statistics = &self.shared.statistics;
        self.send_buffer.clear();
        if !port.listening || self.closing || port.handshakes >= HANDSHAKES {
            statistics.connections_refused.fetch_add(1, Relaxed);
            let transmit = port.endpoint.refuse(incoming, &mut self.send_buffer);
            return port.send(transmit, &self.send_buffer, statistics);
        }
        if port.handshakes >= self.retry_handshakes
            && incoming.may_retry()
            && !incoming.remote_address_validated()
        {
            if let Ok(transmit) = port.endpoint.retry(incoming, &mut self.send_buffer) {
                statistics.retries_sent.fetch_add(1, Relaxed);
                port.send(transmit, &self.send_buffer, statistics);
            }
            return;
        }
        match port
            .endpoint
            .accept(incoming, self.now, &mut self.send_buffer, None)
        {
            Ok((handle, quic)) => {
                statistics.connections_accepted.fetch_add(1, Relaxed);
                let id = self.shared.next_id();
                port.connections.insert(handle.0, id);
                port.handshakes += 1;
                let shared = self.shared.register(id);
                let limits = port.limits.clone();
                let connection = Box::new(Connection::new(id, quic, handle, port, shared, limits));
                self.connections.insert(id, connection);
                self.mark(id);
            }
            Err(error) => {
                if let Some(transmit) = error.response {
                    port.send(transmit, &self.send_buffer, statistics);
                }
            }
        }
    }

    /// ICMP says that nobody is there. Once a connection stands this may be forged or transient, and QUIC ignores it.
    fn refused(&mut self, port: u32) {
        let Some(port) = self.ports.get(&port) else {
            return;
        };
        for id in port.connections.values().copied().collect::<Vec<_>>() {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            if connection.phase == Phase::Handshake && connection.quic.is_handshaking() {
                let address = connection.quic.remote_address();
                let mut turn = turn(&mut self.events, &self.shared, self.now);
                connection.fail(
                    &Failure::new("refused", format!("nobody listens at {address}")),
                    &mut turn,
                );
                connection.close(0, &[], &mut turn);
                connection
                    .quic
                    .close(self.now, 0u32.into(), bytes::Bytes::new());
                mark(&mut self.dirty, connection);
            }
        }
    }

    fn drive_dirty(&mut self) {
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

    fn phase_changed(&mut self, id: u32, before: Phase) {
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
        if let Some(time) = connection.next_timeout()
            && connection
                .timer
                .is_none_or(|known| time < known || known < self.now)
        {
            connection.timer = Some(time);
            self.timers.push(Reverse((time, id)));
        }
    }

    fn close_port_if_over(&mut self, id: u32) {
        if self
            .ports
            .get(&id)
            .is_some_and(|port| port.is_over() && !port.is_blocked())
        {
            self.ports.remove(&id);
        }
    }

    fn take_commands(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        self.shared.take_commands(&mut commands);
        for command in commands.drain(..) {
            self.execute(command);
        }
        self.commands = commands;
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Bind(port) => drop(self.ports.insert(port.id, port)),
            Command::Connect(connect) => self.connect(*connect),
            Command::Reload(reload) => {
                if let Some(port) = self
                    .ports
                    .get_mut(&reload.listener)
                    .filter(|port| port.listening)
                {
                    port.endpoint.set_server_config(Some(reload.config));
                    port.judge = reload.judge;
                }
            }
            Command::CloseListener { listener, answer } => {
                self.close_listener(listener);
                let _ = answer.send(());
            }
            Command::Shutdown => self.shut_down(),
            Command::SetAdd {
                set,
                connection,
                priority,
            } => {
                if let Some(known) = self
                    .connections
                    .get_mut(&connection)
                    .filter(|known| known.phase == Phase::Open)
                {
                    self.sets
                        .entry(set)
                        .or_insert_with(|| Set::new(set))
                        .add(known, priority);
                }
            }
            Command::SetPriorityOf {
                set,
                connection,
                priority,
            } => {
                if let (Some(set), Some(known)) = (
                    self.sets.get_mut(&set),
                    self.connections.get_mut(&connection),
                ) {
                    set.set_priority(known, priority);
                }
            }
            Command::SetRemove {
                set,
                connection,
                code,
                answer,
            } => {
                let known = self.connections.get_mut(&connection);
                let opened = self.sets.get_mut(&set).map_or(0, |set| {
                    set.remove(connection, known.map(|known| &mut **known), code)
                });
                self.mark(connection);
                // Whoever asked may have gone.
                let _ = answer.send(opened);
            }
            Command::SetOpen {
                set,
                group,
                head,
                publisher_priority,
                below,
            } => {
                let Some(known) = self.sets.get_mut(&set) else {
                    return;
                };
                let opening = Opening {
                    group,
                    head,
                    publisher_priority,
                    below,
                };
                let mut turn = turn(&mut self.events, &self.shared, self.now);
                let dirty = &mut self.dirty;
                known.open(&mut self.connections, &mut turn, &opening, |connection| {
                    mark(dirty, connection)
                });
            }
            Command::SetAppend {
                set,
                group,
                body,
                fin,
            } => {
                let Some(known) = self.sets.get_mut(&set) else {
                    return;
                };
                let dirty = &mut self.dirty;
                known.append(&mut self.connections, group, &body, fin, |connection| {
                    mark(dirty, connection)
                });
            }
            Command::SetReset { set, group, code } => {
                let Some(known) = self.sets.get_mut(&set) else {
                    return;
                };
                let dirty = &mut self.dirty;
                known.reset(&mut self.connections, group, code, |connection| {
                    mark(dirty, connection)
                });
            }
            Command::SetClose { set } => self.close_set(set),
            other => self.execute_on_connection(other),
        }
    }

    fn execute_on_connection(&mut self, command: Command) {
        let Some(id) = target(&command) else { return };
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let mut turn = turn(&mut self.events, &self.shared, self.now);
        let before = connection.phase;
        if let Command::Close { code, reason, .. } = &command {
            connection.close(*code, reason, &mut turn);
        } else if connection.phase == Phase::Open {
            apply(connection, command, &mut turn);
        }
        mark(&mut self.dirty, connection);
        if before != connection.phase {
            self.phase_changed(id, before);
        }
    }

    fn connect(&mut self, connect: Connect) {
        let Connect {
            id,
            mut port,
            config,
            address,
            server_name,
            url,
            limits,
        } = connect;
        let shared = self.shared.register(id);
        match port
            .endpoint
            .connect(self.now, config, address, &server_name)
        {
            Ok((handle, quic)) => {
                port.connections.insert(handle.0, id);
                port.handshakes += 1;
                let mut connection = Connection::new(id, quic, handle, &port, shared, limits);
                connection.session = url.map(Session::client);
                self.ports.insert(port.id, port);
                self.connections.insert(id, Box::new(connection));
                self.mark(id);
            }
            Err(error) => {
                self.shared.forget(id);
                let failure = Failure::new(
                    "address-invalid",
                    format!("cannot connect to {address}: {error}"),
                );
                self.events.push(
                    Kind::Failed,
                    id,
                    0.0,
                    0.0,
                    0,
                    failure.to_string().as_bytes(),
                );
            }
        }
    }

    fn close_listener(&mut self, id: u32) {
        if let Some(port) = self.ports.get_mut(&id) {
            // The endpoint stays a server, so that newcomers are refused instead of left without an answer.
            port.listening = false;
            // A listener without connections frees its address at once.
            self.close_port_if_over(id);
        }
    }

    fn close_set(&mut self, id: u32) {
        let Some(set) = self.sets.remove(&id) else {
            return;
        };
        for member in set.members() {
            if let Some(connection) = self.connections.get_mut(&member) {
                connection.sets.retain(|known| *known != id);
                connection.missed_in.retain(|known| *known != id);
            }
        }
    }

    fn shut_down(&mut self) {
        self.closing = true;
        for port in self.ports.values_mut() {
            port.listening = false;
        }
        let ids: Vec<u32> = self.connections.keys().copied().collect();
        for id in ids {
            let reason = bytes::Bytes::from_static(b"the transport was closed");
            self.execute_on_connection(Command::Close {
                connection: id,
                code: 0,
                reason,
            });
        }
    }
}

fn turn<'a>(events: &'a mut Events, shared: &'a Shared, now: Instant) -> Turn<'a> {
    Turn {
        events,
        shared,
        now,
        stopped: Vec::new(),
    }
}

fn mark(dirty: &mut Vec<u32>, connection: &mut Connection) {
    if !connection.dirty {
        connection.dirty = true;
        dirty.push(connection.id);
    }
}

/// The connection that a command is about.
fn target(command: &Command) -> Option<u32> {
    match command {
        Command::Listen { connection }
        | Command::Open { connection, .. }
        | Command::Write { connection, .. }
        | Command::Reset { connection, .. }
        | Command::StopSending { connection, .. }
        | Command::SetPriority { connection, .. }
        | Command::Datagram { connection, .. }
        | Command::NotifyBelow { connection, .. }
        | Command::Close { connection, .. } => Some(*connection),
        _ => None,
    }
}

fn apply(connection: &mut Connection, command: Command, turn: &mut Turn<'_>) {
    match command {
        Command::Listen { .. } => connection.listen(turn),
        Command::Open {
            stream, priority, ..
        } => {
            let direction = if stream & 2 == 0 { Dir::Bi } else { Dir::Uni };
            connection.open_taken(direction, Some(stream), priority);
            connection.fill_ready(direction, turn);
        }
        Command::Write {
            stream,
            pieces,
            fin,
            ..
        } => {
            let Some(id) = connection.resolve(stream) else {
                return;
            };
            let last = pieces.len().saturating_sub(1);
            if pieces.is_empty() {
                connection.enqueue(id, bytes::Bytes::new(), fin);
            }
            for (at, piece) in pieces.into_iter().enumerate() {
                connection.enqueue(id, piece, fin && at == last);
            }
        }
        Command::Reset { stream, code, .. } => {
            if let Some(id) = connection.resolve(stream) {
                connection.reset_stream(id, code);
            }
        }
        Command::StopSending { stream, code, .. } => {
            if let Some(id) = connection.resolve(stream) {
                connection.stop_stream(id, code);
            }
        }
        Command::SetPriority {
            stream, priority, ..
        } => {
            if let Some(id) = connection.resolve(stream) {
                connection.set_stream_priority(id, priority);
            }
        }
        Command::Datagram { bytes, .. } => connection.send_datagram(bytes),
        Command::NotifyBelow { bytes, .. } => connection.drained_below = Some(bytes),
        _ => {}
    }
}
