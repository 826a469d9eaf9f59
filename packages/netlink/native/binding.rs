//! What JavaScript sees: one class, whose calls run on worker threads and never throw for what the kernel answers.

use std::sync::{Arc, Mutex};

use napi::bindgen_prelude::{AsyncTask, Float64Array, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;

use crate::batch::{Action, Operation, SetShape, Table};
use crate::conntrack::{Direction, Filter};
use crate::counters::Counter;
use crate::elements::{Data, Entries, Layout};
use crate::error::{NetlinkError, Result};
use crate::snapshot::SetState;
use crate::socket::Socket;
use crate::structure::Structure;
use crate::{batch, clock, conntrack, counters, snapshot, structure};

/// A failure, as data: the TypeScript half makes it an error of the right class.
#[napi(object)]
pub struct Failure {
    pub errno: i32,
    pub operation: Option<u32>,
    pub message: String,
}

#[napi(object)]
pub struct NativeOperation {
    pub kind: String,
    pub set: String,
    pub keys: Option<Uint8Array>,
    pub key_bytes: Option<u32>,
    pub layout: Option<String>,
    pub timeouts_ms: Option<Float64Array>,
    pub ends_in_ms: Option<Float64Array>,
    pub values: Option<Uint8Array>,
    pub value_bytes: Option<u32>,
    pub verdicts: Option<Vec<String>>,
    pub flags: Option<u32>,
    pub key_type: Option<u32>,
    pub data_type: Option<u32>,
    pub fields: Option<Vec<u32>>,
}

#[napi(object)]
pub struct NativeSetName {
    pub set: String,
    pub layout: String,
}

#[napi(object)]
pub struct NativeSet {
    pub keys: Uint8Array,
    pub key_bytes: u32,
    /// NaN where an entry has none.
    pub timeouts_ms: Float64Array,
    pub expires_ms: Float64Array,
    pub values: Option<Uint8Array>,
    pub verdicts: Option<Vec<String>>,
}

#[napi(object)]
pub struct NativeDirection {
    pub source: Option<String>,
    pub destination: Option<String>,
    pub source_port: Option<u16>,
    pub destination_port: Option<u16>,
}

#[napi(object)]
pub struct NativeFilter {
    pub protocol: Option<u8>,
    pub original: Option<NativeDirection>,
    pub reply: Option<NativeDirection>,
    pub mark: Option<u32>,
    pub mark_mask: Option<u32>,
    pub open_only: Option<bool>,
}

#[napi(object)]
pub struct NativeCounters {
    pub names: Vec<String>,
    pub packets: Float64Array,
    pub bytes: Float64Array,
}

#[napi(object)]
pub struct NativeStructure {
    pub chains: Vec<String>,
    pub sets: Vec<String>,
    pub maps: Vec<String>,
    pub objects: Vec<String>,
    pub object_types: Vec<u32>,
    pub rules: Uint8Array,
}

/// The answer to any call: a failure, or what was asked for.
#[napi(object)]
#[derive(Default)]
pub struct Answer {
    pub failure: Option<Failure>,
    pub number: Option<u32>,
    pub generation: Option<u32>,
    pub sets: Option<Vec<NativeSet>>,
    pub counters: Option<NativeCounters>,
    pub structure: Option<NativeStructure>,
    /// Mark and count in turn.
    pub marks: Option<Vec<u32>>,
}

#[napi]
pub struct NativeNetlink {
    socket: Arc<Mutex<Socket>>,
    batch_bytes_max: u32,
}

#[napi]
impl NativeNetlink {
    #[napi(constructor)]
    pub fn new(send_buffer_bytes: Option<u32>) -> napi::Result<Self> {
        let socket = Socket::open(send_buffer_bytes)
            .map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let batch_bytes_max = u32::try_from(socket.batch_bytes_max()).unwrap_or(u32::MAX);
        Ok(Self {
            socket: Arc::new(Mutex::new(socket)),
            batch_bytes_max,
        })
    }

    #[napi(getter)]
    pub fn batch_bytes_max(&self) -> u32 {
        self.batch_bytes_max
    }

    #[napi]
    pub fn generation(&self) -> AsyncTask<Call> {
        self.call(Request::Generation)
    }

    #[napi]
    pub fn commit(
        &self,
        family: u8,
        table: String,
        operations: Vec<NativeOperation>,
        generation: Option<u32>,
    ) -> AsyncTask<Call> {
        let called_boot_ms = clock::boot_ms();
        let operations = operations
            .into_iter()
            .map(|operation| operation_of(operation, called_boot_ms))
            .collect();
        self.call(Request::Commit(
            Table {
                family,
                name: table,
            },
            operations,
            generation,
        ))
    }

    #[napi]
    pub fn encoded_bytes(
        &self,
        family: u8,
        table: String,
        operations: Vec<NativeOperation>,
    ) -> napi::Result<u32> {
        let operations: Result<Vec<_>> = operations
            .into_iter()
            .map(|operation| operation_of(operation, 0.0))
            .collect();
        operations
            .and_then(|operations| {
                batch::encoded_bytes(
                    &Table {
                        family,
                        name: table,
                    },
                    &operations,
                )
            })
            .map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX))
            .map_err(|error| napi::Error::from_reason(error.to_string()))
    }

    #[napi]
    pub fn snapshot(&self, family: u8, table: String, sets: Vec<NativeSetName>) -> AsyncTask<Call> {
        let sets = sets
            .into_iter()
            .map(|name| layout_of(&name.layout).map(|layout| (name.set, layout)))
            .collect();
        self.call(Request::Snapshot(
            Table {
                family,
                name: table,
            },
            sets,
        ))
    }

    #[napi]
    pub fn count_flows(&self, filter: NativeFilter) -> AsyncTask<Call> {
        self.call(Request::CountFlows(filter_of(filter)))
    }

    #[napi]
    pub fn delete_flows(&self, filter: NativeFilter) -> AsyncTask<Call> {
        self.call(Request::DeleteFlows(filter_of(filter)))
    }

    #[napi]
    pub fn count_flows_by_mark(&self, filter: NativeFilter) -> AsyncTask<Call> {
        self.call(Request::CountFlowsByMark(filter_of(filter)))
    }

    #[napi]
    pub fn counters(&self, family: u8, table: String) -> AsyncTask<Call> {
        self.call(Request::Counters(Table {
            family,
            name: table,
        }))
    }

    #[napi]
    pub fn structure(&self, family: u8, table: String) -> AsyncTask<Call> {
        self.call(Request::Structure(Table {
            family,
            name: table,
        }))
    }

    fn call(&self, request: Request) -> AsyncTask<Call> {
        AsyncTask::new(Call {
            socket: Arc::clone(&self.socket),
            called_boot_ms: clock::boot_ms(),
            request,
        })
    }
}

