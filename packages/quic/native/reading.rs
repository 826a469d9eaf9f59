//! Reading streams: new ones taken, credit raised, data passed on.
use bytes::Bytes;
use quinn_proto::{Dir, ReadError, StreamId};

use crate::connection::{Connection, Phase, Turn};
use crate::events::Kind;
use crate::limits::DATA_EVENT_BYTES;
use crate::streams::{Role, Stream, code};
use crate::webtransport as wt;

impl Connection {
    /// Takes the peer's new streams, unless they have to wait for the owner.
    pub fn accept_streams(&mut self, direction: Dir, turn: &mut Turn<'_>) {
        let http3 = self.session.is_some();
        let waits = if http3 {
            self.phase == Phase::Over
        } else {
            !self.listening || self.phase != Phase::Open
        };
        if waits {
            return;
        }
        while let Some(id) = self.quic.streams().accept(direction) {
            let number = u64::from(id) as f64;
            let role = if http3 { Role::Unknown } else { Role::Data };
            self.streams
                .insert(id, Stream::new(number, role, direction == Dir::Bi, true));
            if !http3 {
                turn.events.push(
                    Kind::Opened,
                    self.id,
                    number,
                    0.0,
                    u32::from(direction == Dir::Bi),
                    &[],
                );
            }
            self.readable.push_back(id);
        }
        self.raise_credit(direction);
    }

    /// Doubles the credit when the peer uses three quarters of it, up to the ceiling.
    fn raise_credit(&mut self, direction: Dir) {
        let ceiling = self.own_streams[direction as usize]
            + match direction {
                Dir::Bi => self.limits.bidirectional_streams_max,
                Dir::Uni => self.limits.unidirectional_streams_max,
            };
        let open = self.quic.streams().remote_open_streams(direction);
        let allowed = self.quic.max_concurrent_streams(direction);
        if allowed < ceiling && open * 4 >= allowed * 3 {
            // quinn does not announce small raises, so the last step is never a small one.
            let doubled = (allowed * 2).max(1);
            let next = if doubled * 4 >= ceiling * 3 {
                ceiling
            } else {
                doubled
            };
            self.quic.set_max_concurrent_streams(direction, code(next));
        }
    }

    /// A stream of HTTP/3 itself stays open with the connection: the application's credit must not shrink by it.
    pub fn exempt(&mut self, direction: Dir) {
        self.own_streams[direction as usize] += 1;
        let allowed = self.quic.max_concurrent_streams(direction);
        self.quic
            .set_max_concurrent_streams(direction, code(allowed + 1));
    }

    /// Reads what can be read, as long as JavaScript keeps up.
    pub fn read_streams(&mut self, turn: &mut Turn<'_>) {
        let mut count = self.readable.len();
        while count > 0
            && (turn.shared.may_read() && turn.events.batch.len() < crate::limits::EVENT_BYTES)
        {
            count -= 1;
            let Some(id) = self.readable.pop_front() else {
                return;
            };
            match self
                .streams
                .get(&id)
                .filter(|stream| stream.receiving)
                .map(|stream| stream.role)
            {
                Some(Role::Data) if self.listening && self.phase == Phase::Open => {
                    self.read_data(id, turn)
                }
                Some(Role::Unknown | Role::Control | Role::Session | Role::Ignored) => {
                    self.read_http3(id, turn)
                }
                // Held streams, and data before the owner listens, stay with flow control.
                _ => {}
            }
        }
    }

    fn read_data(&mut self, id: StreamId, turn: &mut Turn<'_>) {
        let Some(stream) = self.streams.get(&id) else {
            return;
        };
        let number = stream.number;
        let at = turn.events.begin(Kind::Data, self.id, number, 0.0);
        let events = &mut *turn.events;
        let end = self.read(id, |bytes| events.append(bytes));
        let fin = matches!(end, End::Fin);
        if fin || events.batch.len() > at + crate::events::HEADER_BYTES {
            events.end(at, u32::from(fin));
        } else {
            events.cancel(at);
        }
        match end {
            End::Blocked => {}
            End::More => self.readable.push_back(id),
            End::Fin | End::Gone => self.receiving_over(id),
            End::Reset(value) => {
                let value = if self.session.is_some() {
                    wt::from_http3(value)
                } else {
                    value
                };
                turn.events
                    .push(Kind::Reset, self.id, number, value as f64, 0, &[]);
                self.receiving_over(id);
            }
        }
    }

    /// Passes the stream's bytes on, at most one event's worth.
    pub fn read(&mut self, id: StreamId, mut each: impl FnMut(&Bytes)) -> End {
        let mut stream = self.quic.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else {
            return End::Gone;
        };
        let mut left = DATA_EVENT_BYTES;
        let end = loop {
            if left == 0 {
                break End::More;
            }
            match chunks.next(left) {
                Ok(Some(chunk)) => {
                    left -= chunk.bytes.len();
                    each(&chunk.bytes);
                }
                Ok(None) => break End::Fin,
                Err(ReadError::Blocked) => break End::Blocked,
                Err(ReadError::Reset(value)) => break End::Reset(value.into_inner()),
            }
        };
        // Whether credit is to be sent does not matter: the connection is driven in any case.
        let _ = chunks.finalize();
        end
    }
}

/// Why reading stopped.
pub enum End {
    Blocked,
    More,
    Fin,
    Reset(u64),
    Gone,
}
