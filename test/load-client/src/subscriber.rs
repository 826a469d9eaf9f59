//! The run: connect, subscribe, count, report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn_proto::{ClientConfig, TransportConfig, VarInt};

use crate::driver::Driver;
use crate::object_stream::Object;
use crate::options::{Options, TimeSource};
use crate::report::{self, Counters};
use crate::session::{self, Notice, Session};
use crate::tls;

/// Connections that shake hands at the same time: more would only wait for one another.
const HANDSHAKES_MAX: usize = 64;
/// Data streams that the relay may have open per connection. Each costs memory up front.
const STREAMS_MAX: u32 = 128;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT_MS: u32 = 30_000;
/// How often the loop looks at the clock and at signals when nothing happens.
const TICK: Duration = Duration::from_millis(50);
/// How long the goodbye may take.
const CLOSE_TIME: Duration = Duration::from_millis(200);

/// Set by SIGINT and SIGTERM.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Runs to the end that the options name.
pub fn run(options: &Options) -> Result<(), String> {
    stop_on_signals();
    let mut run = Run::new(options)?;
    run.subscribe_all()?;
    run.measure()
}

struct Run<'a> {
    options: &'a Options,
    driver: Driver,
    config: ClientConfig,
    sessions: Vec<Session>,
    /// Objects of each connection, all its tracks together.
    received: Vec<u64>,
    subscribed: usize,
    counters: Counters,
    started: Instant,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options) -> Result<Self, String> {
        let mut transport = TransportConfig::default();
        transport.max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX));
        transport.keep_alive_interval(Some(KEEP_ALIVE));
        transport.max_idle_timeout(Some(VarInt::from_u32(IDLE_TIMEOUT_MS).into()));
        let mut config = ClientConfig::new(tls::client_crypto(options)?);
        config.transport_config(Arc::new(transport));
        Ok(Self {
            options,
            driver: Driver::new(options.address, options.sockets)?,
            config,
            sessions: Vec::new(),
            received: Vec::new(),
            subscribed: 0,
            counters: Counters::default(),
            started: Instant::now(),
        })
    }

    fn subscribe_all(&mut self) -> Result<(), String> {
        let deadline = self.started + self.options.timeout;
        while self.subscribed < self.options.connections {
            while self.sessions.len() < self.options.connections
                && self.sessions.len() - self.subscribed < HANDSHAKES_MAX
            {
                self.connect()?;
            }
            self.turn(Instant::now() + TICK)?;
            if Instant::now() > deadline || STOPPED.load(Ordering::Relaxed) {
                let (subscribed, wanted) = (self.subscribed, self.options.connections);
                return Err(format!(
                    "{subscribed} of {wanted} connections have their subscriptions, expected all"
                ));
            }
        }
        report::ready(self.options, self.started.elapsed());
        Ok(())
    }

    fn measure(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let end = self.options.duration.map(|duration| began + duration);
        let wanted = self
            .options
            .objects
            .map(|objects| objects * self.options.tracks.len() as u64);
        loop {
            let tick = Instant::now() + TICK;
            self.turn(end.map_or(tick, |end| end.min(tick)))?;
            let is_over = end.is_some_and(|end| Instant::now() >= end)
                || wanted
                    .is_some_and(|wanted| self.received.iter().all(|received| *received >= wanted))
                || STOPPED.load(Ordering::Relaxed);
            if is_over {
                break;
            }
        }
        report::result(self.options, &self.counters, began.elapsed());
        self.close();
        Ok(())
    }

    fn connect(&mut self) -> Result<(), String> {
        let socket = self.sessions.len() % self.options.sockets;
        let Options {
            address,
            server_name,
            ..
        } = self.options;
        let number = self
            .driver
            .connect(self.config.clone(), *address, server_name, socket)?;
        // None ends before the run does, so numbers are not used again.
        assert_eq!(
            number,
            self.sessions.len(),
            "connections are numbered in order"
        );
        self.sessions.push(Session::new());
        self.received.push(0);
        Ok(())
    }

    fn turn(&mut self, deadline: Instant) -> Result<(), String> {
        let Self {
            options,
            driver,
            sessions,
            received,
            subscribed,
            counters,
            ..
        } = self;
        driver.turn(deadline, &mut |number, connection, event| {
            sessions[number].on_event(options, connection, event, &mut |notice| match notice {
                Notice::Subscribed => *subscribed += 1,
                Notice::StreamOpened => counters.streams += 1,
                Notice::StreamReset => counters.resets += 1,
                Notice::UnknownAlias => counters.unknown_alias_streams += 1,
                Notice::Object(object) => {
                    received[number] += 1;
                    let is_warmup =
                        received[number] <= options.warmup * options.tracks.len() as u64;
                    count(counters, &object, options.time, is_warmup);
                }
            })
        })
    }

    fn close(&mut self) {
        for number in 0..self.sessions.len() {
            if let Some(connection) = self.driver.connection(number) {
                session::close(connection);
            }
        }
        // The result is out; what a closing connection says no longer matters.
        let deadline = Instant::now() + CLOSE_TIME;
        while Instant::now() < deadline && self.driver.turn(deadline, &mut |_, _, _| Ok(())).is_ok()
        {
        }
    }
}

fn count(counters: &mut Counters, object: &Object, time: TimeSource, is_warmup: bool) {
    if is_warmup {
        counters.warmup_deliveries += 1;
        return;
    }
    counters.deliveries += 1;
    counters.payload_bytes += object.payload_bytes;
    let latency_us = match time {
        TimeSource::Nothing => return,
        TimeSource::Payload => object
            .prefix
            .and_then(|sent| Some(monotonic_ns().checked_sub(sent)? / 1000)),
        TimeSource::Property => object
            .publish_time_ms
            .and_then(|sent| Some(wall_ms().checked_sub(sent)? * 1000)),
    };
    match latency_us {
        Some(latency_us) => counters.latency_us.add(latency_us),
        None => counters.untimed += 1,
    }
}

/// CLOCK_MONOTONIC, which all processes of a machine share.
fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec; the clock exists everywhere.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

fn stop_on_signals() {
    extern "C" fn stop(_signal: libc::c_int) {
        STOPPED.store(true, Ordering::Relaxed);
    }
    let handler = stop as extern "C" fn(libc::c_int);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only stores to an atomic.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}
