//! Batches: operations that nf_tables carries out as one, all or none.

use crate::clock;
use crate::elements::Entries;
use crate::error::{NetlinkError, Result};
use crate::message::{Header, Mark, NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, Writer};
use crate::socket::Socket;

const SUBSYSTEM: u16 = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8;
const BATCH_BEGIN: u16 = libc::NFNL_MSG_BATCH_BEGIN as u16;
const BATCH_END: u16 = libc::NFNL_MSG_BATCH_END as u16;
const BATCH_GENERATION: u16 = 1;
const NEW_SET: u16 = SUBSYSTEM | libc::NFT_MSG_NEWSET as u16;
const DELETE_SET: u16 = SUBSYSTEM | libc::NFT_MSG_DELSET as u16;
const NEW_ELEMENTS: u16 = SUBSYSTEM | libc::NFT_MSG_NEWSETELEM as u16;
const DELETE_ELEMENTS: u16 = SUBSYSTEM | libc::NFT_MSG_DELSETELEM as u16;
const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
const LIST_ELEMENTS: u16 = 3;
/// An attribute holds 65,535 bytes; one more entry of the largest kind must fit behind this mark.
const LIST_BYTES_MAX: usize = 60_000;

/// A table of a family, such as `inet higgins`.
#[derive(Debug, Clone)]
pub struct Table {
    pub family: u8,
    pub name: String,
}

#[derive(Debug, Clone)]
pub struct Operation {
    pub set: String,
    pub action: Action,
}

#[derive(Debug, Clone)]
pub enum Action {
    Add(Entries),
    Delete(Entries),
    Flush,
    CreateSet(SetShape),
    DeleteSet,
}

/// What `CreateSet` needs; the numbers are those of nft's data types and NFT_SET_* flags.
#[derive(Debug, Clone)]
pub struct SetShape {
    pub flags: u32,
    pub key_type: u32,
    pub key_bytes: u32,
    /// Type and bytes of a map's values.
    pub data: Option<(u32, u32)>,
    /// Bytes of each field of a concatenation, padding excluded.
    pub fields: Vec<u32>,
}

/// Carries out all operations or none. With a generation: only if nothing changed since (`ERESTART` otherwise).
pub fn commit(
    socket: &mut Socket,
    table: &Table,
    operations: &[Operation],
    generation: Option<u32>,
) -> Result<()> {
    let encoded = encode(table, operations, generation)?;
    if encoded.bytes.len() > socket.batch_bytes_max() {
        let message = format!(
            "a batch of {} bytes, the socket carries at most {}",
            encoded.bytes.len(),
            socket.batch_bytes_max()
        );
        return Err(NetlinkError::new(libc::EMSGSIZE, message));
    }
    // Late answers to an earlier, failed exchange would be taken for this one's.
    socket.verdicts(|_| {})?;
    let first = socket.sequences(encoded.starts.len() as u32 + 2);
    let mut bytes = encoded.bytes;
    renumber(&mut bytes, first);
    fill_timeouts(&mut bytes, &encoded.deadlines);
    socket.send(&bytes)?;
    judge(socket, first, &encoded.starts)
}

/// The bytes that a batch takes on the wire.
pub fn encoded_bytes(table: &Table, operations: &[Operation]) -> Result<usize> {
    Ok(encode(table, operations, Some(0))?.bytes.len())
}

fn judge(socket: &mut Socket, first: u32, starts: &[u32]) -> Result<()> {
    let mut acknowledged = false;
    let mut failure: Option<NetlinkError> = None;
    socket.verdicts(|verdict| {
        let index = verdict.sequence.wrapping_sub(first);
        if verdict.errno == 0 {
            acknowledged |= index == starts.len() as u32;
        } else if failure.is_none() && index <= starts.len() as u32 + 1 {
            let operation = index
                .checked_sub(1)
                .and_then(|message| starts.get(message as usize))
                .copied();
            failure = Some(NetlinkError {
                operation,
                ..verdict.into_error("nf_tables batch")
            });
        }
    })?;
    match failure {
        Some(error) => Err(error),
        None if acknowledged => Ok(()),
        None => Err(NetlinkError::malformed("a batch was not acknowledged")),
    }
}

struct Encoded {
    bytes: Vec<u8>,
    /// For each message between begin and end: the index of its operation.
    starts: Vec<u32>,
    /// Where timeouts stand that are filled in at the last moment, and the moments they last until.
    deadlines: Vec<(usize, f64)>,
}

fn encode(table: &Table, operations: &[Operation], generation: Option<u32>) -> Result<Encoded> {
    let mut batch = Encoder {
        writer: Writer::default(),
        table,
        starts: Vec::new(),
        last: None,
    };
    let begin = batch.writer.begin(frame(BATCH_BEGIN, 0));
    if let Some(generation) = generation {
        batch.writer.u32(BATCH_GENERATION, generation);
    }
    batch.writer.end(begin);
    for (index, operation) in operations.iter().enumerate() {
        batch.operation(index as u32, operation)?;
    }
    // The end message is acknowledged by newer kernels only; the last operation by all.
    let last = batch
        .last
        .ok_or_else(|| NetlinkError::new(libc::EINVAL, "a batch without operations"))?;
    batch.writer.add_flags(last, NLM_F_ACK);
    let end = batch
        .writer
        .begin(frame(BATCH_END, batch.starts.len() as u32 + 1));
    batch.writer.end(end);
    let (bytes, deadlines) = batch.writer.into_parts();
    Ok(Encoded {
        bytes,
        starts: batch.starts,
        deadlines,
    })
}

