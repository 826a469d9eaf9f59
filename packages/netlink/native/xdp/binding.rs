//! What JavaScript sees of the XDP data path: a class whose calls run on worker threads, but for `run`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{AsyncTask, Uint8Array, Uint16Array};
use napi::{Env, Task};
use napi_derive::napi;

use super::balancer::{Applied, Balancer, MemberCount};
use super::key::Key;
use super::service::{Hop, Member, Service};
use super::{devices, program};
use crate::binding::Failure;
use crate::error::{NetlinkError, Result};

#[napi(object)]
pub struct NativeXdpMember {
    pub name: String,
    /// Where it is, if the kernel's routing is to be asked.
    pub address: Option<Uint8Array>,
    pub device: Option<String>,
    pub mac: Option<Uint8Array>,
}

#[napi(object)]
pub struct NativeXdpService {
    pub id: String,
    pub family: u8,
    pub protocol: u8,
    pub port: u16,
    pub devices: Vec<String>,
    /// One behind the other.
    pub addresses: Uint8Array,
    pub seed: u32,
    pub fields: Vec<String>,
    pub source_bits: Option<u32>,
    pub routed: bool,
    pub members: Vec<NativeXdpMember>,
    pub slots: Uint16Array,
}

#[napi(object)]
pub struct NativeXdpDevice {
    pub name: String,
    pub receives: bool,
    pub transmits: bool,
}

#[napi(object)]
pub struct NativeXdpCount {
    pub service: String,
    pub member: String,
    pub packets: f64,
    pub bytes: f64,
}

/// The answer to any call: a failure, or what was asked for.
#[napi(object)]
#[derive(Default)]
pub struct XdpAnswer {
    pub failure: Option<Failure>,
    pub program: Option<bool>,
    pub tables: Option<u32>,
    pub differences: Option<Vec<String>>,
    pub counts: Option<Vec<NativeXdpCount>>,
    /// Packets left to the kernel: nobody, route, device, fragment, ttl.
    pub passed: Option<Vec<f64>>,
    pub verdict: Option<u32>,
    pub frame: Option<Uint8Array>,
    pub devices: Option<Vec<NativeXdpDevice>>,
}

/// None once everything was removed.
type Shared = Arc<Mutex<Option<Balancer>>>;

#[napi]
pub struct NativeXdp {
    balancer: Shared,
}

#[napi]
impl NativeXdp {
    #[napi(constructor)]
    pub fn new(directory: String, is_generic: bool) -> napi::Result<Self> {
        let balancer = Balancer::open(PathBuf::from(directory), is_generic)
            .map_err(|error| napi::Error::from_reason(error.to_string()))?;
        Ok(Self {
            balancer: Arc::new(Mutex::new(Some(balancer))),
        })
    }

    /// Why the data path can't be had here; null if it can.
    #[napi]
    pub fn obstacle() -> Option<String> {
        program::obstacle()
    }

    /// The devices of the namespace that the process is in; without `devices` where the kernel does not tell.
    #[napi]
    pub fn devices() -> XdpAnswer {
        match devices::list() {
            Err(error) => failed(error),
            Ok(devices) => XdpAnswer {
                devices: devices.map(|devices| {
                    let natives = devices.into_iter().map(|device| NativeXdpDevice {
                        name: device.name,
                        receives: device.receives,
                        transmits: device.transmits,
                    });
                    natives.collect()
                }),
                ..XdpAnswer::default()
            },
        }
    }

    #[napi]
    pub fn apply(&self, services: Vec<NativeXdpService>) -> AsyncTask<XdpCall> {
        self.call(Request::Apply(Some(
            services.into_iter().map(service_of).collect(),
        )))
    }

    #[napi]
    pub fn verify(&self) -> AsyncTask<XdpCall> {
        self.call(Request::Verify)
    }

    #[napi]
    pub fn counters(&self) -> AsyncTask<XdpCall> {
        self.call(Request::Counters)
    }

    #[napi]
    pub fn remove(&self) -> AsyncTask<XdpCall> {
        self.call(Request::Remove)
    }

    /// On the calling thread: it takes microseconds.
    #[napi]
    pub fn run(&self, frame: Uint8Array, device: String) -> XdpAnswer {
        let mut frame = frame.to_vec();
        let mut guard = self.balancer.lock().unwrap_or_else(PoisonError::into_inner);
        match open(&mut guard).and_then(|balancer| balancer.run(&mut frame, &device)) {
            Err(error) => failed(error),
            Ok(verdict) => XdpAnswer {
                verdict: Some(verdict),
                frame: Some(frame.into()),
                ..XdpAnswer::default()
            },
        }
    }

    fn call(&self, request: Request) -> AsyncTask<XdpCall> {
        AsyncTask::new(XdpCall {
            balancer: Arc::clone(&self.balancer),
            request,
        })
    }
}

