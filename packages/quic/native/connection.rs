//! One connection: handshake, WebTransport session, events of quinn, end.
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;
use quinn_proto::crypto::rustls::HandshakeData;
use quinn_proto::{
    ConnectionError, ConnectionHandle, Dir, Event, Side, StreamEvent, StreamId, VarInt,
};
use rustls::pki_types::CertificateDer;

use crate::events::{Events, Kind, PeerDescription};
use crate::failure::Failure;
use crate::ids::IdMap;
use crate::limits::{CLOSE_LINGER, ConnectionLimits, HANDSHAKE_TIMEOUT, REASON_BYTES};
use crate::session::Session;
use crate::shared::{ConnectionShared, Shared};
use crate::streams::Stream;
use crate::tls::Judge;
use crate::webtransport as wt;

/// How far a connection has come, as its owner sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Neither handshake nor session are done; the owner knows nothing of it yet (or waits for it).
    Handshake,
    Open,
    /// The owner knows that it is over; until the time given we wait for the close capsule to arrive.
    Lingering(Instant),
    Over,
}

/// What every step of a loop turn needs.
pub struct Turn<'a> {
    pub events: &'a mut Events,
    pub shared: &'a Shared,
    pub now: Instant,
    /// Groups that a peer stopped: the set, the group.
    pub stopped: Vec<(u32, u64)>,
}

pub struct Connection {
    pub id: u32,
    pub quic: quinn_proto::Connection,
    pub port: u32,
    pub handle: ConnectionHandle,
    pub shared: Arc<ConnectionShared>,
    pub limits: ConnectionLimits,
    pub phase: Phase,
    pub session: Option<Session>,
    pub judge: Arc<Judge>,
    /// The protocols that a WebTransport session may choose from (server) or asks for (client).
    pub protocols: Vec<String>,
    pub listening: bool,
    pub streams: IdMap<StreamId, Stream>,
    /// JavaScript's numbers of the streams that it opened.
    pub numbers: IdMap<u64, StreamId>,
    /// Streams opened ahead of use, by direction.
    pub ready: [VecDeque<StreamId>; 2],
    /// Streams of the peer that HTTP/3 itself keeps open; they do not count against the limits.
    pub own_streams: [u64; 2],
    /// Streams that may have more to read.
    pub readable: VecDeque<StreamId>,
    pub drained_below: Option<u64>,
    /// Sets that this connection belongs to, and those of them where it missed something.
    pub sets: Vec<u32>,
    pub missed_in: Vec<u32>,
    /// The time that the loop's timer queue knows.
    pub timer: Option<Instant>,
    pub dirty: bool,
    datagrams_waiting: bool,
    /// Until when handshake and session must be done: a peer that stops half-way is not kept alive.
    handshake_until: Instant,
}

impl Connection {
    pub fn new(
        id: u32,
        quic: quinn_proto::Connection,
        handle: ConnectionHandle,
        port: &crate::port::Port,
        shared: Arc<ConnectionShared>,
        limits: ConnectionLimits,
    ) -> Self {
        Self {
            id,
            quic,
            port: port.id,
            handle,
            shared,
            limits,
            phase: Phase::Handshake,
            session: None,
            judge: port.judge.clone(),
            protocols: port.protocols.clone(),
            listening: false,
            streams: IdMap::default(),
            numbers: IdMap::default(),
            ready: Default::default(),
            own_streams: [0; 2],
            readable: VecDeque::new(),
            drained_below: None,
            sets: Vec::new(),
            missed_in: Vec::new(),
            timer: None,
            dirty: false,
            datagrams_waiting: false,
            handshake_until: Instant::now() + HANDSHAKE_TIMEOUT,
        }
    }

    pub fn is_client(&self) -> bool {
        self.quic.side() == Side::Client
    }

