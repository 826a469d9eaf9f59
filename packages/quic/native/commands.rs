//! Commands on their way from JavaScript, and their packed form.
//!
//! A batch is a list of numbers, `[operation, argument…]` one after the other, and a list of payloads: an operation
//! that carries bytes takes the next payload.
use std::sync::mpsc::Sender;

use bytes::Bytes;
use quinn_proto::ClientConfig;

use crate::counted::counted;
use crate::limits::{ConnectionLimits, JOINED_BYTES};
use crate::port::Port;
use crate::shared::Shared;
use crate::tls::Judge;

/// A connection that is to be made; the port holds its socket.
pub struct Connect {
    pub id: u32,
    pub port: Box<Port>,
    pub config: ClientConfig,
    pub address: std::net::SocketAddr,
    pub server_name: String,
    /// The URL of a WebTransport session; None for raw QUIC.
    pub url: Option<String>,
    pub limits: ConnectionLimits,
}

pub struct Reload {
    pub listener: u32,
    pub config: std::sync::Arc<quinn_proto::ServerConfig>,
    pub judge: std::sync::Arc<Judge>,
}

pub enum Command {
    Bind(Box<Port>),
    Connect(Box<Connect>),
    Reload(Box<Reload>),
    CloseListener {
        listener: u32,
        answer: Sender<()>,
    },
    Listen {
        connection: u32,
    },
    Open {
        connection: u32,
        stream: u64,
        priority: u32,
    },
    /// The pieces count in the connection's backlog already.
    Write {
        connection: u32,
        stream: u64,
        pieces: Vec<Bytes>,
        fin: bool,
    },
    Reset {
        connection: u32,
        stream: u64,
        code: u64,
    },
    StopSending {
        connection: u32,
        stream: u64,
        code: u64,
    },
    SetPriority {
        connection: u32,
        stream: u64,
        priority: u32,
    },
    Datagram {
        connection: u32,
        bytes: Bytes,
    },
    NotifyBelow {
        connection: u32,
        bytes: u64,
    },
    Close {
        connection: u32,
        code: u64,
        reason: Bytes,
    },
    SetAdd {
        set: u32,
        connection: u32,
        priority: u32,
    },
    SetPriorityOf {
        set: u32,
        connection: u32,
        priority: u32,
    },
    SetRemove {
        set: u32,
        connection: u32,
        code: Option<u64>,
        answer: Sender<u64>,
    },
    SetOpen {
        set: u32,
        group: u64,
        head: Bytes,
        fin: bool,
        publisher_priority: u32,
        below: u64,
    },
    SetAppend {
        set: u32,
        group: u64,
        body: Bytes,
        fin: bool,
    },
    SetReset {
        set: u32,
        group: u64,
        code: u64,
    },
    SetClose {
        set: u32,
    },
    /// Closes everything and ends the loop.
    Shutdown,
}

/// Takes a batch apart; what is cut short or unknown is an error of our own TypeScript, named by position.
pub fn parse(numbers: &[f64], payloads: &[&[u8]], shared: &Shared) -> Result<Vec<Command>, String> {
    let mut reader = Reader {
        numbers,
        at: 0,
        payloads,
        payload: 0,
    };
    let mut commands = Vec::new();
    while reader.at < numbers.len() {
        if let Some(command) = reader.command(shared, commands.last_mut())? {
            commands.push(command);
        }
    }
    Ok(commands)
}

struct Reader<'a> {
    numbers: &'a [f64],
    at: usize,
    payloads: &'a [&'a [u8]],
    payload: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Result<f64, String> {
        let value = self
            .numbers
            .get(self.at)
            .ok_or_else(|| format!("command batch ends at {}", self.at))?;
        self.at += 1;
        Ok(*value)
    }
    fn long(&mut self) -> Result<u64, String> {
        Ok(self.number()? as u64)
    }
    fn int(&mut self) -> Result<u32, String> {
        Ok(self.number()? as u32)
    }
    /// The one copy of a payload; everyone who sends it shares it from here on.
    fn bytes(&mut self) -> Result<Bytes, String> {
        self.payload().map(Bytes::copy_from_slice)
    }
    fn payload(&mut self) -> Result<&[u8], String> {
        let bytes = self
            .payloads
            .get(self.payload)
            .ok_or_else(|| format!("payload {} is missing", self.payload))?;
        self.payload += 1;
        Ok(bytes)
    }

    /// The next command; None if it went into `last`, the one before, or is about nothing any more.
    fn command(
        &mut self,
        shared: &Shared,
        last: Option<&mut Command>,
    ) -> Result<Option<Command>, String> {
        let operation = self.int()?;
        let first = self.int()?;
        Ok(Some(match operation {
            0 => Command::Listen { connection: first },
            1 => Command::Open {
                connection: first,
                stream: self.long()?,
                priority: self.int()?,
            },
            2 => return self.write(first, shared),
            3 => Command::Reset {
                connection: first,
                stream: self.long()?,
                code: self.long()?,
            },
            4 => Command::StopSending {
                connection: first,
                stream: self.long()?,
                code: self.long()?,
            },
            5 => Command::SetPriority {
                connection: first,
                stream: self.long()?,
                priority: self.int()?,
            },
            6 => Command::Datagram {
                connection: first,
                bytes: self.bytes()?,
            },
            7 => Command::NotifyBelow {
                connection: first,
                bytes: self.long()?,
            },
            8 => Command::Close {
                connection: first,
                code: self.long()?,
                reason: self.bytes()?,
            },
            9 => Command::SetAdd {
                set: first,
                connection: self.int()?,
                priority: self.int()?,
            },
            10 => Command::SetPriorityOf {
                set: first,
                connection: self.int()?,
                priority: self.int()?,
            },
            11 => Command::SetOpen {
                set: first,
                group: self.long()?,
                publisher_priority: self.int()?,
                below: self.long()?,
                head: self.bytes()?,
                fin: false,
            },
            12 => return self.append(first, last),
            13 => Command::SetReset {
                set: first,
                group: self.long()?,
                code: self.long()?,
            },
            14 => Command::SetClose { set: first },
            other => return Err(format!("operation {other} at {} is unknown", self.at)),
        }))
    }

    /// What follows at once on the opening of its stream, or on a write of it, joins that: receivers are visited once.
    fn append(&mut self, set: u32, last: Option<&mut Command>) -> Result<Option<Command>, String> {
        let (group, fin, body) = (self.long()?, self.int()? != 0, self.payload()?);
        let (bytes, ended) = match last {
            Some(Command::SetOpen {
                set: open_set,
                group: open_group,
                head,
                fin,
                ..
            }) if (*open_set, *open_group) == (set, group) => (head, fin),
            Some(Command::SetAppend {
                set: open_set,
                group: open_group,
                body,
                fin,
            }) if (*open_set, *open_group) == (set, group) => (body, fin),
            _ => return Ok(Some(append(set, group, body, fin))),
        };
        // What comes after a FIN is dropped by the loop, and what has grown large is not copied again.
        if *ended || (bytes.len() > JOINED_BYTES && !body.is_empty()) {
            return Ok(Some(append(set, group, body, fin)));
        }
        if !body.is_empty() {
            *bytes = [&bytes[..], body].concat().into();
        }
        *ended = fin;
        Ok(None)
    }

    fn write(&mut self, connection: u32, shared: &Shared) -> Result<Option<Command>, String> {
        let (stream, fin, bytes) = (self.long()?, self.int()? != 0, self.bytes()?);
        let Some(known) = shared.connection(connection) else {
            return Ok(None);
        };
        let pieces = counted(&bytes, &known.backlog, None).collect();
        Ok(Some(Command::Write {
            connection,
            stream,
            pieces,
            fin,
        }))
    }
}

