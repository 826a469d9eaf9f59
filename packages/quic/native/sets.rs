//! Receiver sets: one call hands the same bytes to every receiver.
use std::sync::Arc;

use bytes::Bytes;
use quinn_proto::{Dir, StreamId};

use crate::connection::{Connection, Turn};
use crate::counted::{Backlog, counted};
use crate::events::Kind;
use crate::ids::IdMap;

pub struct Set {
    id: u32,
    receivers: IdMap<u32, Receiver>,
    /// Streams opened for receivers whose connection is over, until the owner takes them out.
    lost: IdMap<u32, u64>,
}

struct Receiver {
    priority: u32,
    backlog: Arc<Backlog>,
    groups: Vec<Group>,
    /// Streams opened for it so far.
    opened: u64,
    /// Since when it missed something: the backlog limit that it must get below.
    missed_below: Option<u64>,
}

struct Group {
    key: u64,
    stream: StreamId,
    publisher_priority: u32,
}

/// Connections by id, as the loop holds them.
pub type Connections = IdMap<u32, Box<Connection>>;

/// The subscriber's priority decides first, the publisher's among its own streams.
fn combine(subscriber: u32, publisher: u32) -> u32 {
    (subscriber.min(255) << 8) | publisher.min(255)
}

impl Set {
    pub fn new(id: u32) -> Self {
        Self {
            id,
            receivers: IdMap::default(),
            lost: IdMap::default(),
        }
    }

    pub fn add(&mut self, connection: &mut Connection, priority: u32) {
        if !connection.sets.contains(&self.id) {
            connection.sets.push(self.id);
        }
        self.receivers
            .entry(connection.id)
            .or_insert_with(|| Receiver {
                priority,
                backlog: Arc::default(),
                groups: Vec::new(),
                opened: 0,
                missed_below: None,
            });
    }

    pub fn set_priority(&mut self, connection: &mut Connection, priority: u32) {
        let Some(receiver) = self.receivers.get_mut(&connection.id) else {
            return;
        };
        receiver.priority = priority;
        for group in &receiver.groups {
            connection
                .set_stream_priority(group.stream, combine(priority, group.publisher_priority));
        }
    }

    /// Takes a receiver out; returns how many streams were opened for it.
    pub fn remove(
        &mut self,
        connection: u32,
        known: Option<&mut Connection>,
        reset: Option<u64>,
    ) -> u64 {
        let Some(receiver) = self.receivers.remove(&connection) else {
            return self.lost.remove(&connection).unwrap_or(0);
        };
        if let Some(connection) = known {
            connection.sets.retain(|set| *set != self.id);
            connection.missed_in.retain(|set| *set != self.id);
            if let Some(code) = reset {
                for group in &receiver.groups {
                    connection.reset_stream(group.stream, code);
                }
            }
        }
        receiver.opened
    }

    /// A receiver's connection is over: it takes part in nothing more, and only its count is kept.
    pub fn lose(&mut self, connection: u32) {
        if let Some(receiver) = self.receivers.remove(&connection) {
            self.lost.insert(connection, receiver.opened);
        }
    }

    /// Opens a stream at each receiver; calls `touched` for every connection that was written to.
    pub fn open(
        &mut self,
        connections: &mut Connections,
        turn: &mut Turn<'_>,
        opening: &Opening,
        mut touched: impl FnMut(&mut Connection),
    ) {
        for (id, receiver) in &mut self.receivers {
            let Some(connection) = connections.get_mut(id) else {
                continue;
            };
            if !connection.shared.has_credit(Dir::Uni) {
                connection.fill_ready(Dir::Uni, turn);
            }
            if receiver.open(self.id, connection, opening) {
                touched(connection);
                continue;
            }
            turn.events.push(
                Kind::Missed,
                *id,
                opening.group as f64,
                f64::from(self.id),
                0,
                &[],
            );
            receiver.missed_below = Some(opening.below);
            if !connection.missed_in.contains(&self.id) {
                connection.missed_in.push(self.id);
            }
        }
    }

    pub fn append(
        &mut self,
        connections: &mut Connections,
        group: u64,
        body: &Bytes,
        fin: bool,
        mut touched: impl FnMut(&mut Connection),
    ) {
        for (id, receiver) in &mut self.receivers {
            let Some(at) = receiver.groups.iter().position(|known| known.key == group) else {
                continue;
            };
            let Some(connection) = connections.get_mut(id) else {
                continue;
            };
            let stream = receiver.groups[at].stream;
            write(connection, stream, body, &receiver.backlog);
            if fin {
                connection.enqueue(stream, Bytes::new(), true);
                receiver.groups.swap_remove(at);
            }
            touched(connection);
        }
    }

    pub fn reset(
        &mut self,
        connections: &mut Connections,
        group: u64,
        code: u64,
        mut touched: impl FnMut(&mut Connection),
    ) {
        for (id, receiver) in &mut self.receivers {
            let Some(at) = receiver.groups.iter().position(|known| known.key == group) else {
                continue;
            };
            let stream = receiver.groups.swap_remove(at).stream;
            if let Some(connection) = connections.get_mut(id) {
                connection.reset_stream(stream, code);
                touched(connection);
            }
        }
    }

    /// The peer stopped a group's stream: it gets no more of it.
    pub fn forget_group(&mut self, connection: u32, group: u64) {
        if let Some(receiver) = self.receivers.get_mut(&connection) {
            receiver.groups.retain(|known| known.key != group);
        }
    }

    /// Tells that a receiver which missed something can take more; false while it cannot.
    pub fn tell_drained(&mut self, connection: &Connection, turn: &mut Turn<'_>) -> bool {
        let Some(receiver) = self.receivers.get_mut(&connection.id) else {
            return true;
        };
        let Some(below) = receiver.missed_below else {
            return true;
        };
        if receiver.backlog.bytes() >= below || !connection.shared.has_credit(Dir::Uni) {
            return false;
        }
        receiver.missed_below = None;
        turn.events.push(
            Kind::SetDrained,
            connection.id,
            0.0,
            f64::from(self.id),
            0,
            &[],
        );
        true
    }

    pub fn members(&self) -> impl Iterator<Item = u32> {
        self.receivers.keys().copied()
    }
}

/// What is opened at each receiver.
pub struct Opening {
    pub group: u64,
    pub head: Bytes,
    /// The head is all of it.
    pub fin: bool,
    pub publisher_priority: u32,
    pub below: u64,
}

impl Receiver {
    fn open(&mut self, set: u32, connection: &mut Connection, opening: &Opening) -> bool {
        if self.backlog.bytes() >= opening.below || !connection.shared.take(Dir::Uni) {
            return false;
        }
        let priority = combine(self.priority, opening.publisher_priority);
        let total = connection.shared.backlog.clone();
        let pieces = counted(&opening.head, &total, Some(&self.backlog));
        let group = (set, opening.group);
        let Some(stream) = connection.open_in_set(group, priority, pieces, opening.fin) else {
            return false;
        };
        self.opened += 1;
        if !opening.fin {
            self.groups.push(Group {
                key: opening.group,
                stream,
                publisher_priority: opening.publisher_priority,
            });
        }
        true
    }
}

fn write(connection: &mut Connection, stream: StreamId, bytes: &Bytes, backlog: &Arc<Backlog>) {
    let total = connection.shared.backlog.clone();
    for piece in counted(bytes, &total, Some(backlog)) {
        connection.enqueue(stream, piece, false);
    }
}
