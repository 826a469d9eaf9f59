//! Streams of a connection: opening, writing beyond flow control, resetting.
use std::cmp::Reverse;
use std::collections::VecDeque;

use bytes::Bytes;
use quinn_proto::{Dir, SendStream, Side, StreamId, VarInt, WriteError};

use crate::connection::{Connection, Phase, Turn};
use crate::events::Kind;
use crate::limits::STREAMS_READY;
use crate::webtransport as wt;

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
    /// quinn's: higher goes first.
    pub(crate) priority: i32,
    /// The set and group that opened it.
    pub group: Option<(u32, u64)>,
    pub(crate) sending: bool,
    pub(crate) receiving: bool,
    /// Written, but not taken by quinn yet.
    pub(crate) queue: VecDeque<Bytes>,
    pub(crate) fin: bool,
    /// The beginning, while the role is not settled or the owner does not listen; then whether that is all.
    pub(crate) head: Vec<u8>,
    pub(crate) head_fin: bool,
    pub(crate) head_reset: Option<u64>,
}

impl Stream {
    pub fn new(number: f64, role: Role, sending: bool, receiving: bool) -> Self {
        Self {
            number,
            role,
            priority: 0,
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

pub(crate) fn code(value: u64) -> VarInt {
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

    /// Uses a stream whose credit was taken before. `number` is JavaScript's.
    pub fn open_taken(&mut self, direction: Dir, number: u64, priority: u32) {
        let Some(id) = self.ready[direction as usize].pop_front() else {
            return;
        };
        let mut stream = Stream::new(number as f64, Role::Data, true, direction == Dir::Bi);
        stream.priority = quinn_priority(priority);
        let _ = self.quic.send_stream(id).set_priority(stream.priority);
        if let Some(session) = self.session.as_ref().and_then(|session| session.stream) {
            stream
                .queue
                .push_back(wt::stream_head(direction == Dir::Bi, u64::from(session)));
        }
        self.streams.insert(id, stream);
        self.numbers.insert(number, id);
        // An owner that opens without writing wants the peer to know: WebTransport's head goes out at once.
        self.flush_stream(id);
    }

    /// Opens a stream of a set's group, whose credit was taken before, and writes what it begins with. One that quinn
    /// takes whole, FIN included, gets no record: nothing is left to do for it.
    pub fn open_in_set(
        &mut self,
        group: (u32, u64),
        priority: u32,
        pieces: impl Iterator<Item = Bytes>,
        fin: bool,
    ) -> Option<StreamId> {
        let id = self.ready[Dir::Uni as usize].pop_front()?;
        let session = self.session.as_ref().and_then(|session| session.stream);
        let head = session.map(|session| wt::stream_head(false, u64::from(session)));
        let priority = quinn_priority(priority);
        let mut send = self.quic.send_stream(id);
        let _ = send.set_priority(priority);
        let mut queue = VecDeque::new();
        for bytes in head.into_iter().chain(pieces) {
            write(&mut send, bytes, &mut queue);
        }
        if fin && queue.is_empty() {
            let _ = send.finish();
            return Some(id);
        }
        let mut stream = Stream::new(0.0, Role::Data, true, false);
        (stream.priority, stream.group) = (priority, Some(group));
        (stream.queue, stream.fin) = (queue, fin);
        self.streams.insert(id, stream);
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
        stream.fin = fin;
        let mut send = self.quic.send_stream(id);
        if !bytes.is_empty() {
            write(&mut send, bytes, &mut stream.queue);
        }
        if fin && stream.queue.is_empty() {
            let _ = send.finish();
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
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.sending) {
            stream.priority = quinn_priority(priority);
            let _ = self.quic.send_stream(id).set_priority(stream.priority);
        }
    }

    /// Gives what flow control allows now to the most urgent of the streams that waited for it.
    pub fn flush_writable(&mut self) {
        let mut writable = std::mem::take(&mut self.writable);
        let urgency = |id: &StreamId| self.streams.get(id).map(|stream| Reverse(stream.priority));
        writable.sort_by_key(|id| (urgency(id), *id));
        for id in writable.drain(..) {
            self.flush_stream(id);
        }
        self.writable = writable;
    }

    pub fn sending_over(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.sending = false;
            self.forget_if_over(id);
        }
    }
    pub fn receiving_over(&mut self, id: StreamId) {
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
            // One of a set, of which all is written.
            if id.initiator() == self.quic.side() {
                let _ = self.quic.send_stream(id).reset(error_code);
            }
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
}

/// Gives bytes to quinn; what it does not take waits in the queue, behind what waits there already.
fn write(send: &mut SendStream<'_>, mut bytes: Bytes, queue: &mut VecDeque<Bytes>) {
    while queue.is_empty() {
        match send.write_chunks(std::slice::from_mut(&mut bytes)) {
            Ok(written) if written.chunks == 1 => return,
            // quinn tells that it takes more only after it has refused some.
            Ok(_) => {}
            Err(WriteError::Blocked) => break,
            // The peer has stopped it or it is reset: what is written now is lost.
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return,
        }
    }
    queue.push_back(bytes);
}

/// The interface's lower numbers go first, quinn's higher ones do.
fn quinn_priority(priority: u32) -> i32 {
    -i32::try_from(priority).unwrap_or(i32::MAX)
}
