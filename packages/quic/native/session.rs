//! The WebTransport session of a connection: from HTTP/3 SETTINGS to the close capsule.
use bytes::Bytes;
use quinn_proto::{Dir, StreamId};

use crate::connection::{Connection, Phase, Turn};
use crate::events::PeerDescription;
use crate::failure::Failure;
use crate::streams::{Role, Stream};
use crate::webtransport::{self as wt, Capsules};

/// The state of the session on one connection.
#[derive(Default)]
pub struct Session {
    /// The URL that a client asks for; empty on a server.
    pub url: String,
    /// The stream of the CONNECT request: its number is the session's.
    pub stream: Option<StreamId>,
    peer_ready: bool,
    head_done: bool,
    capsules: Capsules,
}

impl Session {
    pub fn client(url: String) -> Self {
        Self {
            url,
            ..Default::default()
        }
    }
    pub fn datagram_head_bytes(&self) -> usize {
        self.stream
            .map_or(0, |stream| wt::datagram_head(u64::from(stream)).len())
    }
}

/// Streams of HTTP/3 itself go before all others.
const PRIORITY: i32 = i32::MAX;

impl Connection {
    pub fn open_control_stream(&mut self) {
        if let Some(id) = self.open_http3(Dir::Uni, Role::Ignored) {
            self.enqueue(id, wt::settings(), false);
        }
    }

    fn open_http3(&mut self, direction: Dir, role: Role) -> Option<StreamId> {
        let id = self.quic.streams().open(direction)?;
        let _ = self.quic.send_stream(id).set_priority(PRIORITY);
        let mut stream = Stream::new(0.0, role, true, direction == Dir::Bi);
        stream.priority = PRIORITY;
        self.streams.insert(id, stream);
        Some(id)
    }

    /// The peer's control stream has begun with SETTINGS.
    pub fn peer_settings(&mut self, supported: bool, turn: &mut Turn<'_>) {
        let Some(session) = &mut self.session else {
            return;
        };
        if session.peer_ready {
            return;
        }
        session.peer_ready = true;
        if !self.is_client() {
            return;
        }
        if !supported {
            let reason = "the server does not take WebTransport sessions";
            return self.end_session(0.0, false, reason, wt::H3_NO_ERROR, turn);
        }
        let url = self
            .session
            .as_ref()
            .map(|session| session.url.clone())
            .unwrap_or_default();
        match wt::connect(&url, &self.protocols) {
            Ok(request) => {
                let stream = self.open_http3(Dir::Bi, Role::Session);
                if let (Some(id), Some(session)) = (stream, &mut self.session) {
                    session.stream = Some(id);
                    self.enqueue(id, request, false);
                } else {
                    self.end_session(
                        0.0,
                        false,
                        "the server gives no stream",
                        wt::H3_NO_ERROR,
                        turn,
                    );
                }
            }
            Err(reason) => self.end_session(0.0, false, &reason, wt::H3_NO_ERROR, turn),
        }
    }

    /// A request stream at a server: the first one is the session. Returns whether it is.
    pub fn accept_session(&mut self, id: StreamId) -> bool {
        match &mut self.session {
            Some(session) if session.stream.is_none() && !self.quic.side().is_client() => {
                session.stream = Some(id);
                true
            }
            _ => false,
        }
    }

    /// Bytes on the session's stream: HEADERS first, then capsules. `bytes` keeps what is incomplete.
    pub fn session_bytes(&mut self, bytes: &mut Vec<u8>, fin: bool, turn: &mut Turn<'_>) {
        if !self
            .session
            .as_ref()
            .is_some_and(|session| session.head_done)
        {
            let outcome = if self.is_client() {
                self.read_answer(bytes, turn)
            } else {
                self.read_request(bytes, turn)
            };
            match outcome {
                None if !fin => return,
                None => return self.malformed("the session's stream ended in its head", turn),
                Some(Err(reason)) => return self.malformed(&reason, turn),
                Some(Ok(length)) => drop(bytes.drain(..length)),
            }
        }
        let Some(session) = &mut self.session else {
            return;
        };
        match session.capsules.receive(bytes) {
            Ok(Some((code, reason))) => {
                self.end_session(f64::from(code), true, &reason, wt::H3_NO_ERROR, turn);
            }
            Ok(None) if fin => self.end_session(0.0, true, "", wt::H3_NO_ERROR, turn),
            Ok(None) => {}
            Err(reason) => self.malformed(&reason, turn),
        }
        bytes.clear();
    }

    fn malformed(&mut self, reason: &str, turn: &mut Turn<'_>) {
        self.end_session(f64::NAN, false, reason, wt::H3_GENERAL_PROTOCOL_ERROR, turn);
    }

    fn read_request(&mut self, bytes: &[u8], turn: &mut Turn<'_>) -> Option<Result<usize, String>> {
        let (request, length) = match wt::request(bytes)? {
            Ok(done) => done,
            Err(reason) => return Some(Err(reason)),
        };
        let chosen = self
            .protocols
            .iter()
            .find(|protocol| request.protocols.contains(protocol))
            .cloned();
        // A browser without subprotocols asks for none; its owner decides what that means.
        if chosen.is_none() && !request.protocols.is_empty() {
            self.answer(Err(406), true);
            self.phase = Phase::Lingering(turn.now + crate::limits::CLOSE_LINGER);
            turn.shared.forget(self.id);
            return Some(Ok(length));
        }
        self.answer(Ok(chosen.as_deref()), false);
        if let Some(session) = &mut self.session {
            session.head_done = true;
        }
        let peer = PeerDescription {
            web_transport: true,
            protocol: chosen.unwrap_or_default(),
            authority: request.authority,
            path: request.path,
            ..Default::default()
        };
        self.established(peer, turn);
        Some(Ok(length))
    }

    fn answer(&mut self, outcome: Result<Option<&str>, u16>, fin: bool) {
        let stream = self.session.as_ref().and_then(|session| session.stream);
        if let (Some(id), Ok(bytes)) = (stream, wt::response(outcome)) {
            self.enqueue(id, bytes, fin);
        }
    }

    fn read_answer(&mut self, bytes: &[u8], turn: &mut Turn<'_>) -> Option<Result<usize, String>> {
        match wt::answer(bytes)? {
            Ok((protocol, length)) => {
                if let Some(session) = &mut self.session {
                    session.head_done = true;
                }
                let protocol = protocol.unwrap_or_default();
                if !self.protocols.contains(&protocol) && !self.protocols.is_empty() {
                    let message = format!(
                        "the server chose the protocol '{protocol}', which was not asked for"
                    );
                    self.fail(&Failure::new("protocol-mismatch", message), turn);
                    self.end_session(0.0, false, "", wt::H3_NO_ERROR, turn);
                    return Some(Ok(length));
                }
                self.established(
                    PeerDescription {
                        web_transport: true,
                        protocol,
                        ..Default::default()
                    },
                    turn,
                );
                Some(Ok(length))
            }
            Err(reason) => Some(Err(reason)),
        }
    }

    pub fn send_close_capsule(&mut self, code: u64, reason: &str) {
        let Some(id) = self.session.as_ref().and_then(|session| session.stream) else {
            return;
        };
        let capsule: Bytes = wt::close_capsule(u32::try_from(code).unwrap_or(u32::MAX), reason);
        self.enqueue(id, capsule, true);
    }
}
