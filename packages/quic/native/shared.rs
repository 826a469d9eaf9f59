//! What the JavaScript thread and the loop thread share.
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn_proto::Dir;

use crate::commands::Command;
use crate::counted::Backlog;
use crate::ids::IdMap;
use crate::limits::EVENT_BYTES;
use crate::waker::Waker;

/// The part of a connection that JavaScript reads without waiting for the loop.
#[derive(Debug, Default)]
pub struct ConnectionShared {
    pub backlog: Arc<Backlog>,
    /// Streams that can be opened at once, by direction; whoever takes one lowers it.
    credit: [AtomicI64; 2],
    /// JavaScript was refused a stream and waits for `credit`.
    wanted: [AtomicBool; 2],
    /// Largest datagram that fits now; 0 when the peer takes none.
    pub datagram_bytes: AtomicU32,
}

impl ConnectionShared {
    /// Takes one stream's credit.
    pub fn take(&self, direction: Dir) -> bool {
        self.credit[direction as usize]
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count > 0).then(|| count - 1)
            })
            .is_ok()
    }
    /// As `take`; a refusal is remembered, so that `give` tells to announce credit.
    pub fn take_or_want(&self, direction: Dir) -> bool {
        if self.take(direction) {
            return true;
        }
        self.wanted[direction as usize].store(true, Ordering::SeqCst);
        // Credit may have come between the two: then nobody would announce it.
        let taken = self.take(direction);
        if taken {
            self.wanted[direction as usize].store(false, Ordering::SeqCst);
        }
        taken
    }
    /// Adds credit; returns whether it must be announced.
    pub fn give(&self, direction: Dir, count: usize) -> bool {
        self.credit[direction as usize].fetch_add(count as i64, Ordering::AcqRel);
        count > 0 && self.wanted[direction as usize].swap(false, Ordering::SeqCst)
    }
    pub fn has_credit(&self, direction: Dir) -> bool {
        self.credit[direction as usize].load(Ordering::Acquire) > 0
    }
}

#[derive(Debug, Default)]
pub struct Statistics {
    pub datagrams_sent: AtomicU64,
    pub datagrams_received: AtomicU64,
    pub bytes_sent: AtomicU64,
    pub bytes_received: AtomicU64,
    pub connections: AtomicU64,
    pub connections_accepted: AtomicU64,
    pub connections_refused: AtomicU64,
    pub retries_sent: AtomicU64,
}

/// Tells JavaScript that events wait in the outbox.
pub type Notify = Box<dyn Fn() + Send + Sync>;

pub struct Shared {
    commands: Mutex<Vec<Command>>,
    connections: Mutex<IdMap<u32, Arc<ConnectionShared>>>,
    outbox: Mutex<Vec<u8>>,
    outbox_bytes: AtomicUsize,
    notified: AtomicBool,
    notify: Mutex<Option<Notify>>,
    pub waker: Waker,
    asleep: AtomicBool,
    ended: AtomicBool,
    next_id: AtomicU32,
    pub statistics: Statistics,
}

/// A panic on the other thread must not take this one down: the data is still consistent enough to end with.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(notify: Notify) -> std::io::Result<Self> {
        Ok(Self {
            commands: Mutex::default(),
            connections: Mutex::default(),
            outbox: Mutex::default(),
            outbox_bytes: AtomicUsize::new(0),
            notified: AtomicBool::new(false),
            notify: Mutex::new(Some(notify)),
            waker: Waker::new()?,
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            next_id: AtomicU32::new(1),
            statistics: Statistics::default(),
        })
    }

    /// Numbers of connections, listeners and sets come from one counter; none is used twice.
    pub fn next_id(&self) -> u32 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub fn register(&self, id: u32) -> Arc<ConnectionShared> {
        lock(&self.connections).entry(id).or_default().clone()
    }
    pub fn forget(&self, id: u32) {
        lock(&self.connections).remove(&id);
    }
    pub fn connection(&self, id: u32) -> Option<Arc<ConnectionShared>> {
        lock(&self.connections).get(&id).cloned()
    }

    /// Queues commands; the loop has to be told (`wake`, or a turn). After the end they are dropped.
    pub fn queue(&self, commands: impl IntoIterator<Item = Command>) {
        let mut queue = lock(&self.commands);
        if !self.ended.load(Ordering::SeqCst) {
            queue.extend(commands);
        }
    }
    /// Queues commands and wakes the loop if it sleeps.
    pub fn submit(&self, commands: impl IntoIterator<Item = Command>) {
        self.queue(commands);
        self.wake();
    }
    pub fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }
    pub fn take_commands(&self, into: &mut Vec<Command>) {
        std::mem::swap(into, &mut *lock(&self.commands));
    }
    /// Called by the loop before it waits; false means that there is something to do first.
    pub fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        lock(&self.commands).is_empty()
    }
    pub fn wake_up(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }
    /// The loop is over: nothing is queued any more, and whoever waits for an answer stops waiting.
    pub fn end(&self) {
        let mut queue = lock(&self.commands);
        self.ended.store(true, Ordering::SeqCst);
        queue.clear();
        drop(queue);
        lock(&self.connections).clear();
    }
    /// Releases the function that keeps the process alive.
    pub fn release(&self) {
        *lock(&self.notify) = None;
    }

    /// Hands events over to JavaScript; `batch` is empty afterwards.
    pub fn deliver(&self, batch: &mut Vec<u8>) {
        if batch.is_empty() {
            return;
        }
        let mut outbox = lock(&self.outbox);
        if outbox.is_empty() {
            std::mem::swap(&mut *outbox, batch);
        } else {
            outbox.append(batch);
        }
        self.outbox_bytes.store(outbox.len(), Ordering::SeqCst);
        drop(outbox);
        if !self.notified.swap(true, Ordering::SeqCst)
            && let Some(notify) = &*lock(&self.notify)
        {
            notify();
        }
    }
    /// JavaScript takes what is there: its length in `inbox`, or, if that is too small, the batch itself.
    pub fn take_events(&self, inbox: &mut [u8]) -> (usize, Option<Vec<u8>>) {
        self.notified.store(false, Ordering::SeqCst);
        let mut outbox = lock(&self.outbox);
        let length = outbox.len();
        let large = match inbox.get_mut(..length) {
            Some(room) => {
                room.copy_from_slice(&outbox);
                // Its memory serves the next batch.
                outbox.clear();
                None
            }
            None => Some(std::mem::take(&mut *outbox)),
        };
        self.outbox_bytes.store(0, Ordering::SeqCst);
        drop(outbox);
        if length >= EVENT_BYTES {
            self.wake();
        }
        (length, large)
    }
    /// Whether JavaScript keeps up, so that streams may be read.
    pub fn may_read(&self) -> bool {
        self.outbox_bytes.load(Ordering::SeqCst) < EVENT_BYTES
    }
}
