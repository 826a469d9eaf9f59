//! Datagrams in: to the connection that they belong to, or to the decision whether to make one.
use std::sync::atomic::Ordering::Relaxed;

use bytes::BytesMut;
use quinn_proto::{DatagramEvent, Incoming};
use quinn_udp::{BATCH_SIZE, RecvMeta};

use crate::connection::{Connection, Phase};
use crate::event_loop::{Loop, PART_BYTES, mark, turn};
use crate::failure::Failure;
use crate::limits::{HANDSHAKES, RECEIVE_ROUNDS};
use crate::port::Received;

impl Loop {
    pub(crate) fn receive(&mut self, port: u32) {
        self.resume_port(port);
        for _ in 0..RECEIVE_ROUNDS {
            if !self.receive_batch(port) {
                return;
            }
        }
    }

    fn resume_port(&mut self, id: u32) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        if port.is_blocked() && port.resume(&self.shared.statistics) {
            for connection in std::mem::take(&mut port.blocked) {
                self.mark(connection);
            }
        }
    }

    /// Returns whether there may be more.
    fn receive_batch(&mut self, id: u32) -> bool {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut buffer = std::mem::take(&mut self.receive_buffer);
        let received = match self.ports.get(&id) {
            Some(port) => port.receive(&mut buffer, &mut metas),
            None => Received::Nothing,
        };
        let more = match received {
            Received::Datagrams(count) => {
                for (part, meta) in buffer.chunks_exact(PART_BYTES).zip(&metas[..count]) {
                    self.receive_part(id, &part[..meta.len], meta);
                }
                count == BATCH_SIZE
            }
            Received::Refused => {
                self.refused(id);
                true
            }
            Received::Nothing => false,
        };
        self.receive_buffer = buffer;
        more
    }

    fn receive_part(&mut self, port: u32, bytes: &[u8], meta: &RecvMeta) {
        let statistics = &self.shared.statistics;
        statistics
            .bytes_received
            .fetch_add(bytes.len() as u64, Relaxed);
        for datagram in bytes.chunks(meta.stride.max(1)) {
            self.shared
                .statistics
                .datagrams_received
                .fetch_add(1, Relaxed);
            self.receive_datagram(port, datagram, meta);
        }
    }

    fn receive_datagram(&mut self, id: u32, datagram: &[u8], meta: &RecvMeta) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        let ecn = meta
            .ecn
            .and_then(|ecn| quinn_proto::EcnCodepoint::from_bits(ecn as u8));
        self.send_buffer.clear();
        let event = port.endpoint.handle(
            self.now,
            meta.addr,
            meta.dst_ip,
            ecn,
            BytesMut::from(datagram),
            &mut self.send_buffer,
        );
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(connection) = port
                    .connection(handle)
                    .and_then(|id| self.connections.get_mut(&id))
                {
                    connection.quic.handle_event(event);
                    mark(&mut self.dirty, connection);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.accept(id, incoming),
            Some(DatagramEvent::Response(transmit)) => {
                port.send(transmit, &self.send_buffer, &self.shared.statistics);
            }
            None => {}
        }
    }

    /// A client knocks: it is let in, sent away to prove its address first, or refused.
    fn accept(&mut self, port_id: u32, incoming: Incoming) {
        let Some(port) = self.ports.get_mut(&port_id) else {
            return;
        };
        let statistics = &self.shared.statistics;
        self.send_buffer.clear();
        if !port.listening || self.closing || port.handshakes >= HANDSHAKES {
            statistics.connections_refused.fetch_add(1, Relaxed);
            let transmit = port.endpoint.refuse(incoming, &mut self.send_buffer);
            return port.send(transmit, &self.send_buffer, statistics);
        }
        if port.handshakes >= self.retry_handshakes
            && incoming.may_retry()
            && !incoming.remote_address_validated()
        {
            if let Ok(transmit) = port.endpoint.retry(incoming, &mut self.send_buffer) {
                statistics.retries_sent.fetch_add(1, Relaxed);
                port.send(transmit, &self.send_buffer, statistics);
            }
            return;
        }
        match port
            .endpoint
            .accept(incoming, self.now, &mut self.send_buffer, None)
        {
            Ok((handle, quic)) => {
                statistics.connections_accepted.fetch_add(1, Relaxed);
                let id = self.shared.next_id();
                port.connections.insert(handle.0, id);
                port.handshakes += 1;
                let shared = self.shared.register(id);
                let limits = port.limits.clone();
                let connection = Box::new(Connection::new(id, quic, handle, port, shared, limits));
                self.connections.insert(id, connection);
                self.mark(id);
            }
            Err(error) => {
                if let Some(transmit) = error.response {
                    port.send(transmit, &self.send_buffer, statistics);
                }
            }
        }
    }

    /// ICMP says that nobody is there. Once a connection stands this may be forged or transient, and QUIC ignores it.
    fn refused(&mut self, port: u32) {
        let Some(port) = self.ports.get(&port) else {
            return;
        };
        for id in port.connections.values().copied().collect::<Vec<_>>() {
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            if connection.phase == Phase::Handshake && connection.quic.is_handshaking() {
                let address = connection.quic.remote_address();
                let mut turn = turn(&mut self.events, &self.shared, self.now);
                connection.fail(
                    &Failure::new("refused", format!("nobody listens at {address}")),
                    &mut turn,
                );
                connection
                    .quic
                    .close(self.now, 0u32.into(), bytes::Bytes::new());
                mark(&mut self.dirty, connection);
            }
        }
    }
}
