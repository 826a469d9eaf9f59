//! One connection: handshake, WebTransport session, events of quinn, end.
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;
use quinn_proto::crypto::rustls::HandshakeData;
use quinn_proto::{ConnectionHandle, Dir, Event, Side, StreamEvent, StreamId};
use rustls::pki_types::CertificateDer;

use crate::events::{Events, Kind, PeerDescription};
use crate::failure::Failure;
use crate::ids::IdMap;
use crate::limits::{ConnectionLimits, HANDSHAKE_TIMEOUT};
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
    /// The owner knows that it is over; until the time given the peer may close the connection in answer to the close
    /// capsule. Closing it ourselves would overtake the capsule in a browser, which then tells of a lost connection.
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
    /// Streams that waited for flow control and may go on.
    pub writable: Vec<StreamId>,
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
            writable: Vec::new(),
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
        self.flush_writable();
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
            StreamEvent::Writable { id } => self.writable.push(id),
            StreamEvent::Finished { id } => self.sending_over(id),
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
}
