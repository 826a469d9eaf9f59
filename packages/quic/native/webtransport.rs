//! WebTransport over HTTP/3 (draft-ietf-webtrans-http3) on buffers: one session per connection, no I/O.
use bytes::{Buf, Bytes};
use web_transport_proto::{
    Capsule, CapsuleError, ConnectError, ConnectRequest, ConnectResponse, Frame, Setting, Settings,
    SettingsError, StreamUni, VarInt, error_from_http3, error_to_http3,
};

use crate::limits::HTTP3_BYTES;

/// HTTP/3 error codes (RFC 9114 §8.1, and the draft for the last one).
pub const H3_NO_ERROR: u32 = 0x100;
pub const H3_GENERAL_PROTOCOL_ERROR: u32 = 0x101;
pub const H3_STREAM_CREATION_ERROR: u32 = 0x103;
pub const H3_REQUEST_REJECTED: u32 = 0x10b;

/// Settings of later drafts that web-transport-proto does not name: WT_ENABLED and WT_MAX_SESSIONS.
const LATER_SETTINGS: [u64; 2] = [0x2c7c_f000, 0x14e9_cd29];

/// A stream's first bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Head {
    Incomplete,
    /// A stream of the session with this id; its data begins after `length` bytes.
    Session {
        id: u64,
        length: usize,
    },
    /// HTTP/3's control stream: SETTINGS follow.
    Control,
    /// A request stream: HEADERS follow.
    Request,
    /// QPACK, push, or unknown.
    Other,
}

/// Tells what a stream of the peer is, from the bytes that it begins with.
pub fn head(bidirectional: bool, bytes: &[u8]) -> Head {
    let mut rest = bytes;
    let Ok(kind) = VarInt::decode(&mut rest) else {
        return Head::Incomplete;
    };
    let session = if bidirectional {
        Frame::WEBTRANSPORT.0
    } else {
        StreamUni::WEBTRANSPORT.0
    };
    if kind == session {
        return match VarInt::decode(&mut rest) {
            Ok(id) => Head::Session {
                id: id.into_inner(),
                length: bytes.len() - rest.remaining(),
            },
            Err(_) => Head::Incomplete,
        };
    }
    match (bidirectional, kind) {
        (false, kind) if kind == StreamUni::CONTROL.0 => Head::Control,
        (true, kind) if kind == Frame::HEADERS.0 || Frame(kind).is_grease() => Head::Request,
        _ => Head::Other,
    }
}

/// What our streams of the session begin with.
pub fn stream_head(bidirectional: bool, session: u64) -> Bytes {
    let mut out = Vec::with_capacity(10);
    if bidirectional {
        Frame::WEBTRANSPORT.encode(&mut out);
    } else {
        StreamUni::WEBTRANSPORT.encode(&mut out);
    }
    varint(session).encode(&mut out);
    out.into()
}

/// What our datagrams of the session begin with: a quarter of the session's stream id.
pub fn datagram_head(session: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(8);
    varint(session / 4).encode(&mut out);
    out
}

/// The payload of a datagram that belongs to the session, else None.
pub fn datagram_payload(session: u64, mut datagram: Bytes) -> Option<Bytes> {
    let quarter = VarInt::decode(&mut datagram).ok()?;
    (quarter.into_inner() == session / 4).then_some(datagram)
}

fn varint(value: u64) -> VarInt {
    VarInt::from_u64(value).unwrap_or(VarInt::MAX)
}

/// The start of our control stream: its type and SETTINGS.
pub fn settings() -> Bytes {
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    for id in LATER_SETTINGS {
        settings.insert(Setting(varint(id)), VarInt::from_u32(1));
    }
    let mut out = Vec::new();
    settings.encode(&mut out);
    out.into()
}

