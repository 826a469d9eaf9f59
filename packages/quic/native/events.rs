//! Events on their way to JavaScript, packed: a header of 32 bytes, then the bytes, padded to a multiple of eight.
//!
//! Header, little-endian: kind u32, connection u32, stream f64, value f64, length u32, flags u32.
use bytes::Bytes;

pub const HEADER_BYTES: usize = 32;

#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Kind {
    /// Established; stream: the listener, 0 for a connection that we asked for; bytes: `PeerDescription`.
    Established = 1,
    /// A connection that we asked for did not come about; bytes: `code: message`.
    Failed = 2,
    Opened = 3,
    Data = 4,
    Reset = 5,
    StopSending = 6,
    Datagram = 7,
    Credit = 8,
    Drained = 9,
    /// value: the code, not a number when lost; flags: 1 if the peer closed.
    Closed = 10,
    /// stream: the group, value: the set.
    Missed = 11,
    /// value: the set.
    SetDrained = 12,
    /// The loop has ended; bytes: the panic message, if that was the cause.
    Ended = 13,
}

#[derive(Default)]
pub struct Events {
    pub batch: Vec<u8>,
}

impl Events {
    pub fn push(
        &mut self,
        kind: Kind,
        connection: u32,
        stream: f64,
        value: f64,
        flags: u32,
        bytes: &[u8],
    ) {
        let at = self.begin(kind, connection, stream, value);
        self.batch.extend_from_slice(bytes);
        self.end(at, flags);
    }

    /// Starts an event whose bytes follow piecewise with `append`.
    pub fn begin(&mut self, kind: Kind, connection: u32, stream: f64, value: f64) -> usize {
        let at = self.batch.len();
        self.batch.extend_from_slice(&(kind as u32).to_le_bytes());
        self.batch.extend_from_slice(&connection.to_le_bytes());
        self.batch.extend_from_slice(&stream.to_le_bytes());
        self.batch.extend_from_slice(&value.to_le_bytes());
        self.batch.extend_from_slice(&[0; 8]);
        at
    }
    pub fn append(&mut self, bytes: &Bytes) {
        self.batch.extend_from_slice(bytes);
    }
    pub fn end(&mut self, at: usize, flags: u32) {
        let length = (self.batch.len() - at - HEADER_BYTES) as u32;
        self.batch[at + 24..at + 28].copy_from_slice(&length.to_le_bytes());
        self.batch[at + 28..at + 32].copy_from_slice(&flags.to_le_bytes());
        self.batch.resize(self.batch.len().next_multiple_of(8), 0);
    }
    /// Takes an event back that turned out to be empty.
    pub fn cancel(&mut self, at: usize) {
        self.batch.truncate(at);
    }
}

/// What is told of the peer once the handshake is done.
#[derive(Default)]
pub struct PeerDescription {
    pub address: String,
    pub web_transport: bool,
    pub protocol: String,
    pub authority: String,
    pub path: String,
    pub certificate: Option<Vec<u8>>,
    pub certificate_error: Option<String>,
}

impl PeerDescription {
    /// Fields in order, each with its length as u32; u32::MAX stands for null.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let kind: &[u8] = if self.web_transport {
            b"webtransport"
        } else {
            b"quic"
        };
        let fields = [
            Some(self.address.as_bytes()),
            Some(kind),
            Some(self.protocol.as_bytes()),
            Some(self.authority.as_bytes()),
            Some(self.path.as_bytes()),
            self.certificate_error.as_deref().map(str::as_bytes),
            self.certificate.as_deref(),
        ];
        for field in fields {
            out.extend_from_slice(
                &field
                    .map_or(u32::MAX, |bytes| bytes.len() as u32)
                    .to_le_bytes(),
            );
            out.extend_from_slice(field.unwrap_or_default());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_events_and_takes_cancelled_ones_back() {
        let mut events = Events::default();
        events.push(Kind::Data, 3, 8.0, f64::NAN, 1, b"abc");
        assert_eq!(events.batch.len(), HEADER_BYTES + 8);
        assert_eq!(events.batch[24..32], [3, 0, 0, 0, 1, 0, 0, 0]);
        let at = events.begin(Kind::Data, 3, 8.0, 0.0);
        events.cancel(at);
        assert_eq!(events.batch.len(), HEADER_BYTES + 8);
    }
}
