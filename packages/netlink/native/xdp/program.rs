//! The compiled program, and the kernel's errors about it.

use std::error::Error;
use std::io;
use std::sync::OnceLock;

use aya::{Ebpf, EbpfLoader};

use crate::error::{NetlinkError, Result};

#[cfg(xdp_program)]
static OBJECT: std::result::Result<&[u8], &str> = Ok(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/balancer.bpf.o"
)));
#[cfg(not(xdp_program))]
static OBJECT: std::result::Result<&[u8], &str> = Err(env!("XDP_PROGRAM_MISSING"));

/// Characters kept of the beginning and of the end of a long message: a refusal may bring the verifier's whole log along,
/// which ends with the reason.
const HEAD_CHARACTERS: usize = 100;
const TAIL_CHARACTERS: usize = 500;

/// Entries of the maps whose size depends on what they hold.
pub struct Sizes {
    pub vips: u32,
    pub services: u32,
    pub tables: u32,
    pub blocks: u32,
    pub members: u32,
    pub counters: u32,
}

/// Loads program and maps; nothing of it outlives the process before it is attached and pinned.
pub fn load(sizes: &Sizes) -> Result<Ebpf> {
    let object = OBJECT.map_err(|reason| NetlinkError::new(libc::EOPNOTSUPP, reason))?;
    let mut loader = EbpfLoader::new();
    for (name, entries) in [
        ("vips", sizes.vips),
        ("services", sizes.services),
        ("tables", sizes.tables),
        ("blocks", sizes.blocks),
        ("members", sizes.members),
        ("counters", sizes.counters),
    ] {
        loader.map_max_entries(name, entries.max(1));
    }
    let mut ebpf = loader
        .load(object)
        .map_err(|error| failure("loading the XDP program", &error))?;
    program(&mut ebpf)?
        .load()
        .map_err(|error| failure("loading the XDP program", &error))?;
    Ok(ebpf)
}

pub fn program(ebpf: &mut Ebpf) -> Result<&mut aya::programs::Xdp> {
    ebpf.program_mut("balancer")
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| NetlinkError::malformed("the XDP program is not in its object"))
}

/// Why the program can't run here; None if it can. Found once, by loading it.
pub fn obstacle() -> Option<String> {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    OBSTACLE
        .get_or_init(|| {
            if cfg!(target_endian = "big") {
                return Some("keys are hashed as little-endian machines do".into());
            }
            let smallest = Sizes { vips: 1, services: 1, tables: 1, blocks: 1, members: 1, counters: 1 };
            load(&smallest).err().map(|error| match error.errno {
                libc::EPERM | libc::EACCES => {
                    "loading the XDP program is not permitted: CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are needed".into()
                }
                _ => error.message,
            })
        })
        .clone()
}

/// An error of the BPF library, with the system's number if there is one below it.
pub fn failure(context: &str, error: &(dyn Error + 'static)) -> NetlinkError {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let errno = causes
        .filter_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error())
        .next()
        .unwrap_or(0);
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    let text = shorten(&texts.join(": "));
    NetlinkError::new(errno, format!("{context}: {text}"))
}

fn shorten(text: &str) -> String {
    let characters: Vec<char> = text.trim_end().chars().collect();
    if characters.len() <= HEAD_CHARACTERS + TAIL_CHARACTERS {
        return characters.into_iter().collect();
    }
    let head: String = characters[..HEAD_CHARACTERS].iter().collect();
    let tail: String = characters[characters.len() - TAIL_CHARACTERS..]
        .iter()
        .collect();
    format!("{head} … {tail}")
}
