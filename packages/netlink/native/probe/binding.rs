//! What JavaScript sees of probes: one call, which runs on a worker thread.

use std::net::IpAddr;
use std::time::Duration;

use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;

use super::{Evidence, Probe, mac_of, obstacle, run};
use crate::binding::Failure;
use crate::error::{NetlinkError, Result};

#[napi(object)]
pub struct NativeProbe {
    pub device: u32,
    pub device_mac: Uint8Array,
    pub mac: Uint8Array,
    pub on_link: bool,
    pub source: String,
    pub member: String,
    pub address: String,
    pub protocol: u8,
    pub port: u16,
    pub payload: Uint8Array,
}

#[napi(object)]
pub struct NativeEvidence {
    pub present: bool,
    pub served: bool,
    pub refused: bool,
    pub served_from: Option<String>,
    pub alive: bool,
    pub rejected_by: Option<String>,
    pub returned: bool,
    pub claimed: bool,
    pub obstacle: Option<String>,
}

/// The answer: a failure, or what was seen of each probe.
#[napi(object)]
#[derive(Default)]
pub struct ProbeAnswer {
    pub failure: Option<Failure>,
    pub evidence: Option<Vec<NativeEvidence>>,
}

pub struct Call {
    probes: Result<Vec<Probe>>,
    window: Duration,
}

#[napi]
pub fn probe_obstacle() -> Option<String> {
    obstacle()
}

#[napi]
pub fn probe_members(probes: Vec<NativeProbe>, window_ms: u32) -> AsyncTask<Call> {
    AsyncTask::new(Call {
        probes: probes.into_iter().map(probe_of).collect(),
        window: Duration::from_millis(window_ms.into()),
    })
}

impl Task for Call {
    type Output = Result<Vec<Evidence>>;
    type JsValue = ProbeAnswer;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let work = std::panic::AssertUnwindSafe(|| {
            let probes = self.probes.as_ref().map_err(Clone::clone)?;
            run(probes, self.window)
        });
        Ok(std::panic::catch_unwind(work).unwrap_or_else(|_| {
            Err(NetlinkError::new(
                0,
                "the netlink addon failed unexpectedly",
            ))
        }))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(match output {
            Ok(evidence) => ProbeAnswer {
                evidence: Some(evidence.into_iter().map(native_evidence).collect()),
                failure: None,
            },
            Err(error) => ProbeAnswer {
                evidence: None,
                failure: Some(Failure {
                    errno: error.errno,
                    operation: error.operation,
                    message: error.message,
                }),
            },
        })
    }
}

fn probe_of(native: NativeProbe) -> Result<Probe> {
    let (source, member, address) = (
        parse(&native.source)?,
        parse(&native.member)?,
        parse(&native.address)?,
    );
    if source.is_ipv4() != address.is_ipv4() || member.is_ipv4() != address.is_ipv4() {
        let message = format!("{source}, {member} and {address}: expected addresses of one family");
        return Err(NetlinkError::new(libc::EINVAL, message));
    }
    Ok(Probe {
        device: native.device,
        device_mac: mac_of(&native.device_mac),
        mac: native.mac.to_vec(),
        is_on_link: native.on_link,
        source,
        member,
        address,
        protocol: native.protocol,
        port: native.port,
        payload: native.payload.to_vec(),
    })
}

fn native_evidence(evidence: Evidence) -> NativeEvidence {
    NativeEvidence {
        present: evidence.is_present,
        served: evidence.is_served,
        refused: evidence.is_refused,
        served_from: evidence.served_from.map(|address| address.to_string()),
        alive: evidence.is_alive,
        rejected_by: evidence.rejected_by.map(|address| address.to_string()),
        returned: evidence.is_returned,
        claimed: evidence.is_claimed,
        obstacle: evidence.obstacle,
    }
}

fn parse(address: &str) -> Result<IpAddr> {
    address.parse().map_err(|_| {
        NetlinkError::new(
            libc::EINVAL,
            format!("address {address:?}: expected IPv4 or IPv6"),
        )
    })
}