    /// When something is to be done without a datagram.
    pub fn next_timeout(&mut self) -> Option<Instant> {
        let quic = self.quic.poll_timeout();
        match self.phase {
            Phase::Lingering(until) => Some(quic.map_or(until, |time| time.min(until))),
            Phase::Handshake => {
                Some(quic.map_or(self.handshake_until, |time| time.min(self.handshake_until)))
            }
            _ => quic,
        }
    }
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.quic.poll_timeout().is_some_and(|time| time <= now) {
            self.quic.handle_timeout(now);
        }
        if matches!(self.phase, Phase::Lingering(until) if until <= now) {
            self.end_lingering(now);
        }
    }

    /// Takes quinn's events and reads what may be read.
    pub fn drive(&mut self, turn: &mut Turn<'_>) {
        while let Some(event) = self.quic.poll() {
            self.handle(event, turn);
        }
        self.read_streams(turn);
        self.tell_backlog(turn);
        if self.phase == Phase::Handshake && turn.now >= self.handshake_until {
            self.fail(
                &Failure::new("timed-out", "the handshake was not done in time"),
                turn,
            );
            self.close_quic(0, Bytes::new(), turn.now);
        }
        let datagram_bytes = self.quic.datagrams().max_size().unwrap_or(0);
        let head = self
            .session
            .as_ref()
            .map_or(0, Session::datagram_head_bytes);
        self.shared
            .datagram_bytes
            .store(datagram_bytes.saturating_sub(head) as u32, Relaxed);
    }

    fn handle(&mut self, event: Event, turn: &mut Turn<'_>) {
        match event {
            Event::HandshakeDataReady | Event::DatagramsUnblocked => {}
            Event::Connected => self.connected(turn),
            Event::ConnectionLost { reason } => self.lost(&reason, turn),
            Event::DatagramReceived => {
                self.datagrams_waiting = true;
                self.read_datagrams(turn);
            }
            Event::Stream(event) => self.handle_stream(event, turn),
        }
    }

    fn handle_stream(&mut self, event: StreamEvent, turn: &mut Turn<'_>) {
        match event {
            StreamEvent::Opened { dir } => self.accept_streams(dir, turn),
            StreamEvent::Readable { id } => self.readable.push_back(id),
            StreamEvent::Writable { id } => self.flush_stream(id),
            StreamEvent::Finished { id } => {
                self.sending_over(id);
                if matches!(self.phase, Phase::Lingering(_))
                    && self.session.as_ref().is_some_and(|s| s.stream == Some(id))
                {
                    self.end_lingering(turn.now);
                }
            }
            StreamEvent::Stopped { id, error_code } => self.stopped(id, error_code, turn),
            StreamEvent::Available { dir } => self.fill_ready(dir, turn),
        }
    }

    fn connected(&mut self, turn: &mut Turn<'_>) {
        let protocol = self
            .quic
            .crypto_session()
            .handshake_data()
            .and_then(|data| data.downcast::<HandshakeData>().ok())
            .and_then(|data| data.protocol)
            .unwrap_or_default();
        let is_http3 = protocol == b"h3";
        if !is_http3 {
            let protocol = String::from_utf8_lossy(&protocol).into_owned();
            return self.established(
                PeerDescription {
                    protocol,
                    ..Default::default()
                },
                turn,
            );
        }
        if self.session.is_none() {
            self.session = Some(Session::default());
        }
        self.open_control_stream();
    }

    /// The connection belongs to its owner from here on.
    pub fn established(&mut self, mut peer: PeerDescription, turn: &mut Turn<'_>) {
        let chain = self
            .quic
            .crypto_session()
            .peer_identity()
            .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
            .map(|chain| *chain)
            .unwrap_or_default();
        let remote = self.quic.remote_address();
        peer.address =
            std::net::SocketAddr::new(remote.ip().to_canonical(), remote.port()).to_string();
        peer.certificate_error = self.judge.error(&chain);
        peer.certificate = chain.first().map(|leaf| leaf.to_vec());
        self.phase = Phase::Open;
        turn.shared.statistics.connections.fetch_add(1, Relaxed);
        let listener = if self.is_client() { 0 } else { self.port };
        turn.events.push(
            Kind::Established,
            self.id,
            f64::from(listener),
            0.0,
            0,
            &peer.encode(),
        );
        self.fill_ready(Dir::Uni, turn);
        self.fill_ready(Dir::Bi, turn);
        // What came while the owner was not known yet.
        self.accept_streams(Dir::Uni, turn);
        self.accept_streams(Dir::Bi, turn);
    }

    /// The owner wants events from here on.
    pub fn listen(&mut self, turn: &mut Turn<'_>) {
        if self.listening || self.phase != Phase::Open {
            return;
        }
        self.listening = true;
        self.release_held(turn);
        self.accept_streams(Dir::Uni, turn);
        self.accept_streams(Dir::Bi, turn);
        self.readable.extend(self.streams.keys().copied());
        self.read_datagrams(turn);
    }

    fn tell_backlog(&mut self, turn: &mut Turn<'_>) {
        if self.phase != Phase::Open {
            return;
        }
        let backlog = self.shared.backlog.bytes();
        if backlog > self.limits.backlog_bytes_max {
            let reason = format!(
                "too slow: {backlog} bytes are not acknowledged, {} are allowed",
                self.limits.backlog_bytes_max
            );
            self.end(f64::NAN, false, &reason, turn);
            self.close_quic(0, Bytes::from_static(b"too slow"), turn.now);
        } else if self.drained_below.is_some_and(|mark| backlog < mark) {
            self.drained_below = None;
            turn.events.push(Kind::Drained, self.id, 0.0, 0.0, 0, &[]);
        }
    }

    fn read_datagrams(&mut self, turn: &mut Turn<'_>) {
        if !self.datagrams_waiting || !self.listening || self.phase != Phase::Open {
            return;
        }
        self.datagrams_waiting = false;
        while let Some(datagram) = self.quic.datagrams().recv() {
            let payload = match self.session.as_ref().and_then(|session| session.stream) {
                Some(session) => wt::datagram_payload(u64::from(session), datagram),
                None => Some(datagram),
            };
            if let Some(payload) = payload {
                turn.events
                    .push(Kind::Datagram, self.id, 0.0, 0.0, 0, &payload);
            }
        }
    }

    pub fn send_datagram(&mut self, bytes: Bytes) {
        let bytes = match self.session.as_ref().and_then(|session| session.stream) {
            Some(session) => {
                let mut framed = wt::datagram_head(u64::from(session));
                framed.extend_from_slice(&bytes);
                framed.into()
            }
            None => bytes,
        };
        // The path's MTU may have shrunk since the owner asked; datagrams may be lost anyway.
        let _ = self.quic.datagrams().send(bytes, true);
    }

    /// The owner closes.
    pub fn close(&mut self, code: u64, reason: &[u8], turn: &mut Turn<'_>) {
        let reason = shorten(&String::from_utf8_lossy(reason)).to_owned();
        match self.phase {
            Phase::Handshake => {
                self.phase = Phase::Over;
                turn.shared.forget(self.id);
                self.close_quic(0, Bytes::new(), turn.now);
            }
            Phase::Open => {
                self.end(code as f64, false, &reason, turn);
                if self.session.is_some() {
                    self.send_close_capsule(code, &reason);
                    self.phase = Phase::Lingering(turn.now + CLOSE_LINGER);
                } else {
                    self.close_quic(code, Bytes::from(reason.into_bytes()), turn.now);
                }
            }
            Phase::Lingering(_) | Phase::Over => {}
        }
    }

    /// The peer has closed the session, or broken HTTP/3.
    pub fn end_session(
        &mut self,
        code: f64,
        remote: bool,
        reason: &str,
        error: u32,
        turn: &mut Turn<'_>,
    ) {
        match self.phase {
            Phase::Open => self.end(code, remote, reason, turn),
            Phase::Handshake => self.fail(&Failure::new("protocol-mismatch", reason), turn),
            Phase::Lingering(_) | Phase::Over => self.phase = Phase::Over,
        }
        self.close_quic(u64::from(error), Bytes::new(), turn.now);
    }

    fn end_lingering(&mut self, now: Instant) {
        self.phase = Phase::Over;
        self.close_quic(u64::from(wt::H3_NO_ERROR), Bytes::new(), now);
    }

    fn close_quic(&mut self, code: u64, reason: Bytes, now: Instant) {
        self.quic
            .close(now, VarInt::from_u64(code).unwrap_or(VarInt::MAX), reason);
    }

    /// Tells the owner that it is over; nothing follows.
    fn end(&mut self, code: f64, remote: bool, reason: &str, turn: &mut Turn<'_>) {
        self.phase = Phase::Over;
        turn.shared.statistics.connections.fetch_sub(1, Relaxed);
        turn.shared.forget(self.id);
        turn.events.push(
            Kind::Closed,
            self.id,
            0.0,
            code,
            u32::from(remote),
            reason.as_bytes(),
        );
        let session = self.session.as_ref().and_then(|session| session.stream);
        self.streams.retain(|id, _| Some(*id) == session);
        self.numbers.clear();
        self.readable.clear();
    }

    /// Tells that a connection which we asked for did not come about.
    pub fn fail(&mut self, failure: &Failure, turn: &mut Turn<'_>) {
        self.phase = Phase::Over;
        turn.shared.forget(self.id);
        if self.is_client() {
            turn.events.push(
                Kind::Failed,
                self.id,
                0.0,
                0.0,
                0,
                failure.to_string().as_bytes(),
            );
        }
    }

    fn lost(&mut self, error: &ConnectionError, turn: &mut Turn<'_>) {
        match self.phase {
            Phase::Handshake => self.fail(&handshake_failure(error), turn),
            Phase::Open => match error {
                ConnectionError::ApplicationClosed(close) if self.session.is_none() => {
                    let reason = String::from_utf8_lossy(&close.reason).into_owned();
                    self.end(close.error_code.into_inner() as f64, true, &reason, turn);
                }
                ConnectionError::ApplicationClosed(_) | ConnectionError::ConnectionClosed(_) => {
                    self.end(f64::NAN, true, &error.to_string(), turn);
                }
                _ => self.end(
                    f64::NAN,
                    matches!(error, ConnectionError::Reset),
                    &error.to_string(),
                    turn,
                ),
            },
            Phase::Lingering(_) | Phase::Over => self.phase = Phase::Over,
        }
    }
}