enum Request {
    Generation,
    Commit(Table, Result<Vec<Operation>>, Option<u32>),
    Snapshot(Table, Result<Vec<(String, Layout)>>),
    CountFlows(Result<Filter>),
    DeleteFlows(Result<Filter>),
    CountFlowsByMark(Result<Filter>),
    Counters(Table),
    Structure(Table),
}

/// What a worker thread found.
pub enum Outcome {
    Done,
    Number(u32),
    Sets(u32, Vec<PackedSet>),
    Marks(Vec<u32>),
    Counters(Vec<Counter>),
    Structure(Option<Structure>),
}

pub struct Call {
    socket: Arc<Mutex<Socket>>,
    called_boot_ms: f64,
    request: Request,
}

impl Call {
    fn run(&mut self) -> Result<Outcome> {
        let called_boot_ms = self.called_boot_ms;
        let mut socket = self
            .socket
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(match &self.request {
            Request::Generation => Outcome::Number(snapshot::generation(&mut socket)?),
            Request::Commit(table, operations, generation) => {
                batch::commit(
                    &mut socket,
                    table,
                    operations.as_ref().map_err(Clone::clone)?,
                    *generation,
                )?;
                Outcome::Done
            }
            Request::Snapshot(table, sets) => {
                let state =
                    snapshot::read(&mut socket, table, sets.as_ref().map_err(Clone::clone)?)?;
                Outcome::Sets(
                    state.generation,
                    state
                        .sets
                        .into_iter()
                        .map(|set| PackedSet::new(set, called_boot_ms))
                        .collect(),
                )
            }
            Request::CountFlows(filter) => Outcome::Number(conntrack::count(
                &mut socket,
                filter.as_ref().map_err(Clone::clone)?,
            )?),
            Request::DeleteFlows(filter) => Outcome::Number(conntrack::delete(
                &mut socket,
                filter.as_ref().map_err(Clone::clone)?,
            )?),
            Request::CountFlowsByMark(filter) => {
                let filter = filter.as_ref().map_err(Clone::clone)?;
                let counts = conntrack::count_by_mark(&mut socket, filter)?;
                Outcome::Marks(
                    counts
                        .into_iter()
                        .flat_map(|(mark, count)| [mark, count])
                        .collect(),
                )
            }
            Request::Structure(table) => Outcome::Structure(structure::read(&mut socket, table)?),
            Request::Counters(table) => Outcome::Counters(counters::read(&mut socket, table)?),
        })
    }
}

