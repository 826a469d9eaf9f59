//! What JavaScript gives and gets as objects.
use std::time::Duration;

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::limits::ConnectionLimits;

/// As `ConnectionLimits` of the transport interface.
#[napi(object)]
pub struct NativeLimits {
    pub bidirectional_streams_initial: Option<f64>,
    pub bidirectional_streams_max: Option<f64>,
    pub unidirectional_streams_initial: Option<f64>,
    pub unidirectional_streams_max: Option<f64>,
    pub connection_window_bytes: Option<f64>,
    pub stream_window_bytes: Option<f64>,
    pub backlog_bytes_max: Option<f64>,
    pub keep_alive_ms: Option<f64>,
    pub idle_timeout_ms: Option<f64>,
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

/// Fills what is not given with the defaults.
pub fn limits(given: &NativeLimits) -> ConnectionLimits {
    let default = ConnectionLimits::default();
    let number = |value: Option<f64>, default: u64| value.map_or(default, |value| value as u64);
    let time = |value: Option<f64>, default: Duration| {
        value.map_or(default, |value| Duration::from_millis(value as u64))
    };
    ConnectionLimits {
        bidirectional_streams_initial: number(
            given.bidirectional_streams_initial,
            default.bidirectional_streams_initial,
        ),
        bidirectional_streams_max: number(
            given.bidirectional_streams_max,
            default.bidirectional_streams_max,
        ),
        unidirectional_streams_initial: number(
            given.unidirectional_streams_initial,
            default.unidirectional_streams_initial,
        ),
        unidirectional_streams_max: number(
            given.unidirectional_streams_max,
            default.unidirectional_streams_max,
        ),
        connection_window_bytes: number(
            given.connection_window_bytes,
            default.connection_window_bytes,
        ),
        stream_window_bytes: number(given.stream_window_bytes, default.stream_window_bytes),
        backlog_bytes_max: number(given.backlog_bytes_max, default.backlog_bytes_max),
        keep_alive: time(given.keep_alive_ms, default.keep_alive),
        idle_timeout: time(given.idle_timeout_ms, default.idle_timeout),
    }
}
