//! Array maps as memory: what is stored here the program sees, without a system call per entry.

use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use aya::maps::Map;

use crate::error::{NetlinkError, Result};

/// An array map with `BPF_F_MMAPABLE`, whose values are `T`.
pub struct SharedArray<T> {
    base: *mut u8,
    bytes: usize,
    length: usize,
    values: PhantomData<T>,
}

// SAFETY: the mapping belongs to this object alone and may be used from any thread that owns it.
unsafe impl<T: Send> Send for SharedArray<T> {}

impl<T: Copy> SharedArray<T> {
    /// The kernel rounds elements up to 8 bytes.
    const STRIDE: usize = size_of::<T>().next_multiple_of(8);

    pub fn map(map: Map, length: usize) -> Result<Self> {
        let Map::Array(data) = map else {
            return Err(NetlinkError::malformed("the program's array is none"));
        };
        let bytes = length * Self::STRIDE;
        // SAFETY: a new mapping of a map's memory; the kernel keeps it while it is mapped.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                data.fd().as_fd().as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(NetlinkError::last_os("mapping a table"));
        }
        Ok(Self {
            base: base.cast(),
            bytes,
            length,
            values: PhantomData,
        })
    }

    pub fn set(&mut self, index: usize, value: T) {
        assert!(index < self.length, "index {index} of {}", self.length);
        // SAFETY: the index is within the mapping; elements lie on multiples of 8 bytes, which is enough for T.
        unsafe {
            self.base
                .add(index * Self::STRIDE)
                .cast::<T>()
                .write_volatile(value)
        };
    }

    pub fn get(&self, index: usize) -> T {
        assert!(index < self.length, "index {index} of {}", self.length);
        // SAFETY: as above; any bytes are a T, as all of them are made of numbers.
        unsafe {
            self.base
                .add(index * Self::STRIDE)
                .cast::<T>()
                .read_volatile()
        }
    }
}

impl SharedArray<u32> {
    /// Stores one word behind everything that was stored before, in all arrays.
    pub fn publish(&mut self, index: usize, value: u32) {
        assert!(index < self.length, "index {index} of {}", self.length);
        // SAFETY: within the mapping and aligned to 8 bytes; the program only reads the word.
        let word = unsafe { AtomicU32::from_ptr(self.base.add(index * Self::STRIDE).cast()) };
        word.store(value, Ordering::Release);
    }
}

impl<T> Drop for SharedArray<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this object's own and nothing refers to it any more.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}
