//! What a table consists of beside the elements of its sets, and without starting a program that reads those too.

use crate::batch::Table;
use crate::error::{NetlinkError, Result};
use crate::message::{
    Attributes, Header, Message, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, text, unsigned,
};
use crate::snapshot;
use crate::socket::Socket;

const SUBSYSTEM: u16 = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8;
const GET_TABLE: u16 = SUBSYSTEM | libc::NFT_MSG_GETTABLE as u16;
const GET_CHAINS: u16 = SUBSYSTEM | libc::NFT_MSG_GETCHAIN as u16;
const GET_RULES: u16 = SUBSYSTEM | libc::NFT_MSG_GETRULE as u16;
const GET_SETS: u16 = SUBSYSTEM | libc::NFT_MSG_GETSET as u16;
const GET_OBJECTS: u16 = SUBSYSTEM | libc::NFT_MSG_GETOBJ as u16;
/// The table's name is the first attribute of every kind of message.
const TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const OBJECT_NAME: u16 = 2;
const OBJECT_TYPE: u16 = 3;
/// NFT_SET_ANONYMOUS, NFT_SET_MAP and NFT_SET_OBJECT.
const ANONYMOUS: u64 = 0x1;
const MAP: u64 = 0x8 | 0x40;
/// Tries before a ruleset that never stands still is reported as such.
const ATTEMPTS_MAX: u32 = 16;

/// A table's parts, by name.
#[derive(Default)]
pub struct Structure {
    pub generation: u32,
    pub chains: Vec<String>,
    pub sets: Vec<String>,
    pub maps: Vec<String>,
    /// Name and NFT_OBJECT_* number.
    pub objects: Vec<(String, u32)>,
    /// Hooks of chains and expressions of rules as the kernel dumps them, without what changes by itself.
    pub rules: Vec<u8>,
}

/// One state of the table; None if there is no such table.
pub fn read(socket: &mut Socket, table: &Table) -> Result<Option<Structure>> {
    for _ in 0..ATTEMPTS_MAX {
        let generation = snapshot::generation(socket)?;
        if !exists(socket, table)? {
            return Ok(None);
        }
        let mut structure = Structure {
            generation,
            ..Structure::default()
        };
        let consistent = read_parts(socket, table, &mut structure)?;
        if consistent && snapshot::generation(socket)? == generation {
            return Ok(Some(structure));
        }
    }
    Err(NetlinkError::new(
        libc::EINTR,
        format!("the ruleset changed during each of {ATTEMPTS_MAX} reads"),
    ))
}

fn exists(socket: &mut Socket, table: &Table) -> Result<bool> {
    let answer = socket.request(
        header(GET_TABLE, NLM_F_ACK, table),
        |writer| writer.string(TABLE, &table.name),
        |_| {},
    );
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.errno == libc::ENOENT => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_parts(socket: &mut Socket, table: &Table, into: &mut Structure) -> Result<bool> {
    let Structure {
        chains,
        sets,
        maps,
        objects,
        rules,
        ..
    } = into;
    let name = |attributes: &Attributes, kind| attributes.get(kind).map(text).unwrap_or_default();
    let mut whole = dump(socket, GET_CHAINS, table, |attributes| {
        chains.push(name(attributes, CHAIN_NAME));
        append(
            rules,
            attributes,
            &[CHAIN_NAME, CHAIN_HOOK, CHAIN_POLICY, CHAIN_TYPE],
        );
    })?;
    whole &= dump(socket, GET_RULES, table, |attributes| {
        append(rules, attributes, &[RULE_CHAIN, RULE_EXPRESSIONS]);
    })?;
    whole &= dump(socket, GET_SETS, table, |attributes| {
        let flags = unsigned(attributes.get(SET_FLAGS), 4).unwrap_or(0);
        if flags & ANONYMOUS == 0 {
            let list = if flags & MAP == 0 {
                &mut *sets
            } else {
                &mut *maps
            };
            list.push(name(attributes, SET_NAME));
        }
    })?;
    whole &= dump(socket, GET_OBJECTS, table, |attributes| {
        let kind = unsigned(attributes.get(OBJECT_TYPE), 4).unwrap_or(0) as u32;
        objects.push((name(attributes, OBJECT_NAME), kind));
    })?;
    Ok(whole)
}

/// Every part of the table of one kind. Not all kernels filter by table, so it is looked at here again.
fn dump(
    socket: &mut Socket,
    kind: u16,
    table: &Table,
    mut each: impl FnMut(&Attributes),
) -> Result<bool> {
    socket.request(
        header(kind, NLM_F_DUMP, table),
        |writer| writer.string(TABLE, &table.name),
        |message: &Message| {
            let attributes = message.attributes();
            if attributes.get(TABLE).map(text).as_deref() == Some(table.name.as_str()) {
                each(&attributes);
            }
        },
    )
}

fn append(into: &mut Vec<u8>, attributes: &Attributes, kinds: &[u16]) {
    for kind in kinds {
        into.extend_from_slice(attributes.get(*kind).unwrap_or(&[]));
        into.push(0);
    }
}

fn header(kind: u16, flags: u16, table: &Table) -> Header {
    Header {
        kind,
        flags: NLM_F_REQUEST | flags,
        sequence: 0,
        family: table.family,
        resource: 0,
    }
}
