//! What JavaScript gives and gets as objects.
use std::time::Duration;

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::limits::ConnectionLimits;

/// As `ConnectionLimits` of the transport interface.
#[napi(object)]
pub struct NativeLimits {
    pub bidirectional_streams_initial: f64,
    pub bidirectional_streams_max: f64,
    pub unidirectional_streams_initial: f64,
    pub unidirectional_streams_max: f64,
    pub connection_window_bytes: f64,
    pub stream_window_bytes: f64,
    pub backlog_bytes_max: f64,
    pub keep_alive_ms: f64,
    pub idle_timeout_ms: f64,
}

#[napi(object)]
pub struct NativeListenOptions {
    /// An IP address with port.
    pub address: String,
    pub certificate_pem: String,
    pub private_key_pem: String,
    pub client_authorities_pem: Option<String>,
    pub protocols: Vec<String>,
    pub limits: NativeLimits,
}

#[napi(object)]
pub struct NativeListener {
    pub id: u32,
    pub address: String,
    pub port: u32,
}

#[napi(object)]
pub struct NativeReload {
    pub certificate_pem: String,
    pub private_key_pem: String,
    pub client_authorities_pem: Option<String>,
    pub protocols: Vec<String>,
    pub limits: NativeLimits,
}

#[napi(object)]
pub struct NativeConnectOptions {
    /// An IP address with port.
    pub address: String,
    pub server_name: String,
    /// The URL of a WebTransport session; absent for raw QUIC.
    pub url: Option<String>,
    pub protocols: Vec<String>,
    pub authorities_pem: Option<String>,
    pub system_authorities: bool,
    pub certificate_hashes: Vec<Uint8Array>,
    pub insecure: bool,
    pub certificate_pem: Option<String>,
    pub private_key_pem: Option<String>,
    pub limits: NativeLimits,
}

/// The limits as the loop has them.
pub fn limits(given: &NativeLimits) -> ConnectionLimits {
    ConnectionLimits {
        bidirectional_streams_initial: given.bidirectional_streams_initial as u64,
        bidirectional_streams_max: given.bidirectional_streams_max as u64,
        unidirectional_streams_initial: given.unidirectional_streams_initial as u64,
        unidirectional_streams_max: given.unidirectional_streams_max as u64,
        connection_window_bytes: given.connection_window_bytes as u64,
        stream_window_bytes: given.stream_window_bytes as u64,
        backlog_bytes_max: given.backlog_bytes_max as u64,
        keep_alive: Duration::from_millis(given.keep_alive_ms as u64),
        idle_timeout: Duration::from_millis(given.idle_timeout_ms as u64),
    }
}