fn append(set: u32, group: u64, body: &[u8], fin: bool) -> Command {
    Command::SetAppend {
        set,
        group,
        body: Bytes::copy_from_slice(body),
        fin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shared() -> Shared {
        Shared::new(Box::new(|| {})).unwrap()
    }

    #[test]
    fn counts_a_write_before_the_loop_sees_it() {
        let shared = shared();
        let connection = shared.register(5);
        let numbers = [2.0, 5.0, 8.0, 1.0, 0.0, 5.0, 2.0, 6.0, 8.0, 0.0];
        let commands = parse(&numbers, &[b"four", b"lost"], &shared).unwrap();
        assert!(matches!(
            commands[..],
            [
                Command::Write {
                    connection: 5,
                    stream: 8,
                    fin: true,
                    ..
                },
                Command::Listen { connection: 5 }
            ]
        ));
        assert_eq!(connection.backlog.bytes(), 4);
        drop(commands);
        assert_eq!(connection.backlog.bytes(), 0);
    }

    #[test]
    fn joins_what_a_stream_of_a_set_begins_with() {
        let open = [11.0, 1.0, 7.0, 128.0, 1e6];
        let append = |group: f64, fin: f64| [12.0, 1.0, group, fin];
        let numbers = [
            &open[..],
            &append(7.0, 0.0),
            &append(7.0, 1.0),
            &append(7.0, 0.0),
            &append(8.0, 1.0),
        ]
        .concat();
        let payloads: [&[u8]; 5] = [b"head", b"body", b"", b"late", b"other"];
        let commands = parse(&numbers, &payloads, &shared()).unwrap();
        assert!(
            matches!(&commands[0], Command::SetOpen { head, fin: true, .. } if head == "headbody")
        );
        assert!(
            matches!(&commands[1], Command::SetAppend { group: 7, body, fin: false, .. } if body == "late")
        );
        assert!(
            matches!(&commands[2], Command::SetAppend { group: 8, body, fin: true, .. } if body == "other")
        );
        assert_eq!(commands.len(), 3);
    }

    #[test]
    fn copies_no_large_body_twice() {
        let large = vec![1; JOINED_BYTES + 1];
        let numbers = [
            11.0, 1.0, 7.0, 128.0, 1e6, 12.0, 1.0, 7.0, 0.0, 12.0, 1.0, 7.0, 0.0, 12.0, 1.0, 7.0,
            1.0,
        ];
        let commands = parse(&numbers, &[b"head", &large, b"more", b""], &shared()).unwrap();
        assert!(
            matches!(&commands[0], Command::SetOpen { head, fin: false, .. } if head.len() == large.len() + 4)
        );
        assert!(
            matches!(&commands[1], Command::SetAppend { body, fin: true, .. } if body == "more")
        );
        assert_eq!(commands.len(), 2);
    }

    #[test]
    fn names_what_is_wrong_with_a_batch() {
        assert!(
            parse(&[1.0, 5.0], &[], &shared()).is_err_and(|reason| reason.contains("ends at 2"))
        );
        assert!(
            parse(&[99.0, 5.0], &[], &shared())
                .is_err_and(|reason| reason.contains("operation 99"))
        );
        assert!(
            parse(&[6.0, 5.0], &[], &shared()).is_err_and(|reason| reason.contains("payload 0"))
        );
    }

    proptest! {
        #[test]
        fn no_batch_makes_it_panic(numbers in proptest::collection::vec(any::<f64>(), 0..60)) {
            let _ = parse(&numbers, &[b"x", b"y"], &shared());
        }
    }
}