impl Task for Call {
    type Output = Result<Outcome>;
    type JsValue = Answer;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let run = std::panic::AssertUnwindSafe(|| self.run());
        Ok(std::panic::catch_unwind(run).unwrap_or_else(|_| {
            Err(NetlinkError::new(
                0,
                "the netlink addon failed unexpectedly",
            ))
        }))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(match output {
            Ok(Outcome::Done) => Answer::default(),
            Ok(Outcome::Number(number)) => Answer {
                number: Some(number),
                ..Answer::default()
            },
            Ok(Outcome::Sets(generation, sets)) => Answer {
                generation: Some(generation),
                sets: Some(sets.into_iter().map(PackedSet::into_native).collect()),
                ..Answer::default()
            },
            Ok(Outcome::Marks(marks)) => Answer {
                marks: Some(marks),
                ..Answer::default()
            },
            Ok(Outcome::Structure(structure)) => Answer {
                generation: structure.as_ref().map(|structure| structure.generation),
                structure: structure.map(native_structure),
                ..Answer::default()
            },
            Ok(Outcome::Counters(counters)) => Answer {
                counters: Some(native_counters(counters)),
                ..Answer::default()
            },
            Err(error) => Answer {
                failure: Some(Failure {
                    errno: error.errno,
                    operation: error.operation,
                    message: error.message,
                }),
                ..Answer::default()
            },
        })
    }
}

/// A set's entries in few large arrays, so that JavaScript gets no object per entry.
pub struct PackedSet {
    keys: Vec<u8>,
    key_bytes: u32,
    timeouts_ms: Vec<f64>,
    expires_ms: Vec<f64>,
    values: Option<Vec<u8>>,
    verdicts: Option<Vec<String>>,
}

impl PackedSet {
    fn new(set: SetState, called_boot_ms: f64) -> Self {
        let SetState {
            entries,
            read_boot_ms,
        } = set;
        let milliseconds = |value: Option<u64>| value.map_or(f64::NAN, |value| value as f64);
        Self {
            key_bytes: entries.first().map_or(0, |entry| entry.key.len() as u32),
            timeouts_ms: entries
                .iter()
                .map(|entry| milliseconds(entry.timeout_ms))
                .collect(),
            expires_ms: entries
                .iter()
                .map(|entry| milliseconds(entry.expires_ms) + read_boot_ms - called_boot_ms)
                .collect(),
            values: entries.iter().any(|entry| entry.value.is_some()).then(|| {
                entries
                    .iter()
                    .flat_map(|entry| entry.value.iter().flatten().copied())
                    .collect()
            }),
            verdicts: entries
                .iter()
                .any(|entry| entry.verdict.is_some())
                .then(|| {
                    entries
                        .iter()
                        .map(|entry| entry.verdict.clone().unwrap_or_default())
                        .collect()
                }),
            keys: entries
                .into_iter()
                .flat_map(|entry| {
                    entry
                        .key
                        .into_iter()
                        .chain(entry.key_end.into_iter().flatten())
                })
                .collect(),
        }
    }

    fn into_native(self) -> NativeSet {
        NativeSet {
            keys: self.keys.into(),
            key_bytes: self.key_bytes,
            timeouts_ms: self.timeouts_ms.into(),
            expires_ms: self.expires_ms.into(),
            values: self.values.map(Into::into),
            verdicts: self.verdicts,
        }
    }
}

