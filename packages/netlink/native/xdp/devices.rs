//! Network devices of the namespace: numbers, addresses, and what they can do for XDP.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::error::{NetlinkError, Result};
use crate::message::{Header, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use crate::socket::Socket;

const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NETDEV_XDP_ACT_BASIC: u64 = 1;
const NETDEV_XDP_ACT_NDO_XMIT: u64 = 4;

/// A device as the kernel describes it now.
pub struct Device {
    pub index: u32,
    pub name: String,
    /// Whether its driver runs XDP programs.
    pub receives: bool,
    /// Whether other devices' programs can send through it.
    pub transmits: bool,
}

/// All devices of the namespace; None where the kernel (before 6.3) does not tell.
pub fn list() -> Result<Option<Vec<Device>>> {
    let mut socket = Socket::open_protocol(libc::NETLINK_GENERIC, None)?;
    let Some(family) = family(&mut socket)? else {
        return Ok(None);
    };
    let mut devices = Vec::new();
    let header = header(family, NETDEV_CMD_DEV_GET, NLM_F_DUMP);
    socket.request(
        header,
        |_| {},
        |message| {
            let attributes = message.attributes();
            let index = attributes.get(NETDEV_A_DEV_IFINDEX).and_then(native_u32);
            let features = attributes
                .get(NETDEV_A_DEV_XDP_FEATURES)
                .and_then(native_u64);
            if let (Some(index), Some(features)) = (index, features) {
                devices.push(Device {
                    index,
                    name: name(index).unwrap_or_default(),
                    receives: features & NETDEV_XDP_ACT_BASIC != 0,
                    transmits: features & NETDEV_XDP_ACT_NDO_XMIT != 0,
                });
            }
        },
    )?;
    Ok(Some(devices))
}

/// Number and MAC address of a device; loopback and devices without one have zeros.
pub fn find(name: &str) -> Result<(u32, [u8; 6])> {
    let socket = plain_socket()?;
    let mut request = request_for(name)?;
    control(&socket, libc::SIOCGIFINDEX, &mut request, name)?;
    // SAFETY: the kernel has just filled in this member of the union.
    let index = unsafe { request.ifr_ifru.ifru_ifindex } as u32;
    control(&socket, libc::SIOCGIFHWADDR, &mut request, name)?;
    // SAFETY: as above.
    let address = unsafe { request.ifr_ifru.ifru_hwaddr.sa_data };
    Ok((index, std::array::from_fn(|at| address[at] as u8)))
}

fn family(socket: &mut Socket) -> Result<Option<u16>> {
    let mut family = None;
    let asked = socket.request(
        header(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK),
        |writer| writer.string(CTRL_ATTR_FAMILY_NAME, "netdev"),
        |message| {
            let id = message.attributes().get(CTRL_ATTR_FAMILY_ID);
            family = id.and_then(|bytes| Some(u16::from_ne_bytes(bytes.try_into().ok()?)));
        },
    );
    match asked {
        Err(error) if error.errno == libc::ENOENT => Ok(None),
        other => other.map(|_| family),
    }
}

/// `struct genlmsghdr` has the command where nf_tables has the family.
fn header(kind: u16, command: u8, flags: u16) -> Header {
    Header {
        kind,
        flags: NLM_F_REQUEST | flags,
        sequence: 0,
        family: command,
        resource: 0,
    }
}

fn native_u32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn native_u64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

fn name(index: u32) -> Option<String> {
    let mut buffer = [0; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the size that the call asks for, and is terminated if it succeeds.
    let name = unsafe {
        if libc::if_indextoname(index, buffer.as_mut_ptr()).is_null() {
            return None;
        }
        CStr::from_ptr(buffer.as_ptr())
    };
    Some(name.to_string_lossy().into_owned())
}

fn plain_socket() -> Result<OwnedFd> {
    // SAFETY: a plain system call; the descriptor is owned by nobody else.
    unsafe {
        let raw = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if raw < 0 {
            return Err(NetlinkError::last_os("opening a socket"));
        }
        Ok(OwnedFd::from_raw_fd(raw))
    }
}

fn request_for(device: &str) -> Result<libc::ifreq> {
    let text = CString::new(device).unwrap_or_default();
    let bytes = text.as_bytes_with_nul();
    if bytes.len() < 2 || bytes.len() > libc::IFNAMSIZ {
        let message = format!(
            "device {device:?}: expected a name of 1 to {} bytes",
            libc::IFNAMSIZ - 1
        );
        return Err(NetlinkError::new(libc::EINVAL, message));
    }
    // SAFETY: zeros are a valid value of this structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (target, byte) in request.ifr_name.iter_mut().zip(bytes) {
        *target = *byte as libc::c_char;
    }
    Ok(request)
}

fn control(
    socket: &OwnedFd,
    command: libc::Ioctl,
    request: &mut libc::ifreq,
    device: &str,
) -> Result<()> {
    // SAFETY: the request outlives the call and is what both commands take.
    if unsafe { libc::ioctl(socket.as_raw_fd(), command, request) } < 0 {
        return Err(NetlinkError::last_os(&format!("device {device}")));
    }
    Ok(())
}
