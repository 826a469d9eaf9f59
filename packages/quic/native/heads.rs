//! Streams under HTTP/3: what they are is known only from their first bytes.
use quinn_proto::{Dir, StreamId};

use crate::connection::{Connection, Turn};
use crate::events::Kind;
use crate::limits::HTTP3_BYTES;
use crate::reading::End;
use crate::streams::Role;
use crate::webtransport::{self as wt, Head};

impl Connection {
    pub fn read_http3(&mut self, id: StreamId, turn: &mut Turn<'_>) {
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
