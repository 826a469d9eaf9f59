//! Every limit of the addon with its reason. What a user may change is in `ConnectionLimits`; its defaults are stated
//! in TypeScript.
use std::time::Duration;

/// Limits of one connection; the names are those of the TypeScript interface.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Credit costs memory per connection before any stream exists, so it starts small.
    pub bidirectional_streams_initial: u64,
    /// A subscription holds a bidirectional stream for life.
    pub bidirectional_streams_max: u64,
    pub unidirectional_streams_initial: u64,
    pub unidirectional_streams_max: u64,
    /// Bytes in flight towards us.
    pub connection_window_bytes: u64,
    pub stream_window_bytes: u64,
    /// Bytes that the peer has not acknowledged, beyond which it counts as too slow.
    pub backlog_bytes_max: u64,
    pub keep_alive: Duration,
    pub idle_timeout: Duration,
}

/// Bytes that quinn holds per connection; what is beyond waits in our own queue, where it can still be reprioritised.
pub const SEND_WINDOW_BYTES: u64 = 8 << 20;
/// Bytes up to which a write of a set is joined with the one after it, at the price of copying it again.
pub const JOINED_BYTES: usize = 1024;
/// A large write is cut into pieces of this size, so that the backlog shrinks as acknowledgements arrive.
pub const PIECE_BYTES: usize = 64 << 10;
/// Streams that are opened ahead of use: `open` answers at once as long as one is left.
pub const STREAMS_READY: usize = 1024;
/// Datagrams waiting to be read or sent per connection; older ones are dropped first.
pub const DATAGRAM_BUFFER_BYTES: usize = 256 << 10;
/// Event bytes that JavaScript has not fetched yet, beyond which streams are not read (flow control stops the peers).
pub const EVENT_BYTES: usize = 4 << 20;
/// Bytes of one stream that a single data event carries.
pub const DATA_EVENT_BYTES: usize = 256 << 10;
/// Batches of datagrams read from a socket before its connections are driven.
pub const RECEIVE_ROUNDS: usize = 4;
/// Ports up to which commands are carried out after a look at the sockets: each costs a system call. A relay has a
/// listener and its upstream.
pub const PORTS_READ_AHEAD: usize = 4;
/// Datagram batches that one connection sends before the others get their turn.
pub const TRANSMIT_ROUNDS: usize = 16;
/// Kernel buffer asked for on a socket; bursts of a thousand connections arrive between two turns.
pub const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Handshakes in progress at a listener, beyond which a client must first prove its address (stateless retry).
pub const RETRY_HANDSHAKES: usize = 256;
/// Handshakes in progress at a listener, beyond which further ones are refused.
pub const HANDSHAKES: usize = 8192;
/// Time for the handshake and, over HTTP/3, for the session.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Buffered bytes of a WebTransport stream's head, of SETTINGS, or of an HTTP/3 frame or capsule that must be whole.
pub const HTTP3_BYTES: usize = 64 << 10;
/// Longest close reason that is sent, in bytes: it must fit into one packet.
pub const REASON_BYTES: usize = 512;
/// Time that closing waits for a WebTransport peer to close the connection in answer to the close capsule.
pub const CLOSE_LINGER: Duration = Duration::from_millis(250);
/// ACK frequency that is asked of peers which have the extension: one acknowledgement per ten packets.
pub const ACK_THRESHOLD: u32 = 10;
/// Timers are over at multiples of this: what RFC 9002 (kGranularity) takes as the precision of timers.
pub const TIMER_TICK: Duration = Duration::from_millis(1);
/// Largest UDP payload that path MTU discovery tries (Ethernet, IPv6, UDP).
pub const UDP_PAYLOAD_MAX: u16 = 1452;
