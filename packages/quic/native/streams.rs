//! Streams of a connection: opening, writing beyond flow control, reading, resetting.
use std::collections::VecDeque;

use bytes::Bytes;
use quinn_proto::{Dir, ReadError, Side, StreamId, VarInt, WriteError};

use crate::connection::{Connection, Phase, Turn};
use crate::events::Kind;
use crate::limits::{DATA_EVENT_BYTES, HTTP3_BYTES, STREAMS_READY};
use crate::webtransport::{self as wt, Head};

/// What a stream is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The owner's.
    Data,
    /// The peer's, under HTTP/3, of which the first bytes are still to be read.
    Unknown,
    /// The owner's, which it is told of once the session is open and it listens.
    Held,
    /// HTTP/3's control stream.
    Control,
    /// The session's CONNECT request.
    Session,
    /// Nothing that concerns us: read and dropped.
    Ignored,
}

pub struct Stream {
    /// The number that JavaScript knows it by.
    pub number: f64,
    pub role: Role,
    /// The set and group that opened it.
    pub group: Option<(u32, u64)>,
    sending: bool,
    receiving: bool,
    /// Written, but not taken by quinn yet.
    queue: VecDeque<Bytes>,
    fin: bool,
    /// The beginning, while the role is not settled or the owner does not listen; then whether that is all.
    head: Vec<u8>,
    head_fin: bool,
    head_reset: Option<u64>,
}

impl Stream {
    pub fn new(_: StreamId, number: f64, role: Role, sending: bool, receiving: bool) -> Self {
        Self {
            number,
            role,
            group: None,
            sending,
            receiving,
            queue: VecDeque::new(),
            fin: false,
            head: Vec::new(),
            head_fin: false,
            head_reset: None,
        }
    }
}

fn code(value: u64) -> VarInt {
    VarInt::from_u64(value).unwrap_or(VarInt::MAX)
}

impl Connection {
    /// Opens streams ahead of use as far as the peer allows, and announces credit that was waited for.
    pub fn fill_ready(&mut self, direction: Dir, turn: &mut Turn<'_>) {
        if self.phase != Phase::Open {
            return;
        }
        let ready = &mut self.ready[direction as usize];
        let before = ready.len();
        while ready.len() < STREAMS_READY
            && let Some(id) = self.quic.streams().open(direction)
        {
            ready.push_back(id);
        }
        if self.shared.give(direction, ready.len() - before) {
            turn.events.push(
                Kind::Credit,
                self.id,
                0.0,
                0.0,
                u32::from(direction == Dir::Bi),
                &[],
            );
        }
    }

    /// Uses a stream whose credit was taken before. `number` is JavaScript's, absent for a set's stream.
    pub fn open_taken(
        &mut self,
        direction: Dir,
        number: Option<u64>,
        priority: u32,
    ) -> Option<StreamId> {
        let id = self.ready[direction as usize].pop_front()?;
        let mut stream = Stream::new(
            id,
            number.unwrap_or(0) as f64,
            Role::Data,
            true,
            direction == Dir::Bi,
        );
        let _ = self
            .quic
            .send_stream(id)
            .set_priority(quinn_priority(priority));
        if let Some(session) = self.session.as_ref().and_then(|session| session.stream) {
            stream
                .queue
                .push_back(wt::stream_head(direction == Dir::Bi, u64::from(session)));
        }
        self.streams.insert(id, stream);
        if let Some(number) = number {
            self.numbers.insert(number, id);
        }
        // An owner that opens without writing wants the peer to know: WebTransport's head goes out at once.
        self.flush_stream(id);
        Some(id)
    }

    /// JavaScript's number of a stream, as quinn knows it.
    pub fn resolve(&self, number: u64) -> Option<StreamId> {
        let ours = u64::from(self.quic.side() == Side::Server);
        if number & 1 == ours {
            return self.numbers.get(&number).copied();
        }
        VarInt::from_u64(number).ok().map(StreamId::from)
    }

