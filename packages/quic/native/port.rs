//! A UDP socket with the QUIC endpoint that lives on it: a listener, or one connection that we asked for.
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use quinn_proto::{ConnectionHandle, Endpoint, EndpointConfig, ServerConfig, Transmit};
use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, UdpSocketState};

use crate::failure::Failure;
use crate::ids::IdMap;
use crate::limits::{ConnectionLimits, SOCKET_BUFFER_BYTES};
use crate::shared::Statistics;
use crate::tls::Judge;

pub struct Port {
    pub id: u32,
    pub endpoint: Endpoint,
    pub judge: Arc<Judge>,
    pub limits: ConnectionLimits,
    /// The protocols that WebTransport sessions may choose from; ALPN has its own list.
    pub protocols: Vec<String>,
    pub connections: IdMap<usize, u32>,
    /// Connections whose handshake is under way.
    pub handshakes: usize,
    /// Whether new connections are taken.
    pub listening: bool,
    /// Connections that wait until the socket takes datagrams again.
    pub blocked: Vec<u32>,
    unsent: VecDeque<(Transmit, Vec<u8>)>,
    socket: UdpSocket,
    state: UdpSocketState,
}

/// What a socket read brought.
pub enum Received {
    Datagrams(usize),
    /// The kernel says that nobody listens at the address we are connected to.
    Refused,
    Nothing,
}

/// Opens a socket; the message of a failure names the address.
pub fn bind(address: SocketAddr, shown: &str) -> Result<UdpSocket, Failure> {
    UdpSocket::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            Failure::new("address-in-use", format!("{shown} is already in use"))
        }
        ErrorKind::PermissionDenied => Failure::new(
            "permission-denied",
            format!("listening on {shown} is not permitted: {error}"),
        ),
        ErrorKind::AddrNotAvailable => Failure::new(
            "address-invalid",
            format!("{shown} is not an address of this machine"),
        ),
        _ => Failure::new("address-invalid", format!("cannot open {shown}: {error}")),
    })
}

impl Port {
    pub fn new(
        id: u32,
        socket: UdpSocket,
        server: Option<Arc<ServerConfig>>,
        judge: Arc<Judge>,
        limits: ConnectionLimits,
        protocols: Vec<String>,
    ) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        // The kernel may give less than is asked for; that costs throughput, not correctness.
        let _ = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
        let listening = server.is_some();
        let endpoint = Endpoint::new(
            Arc::new(EndpointConfig::default()),
            server,
            !state.may_fragment(),
            None,
        );
        Ok(Self {
            id,
            endpoint,
            judge,
            limits,
            protocols,
            connections: IdMap::default(),
            handshakes: 0,
            listening,
            blocked: Vec::new(),
            unsent: VecDeque::new(),
            socket,
            state,
        })
    }

    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
    pub fn segments_max(&self) -> usize {
        self.state.max_gso_segments()
    }
    /// Whether the socket refused datagrams that wait here.
    pub fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }
    /// A port without a listener lives as long as its connections.
    pub fn is_over(&self) -> bool {
        !self.listening && self.connections.is_empty()
    }
    pub fn connection(&self, handle: ConnectionHandle) -> Option<u32> {
        self.connections.get(&handle.0).copied()
    }

    /// Sends at once, or keeps the datagrams until the socket is writable again.
    pub fn send(&mut self, transmit: Transmit, bytes: &[u8], statistics: &Statistics) {
        if self.is_blocked() || !self.try_send(&transmit, bytes, statistics) {
            self.unsent.push_back((transmit, bytes.to_vec()));
        }
    }
    /// Sends what was refused before; true if nothing is left.
    pub fn resume(&mut self, statistics: &Statistics) -> bool {
        while let Some((transmit, bytes)) = self.unsent.pop_front() {
            if !self.try_send(&transmit, &bytes, statistics) {
                self.unsent.push_front((transmit, bytes));
                return false;
            }
        }
        true
    }

    fn try_send(&self, transmit: &Transmit, bytes: &[u8], statistics: &Statistics) -> bool {
        let contents = &bytes[..transmit.size];
        let sent = self.state.send(
            (&self.socket).into(),
            &quinn_udp::Transmit {
                destination: transmit.destination,
                ecn: transmit
                    .ecn
                    .and_then(|ecn| EcnCodepoint::from_bits(ecn as u8)),
                contents,
                segment_size: transmit.segment_size,
                src_ip: transmit.src_ip,
            },
        );
        if sent.is_err() {
            return false;
        }
        let datagrams = transmit
            .segment_size
            .map_or(1, |size| transmit.size.div_ceil(size));
        statistics
            .datagrams_sent
            .fetch_add(datagrams as u64, Relaxed);
        statistics
            .bytes_sent
            .fetch_add(transmit.size as u64, Relaxed);
        true
    }

    /// Reads one batch into `buffer`, which holds `BATCH_SIZE` parts.
    pub fn receive(&self, buffer: &mut [u8], metas: &mut [RecvMeta; BATCH_SIZE]) -> Received {
        let part = buffer.len() / BATCH_SIZE;
        let mut parts = buffer.chunks_exact_mut(part);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
        match self.state.recv((&self.socket).into(), &mut slices, metas) {
            Ok(count) => Received::Datagrams(count),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Received::Refused,
            Err(_) => Received::Nothing,
        }
    }
}
