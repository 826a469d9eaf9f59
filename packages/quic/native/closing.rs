//! The end of a connection, whoever brings it about.
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;
use quinn_proto::{ConnectionError, VarInt};

use crate::connection::{Connection, Phase, Turn};
use crate::events::Kind;
use crate::failure::Failure;
use crate::limits::{CLOSE_LINGER, REASON_BYTES};
use crate::webtransport as wt;

impl Connection {
    /// The owner closes.
    pub fn close(&mut self, code: u64, reason: &[u8], turn: &mut Turn<'_>) {
        let reason = shorten(&String::from_utf8_lossy(reason)).to_owned();
        match self.phase {
            Phase::Handshake => {
                self.phase = Phase::Over;
                turn.shared.forget(self.id);
                self.close_quic(0, Bytes::new(), turn.now);
            }
            Phase::Open => {
                self.end(code as f64, false, &reason, turn);
                if self.session.is_some() {
                    self.send_close_capsule(code, &reason);
                    self.phase = Phase::Lingering(turn.now + CLOSE_LINGER);
                } else {
                    self.close_quic(code, Bytes::from(reason.into_bytes()), turn.now);
                }
            }
            Phase::Lingering(_) | Phase::Over => {}
        }
    }

    /// The peer has closed the session, or broken HTTP/3.
    pub fn end_session(
        &mut self,
        code: f64,
        remote: bool,
        reason: &str,
        error: u32,
        turn: &mut Turn<'_>,
    ) {
        match self.phase {
            Phase::Open => self.end(code, remote, reason, turn),
            Phase::Handshake => self.fail(&Failure::new("protocol-mismatch", reason), turn),
            // A browser ends the session's stream, and then tells its owner: closing QUIC is left to it.
            Phase::Lingering(_) => return,
            Phase::Over => {}
        }
        self.close_quic(u64::from(error), Bytes::new(), turn.now);
    }

    pub fn end_lingering(&mut self, now: Instant) {
        self.phase = Phase::Over;
        self.close_quic(u64::from(wt::H3_NO_ERROR), Bytes::new(), now);
    }

    pub fn close_quic(&mut self, code: u64, reason: Bytes, now: Instant) {
        self.quic
            .close(now, VarInt::from_u64(code).unwrap_or(VarInt::MAX), reason);
    }

    /// Tells the owner that it is over; nothing follows.
    pub fn end(&mut self, code: f64, remote: bool, reason: &str, turn: &mut Turn<'_>) {
        self.phase = Phase::Over;
        turn.shared.statistics.connections.fetch_sub(1, Relaxed);
        turn.shared.forget(self.id);
        turn.events.push(
            Kind::Closed,
            self.id,
            0.0,
            code,
            u32::from(remote),
            reason.as_bytes(),
        );
        let session = self.session.as_ref().and_then(|session| session.stream);
        self.streams.retain(|id, _| Some(*id) == session);
        self.numbers.clear();
        self.readable.clear();
    }

    /// Tells that a connection which we asked for did not come about.
    pub fn fail(&mut self, failure: &Failure, turn: &mut Turn<'_>) {
        self.phase = Phase::Over;
        turn.shared.forget(self.id);
        if self.is_client() {
            turn.events.push(
                Kind::Failed,
                self.id,
                0.0,
                0.0,
                0,
                failure.to_string().as_bytes(),
            );
        }
    }

    pub fn lost(&mut self, error: &ConnectionError, turn: &mut Turn<'_>) {
        match self.phase {
            Phase::Handshake => self.fail(&handshake_failure(error), turn),
            Phase::Open => match error {
                ConnectionError::ApplicationClosed(close) if self.session.is_none() => {
                    let reason = String::from_utf8_lossy(&close.reason).into_owned();
                    self.end(close.error_code.into_inner() as f64, true, &reason, turn);
                }
                ConnectionError::ApplicationClosed(_) | ConnectionError::ConnectionClosed(_) => {
                    self.end(f64::NAN, true, &error.to_string(), turn);
                }
                _ => self.end(
                    f64::NAN,
                    matches!(error, ConnectionError::Reset),
                    &error.to_string(),
                    turn,
                ),
            },
            Phase::Lingering(_) | Phase::Over => self.phase = Phase::Over,
        }
    }
}

/// A reason that fits into one packet, cut at a character.
fn shorten(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES)]
}

/// TLS alerts (RFC 8446 §6), which QUIC carries as 0x100 + alert.
const ALERT_NO_APPLICATION_PROTOCOL: u64 = 0x178;
const CERTIFICATE_ALERTS: [u64; 9] = [
    0x129, 0x12a, 0x12b, 0x12c, 0x12d, 0x12e, 0x130, 0x131, 0x174,
];
/// CONNECTION_REFUSED (RFC 9000 §20.1).
const CONNECTION_REFUSED: u64 = 0x02;

fn handshake_failure(error: &ConnectionError) -> Failure {
    let code = match error {
        ConnectionError::TransportError(error) => u64::from(error.code),
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::TimedOut => {
            return Failure::new("timed-out", "the peer did not answer in time");
        }
        ConnectionError::Reset => return Failure::new("refused", "the peer reset the connection"),
        ConnectionError::VersionMismatch => {
            return Failure::new(
                "protocol-mismatch",
                "the peer speaks no QUIC version that we do",
            );
        }
        ConnectionError::ApplicationClosed(_) | ConnectionError::LocallyClosed => {
            return Failure::new(
                "closed",
                format!("the connection was closed during the handshake: {error}"),
            );
        }
        ConnectionError::CidsExhausted => return Failure::new("internal", error.to_string()),
    };
    match code {
        ALERT_NO_APPLICATION_PROTOCOL => Failure::new(
            "protocol-mismatch",
            "the peer offers none of the application protocols asked for",
        ),
        CONNECTION_REFUSED => Failure::new("refused", "the peer refuses connections"),
        code if CERTIFICATE_ALERTS.contains(&code) => {
            Failure::new("certificate-rejected", certificate_message(error))
        }
        _ => Failure::new("internal", format!("the handshake failed: {error}")),
    }
}

fn certificate_message(error: &ConnectionError) -> String {
    match error {
        ConnectionError::TransportError(error) => {
            format!("the peer's certificate is not accepted: {}", error.reason)
        }
        _ => format!("the peer does not accept our certificate: {error}"),
    }
}
