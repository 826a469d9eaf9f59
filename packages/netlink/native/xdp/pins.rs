//! Attachments that outlive the process: links pinned in a BPF file system, one per device.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{Xdp, XdpMode, xdp::XdpLink};

use super::program::failure;
use crate::error::{NetlinkError, Result};

const BPF_FS_MAGIC: libc::c_long = 0xcafe_4a11;
/// Where BPF file systems are mounted by convention; mounted there if it is missing, as `ip` and `tc` do.
const CONVENTIONAL_MOUNT: &str = "/sys/fs/bpf";
const PREFIX: &str = "device-";

/// The pinned links of one balancer.
pub struct Pins {
    directory: PathBuf,
}

impl Pins {
    /// Makes the directory where it is missing.
    pub fn open(directory: PathBuf) -> Result<Self> {
        let existing = directory.ancestors().find(|path| path.exists());
        if !existing.is_some_and(is_bpf_file_system) {
            if !directory.starts_with(CONVENTIONAL_MOUNT) {
                let message = format!("{} is not on a BPF file system", directory.display());
                return Err(NetlinkError::new(libc::EINVAL, message));
            }
            mount_conventional()?;
        }
        let pins = Self { directory };
        pins.make_directory()?;
        Ok(pins)
    }

    /// Numbers of the devices that have a link.
    pub fn devices(&self) -> Result<BTreeSet<u32>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            other => other.map_err(|error| io_failure(&self.directory, &error))?,
        };
        Ok(entries
            .filter_map(|entry| {
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_prefix(PREFIX)?
                    .parse()
                    .ok()
            })
            .collect())
    }

    /// Brings the program onto a device, in place of its predecessor at once where there is one.
    pub fn attach(&self, program: &mut Xdp, device: u32, mode: XdpMode) -> Result<()> {
        let path = self.path(device);
        if path.exists() && self.replace(program, &path)? {
            return Ok(());
        }
        let context = format!("attaching to device {device}");
        let id = program
            .attach_to_if_index(device, mode)
            .map_err(|error| attach_failure(&context, &error))?;
        let link = program
            .take_link(id)
            .map_err(|error| failure(&context, &error))?;
        let link = FdLink::try_from(link).map_err(|_| {
            NetlinkError::new(
                libc::EOPNOTSUPP,
                format!("{context}: the kernel has no links for XDP (5.9)"),
            )
        })?;
        self.make_directory()?;
        link.pin(&path).map_err(|error| failure(&context, &error))?;
        Ok(())
    }

    /// Whether this program is the one on the device.
    pub fn holds(&self, device: u32, program: u32) -> bool {
        PinnedLink::from_pin(self.path(device))
            .ok()
            .and_then(|link| FdLink::from(link).info().ok())
            .is_some_and(|info| info.program_id() == program)
    }

    /// Takes whatever is attached off the device.
    pub fn detach(&self, device: u32) -> Result<()> {
        let path = self.path(device);
        fs::remove_file(&path).map_err(|error| io_failure(&path, &error))
    }

    pub fn remove(self) -> Result<()> {
        for device in self.devices()? {
            self.detach(device)?;
        }
        match fs::remove_dir(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_failure(&self.directory, &error))
            }
            _ => Ok(()),
        }
    }

    fn make_directory(&self) -> Result<()> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory);
        made.map_err(|error| io_failure(&self.directory, &error))
    }

    /// False if the link's device is gone and another one has its number: then the pin is removed.
    fn replace(&self, program: &mut Xdp, path: &Path) -> Result<bool> {
        let context = "replacing the XDP program";
        let pinned = PinnedLink::from_pin(path).map_err(|error| failure(context, &error))?;
        let link =
            XdpLink::try_from(FdLink::from(pinned)).map_err(|error| failure(context, &error))?;
        match program.attach_to_link(link) {
            Ok(id) => {
                // The pin keeps the link; this handle of it may go.
                drop(
                    program
                        .take_link(id)
                        .map_err(|error| failure(context, &error))?,
                );
                Ok(true)
            }
            Err(error) => {
                let error = failure(context, &error);
                if error.errno != libc::ENOLINK {
                    return Err(error);
                }
                fs::remove_file(path).map_err(|error| io_failure(path, &error))?;
                Ok(false)
            }
        }
    }

    fn path(&self, device: u32) -> PathBuf {
        self.directory.join(format!("{PREFIX}{device}"))
    }
}

fn attach_failure(context: &str, error: &(dyn std::error::Error + 'static)) -> NetlinkError {
    let mut error = failure(context, error);
    match error.errno {
        libc::EBUSY => error.message = format!("{context}: another XDP program is there"),
        libc::EOPNOTSUPP => error.message = format!("{context}: its driver runs no XDP programs"),
        _ => {}
    }
    error
}

fn is_bpf_file_system(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
        return false;
    };
    // SAFETY: zeros are a valid value of this structure, which the call fills in.
    unsafe {
        let mut status: libc::statfs = std::mem::zeroed();
        libc::statfs(path.as_ptr(), &mut status) == 0 && status.f_type == BPF_FS_MAGIC
    }
}

fn mount_conventional() -> Result<()> {
    let target = CString::new(CONVENTIONAL_MOUNT).unwrap_or_default();
    // SAFETY: all texts are terminated and outlive the call.
    let status = unsafe {
        libc::mount(
            c"bpf".as_ptr(),
            target.as_ptr(),
            c"bpf".as_ptr(),
            0,
            c"mode=0700".as_ptr().cast(),
        )
    };
    if status < 0 {
        return Err(NetlinkError::last_os(
            "mounting a BPF file system at /sys/fs/bpf",
        ));
    }
    Ok(())
}

fn io_failure(path: &Path, error: &io::Error) -> NetlinkError {
    NetlinkError::new(
        error.raw_os_error().unwrap_or(0),
        format!("{}: {error}", path.display()),
    )
}
