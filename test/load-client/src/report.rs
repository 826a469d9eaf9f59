//! What is printed: one line of JSON per event.

use std::io::Write;
use std::time::Duration;

use crate::histogram::Histogram;
use crate::options::Options;

/// Everything that is counted, over all connections.
#[derive(Default)]
pub struct Counters {
    /// Objects that arrived whole, warm-up left out.
    pub deliveries: u64,
    pub payload_bytes: u64,
    pub warmup_deliveries: u64,
    pub streams: u64,
    pub resets: u64,
    /// Streams whose alias no SUBSCRIBE_OK had named by the time they ended.
    pub unknown_alias_streams: u64,
    /// Objects that say no publish time, or one in the future.
    pub untimed: u64,
    pub latency_us: Histogram,
}

pub fn ready(options: &Options, elapsed: Duration) {
    emit(&format!(
        "{{\"event\":\"ready\",\"connections\":{},\"subscriptions\":{},\"elapsedMs\":{:.3}}}",
        options.connections,
        options.connections * options.tracks.len(),
        elapsed.as_secs_f64() * 1e3,
    ));
}

pub fn result(options: &Options, counters: &Counters, elapsed: Duration) {
    let latency = &counters.latency_us;
    emit(&format!(
        "{{\"event\":\"result\",\"connections\":{},\"subscriptions\":{},\"elapsedMs\":{:.3},\"deliveries\":{},\
         \"warmupDeliveries\":{},\"payloadBytes\":{},\"streams\":{},\"resets\":{},\"unknownAliasStreams\":{},\
         \"untimed\":{},\"latencyUs\":{{\"samples\":{},\"p50\":{},\"p90\":{},\"p99\":{},\"max\":{}}}}}",
        options.connections,
        options.connections * options.tracks.len(),
        elapsed.as_secs_f64() * 1e3,
        counters.deliveries,
        counters.warmup_deliveries,
        counters.payload_bytes,
        counters.streams,
        counters.resets,
        counters.unknown_alias_streams,
        counters.untimed,
        latency.count(),
        latency.percentile(0.5),
        latency.percentile(0.9),
        latency.percentile(0.99),
        latency.max(),
    ));
}

// Whoever started this program reads the lines through a pipe; if it is gone, nobody wants them.
fn emit(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