    pub fn enqueue(&mut self, id: StreamId, bytes: Bytes, fin: bool) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if !stream.sending || stream.fin {
            return;
        }
        let idle = stream.queue.is_empty();
        if !bytes.is_empty() {
            stream.queue.push_back(bytes);
        }
        stream.fin = fin;
        if idle {
            self.flush_stream(id);
        }
    }

    /// Gives quinn as much as it takes.
    pub fn flush_stream(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let mut send = self.quic.send_stream(id);
        while let Some(front) = stream.queue.front_mut() {
            match send.write_chunks(std::slice::from_mut(front)) {
                Ok(written) if written.chunks == 1 => drop(stream.queue.pop_front()),
                Ok(_) => {}
                Err(WriteError::Blocked) => return,
                // The peer has stopped it or it is reset: what is written now is lost.
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => stream.queue.clear(),
            }
        }
        if stream.fin && stream.sending {
            let _ = send.finish();
        }
    }

    pub fn reset_stream(&mut self, id: StreamId, value: u64) {
        let value = if self.session.is_some() {
            wt::to_http3(value)
        } else {
            value
        };
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.sending) else {
            return;
        };
        stream.queue.clear();
        let _ = self.quic.send_stream(id).reset(code(value));
        self.sending_over(id);
    }

    pub fn stop_stream(&mut self, id: StreamId, value: u64) {
        let value = if self.session.is_some() {
            wt::to_http3(value)
        } else {
            value
        };
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.receiving) else {
            return;
        };
        stream.head.clear();
        let _ = self.quic.recv_stream(id).stop(code(value));
        self.receiving_over(id);
    }

    pub fn set_stream_priority(&mut self, id: StreamId, priority: u32) {
        if self.streams.get(&id).is_some_and(|stream| stream.sending) {
            let _ = self
                .quic
                .send_stream(id)
                .set_priority(quinn_priority(priority));
        }
    }

    pub fn sending_over(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.sending = false;
            self.forget_if_over(id);
        }
    }
    fn receiving_over(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.receiving = false;
            self.forget_if_over(id);
        }
    }
    fn forget_if_over(&mut self, id: StreamId) {
        if let Some(stream) = self
            .streams
            .get(&id)
            .filter(|stream| !stream.sending && !stream.receiving)
        {
            self.numbers.remove(&(stream.number as u64));
            self.streams.remove(&id);
        }
    }

    /// The peer does not want the rest of what we send.
    pub fn stopped(&mut self, id: StreamId, error_code: VarInt, turn: &mut Turn<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.queue.clear();
        let value = error_code.into_inner();
        let value = if self.session.is_some() {
            wt::from_http3(value)
        } else {
            value
        };
        match (stream.role, stream.group) {
            (_, Some(group)) => {
                turn.stopped.push(group);
                self.reset_stream(id, value);
            }
            (Role::Data, None) => {
                turn.events.push(
                    Kind::StopSending,
                    self.id,
                    stream.number,
                    value as f64,
                    0,
                    &[],
                );
            }
            _ => {}
        }
    }

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
            self.streams.insert(
                id,
                Stream::new(id, number, role, direction == Dir::Bi, true),
            );
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
    fn exempt(&mut self, direction: Dir) {
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
    fn read(&mut self, id: StreamId, mut each: impl FnMut(&Bytes)) -> End {
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

    fn read_http3(&mut self, id: StreamId, turn: &mut Turn<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let role = stream.role;
        let mut bytes = std::mem::take(&mut stream.head);
        let end = self.read(id, |chunk| bytes.extend_from_slice(chunk));
        let fin = matches!(end, End::Fin);
        if let End::Reset(value) = end
            && role == Role::Unknown
        {
            return self.reset_headless(id, value, turn);
        }
        if let End::Reset(_) | End::Gone = end {
            if role == Role::Session || role == Role::Control {
                self.end_session(
                    f64::NAN,
                    true,
                    "the session's stream was reset",
                    wt::H3_NO_ERROR,
                    turn,
                );
            }
            return self.receiving_over(id);
        }
        if matches!(end, End::More) {
            self.readable.push_back(id);
        }
        match role {
            Role::Unknown => self.settle(id, &mut bytes, fin, turn),
            Role::Control => self.control_bytes(id, &bytes, turn),
            Role::Session => self.session_bytes(&mut bytes, fin, turn),
            _ => bytes.clear(),
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            if matches!(stream.role, Role::Unknown | Role::Control | Role::Session) {
                stream.head = bytes;
            }
            if fin && !matches!(stream.role, Role::Held | Role::Data) {
                self.receiving_over(id);
            }
        }
    }

    /// A stream was reset before its head arrived. HTTP/3's own streams are never reset, so it belongs to the session.
    fn reset_headless(&mut self, id: StreamId, value: u64, turn: &mut Turn<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.role = Role::Held;
        stream.head.clear();
        stream.head_reset = Some(wt::from_http3(value));
        if self.listening {
            self.release(id, turn);
        }
    }

    /// Finds out what a stream of the peer is for.
    fn settle(&mut self, id: StreamId, bytes: &mut Vec<u8>, fin: bool, turn: &mut Turn<'_>) {
        let bidirectional = id.dir() == Dir::Bi;
        let head = wt::head(bidirectional, bytes);
        let is_session = head == Head::Request && self.accept_session(id);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match head {
            Head::Incomplete if bytes.len() < HTTP3_BYTES && !fin => {}
            Head::Session { length, .. } => {
                stream.role = Role::Held;
                stream.head = bytes.split_off(length);
                stream.head_fin = fin;
                if self.listening {
                    self.release(id, turn);
                }
            }
            Head::Control => {
                stream.role = Role::Control;
                self.exempt(Dir::Uni);
                self.control_bytes(id, bytes, turn);
            }
            Head::Request if is_session => {
                stream.role = Role::Session;
                self.exempt(Dir::Bi);
                self.session_bytes(bytes, fin, turn);
            }
            // A second request: one session per connection.
            Head::Request => {
                stream.role = Role::Ignored;
                let _ = self
                    .quic
                    .send_stream(id)
                    .reset(wt::H3_REQUEST_REJECTED.into());
                let _ = self
                    .quic
                    .recv_stream(id)
                    .stop(wt::H3_REQUEST_REJECTED.into());
                self.streams.remove(&id);
            }
            Head::Other if bidirectional => {
                let _ = self
                    .quic
                    .send_stream(id)
                    .reset(wt::H3_STREAM_CREATION_ERROR.into());
                let _ = self
                    .quic
                    .recv_stream(id)
                    .stop(wt::H3_STREAM_CREATION_ERROR.into());
                self.streams.remove(&id);
            }
            Head::Incomplete | Head::Other => {
                stream.role = Role::Ignored;
                if !fin {
                    self.exempt(Dir::Uni);
                }
            }
        }
    }

    fn control_bytes(&mut self, id: StreamId, bytes: &[u8], turn: &mut Turn<'_>) {
        match wt::peer_settings(bytes) {
            None => {}
            Some(Ok(supported)) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.role = Role::Ignored;
                }
                self.peer_settings(supported, turn);
            }
            Some(Err(reason)) => self.end_session(
                f64::NAN,
                false,
                &reason,
                wt::H3_GENERAL_PROTOCOL_ERROR,
                turn,
            ),
        }
    }

    /// The owner listens: streams that came before are its own now.
    pub fn release_held(&mut self, turn: &mut Turn<'_>) {
        let mut held: Vec<StreamId> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.role == Role::Held)
            .map(|(id, _)| *id)
            .collect();
        held.sort_unstable();
        for id in held {
            self.release(id, turn);
        }
    }

    fn release(&mut self, id: StreamId, turn: &mut Turn<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.role = Role::Data;
        let head = std::mem::take(&mut stream.head);
        let (number, fin, reset) = (stream.number, stream.head_fin, stream.head_reset);
        turn.events.push(
            Kind::Opened,
            self.id,
            number,
            0.0,
            u32::from(id.dir() == Dir::Bi),
            &[],
        );
        if fin || !head.is_empty() {
            turn.events
                .push(Kind::Data, self.id, number, 0.0, u32::from(fin), &head);
        }
        if let Some(value) = reset {
            turn.events
                .push(Kind::Reset, self.id, number, value as f64, 0, &[]);
        }
        if fin || reset.is_some() {
            self.receiving_over(id);
        } else {
            self.readable.push_back(id);
        }
    }
}

/// Why reading stopped.
enum End {
    Blocked,
    More,
    Fin,
    Reset(u64),
    Gone,
}

/// The interface's lower numbers go first, quinn's higher ones do.
fn quinn_priority(priority: u32) -> i32 {
    -i32::try_from(priority).unwrap_or(i32::MAX)
}
