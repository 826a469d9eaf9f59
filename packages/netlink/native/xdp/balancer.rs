//! From one desired state to the next.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use aya::TestRun;
use aya::programs::{TestRunOptions, XdpMode};

use super::devices;
use super::image::{Devices, Image};
use super::layout::{Counter, REASONS};
use super::pins::Pins;
use super::program::failure;
use super::service::{Hop, Service, check};
use crate::error::{NetlinkError, Result};

/// What an application did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Whether another program took over, with other addresses or more room.
    pub program: bool,
    /// Services whose table changed within the program.
    pub tables: u32,
}

/// Packets and bytes that one member of one service was sent.
pub struct MemberCount {
    pub service: String,
    pub member: String,
    pub packets: u64,
    pub bytes: u64,
}

/// The XDP data path of one owner: whatever its directory has pinned belongs to it.
pub struct Balancer {
    pins: Pins,
    mode: XdpMode,
    image: Option<Image>,
    attached: BTreeSet<u32>,
    /// Whether somebody else wrote into the tables, as far as the last verification saw.
    is_spoilt: bool,
    /// Counted by programs of before, by service and member.
    past: HashMap<(String, String), Counter>,
    past_reasons: [u64; REASONS.len()],
}

impl Balancer {
    /// Changes nothing: a predecessor's program serves until the first application.
    pub fn open(directory: PathBuf, is_generic: bool) -> Result<Self> {
        Ok(Self {
            pins: Pins::open(directory)?,
            mode: if is_generic {
                XdpMode::Skb
            } else {
                XdpMode::Driver
            },
            image: None,
            attached: BTreeSet::new(),
            is_spoilt: false,
            past: HashMap::new(),
            past_reasons: [0; REASONS.len()],
        })
    }

    /// Brings the kernel to these services. Where addresses and devices stay, each service changes at once by itself; else
    /// all change at once per device, with another program.
    pub fn apply(&mut self, mut services: Vec<Service>) -> Result<Applied> {
        services.sort_by(|a, b| a.id.cmp(&b.id));
        check(&services)?;
        let named = named_devices(&services)?;
        let wanted = receiving(&services, &named);
        let transmitting = transmitting(&named)?;
        if let Some(image) = &mut self.image
            && self.attached == wanted
            && !self.is_spoilt
            && image.fits(&services, &named)
            && is_attached(&self.pins, image, &wanted)?
        {
            image.allow_devices(&transmitting)?;
            let replaced = image.replace(&services, &named);
            // Where the kernel can't say what is still read, a new program needs no answer.
            if !matches!(&replaced, Err(error) if error.errno == libc::EAGAIN) {
                return Ok(Applied {
                    program: false,
                    tables: replaced?,
                });
            }
        }
        self.install(&services, &named, &transmitting, wanted)?;
        Ok(Applied {
            program: true,
            tables: 0,
        })
    }

    /// What is not as it was applied, in words.
    pub fn verify(&mut self) -> Result<Vec<String>> {
        let Some(image) = &mut self.image else {
            return Ok(Vec::new());
        };
        let program = image.program_id()?;
        let lost = self
            .attached
            .iter()
            .filter(|device| !self.pins.holds(**device, program));
        let lost = lost.map(|device| format!("XDP program is not attached to device {device}"));
        let differences = image.differences();
        self.is_spoilt = !differences.is_empty();
        Ok(lost.chain(differences).collect())
    }

    pub fn counters(&self) -> Result<Vec<MemberCount>> {
        let Some(image) = &self.image else {
            return Ok(Vec::new());
        };
        let counts = image.counters()?.into_iter().map(|(service, member, now)| {
            let past = self
                .past
                .get(&(service.to_owned(), member.to_owned()))
                .copied()
                .unwrap_or_default();
            MemberCount {
                service: service.to_owned(),
                member: member.to_owned(),
                packets: past.packets + now.packets,
                bytes: past.bytes + now.bytes,
            }
        });
        Ok(counts.collect())
    }