enum Request {
    Apply(Option<Result<Vec<Service>>>),
    Verify,
    Counters,
    Remove,
}

/// What a worker thread found.
pub enum Outcome {
    Applied(Applied),
    Differences(Vec<String>),
    Counts(Vec<MemberCount>, Vec<u64>),
    Removed,
}

pub struct XdpCall {
    balancer: Shared,
    request: Request,
}

impl XdpCall {
    fn run(&mut self) -> Result<Outcome> {
        let mut guard = self.balancer.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match &mut self.request {
            Request::Apply(services) => {
                let services = services.take().unwrap_or_else(|| Ok(Vec::new()))?;
                Outcome::Applied(open(&mut guard)?.apply(services)?)
            }
            Request::Verify => Outcome::Differences(open(&mut guard)?.verify()?),
            Request::Counters => {
                let balancer = open(&mut guard)?;
                Outcome::Counts(balancer.counters()?, balancer.reasons()?.to_vec())
            }
            Request::Remove => {
                guard.take().map_or(Ok(()), Balancer::remove)?;
                Outcome::Removed
            }
        })
    }
}

impl Task for XdpCall {
    type Output = Result<Outcome>;
    type JsValue = XdpAnswer;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let run = std::panic::AssertUnwindSafe(|| self.run());
        Ok(std::panic::catch_unwind(run)
            .unwrap_or_else(|_| Err(NetlinkError::new(0, "the XDP loader failed unexpectedly"))))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(match output {
            Err(error) => failed(error),
            Ok(Outcome::Removed) => XdpAnswer::default(),
            Ok(Outcome::Applied(Applied { program, tables })) => XdpAnswer {
                program: Some(program),
                tables: Some(tables),
                ..XdpAnswer::default()
            },
            Ok(Outcome::Differences(differences)) => XdpAnswer {
                differences: Some(differences),
                ..XdpAnswer::default()
            },
            Ok(Outcome::Counts(counts, reasons)) => XdpAnswer {
                counts: Some(counts.into_iter().map(count_of).collect()),
                passed: Some(reasons.into_iter().map(|count| count as f64).collect()),
                ..XdpAnswer::default()
            },
        })
    }
}

fn open(balancer: &mut Option<Balancer>) -> Result<&mut Balancer> {
    balancer
        .as_mut()
        .ok_or_else(|| NetlinkError::new(libc::ENOENT, "the XDP data path was removed"))
}

fn failed(error: NetlinkError) -> XdpAnswer {
    XdpAnswer {
        failure: Some(Failure {
            errno: error.errno,
            operation: error.operation,
            message: error.message,
        }),
        ..XdpAnswer::default()
    }
}

fn count_of(count: MemberCount) -> NativeXdpCount {
    NativeXdpCount {
        service: count.service,
        member: count.member,
        packets: count.packets as f64,
        bytes: count.bytes as f64,
    }
}

fn service_of(native: NativeXdpService) -> Result<Service> {
    let bytes = match native.family {
        4 => 4,
        6 => 16,
        other => return Err(invalid(format!("family {other}: expected 4 or 6"))),
    };
    let addresses = native
        .addresses
        .chunks(bytes)
        .map(|address| padded(address, bytes));
    Ok(Service {
        key: Key::new(&native.fields, native.family, native.source_bits)?,
        addresses: addresses.collect::<Result<_>>()?,
        members: native
            .members
            .into_iter()
            .map(|member| member_of(member, bytes))
            .collect::<Result<_>>()?,
        slots: native.slots.to_vec(),
        id: native.id,
        family: native.family,
        protocol: native.protocol,
        port: native.port,
        devices: native.devices,
        seed: native.seed,
        routed: native.routed,
    })
}

fn member_of(native: NativeXdpMember, address_bytes: usize) -> Result<Member> {
    let hop = match (native.address, native.device, native.mac) {
        (Some(address), None, None) => Hop::Route(padded(&address, address_bytes)?),
        (None, Some(device), Some(mac)) => Hop::Neighbour {
            device,
            mac: mac
                .as_ref()
                .try_into()
                .map_err(|_| invalid("mac: expected 6 bytes".into()))?,
        },
        _ => {
            return Err(invalid(format!(
                "member {}: expected an address, or device and mac",
                native.name
            )));
        }
    };
    Ok(Member {
        name: native.name,
        hop,
    })
}

fn padded(address: &[u8], bytes: usize) -> Result<[u8; 16]> {
    if address.len() != bytes {
        return Err(invalid(format!(
            "address of {} bytes: expected {bytes}",
            address.len()
        )));
    }
    let mut padded = [0; 16];
    padded[..bytes].copy_from_slice(address);
    Ok(padded)
}

fn invalid(message: String) -> NetlinkError {
    NetlinkError::new(libc::EINVAL, message)
}