/// What the peer's control stream begins with: None while incomplete, else whether it takes WebTransport sessions.
pub fn peer_settings(bytes: &[u8]) -> Option<Result<bool, String>> {
    match Settings::decode(&mut &*bytes) {
        Ok(settings) => {
            let later = LATER_SETTINGS.iter().any(|id| {
                settings
                    .get(&Setting(varint(*id)))
                    .is_some_and(|value| value.into_inner() > 0)
            });
            Some(Ok(later || settings.supports_webtransport() > 0))
        }
        Err(SettingsError::UnexpectedEnd) if bytes.len() < HTTP3_BYTES => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

/// A request for a session, as far as we use it.
pub struct Request {
    pub authority: String,
    pub path: String,
    pub protocols: Vec<String>,
}

/// The CONNECT at the start of a request stream, with the bytes it takes; None while incomplete.
pub fn request(bytes: &[u8]) -> Option<Result<(Request, usize), String>> {
    let mut rest = bytes;
    match ConnectRequest::decode(&mut rest) {
        Ok(request) => {
            let url = &request.url;
            let authority = url.host_str().map(|host| match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            });
            let path = url.query().map_or_else(
                || url.path().to_owned(),
                |query| format!("{}?{query}", url.path()),
            );
            let request = Request {
                authority: authority.unwrap_or_default(),
                path,
                protocols: request.protocols.clone(),
            };
            Some(Ok((request, bytes.len() - rest.remaining())))
        }
        Err(ConnectError::UnexpectedEnd) if bytes.len() < HTTP3_BYTES => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

/// The CONNECT that asks for a session at `url`.
pub fn connect(url: &str, protocols: &[String]) -> Result<Bytes, String> {
    let parsed: url::Url = url
        .parse()
        .map_err(|error| format!("{url} is not a URL: {error}"))?;
    let request = ConnectRequest::new(parsed).with_protocols(protocols.iter().cloned());
    let mut out = Vec::new();
    request
        .encode(&mut out)
        .map_err(|error| error.to_string())?;
    Ok(out.into())
}

/// How a server answers: with the protocol it chose, or with a status that refuses.
pub fn response(outcome: Result<Option<&str>, u16>) -> Result<Bytes, String> {
    let response = match outcome {
        Ok(None) => ConnectResponse::OK,
        Ok(Some(protocol)) => ConnectResponse::OK.with_protocol(protocol),
        Err(status) => ConnectResponse::new(
            status
                .try_into()
                .map_err(|_| format!("{status} is not a status"))?,
        ),
    };
    let mut out = Vec::new();
    response
        .encode(&mut out)
        .map_err(|error| error.to_string())?;
    Ok(out.into())
}

/// The server's answer, with the bytes it takes; None while incomplete. The error is the status or what is malformed.
pub fn answer(bytes: &[u8]) -> Option<Result<(Option<String>, usize), String>> {
    let mut rest = bytes;
    match ConnectResponse::decode(&mut rest) {
        Ok(response) => Some(Ok((response.protocol, bytes.len() - rest.remaining()))),
        Err(ConnectError::UnexpectedEnd) if bytes.len() < HTTP3_BYTES => None,
        Err(ConnectError::WrongStatus(Some(status))) => {
            Some(Err(format!("the server answered {status}")))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}

/// The session's end as a capsule in a DATA frame.
pub fn close_capsule(code: u32, reason: &str) -> Bytes {
    let mut capsule = Vec::new();
    Capsule::CloseWebTransportSession {
        code,
        reason: reason.to_owned(),
    }
    .encode(&mut capsule);
    let mut out = Vec::new();
    Frame::DATA.encode(&mut out);
    varint(capsule.len() as u64).encode(&mut out);
    out.extend_from_slice(&capsule);
    out.into()
}

/// The application's stream error codes lie in a range of HTTP/3's.
pub fn to_http3(code: u64) -> u64 {
    error_to_http3(u32::try_from(code).unwrap_or(u32::MAX))
}
/// A code outside of the range comes from HTTP/3 itself; the application sees 0.
pub fn from_http3(code: u64) -> u64 {
    error_from_http3(code).map_or(0, u64::from)
}

/// Unwraps the DATA frames of the session's stream and finds the capsule that ends the session.
#[derive(Default)]
pub struct Capsules {
    frames: Vec<u8>,
    /// Bytes that are left of the current frame, and whether they are capsule bytes.
    left: u64,
    is_data: bool,
    capsules: Vec<u8>,
}

impl Capsules {
    /// Takes bytes of the stream; Some once the peer has closed the session.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<(u32, String)>, String> {
        self.frames.extend_from_slice(bytes);
        loop {
            let take = self.left.min(self.frames.len() as u64) as usize;
            if self.is_data {
                self.capsules.extend_from_slice(&self.frames[..take]);
            }
            self.frames.drain(..take);
            self.left -= take as u64;
            if let Some(closed) = self.next_close()? {
                return Ok(Some(closed));
            }
            if self.left > 0 || !self.next_frame() {
                return Ok(None);
            }
        }
    }

    fn next_frame(&mut self) -> bool {
        let mut rest = &self.frames[..];
        let (Ok(kind), Ok(length)) = (Frame::decode(&mut rest), VarInt::decode(&mut rest)) else {
            return false;
        };
        let head = self.frames.len() - rest.remaining();
        self.frames.drain(..head);
        self.left = length.into_inner();
        self.is_data = kind == Frame::DATA;
        true
    }

    fn next_close(&mut self) -> Result<Option<(u32, String)>, String> {
        while !self.capsules.is_empty() {
            let mut rest = &self.capsules[..];
            match Capsule::decode(&mut rest) {
                Ok(Capsule::CloseWebTransportSession { code, reason }) => {
                    return Ok(Some((code, reason)));
                }
                Ok(_) => {
                    let length = self.capsules.len() - rest.remaining();
                    self.capsules.drain(..length);
                }
                Err(CapsuleError::UnexpectedEnd | CapsuleError::VarInt(_))
                    if self.capsules.len() < HTTP3_BYTES =>
                {
                    break;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tells_what_a_stream_is_from_its_first_bytes() {
        assert_eq!(head(false, &[0x00]), Head::Control);
        assert_eq!(head(true, &[0x01, 0x10]), Head::Request);
        assert_eq!(head(false, &[0x02]), Head::Other);
        assert_eq!(head(true, &[]), Head::Incomplete);
        assert_eq!(head(false, &[0x40]), Head::Incomplete);
        for bidirectional in [true, false] {
            let bytes = stream_head(bidirectional, 4);
            assert_eq!(
                head(bidirectional, &bytes),
                Head::Session {
                    id: 4,
                    length: bytes.len()
                }
            );
            assert_eq!(head(bidirectional, &bytes[..1]), Head::Incomplete);
        }
    }

    #[test]
    fn negotiates_a_session() {
        assert_eq!(peer_settings(&settings()), Some(Ok(true)));
        assert_eq!(peer_settings(&settings()[..3]), None);
        let bytes = connect(
            "https://relay.example:4433/a?b=c",
            &["moqt-18".into(), "other".into()],
        )
        .unwrap();
        let (request, length) = request(&bytes).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!(
            (request.authority.as_str(), request.path.as_str()),
            ("relay.example:4433", "/a?b=c")
        );
        assert_eq!(request.protocols, ["moqt-18", "other"]);
        let bytes = response(Ok(Some("moqt-18"))).unwrap();
        assert_eq!(
            answer(&bytes),
            Some(Ok((Some("moqt-18".into()), bytes.len())))
        );
        let refusal = response(Err(406)).unwrap();
        assert!(answer(&refusal).unwrap().unwrap_err().contains("406"));
    }

    #[test]
    fn datagrams_of_other_sessions_are_dropped() {
        let mut datagram = datagram_head(8);
        datagram.extend_from_slice(b"payload");
        let datagram = Bytes::from(datagram);
        assert_eq!(
            datagram_payload(8, datagram.clone()),
            Some(Bytes::from_static(b"payload"))
        );
        assert_eq!(datagram_payload(4, datagram), None);
    }

    proptest! {
        /// However the bytes are cut, and whatever frames and capsules stand between, the end of the session is found.
        #[test]
        fn finds_the_close_capsule_in_pieces(
            code: u32,
            reason in "[a-z ]{0,40}",
            unknown in proptest::collection::vec(any::<u8>(), 0..50),
            piece in 1usize..20,
        ) {
            let mut wire = Vec::new();
            // A frame of an unknown type, then an unknown capsule in a DATA frame.
            varint(0x21).encode(&mut wire);
            varint(unknown.len() as u64).encode(&mut wire);
            wire.extend_from_slice(&unknown);
            let mut capsule = Vec::new();
            Capsule::Unknown { typ: varint(0x78ae), payload: unknown.into() }.encode(&mut capsule);
            Frame::DATA.encode(&mut wire);
            varint(capsule.len() as u64).encode(&mut wire);
            wire.extend_from_slice(&capsule);
            wire.extend_from_slice(&close_capsule(code, &reason));
            let mut capsules = Capsules::default();
            let found = wire.chunks(piece).find_map(|part| capsules.receive(part).unwrap());
            prop_assert_eq!(found, Some((code, reason)));
        }

        #[test]
        fn anything_a_peer_sends_is_parsed_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            bidirectional: bool,
        ) {
            let _ = head(bidirectional, &bytes);
            let _ = peer_settings(&bytes);
            let _ = request(&bytes).is_some();
            let _ = answer(&bytes);
            let _ = Capsules::default().receive(&bytes);
            let _ = datagram_payload(0, bytes.into());
        }

        #[test]
        fn stream_codes_survive_the_way_through_http3(code: u32) {
            prop_assert_eq!(from_http3(to_http3(u64::from(code))), u64::from(code));
        }
    }
}
