//! Set elements: packed keys into attributes and back.

use crate::error::{NetlinkError, Result};
use crate::message::{Attributes, Writer, text, unsigned};

const NFTA_LIST_ELEM: u16 = 1;
const ELEM_KEY: u16 = 1;
const ELEM_DATA: u16 = 2;
const ELEM_FLAGS: u16 = 3;
const ELEM_TIMEOUT: u16 = 4;
const ELEM_EXPIRATION: u16 = 5;
const ELEM_KEY_END: u16 = 10;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;
const FLAG_INTERVAL_END: u32 = 1;

/// How keys are packed and stand in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One key per element.
    Plain,
    /// First and last key of each interval, stored as a start and an end element (sets with one interval field).
    Interval,
    /// First and last key of each interval, stored in one element (concatenations with intervals).
    Range,
}

impl Layout {
    pub fn keys_per_entry(self) -> usize {
        if self == Layout::Plain { 1 } else { 2 }
    }
}

/// Entries to add or delete. `keys` holds whole entries, in network byte order.
#[derive(Debug, Clone)]
pub struct Entries {
    pub keys: Vec<u8>,
    pub key_bytes: usize,
    pub layout: Layout,
    /// One per entry, in ms; 0 stands for none. Empty: no entry has one.
    pub timeouts_ms: Vec<u64>,
    /// When each entry ends, in ms on the boot clock, in place of a timeout. Empty: that is not given.
    pub deadlines_boot_ms: Vec<f64>,
    /// What a map's entries lead to.
    pub data: Data,
}

#[derive(Debug, Clone)]
pub enum Data {
    None,
    /// One value of that many bytes per entry.
    Values(Vec<u8>, usize),
    /// One verdict per entry, such as `accept` or `goto chain`.
    Verdicts(Vec<String>),
}

impl Entries {
    pub fn count(&self) -> usize {
        self.keys.len() / (self.key_bytes * self.layout.keys_per_entry())
    }

    /// Checks that every array has the same number of entries.
    pub fn check(&self) -> Result<()> {
        let entry_bytes = self.key_bytes * self.layout.keys_per_entry();
        let count = self.keys.len().checked_div(entry_bytes).unwrap_or(0);
        let data_fits = match &self.data {
            Data::None => true,
            Data::Values(bytes, each) => bytes.len() == each * count,
            Data::Verdicts(verdicts) => verdicts.len() == count,
        };
        let fits = |length: usize| length == 0 || length == count;
        let timeouts_fit = fits(self.timeouts_ms.len()) && fits(self.deadlines_boot_ms.len());
        let keys_fit = entry_bytes > 0 && self.keys.len() == count * entry_bytes;
        if !keys_fit || !data_fits || !timeouts_fit {
            return Err(NetlinkError::new(
                libc::EINVAL,
                "keys, timeouts and values of a set's entries differ in number",
            ));
        }
        Ok(())
    }

    /// Writes entry `index`; `with_content` is false for deletions, which name the key alone.
    pub fn write(&self, writer: &mut Writer, index: usize, with_content: bool) -> Result<()> {
        let per_entry = self.layout.keys_per_entry();
        let at = index * per_entry * self.key_bytes;
        let first = &self.keys[at..at + self.key_bytes];
        let last =
            &self.keys[at + (per_entry - 1) * self.key_bytes..at + per_entry * self.key_bytes];
        let element = writer.nest(NFTA_LIST_ELEM);
        write_key(writer, ELEM_KEY, first);
        if self.layout == Layout::Range {
            write_key(writer, ELEM_KEY_END, last);
        }
        if with_content {
            self.write_content(writer, index)?;
        }
        writer.end_nest(element);
        if self.layout == Layout::Interval
            && let Some(after) = successor(last)
        {
            let end = writer.nest(NFTA_LIST_ELEM);
            write_key(writer, ELEM_KEY, &after);
            writer.u32(ELEM_FLAGS, FLAG_INTERVAL_END);
            writer.end_nest(end);
        }
        Ok(())
    }

    fn write_content(&self, writer: &mut Writer, index: usize) -> Result<()> {
        match &self.data {
            Data::None => {}
            Data::Values(bytes, each) => {
                write_key(writer, ELEM_DATA, &bytes[index * each..(index + 1) * each])
            }
            Data::Verdicts(verdicts) => write_verdict(writer, &verdicts[index])?,
        }
        if let Some(deadline) = self.deadlines_boot_ms.get(index) {
            writer.deadline(ELEM_TIMEOUT, *deadline);
        } else if let Some(timeout) = self.timeouts_ms.get(index).filter(|timeout| **timeout > 0) {
            writer.u64(ELEM_TIMEOUT, *timeout);
        }
        Ok(())
    }
}

fn write_key(writer: &mut Writer, kind: u16, value: &[u8]) {
    let nest = writer.nest(kind);
    writer.attribute(DATA_VALUE, value);
    writer.end_nest(nest);
}

