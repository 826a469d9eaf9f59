//! One MOQT session as a subscriber (draft-ietf-moq-transport-18).

use std::collections::{HashMap, HashSet};

use quinn_proto::{Connection, Dir, Event, ReadError, StreamEvent, StreamId, VarInt};

use crate::object_stream::{Item, ObjectStream};
use crate::options::Options;
use crate::wire::{self, Reader};

/// Bytes of a message that is not whole yet: its length field allows no more.
const MESSAGE_BYTES_MAX: usize = 0xffff + 16;
/// Bytes taken from a stream at once.
const READ_BYTES_MAX: usize = 64 * 1024;

/// What a session tells its owner.
pub enum Notice {
    /// All subscriptions stand.
    Subscribed,
    /// A data stream began, or ended by a reset.
    StreamOpened,
    StreamReset,
    /// A data stream ended whose alias no subscription has.
    UnknownAlias,
    Object(crate::object_stream::Object),
}

pub struct Session {
    incoming: HashMap<StreamId, Incoming>,
    requests: HashMap<StreamId, Vec<u8>>,
    aliases: HashSet<u64>,
    /// Subscriptions without an answer; none are sent before the relay's SETUP.
    unanswered: usize,
    set_up: bool,
}

/// A unidirectional stream of the relay.
enum Incoming {
    /// Too few bytes to tell what it is.
    Unknown(Vec<u8>),
    Control(Vec<u8>),
    Data {
        objects: ObjectStream,
        track_alias: u64,
    },
    Padding,
}

impl Session {
    pub fn new() -> Self {
        Self {
            incoming: HashMap::new(),
            requests: HashMap::new(),
            aliases: HashSet::new(),
            unanswered: 0,
            set_up: false,
        }
    }

    /// Takes what the connection says. The error ends the run: it says what this client cannot do or the relay broke.
    pub fn on_event(
        &mut self,
        options: &Options,
        connection: &mut Connection,
        event: Event,
        notify: &mut impl FnMut(Notice),
    ) -> Result<(), String> {
        match event {
            Event::Connected => send_setup(options, connection),
            Event::ConnectionLost { reason } => Err(format!("a connection ended: {reason}")),
            Event::Stream(StreamEvent::Opened { dir }) => {
                while let Some(stream) = connection.streams().accept(dir) {
                    if dir == Dir::Bi {
                        return Err(
                            "the relay sent a request, which this client does not answer".into(),
                        );
                    }
                    self.incoming.insert(stream, Incoming::Unknown(Vec::new()));
                    self.read_incoming(options, connection, stream, notify)?;
                }
                Ok(())
            }
            Event::Stream(StreamEvent::Readable { id }) if id.dir() == Dir::Uni => {
                self.read_incoming(options, connection, id, notify)
            }
            Event::Stream(StreamEvent::Readable { id }) => self.read_answer(connection, id, notify),
            Event::DatagramReceived => {
                Err("the relay sent a datagram, which this client does not read".into())
            }
            _ => Ok(()),
        }
    }

    fn read_incoming(
        &mut self,
        options: &Options,
        connection: &mut Connection,
        stream: StreamId,
        notify: &mut impl FnMut(Notice),
    ) -> Result<(), String> {
        let Some(mut incoming) = self.incoming.remove(&stream) else {
            return Ok(());
        };
        let mut subscribe = false;
        let end = read_all(connection, stream, |bytes| {
            subscribe |= incoming.push(bytes, notify)?;
            Ok(())
        })?;
        if subscribe && !std::mem::replace(&mut self.set_up, true) {
            self.send_subscribes(options, connection)?;
        }
        match (end, incoming) {
            (None, incoming) => {
                self.incoming.insert(stream, incoming);
                Ok(())
            }
            (Some(_), Incoming::Control(_)) => Err("the relay closed its control stream".into()),
            (Some(StreamEnd::Reset), Incoming::Data { .. }) => {
                notify(Notice::StreamReset);
                Ok(())
            }
            (
                Some(StreamEnd::Finished),
                Incoming::Data {
                    objects,
                    track_alias,
                },
            ) => {
                if !self.aliases.contains(&track_alias) {
                    notify(Notice::UnknownAlias);
                }
                match objects.is_between_objects() {
                    true => Ok(()),
                    false => Err("a data stream ended within an object".into()),
                }
            }
            (Some(_), Incoming::Padding | Incoming::Unknown(_)) => Ok(()),
        }
    }

    fn send_subscribes(
        &mut self,
        options: &Options,
        connection: &mut Connection,
    ) -> Result<(), String> {
        for (index, track) in options.tracks.iter().enumerate() {
            let request = wire::subscribe(2 * index as u64, track, &options.track_name);
            let stream = connection
                .streams()
                .open(Dir::Bi)
                .ok_or("the relay gives no credit for another request")?;
            write_all(connection, stream, &request)?;
            self.requests.insert(stream, Vec::new());
            self.unanswered += 1;
        }
        Ok(())
    }

