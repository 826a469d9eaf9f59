//! UDP sockets with segmentation offload in both directions.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use bytes::BytesMut;
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

/// Bytes asked of the kernel for each direction: a burst to all connections of the socket. The kernel may give less.
const BUFFER_BYTES: usize = 4 << 20;

pub struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    /// Datagrams that the kernel had no room for, in order.
    blocked: VecDeque<(quinn_proto::Transmit, Vec<u8>)>,
}

/// One datagram that came in.
pub struct Datagram {
    pub from: SocketAddr,
    pub local_ip: Option<IpAddr>,
    pub ecn: Option<quinn_proto::EcnCodepoint>,
    pub bytes: BytesMut,
}

impl Socket {
    /// Binds to any port, for peers of the same family as `peer`.
    pub fn bind(peer: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = match peer {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => ([0u16; 8], 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        let state = UdpSocketState::new((&socket).into())?;
        state.set_send_buffer_size((&socket).into(), BUFFER_BYTES)?;
        state.set_recv_buffer_size((&socket).into(), BUFFER_BYTES)?;
        Ok(Self {
            socket,
            state,
            blocked: VecDeque::new(),
        })
    }

    pub fn descriptor(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    pub fn wants_to_write(&self) -> bool {
        !self.blocked.is_empty()
    }

    pub fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends, or keeps what does not fit now until `flush`.
    pub fn send(&mut self, transmit: quinn_proto::Transmit, bytes: &[u8]) {
        if !self.blocked.is_empty() || !self.try_send(&transmit, bytes) {
            self.blocked.push_back((transmit, bytes.to_vec()));
        }
    }

    /// Sends what was kept, as far as the kernel takes it.
    pub fn flush(&mut self) {
        while let Some((transmit, bytes)) = self.blocked.pop_front() {
            if !self.try_send(&transmit, &bytes) {
                self.blocked.push_front((transmit, bytes));
                return;
            }
        }
    }

    /// Receives what is there, up to `rounds` system calls.
    pub fn receive(
        &self,
        buffer: &mut ReceiveBuffer,
        rounds: usize,
        mut take: impl FnMut(Datagram),
    ) {
        for _ in 0..rounds {
            let mut slices: Vec<IoSliceMut> = buffer
                .bytes
                .chunks_mut(buffer.each)
                .map(IoSliceMut::new)
                .collect();
            let Ok(count) = self
                .state
                .recv((&self.socket).into(), &mut slices, &mut buffer.metas)
            else {
                return;
            };
            drop(slices);
            for (meta, bytes) in buffer
                .metas
                .iter()
                .zip(buffer.bytes.chunks(buffer.each))
                .take(count)
            {
                for datagram in bytes[..meta.len].chunks(meta.stride.max(1)) {
                    take(Datagram {
                        from: meta.addr,
                        local_ip: meta.dst_ip,
                        ecn: meta
                            .ecn
                            .and_then(|ecn| quinn_proto::EcnCodepoint::from_bits(ecn as u8)),
                        bytes: BytesMut::from(datagram),
                    });
                }
            }
        }
    }

    /// False only if the kernel has no room. Other errors lose the datagram, which QUIC repeats.
    fn try_send(&self, transmit: &quinn_proto::Transmit, bytes: &[u8]) -> bool {
        let result = self.state.send(
            (&self.socket).into(),
            &Transmit {
                destination: transmit.destination,
                ecn: transmit
                    .ecn
                    .and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn as u8)),
                contents: bytes,
                segment_size: transmit.segment_size,
                src_ip: transmit.src_ip,
            },
        );
        !matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

/// Room for one receive call: 32 slots, each for a train of coalesced datagrams.
pub struct ReceiveBuffer {
    bytes: Vec<u8>,
    each: usize,
    metas: Vec<RecvMeta>,
}

impl Default for ReceiveBuffer {
    fn default() -> Self {
        let each = 64 * 1024;
        let slots = quinn_udp::BATCH_SIZE;
        Self {
            bytes: vec![0; each * slots],
            each,
            metas: vec![RecvMeta::default(); slots],
        }
    }
}
