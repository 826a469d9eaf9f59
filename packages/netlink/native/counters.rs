//! Named counters of a table.

use crate::batch::Table;
use crate::error::Result;
use crate::message::{Header, NLM_F_DUMP, NLM_F_REQUEST, text, unsigned};
use crate::socket::Socket;

const GET_OBJECT: u16 = ((libc::NFNL_SUBSYS_NFTABLES as u16) << 8) | libc::NFT_MSG_GETOBJ as u16;
const OBJECT_TABLE: u16 = 1;
const OBJECT_NAME: u16 = 2;
const OBJECT_TYPE: u16 = 3;
const OBJECT_DATA: u16 = 4;
const TYPE_COUNTER: u32 = 1;
const COUNTER_BYTES: u16 = 1;
const COUNTER_PACKETS: u16 = 2;

/// What a counter has seen since it was made.
pub struct Counter {
    pub name: String,
    pub packets: u64,
    pub bytes: u64,
}

/// All named counters of a table, in the kernel's order; empty if there is no such table.
pub fn read(socket: &mut Socket, table: &Table) -> Result<Vec<Counter>> {
    let mut counters = Vec::new();
    let header = Header {
        kind: GET_OBJECT,
        flags: NLM_F_REQUEST | NLM_F_DUMP,
        sequence: 0,
        family: table.family,
        resource: 0,
    };
    socket.request(
        header,
        |writer| {
            writer.string(OBJECT_TABLE, &table.name);
            writer.u32(OBJECT_TYPE, TYPE_COUNTER);
        },
        |message| {
            let attributes = message.attributes();
            let data = attributes.nested(OBJECT_DATA);
            let counts =
                unsigned(data.get(COUNTER_PACKETS), 8).zip(unsigned(data.get(COUNTER_BYTES), 8));
            if let (Some(name), Some((packets, bytes))) = (attributes.get(OBJECT_NAME), counts) {
                counters.push(Counter {
                    name: text(name),
                    packets,
                    bytes,
                });
            }
        },
    )?;
    Ok(counters)
}