    fn read_answer(
        &mut self,
        connection: &mut Connection,
        stream: StreamId,
        notify: &mut impl FnMut(Notice),
    ) -> Result<(), String> {
        let Some(mut pending) = self.requests.remove(&stream) else {
            return Ok(());
        };
        let end = read_all(connection, stream, |bytes| {
            pending.extend_from_slice(bytes);
            Ok(())
        })?;
        while let Some((kind, payload, taken)) = wire::read_message(&pending) {
            self.take_answer(kind, payload, notify)?;
            pending.drain(..taken);
        }
        if end.is_some() {
            return Err("the relay ended a subscription".into());
        }
        self.requests.insert(stream, pending);
        Ok(())
    }

    fn take_answer(
        &mut self,
        kind: u64,
        payload: &[u8],
        notify: &mut impl FnMut(Notice),
    ) -> Result<(), String> {
        match kind {
            wire::SUBSCRIBE_OK => {
                let alias = Reader::new(payload).vi64().ok_or("SUBSCRIBE_OK is empty")?;
                self.aliases.insert(alias);
                self.unanswered = self.unanswered.saturating_sub(1);
                if self.unanswered == 0 {
                    notify(Notice::Subscribed);
                }
                Ok(())
            }
            wire::REQUEST_ERROR => {
                let (code, reason) =
                    wire::read_request_error(payload).ok_or("REQUEST_ERROR is malformed")?;
                Err(format!(
                    "the relay refused the subscription with code {code:#x}: {reason}"
                ))
            }
            wire::PUBLISH_DONE => Err("the relay ended a subscription with PUBLISH_DONE".into()),
            _ => Err(format!(
                "the relay answered with message type {kind:#x}, expected SUBSCRIBE_OK"
            )),
        }
    }
}

impl Incoming {
    /// Takes bytes; true if they hold the relay's SETUP.
    fn push(&mut self, bytes: &[u8], notify: &mut impl FnMut(Notice)) -> Result<bool, String> {
        match self {
            Self::Unknown(pending) => {
                pending.extend_from_slice(bytes);
                let Some(kind) = Reader::new(pending).vi64() else {
                    return Ok(false);
                };
                let start = std::mem::take(pending);
                *self = match kind {
                    wire::SETUP => Self::Control(Vec::new()),
                    wire::PADDING_STREAM => Self::Padding,
                    _ => {
                        notify(Notice::StreamOpened);
                        Self::Data {
                            objects: ObjectStream::default(),
                            track_alias: u64::MAX,
                        }
                    }
                };
                self.push(&start, notify)
            }
            Self::Control(pending) => {
                pending.extend_from_slice(bytes);
                take_control(pending)
            }
            Self::Data {
                objects,
                track_alias,
            } => {
                objects.push(bytes, &mut |item| match item {
                    Item::Header { track_alias: alias } => *track_alias = alias,
                    Item::Object(object) => notify(Notice::Object(object)),
                })?;
                Ok(false)
            }
            Self::Padding => Ok(false),
        }
    }
}

fn take_control(pending: &mut Vec<u8>) -> Result<bool, String> {
    let mut set_up = false;
    while let Some((kind, _, taken)) = wire::read_message(pending) {
        match kind {
            wire::SETUP => set_up = true,
            wire::GOAWAY => return Err("the relay said GOAWAY".into()),
            _ => {
                return Err(format!(
                    "the relay sent message type {kind:#x} on its control stream"
                ));
            }
        }
        pending.drain(..taken);
    }
    match pending.len() <= MESSAGE_BYTES_MAX {
        true => Ok(set_up),
        false => Err("a control message has more bytes than its length allows".into()),
    }
}

fn send_setup(options: &Options, connection: &mut Connection) -> Result<(), String> {
    let stream = connection
        .streams()
        .open(Dir::Uni)
        .ok_or("the relay gives no credit for a control stream")?;
    write_all(
        connection,
        stream,
        &wire::setup(&options.authority, &options.path),
    )
}

/// Requests fit into any stream window; a relay that gives less is refused.
fn write_all(connection: &mut Connection, stream: StreamId, bytes: &[u8]) -> Result<(), String> {
    match connection.send_stream(stream).write(bytes) {
        Ok(written) if written == bytes.len() => Ok(()),
        _ => Err("the relay gives no credit for a request's bytes".into()),
    }
}

enum StreamEnd {
    Finished,
    Reset,
}

/// Hands out everything that has arrived, and how the stream ended if it has.
fn read_all(
    connection: &mut Connection,
    stream: StreamId,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<Option<StreamEnd>, String> {
    let mut receiver = connection.recv_stream(stream);
    let Ok(mut chunks) = receiver.read(true) else {
        return Ok(Some(StreamEnd::Reset));
    };
    let end = loop {
        match chunks.next(READ_BYTES_MAX) {
            Ok(Some(chunk)) => take(&chunk.bytes)?,
            Ok(None) => break Some(StreamEnd::Finished),
            Err(ReadError::Blocked) => break None,
            Err(ReadError::Reset(_)) => break Some(StreamEnd::Reset),
        }
    };
    // The driver transmits after every event anyway.
    let _ = chunks.finalize();
    Ok(end)
}

/// Says goodbye (NO_ERROR, draft-18 §3.5).
pub fn close(connection: &mut Connection) {
    connection.close(
        std::time::Instant::now(),
        VarInt::from_u32(0),
        bytes::Bytes::new(),
    );
}