fn native_structure(structure: Structure) -> NativeStructure {
    let (objects, object_types) = structure.objects.into_iter().unzip();
    NativeStructure {
        chains: structure.chains,
        sets: structure.sets,
        maps: structure.maps,
        objects,
        object_types,
        rules: structure.rules.into(),
    }
}

fn native_counters(counters: Vec<Counter>) -> NativeCounters {
    let numbers = |of: fn(&Counter) -> u64| -> Vec<f64> {
        counters.iter().map(|counter| of(counter) as f64).collect()
    };
    NativeCounters {
        packets: numbers(|counter| counter.packets).into(),
        bytes: numbers(|counter| counter.bytes).into(),
        names: counters.into_iter().map(|counter| counter.name).collect(),
    }
}

fn operation_of(native: NativeOperation, called_boot_ms: f64) -> Result<Operation> {
    let action = match native.kind.as_str() {
        "add" => Action::Add(entries_of(&native, called_boot_ms)?),
        "delete" => Action::Delete(entries_of(&native, called_boot_ms)?),
        "flush" => Action::Flush,
        "delete-set" => Action::DeleteSet,
        "create-set" => Action::CreateSet(SetShape {
            flags: native.flags.unwrap_or(0),
            key_type: native.key_type.unwrap_or(0),
            key_bytes: native.key_bytes.unwrap_or(0),
            data: native.data_type.zip(native.value_bytes),
            fields: native.fields.unwrap_or_default(),
        }),
        other => {
            return Err(NetlinkError::new(
                libc::EINVAL,
                format!("operation {other:?} is unknown"),
            ));
        }
    };
    Ok(Operation {
        set: native.set,
        action,
    })
}

fn entries_of(native: &NativeOperation, called_boot_ms: f64) -> Result<Entries> {
    let entries = Entries {
        keys: native
            .keys
            .as_ref()
            .map(|keys| keys.to_vec())
            .unwrap_or_default(),
        key_bytes: native.key_bytes.unwrap_or(0) as usize,
        layout: layout_of(native.layout.as_deref().unwrap_or("plain"))?,
        timeouts_ms: native
            .timeouts_ms
            .as_ref()
            .map(|all| all.iter().map(|timeout| *timeout as u64).collect())
            .unwrap_or_default(),
        deadlines_boot_ms: native
            .ends_in_ms
            .as_ref()
            .map(|all| all.iter().map(|left| called_boot_ms + left).collect())
            .unwrap_or_default(),
        data: match (&native.values, &native.verdicts) {
            (Some(values), _) => {
                Data::Values(values.to_vec(), native.value_bytes.unwrap_or(0) as usize)
            }
            (None, Some(verdicts)) => Data::Verdicts(verdicts.clone()),
            (None, None) => Data::None,
        },
    };
    entries.check()?;
    Ok(entries)
}

fn layout_of(name: &str) -> Result<Layout> {
    match name {
        "plain" => Ok(Layout::Plain),
        "interval" => Ok(Layout::Interval),
        "range" => Ok(Layout::Range),
        other => Err(NetlinkError::new(
            libc::EINVAL,
            format!("layout {other:?} is unknown"),
        )),
    }
}

fn filter_of(native: NativeFilter) -> Result<Filter> {
    Ok(Filter {
        protocol: native.protocol,
        original: native
            .original
            .map(direction_of)
            .transpose()?
            .unwrap_or_default(),
        reply: native
            .reply
            .map(direction_of)
            .transpose()?
            .unwrap_or_default(),
        mark: native
            .mark
            .map(|value| (value, native.mark_mask.unwrap_or(u32::MAX))),
        open_only: native.open_only.unwrap_or(false),
    })
}

fn direction_of(native: NativeDirection) -> Result<Direction> {
    let address = |text: Option<String>| {
        text.map(|text| {
            text.parse().map_err(|_| {
                NetlinkError::new(
                    libc::EINVAL,
                    format!("address {text:?}: expected IPv4 or IPv6"),
                )
            })
        })
        .transpose()
    };
    Ok(Direction {
        source: address(native.source)?,
        destination: address(native.destination)?,
        source_port: native.source_port,
        destination_port: native.destination_port,
    })
}
