//! Commands carried out.
use quinn_proto::Dir;

use crate::commands::{Command, Connect};
use crate::connection::{Connection, Phase, Turn};
use crate::event_loop::{Loop, mark, turn};
use crate::events::Kind;
use crate::failure::Failure;
use crate::session::Session;
use crate::sets::{Opening, Set};

impl Loop {
    pub(crate) fn take_commands(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        self.shared.take_commands(&mut commands);
        for command in commands.drain(..) {
            self.execute(command);
        }
        self.commands = commands;
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Bind(port) => {
                self.ports_changed = true;
                self.ports.insert(port.id, port);
            }
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
            other => self.execute_on_set(other),
        }
    }

    fn execute_on_set(&mut self, command: Command) {
        match command {
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
                fin,
                publisher_priority,
                below,
            } => {
                let Some(known) = self.sets.get_mut(&set) else {
                    return;
                };
                let opening = Opening {
                    group,
                    head,
                    fin,
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
                self.ports_changed = true;
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
            connection.open_taken(direction, stream, priority);
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