/// A reason that fits into one packet, cut at a character.
fn shorten(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES)]
}

/// TLS alerts (RFC 8446 §6), which QUIC carries as 0x100 + alert.
const ALERT_NO_APPLICATION_PROTOCOL: u64 = 0x178;
const CERTIFICATE_ALERTS: [u64; 9] = [
    0x129, 0x12a, 0x12b, 0x12c, 0x12d, 0x12e, 0x130, 0x131, 0x174,
];
/// CONNECTION_REFUSED (RFC 9000 §20.1).
const CONNECTION_REFUSED: u64 = 0x02;

fn handshake_failure(error: &ConnectionError) -> Failure {
    let code = match error {
        ConnectionError::TransportError(error) => u64::from(error.code),
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::TimedOut => {
            return Failure::new("timed-out", "the peer did not answer in time");
        }
        ConnectionError::Reset => return Failure::new("refused", "the peer reset the connection"),
        ConnectionError::VersionMismatch => {
            return Failure::new(
                "protocol-mismatch",
                "the peer speaks no QUIC version that we do",
            );
        }
        ConnectionError::ApplicationClosed(_) | ConnectionError::LocallyClosed => {
            return Failure::new(
                "closed",
                format!("the connection was closed during the handshake: {error}"),
            );
        }
        ConnectionError::CidsExhausted => return Failure::new("internal", error.to_string()),
    };
    match code {
        ALERT_NO_APPLICATION_PROTOCOL => Failure::new(
            "protocol-mismatch",
            "the peer offers none of the application protocols asked for",
        ),
        CONNECTION_REFUSED => Failure::new("refused", "the peer refuses connections"),
        code if CERTIFICATE_ALERTS.contains(&code) => {
            Failure::new("certificate-rejected", certificate_message(error))
        }
        _ => Failure::new("internal", format!("the handshake failed: {error}")),
    }
}

fn certificate_message(error: &ConnectionError) -> String {
    match error {
        ConnectionError::TransportError(error) => {
            format!("the peer's certificate is not accepted: {}", error.reason)
        }
        _ => format!("the peer does not accept our certificate: {error}"),
    }
}
