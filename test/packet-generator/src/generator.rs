//! Runs the program on live frames until the time is over.

use std::ffi::CString;
use std::net::Ipv4Addr;
use std::time::Duration;

/// What is to be sent.
pub struct Order {
    pub device: String,
    pub destination_mac: [u8; 6],
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub port: u16,
    pub flows: u32,
    pub duration: Duration,
}

/// What was sent, in which time, and how much of it the process was on a processor.
pub struct Sent {
    pub packets: u64,
    pub seconds: f64,
    pub processor_seconds: f64,
}

#[cfg(not(generator))]
pub fn send(_: &Order) -> Result<Sent, String> {
    Err("built without clang and libbpf's headers (Debian packages clang and libbpf-dev)".into())
}

#[cfg(generator)]
pub use with_program::send;

#[cfg(generator)]
mod with_program {
    use std::time::Instant;

    use aya::programs::{TestRunAttrs, TestRunOptions, Xdp};
    use aya::{Ebpf, EbpfLoader, TestRun};

    use super::{Order, Sent, device_index, processor_seconds};
    use crate::template::{FRAME_BYTES, header_sum, template, words};

    static OBJECT: &[u8] =
        aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/generator.bpf.o"));
    /// Frames per system call, and frames that the kernel hands over at a time, as drivers do.
    const CALL_FRAMES: u32 = 8_192;
    const BATCH_FRAMES: u32 = 64;

    pub fn send(order: &Order) -> Result<Sent, String> {
        let device = device_index(&order.device)?;
        let mut ebpf = load(order)?;
        let program: &mut Xdp = ebpf
            .program_mut("generator")
            .and_then(|program| program.try_into().ok())
            .ok_or("the generator is not in its object")?;
        program
            .load()
            .map_err(|error| format!("loading the generator: {error}"))?;
        // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, FRAME_BYTES as u32, 0, device, 0, 0]
            .map(u32::to_ne_bytes)
            .concat();
        let on_processor = processor_seconds();
        let started = Instant::now();
        let mut packets = 0;
        while started.elapsed() < order.duration {
            let options = TestRunOptions {
                data_in: Some(&[0; FRAME_BYTES]),
                ctx_in: Some(&context),
                repeat: CALL_FRAMES,
                attrs: TestRunAttrs::new().xdp_live_frames(BATCH_FRAMES),
                ..TestRunOptions::new()
            };
            program
                .test_run(options)
                .map_err(|error| format!("sending: {error:?}"))?;
            packets += u64::from(CALL_FRAMES);
        }
        Ok(Sent {
            packets,
            seconds: started.elapsed().as_secs_f64(),
            processor_seconds: processor_seconds() - on_processor,
        })
    }

    fn load(order: &Order) -> Result<Ebpf, String> {
        let frame = template(order.destination_mac, order.destination, order.port);
        let (words, sum, source) = (words(&frame), header_sum(&frame), u32::from(order.source));
        EbpfLoader::new()
            .override_global("template", &words, true)
            .override_global("header_sum", &sum, true)
            .override_global("first_source", &source, true)
            .override_global("flows", &order.flows, true)
            .load(OBJECT)
            .map_err(|error| format!("loading the generator: {error}"))
    }
}

#[cfg_attr(not(generator), expect(dead_code))]
fn device_index(name: &str) -> Result<u32, String> {
    let text = CString::new(name).map_err(|error| error.to_string())?;
    // SAFETY: the text is terminated and outlives the call.
    match unsafe { libc::if_nametoindex(text.as_ptr()) } {
        0 => Err(format!("device {name} is not there")),
        index => Ok(index),
    }
}

#[cfg_attr(not(generator), expect(dead_code))]
fn processor_seconds() -> f64 {
    // SAFETY: the call fills in the structure, of which zeros are a valid value.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time);
        time
    };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