    /// Packets that were left to the kernel, by reason.
    pub fn reasons(&self) -> Result<[u64; REASONS.len()]> {
        let now = self
            .image
            .as_ref()
            .map_or(Ok([0; REASONS.len()]), Image::reasons)?;
        Ok(std::array::from_fn(|index| {
            self.past_reasons[index] + now[index]
        }))
    }

    /// Runs the program on one frame as if the device had received it; the frame becomes what would leave. Counters count.
    pub fn run(&mut self, frame: &mut Vec<u8>, device: &str) -> Result<u32> {
        let image = self.image.as_mut().ok_or_else(|| {
            NetlinkError::new(
                libc::ENOENT,
                "no XDP program is loaded: apply services first",
            )
        })?;
        let (index, _) = devices::find(device)?;
        // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, frame.len() as u32, 0, index, 0, 0]
            .map(u32::to_ne_bytes)
            .concat();
        let mut output = vec![0; frame.len()];
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut output),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        };
        let result = image.program()?.test_run(options);
        let verdict = result
            .map_err(|error| failure("running the XDP program", &error))?
            .return_value;
        *frame = output;
        Ok(verdict)
    }

    /// Takes everything of this owner off the devices.
    pub fn remove(self) -> Result<()> {
        self.pins.remove()
    }

    fn install(
        &mut self,
        services: &[Service],
        named: &Devices,
        transmitting: &[u32],
        wanted: BTreeSet<u32>,
    ) -> Result<()> {
        let mut image = Image::new(services, named)?;
        image.allow_devices(transmitting)?;
        let present = self.pins.devices()?;
        // New devices first: that is what may fail, and then it is undone and the others are as they were.
        let (kept, added): (Vec<u32>, Vec<u32>) =
            wanted.iter().partition(|device| present.contains(device));
        for (done, device) in added.iter().enumerate() {
            if let Err(error) = self.pins.attach(image.program()?, *device, self.mode) {
                for device in &added[..done] {
                    self.pins.detach(*device)?;
                }
                return Err(error);
            }
        }
        for device in kept {
            self.pins.attach(image.program()?, device, self.mode)?;
        }
        for device in present.difference(&wanted) {
            self.pins.detach(*device)?;
        }
        self.keep_counters()?;
        self.attached = wanted;
        self.is_spoilt = false;
        self.image = Some(image);
        Ok(())
    }

    /// Adds up what the programs of before counted for the members of the last one.
    fn keep_counters(&mut self) -> Result<()> {
        let counts = self.counters()?.into_iter().map(|count| {
            let counter = Counter {
                packets: count.packets,
                bytes: count.bytes,
            };
            ((count.service, count.member), counter)
        });
        self.past = counts.collect();
        self.past_reasons = self.reasons()?;
        Ok(())
    }
}

fn is_attached(pins: &Pins, image: &mut Image, devices: &BTreeSet<u32>) -> Result<bool> {
    let program = image.program_id()?;
    Ok(devices.iter().all(|device| pins.holds(*device, program)))
}

fn named_devices(services: &[Service]) -> Result<Devices> {
    let mut named = Devices::new();
    for service in services {
        let leaving = service
            .members
            .iter()
            .filter_map(|member| match &member.hop {
                Hop::Neighbour { device, .. } => Some(device),
                Hop::Route(_) => None,
            });
        for name in service.devices.iter().chain(leaving) {
            if !named.contains_key(name) {
                named.insert(name.clone(), devices::find(name)?);
            }
        }
    }
    Ok(named)
}

fn receiving(services: &[Service], named: &Devices) -> BTreeSet<u32> {
    let names = services.iter().flat_map(|service| &service.devices);
    names.map(|name| named[name].0).collect()
}

/// Devices that can send for the program. A kernel that does not tell is believed to have those that services name.
fn transmitting(named: &Devices) -> Result<Vec<u32>> {
    Ok(match devices::list()? {
        Some(all) => all
            .iter()
            .filter(|device| device.transmits)
            .map(|device| device.index)
            .collect(),
        None => named.values().map(|(index, _)| *index).collect(),
    })
}
