//! Reading sets back, as one state of the ruleset.

use crate::batch::Table;
use crate::clock;
use crate::elements::{self, Element, Layout};
use crate::error::{NetlinkError, Result};
use crate::message::{Header, NLM_F_DUMP, NLM_F_REQUEST, unsigned};
use crate::socket::Socket;

const SUBSYSTEM: u16 = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8;
const GET_ELEMENTS: u16 = SUBSYSTEM | libc::NFT_MSG_GETSETELEM as u16;
const GET_GENERATION: u16 = SUBSYSTEM | libc::NFT_MSG_GETGEN as u16;
const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
const LIST_ELEMENTS: u16 = 3;
const GENERATION_ID: u16 = 1;
/// Tries before a ruleset that never stands still is reported as such.
const ATTEMPTS_MAX: u32 = 16;

pub struct Snapshot {
    pub generation: u32,
    /// In the order asked for.
    pub sets: Vec<SetState>,
}

pub struct SetState {
    /// Sorted by key.
    pub entries: Vec<Element>,
    /// When the kernel counted the time that is left of the entries.
    pub read_boot_ms: f64,
}

/// The generation id of the ruleset: it changes with every transaction of anybody.
pub fn generation(socket: &mut Socket) -> Result<u32> {
    let mut generation = None;
    socket.request(
        header(GET_GENERATION, libc::NLM_F_ACK as u16, 0),
        |_| {},
        |message| generation = unsigned(message.attributes().get(GENERATION_ID), 4),
    )?;
    generation
        .map(|id| id as u32)
        .ok_or_else(|| NetlinkError::malformed("no generation id"))
}

/// The entries of several sets, all of one generation. `EINTR` if the ruleset changes faster than it can be read.
pub fn read(socket: &mut Socket, table: &Table, sets: &[(String, Layout)]) -> Result<Snapshot> {
    for _ in 0..ATTEMPTS_MAX {
        let before = generation(socket)?;
        let mut contents = Vec::with_capacity(sets.len());
        let mut consistent = true;
        for (set, layout) in sets {
            // The kernel counts from its last tick.
            let read_boot_ms = clock::boot_ms() - clock::since_tick_ms();
            let (elements, whole) = dump(socket, table, set)?;
            consistent &= whole;
            contents.push(SetState {
                entries: elements::entries_of(elements, *layout),
                read_boot_ms,
            });
        }
        if consistent && generation(socket)? == before {
            return Ok(Snapshot {
                generation: before,
                sets: contents,
            });
        }
    }
    Err(NetlinkError::new(
        libc::EINTR,
        format!("the ruleset changed during each of {ATTEMPTS_MAX} reads"),
    ))
}

fn dump(socket: &mut Socket, table: &Table, set: &str) -> Result<(Vec<Element>, bool)> {
    let mut elements = Vec::new();
    let consistent = socket
        .request(
            header(GET_ELEMENTS, NLM_F_DUMP, table.family),
            |writer| {
                writer.string(LIST_TABLE, &table.name);
                writer.string(LIST_SET, set);
            },
            |message| elements::read(message.attributes().nested(LIST_ELEMENTS), &mut elements),
        )
        .map_err(|error| NetlinkError {
            message: format!("set {set} of table {}: {}", table.name, error.message),
            ..error
        })?;
    Ok((elements, consistent))
}

fn header(kind: u16, flags: u16, family: u8) -> Header {
    Header {
        kind,
        flags: NLM_F_REQUEST | flags,
        sequence: 0,
        family,
        resource: 0,
    }
}