fn write_verdict(writer: &mut Writer, verdict: &str) -> Result<()> {
    let (word, chain) = verdict
        .split_once(' ')
        .map_or((verdict, None), |(word, chain)| (word, Some(chain)));
    let code: i32 = match (word, chain) {
        ("drop", None) => 0,
        ("accept", None) => 1,
        ("return", None) => -5,
        ("jump", Some(_)) => -3,
        ("goto", Some(_)) => -4,
        _ => {
            return Err(NetlinkError::new(
                libc::EINVAL,
                format!(
                    "verdict {verdict:?}: expected accept, drop, return, jump CHAIN or goto CHAIN"
                ),
            ));
        }
    };
    let data = writer.nest(ELEM_DATA);
    let nest = writer.nest(DATA_VERDICT);
    writer.u32(VERDICT_CODE, code as u32);
    if let Some(chain) = chain {
        writer.string(VERDICT_CHAIN, chain);
    }
    writer.end_nest(nest);
    writer.end_nest(data);
    Ok(())
}

/// The next key, or None behind the last.
fn successor(key: &[u8]) -> Option<Vec<u8>> {
    let mut next = key.to_vec();
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(next);
        }
    }
    None
}

fn predecessor(key: &[u8]) -> Vec<u8> {
    let mut previous = key.to_vec();
    for byte in previous.iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != 0xff {
            break;
        }
    }
    previous
}

/// One element as the kernel dumps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub key: Vec<u8>,
    pub key_end: Option<Vec<u8>>,
    pub interval_end: bool,
    pub timeout_ms: Option<u64>,
    pub expires_ms: Option<u64>,
    pub value: Option<Vec<u8>>,
    pub verdict: Option<String>,
}

/// Reads the elements of one dump message's list attribute.
pub fn read(list: Attributes, into: &mut Vec<Element>) {
    for (_, value) in list {
        let element = Attributes::new(value);
        let Some(key) = element.nested(ELEM_KEY).get(DATA_VALUE) else {
            continue;
        };
        let data = element.nested(ELEM_DATA);
        into.push(Element {
            key: key.to_vec(),
            key_end: element
                .nested(ELEM_KEY_END)
                .get(DATA_VALUE)
                .map(<[u8]>::to_vec),
            interval_end: unsigned(element.get(ELEM_FLAGS), 4).unwrap_or(0) as u32
                & FLAG_INTERVAL_END
                != 0,
            timeout_ms: unsigned(element.get(ELEM_TIMEOUT), 8).filter(|timeout| *timeout > 0),
            expires_ms: unsigned(element.get(ELEM_EXPIRATION), 8),
            value: data.get(DATA_VALUE).map(<[u8]>::to_vec),
            verdict: read_verdict(data.nested(DATA_VERDICT)),
        });
    }
}

fn read_verdict(verdict: Attributes) -> Option<String> {
    let code = unsigned(verdict.get(VERDICT_CODE), 4)? as u32 as i32;
    let chain = verdict.get(VERDICT_CHAIN).map(text).unwrap_or_default();
    Some(match code {
        0 => "drop".into(),
        1 => "accept".into(),
        -3 => format!("jump {chain}"),
        -4 => format!("goto {chain}"),
        -5 => "return".into(),
        other => format!("code {other}"),
    })
}

/// Sorts elements and turns start and end elements into first and last keys, as `Layout` packs them.
pub fn entries_of(mut elements: Vec<Element>, layout: Layout) -> Vec<Element> {
    elements.sort_by(|a, b| a.key.cmp(&b.key).then(b.interval_end.cmp(&a.interval_end)));
    if layout != Layout::Interval {
        return elements;
    }
    let mut entries: Vec<Element> = Vec::with_capacity(elements.len() / 2 + 1);
    let mut open: Option<Element> = None;
    for element in elements {
        if let Some(mut start) = open.take() {
            start.key_end = Some(predecessor(&element.key));
            entries.push(start);
        }
        if !element.interval_end {
            open = Some(element);
        }
    }
    if let Some(mut start) = open {
        start.key_end = Some(vec![0xff; start.key.len()]);
        entries.push(start);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(entries: &Entries) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut writer = Writer::default();
        for index in 0..entries.count() {
            entries.write(&mut writer, index, true).unwrap();
        }
        let bytes = writer.into_bytes();
        let mut elements = Vec::new();
        read(Attributes::new(&bytes), &mut elements);
        entries_of(elements, entries.layout)
            .into_iter()
            .map(|entry| (entry.key, entry.key_end))
            .collect()
    }

    #[test]
    fn an_interval_that_ends_with_the_address_space_has_no_end_element() {
        let keys = vec![0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        let entries = Entries {
            keys,
            key_bytes: 4,
            layout: Layout::Interval,
            timeouts_ms: vec![],
            deadlines_boot_ms: vec![],
            data: Data::None,
        };
        assert_eq!(
            round_trip(&entries),
            vec![(vec![0xff, 0, 0, 0], Some(vec![0xff; 4]))]
        );
    }

    proptest! {
        #[test]
        fn disjoint_intervals_survive_the_kernel_form(bounds in proptest::collection::btree_set(any::<u16>(), 0..64)) {
            let bounds: Vec<u16> = bounds.into_iter().collect();
            let pairs: Vec<(Vec<u8>, Option<Vec<u8>>)> = bounds
                .chunks_exact(2)
                .map(|pair| (pair[0].to_be_bytes().to_vec(), Some(pair[1].to_be_bytes().to_vec())))
                .collect();
            let keys = pairs.iter().flat_map(|(first, last)| [first.clone(), last.clone().unwrap()].concat()).collect();
            let entries = Entries { keys, key_bytes: 2, layout: Layout::Interval, timeouts_ms: vec![],
            deadlines_boot_ms: vec![], data: Data::None };
            prop_assert_eq!(round_trip(&entries), pairs);
        }
    }
}
