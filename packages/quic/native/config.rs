//! QUIC's own configuration, from the limits.
use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{
    AckFrequencyConfig, ClientConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig,
    TransportConfig, VarInt,
};

use crate::failure::Failure;
use crate::limits::{
    ACK_THRESHOLD, ConnectionLimits, DATAGRAM_BUFFER_BYTES, HANDSHAKES, SEND_WINDOW_BYTES,
    UDP_PAYLOAD_MAX,
};

fn count(value: u64) -> VarInt {
    VarInt::from_u64(value).unwrap_or(VarInt::MAX)
}

pub fn transport(limits: &ConnectionLimits) -> Arc<TransportConfig> {
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(ACK_THRESHOLD.into());
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(UDP_PAYLOAD_MAX);
    let idle = IdleTimeout::try_from(limits.idle_timeout)
        .ok()
        .filter(|_| limits.idle_timeout > Duration::ZERO);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(count(limits.bidirectional_streams_initial))
        .max_concurrent_uni_streams(count(limits.unidirectional_streams_initial))
        .receive_window(count(limits.connection_window_bytes))
        .stream_receive_window(count(limits.stream_window_bytes))
        .send_window(SEND_WINDOW_BYTES)
        .keep_alive_interval((limits.keep_alive > Duration::ZERO).then_some(limits.keep_alive))
        .max_idle_timeout(idle)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES)
        .mtu_discovery_config(Some(discovery))
        .ack_frequency_config(Some(acknowledgements));
    Arc::new(config)
}

pub fn server(
    tls: rustls::ServerConfig,
    limits: &ConnectionLimits,
) -> Result<Arc<ServerConfig>, Failure> {
    let tls = QuicServerConfig::try_from(tls)
        .map_err(|error| Failure::new("internal", error.to_string()))?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config
        .transport_config(transport(limits))
        .max_incoming(HANDSHAKES);
    Ok(Arc::new(config))
}

pub fn client(
    tls: rustls::ClientConfig,
    limits: &ConnectionLimits,
) -> Result<ClientConfig, Failure> {
    let tls = QuicClientConfig::try_from(tls)
        .map_err(|error| Failure::new("internal", error.to_string()))?;
    let mut config = ClientConfig::new(Arc::new(tls));
    config.transport_config(transport(limits));
    Ok(config)
}