struct Encoder<'a> {
    writer: Writer,
    table: &'a Table,
    starts: Vec<u32>,
    last: Option<Mark>,
}

impl Encoder<'_> {
    fn operation(&mut self, index: u32, operation: &Operation) -> Result<()> {
        match &operation.action {
            Action::Add(entries) => self.elements(index, NEW_ELEMENTS, &operation.set, entries),
            Action::Delete(entries) => {
                self.elements(index, DELETE_ELEMENTS, &operation.set, entries)
            }
            Action::Flush => {
                let mark = self.begin(index, DELETE_ELEMENTS, &operation.set);
                self.end(mark);
                Ok(())
            }
            Action::DeleteSet => {
                let mark = self.begin(index, DELETE_SET, &operation.set);
                self.end(mark);
                Ok(())
            }
            Action::CreateSet(shape) => {
                let mark = self.begin(index, NEW_SET, &operation.set);
                write_shape(&mut self.writer, shape, index);
                self.end(mark);
                Ok(())
            }
        }
    }

    /// One message per 60 kB of entries.
    fn elements(&mut self, index: u32, kind: u16, set: &str, entries: &Entries) -> Result<()> {
        entries.check()?;
        let count = entries.count();
        let mut next = 0;
        while next < count {
            let mark = self.begin(index, kind, set);
            let list = self.writer.nest(LIST_ELEMENTS);
            let from = self.writer.len();
            while next < count && self.writer.len() - from < LIST_BYTES_MAX {
                entries.write(&mut self.writer, next, kind == NEW_ELEMENTS)?;
                next += 1;
            }
            self.writer.end_nest(list);
            self.end(mark);
        }
        Ok(())
    }

    fn begin(&mut self, index: u32, kind: u16, set: &str) -> Mark {
        self.starts.push(index);
        let create = if kind == NEW_ELEMENTS || kind == NEW_SET {
            NLM_F_CREATE
        } else {
            0
        };
        let mark = self.writer.begin(Header {
            kind,
            flags: NLM_F_REQUEST | create,
            sequence: self.starts.len() as u32,
            family: self.table.family,
            resource: 0,
        });
        self.writer.string(LIST_TABLE, &self.table.name);
        self.writer.string(LIST_SET, set);
        self.last = Some(mark);
        mark
    }

    fn end(&mut self, mark: Mark) {
        self.writer.end(mark);
    }
}

fn write_shape(writer: &mut Writer, shape: &SetShape, id: u32) {
    const FLAGS: u16 = 3;
    const KEY_TYPE: u16 = 4;
    const KEY_LENGTH: u16 = 5;
    const DATA_TYPE: u16 = 6;
    const DATA_LENGTH: u16 = 7;
    const DESCRIPTION: u16 = 9;
    const ID: u16 = 10;
    const DESCRIPTION_CONCAT: u16 = 2;
    const FIELD_LENGTH: u16 = 1;
    writer.u32(FLAGS, shape.flags);
    writer.u32(KEY_TYPE, shape.key_type);
    writer.u32(KEY_LENGTH, shape.key_bytes);
    if let Some((data_type, data_bytes)) = shape.data {
        writer.u32(DATA_TYPE, data_type);
        writer.u32(DATA_LENGTH, data_bytes);
    }
    writer.u32(ID, id + 1);
    if !shape.fields.is_empty() {
        let description = writer.nest(DESCRIPTION);
        let concat = writer.nest(DESCRIPTION_CONCAT);
        for bytes in &shape.fields {
            let field = writer.nest(1);
            writer.u32(FIELD_LENGTH, *bytes);
            writer.end_nest(field);
        }
        writer.end_nest(concat);
        writer.end_nest(description);
    }
}

fn frame(kind: u16, sequence: u32) -> Header {
    Header {
        kind,
        flags: NLM_F_REQUEST,
        sequence,
        family: 0,
        resource: libc::NFNL_SUBSYS_NFTABLES as u16,
    }
}

/// At the last moment: waiting for a worker thread, encoding and queueing shorten the time left, not the precision.
fn fill_timeouts(bytes: &mut [u8], deadlines: &[(usize, f64)]) {
    for (at, deadline_boot_ms) in deadlines {
        let timeout = clock::timeout_until(*deadline_boot_ms);
        bytes[*at..*at + 8].copy_from_slice(&timeout.to_be_bytes());
    }
}

/// Adds `first` to every message's sequence number, which the encoder counts from 0.
fn renumber(bytes: &mut [u8], first: u32) {
    let mut at = 0;
    while at + 16 <= bytes.len() {
        let length =
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
        let old =
            u32::from_ne_bytes([bytes[at + 8], bytes[at + 9], bytes[at + 10], bytes[at + 11]]);
        bytes[at + 8..at + 12].copy_from_slice(&old.wrapping_add(first).to_ne_bytes());
        at += length.next_multiple_of(4).max(16);
    }
}
