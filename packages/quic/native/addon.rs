//! The class that JavaScript sees. Every method turns a panic into an exception.
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;

use napi::bindgen_prelude::{FnArgs, Function, Uint8Array};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;
use quinn_proto::Dir;

use crate::commands::{Command, Connect, Reload, parse};
use crate::config;
use crate::event_loop::{Loop, run};
use crate::events::{Events, Kind};
use crate::failure::Failure;
use crate::limits::{ConnectionLimits, RETRY_HANDSHAKES};
use crate::options::{
    NativeConnectOptions, NativeListenOptions, NativeListener, NativeReload, limits,
};
use crate::port::{Port, bind};
use crate::shared::{Shared, lock};
use crate::tls::{self, ClientTls, Identity, Judge};

/// Events: how many bytes of the inbox they take, or themselves.
type Batch = FnArgs<(u32, Option<Uint8Array>)>;

#[napi]
pub struct NativeTransport {
    shared: Arc<Shared>,
    looped: Arc<Mutex<Loop>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[napi]
impl NativeTransport {
    /// Starts the loop. `receive` is called with the length of each batch of events in `inbox`, or with the batch itself
    /// where that is too small for it; what it throws is a fatal exception.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        mut inbox: Uint8Array,
        receive: Function<Batch, ()>,
        retry_handshakes: Option<u32>,
    ) -> Result<Self> {
        let slot: Arc<Mutex<Option<Arc<Shared>>>> = Arc::default();
        let source = slot.clone();
        let function = receive
            .build_threadsafe_function::<()>()
            .build_callback(move |_| {
                // SAFETY: JavaScript reads the inbox on this thread only, and only while it is called with a batch.
                let inbox = unsafe { inbox.as_mut() };
                let (length, large) = lock(&source)
                    .as_ref()
                    .map_or((0, None), |shared| shared.take_events(inbox));
                Ok(Batch::from((length as u32, large.map(Uint8Array::from))))
            })?;
        let notify = Box::new(move || {
            function.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        let shared = Arc::new(Shared::new(notify).map_err(io_failure)?);
        *lock(&slot) = Some(shared.clone());
        let retry = retry_handshakes.map_or(RETRY_HANDSHAKES, |count| count as usize);
        let looped = Arc::new(Mutex::new(Loop::new(shared.clone(), retry)));
        let thread = start(shared.clone(), looped.clone())?;
        let thread = Arc::new(Mutex::new(Some(thread)));
        // The environment (a worker, say) may go without close: then the thread must not call into it any more.
        env.add_env_cleanup_hook((shared.clone(), thread.clone()), |(shared, thread)| {
            shared.submit([Command::Shutdown]);
            join(&thread);
        })?;
        Ok(Self {
            shared,
            looped,
            thread,
        })
    }

    /// Opens a socket and takes connections on it.
    #[napi(catch_unwind)]
    pub fn listen(&self, options: NativeListenOptions) -> Result<NativeListener> {
        let address = parse_address(&options.address)?;
        let limits = limits(&options.limits);
        let identity = Identity::from_pem(&options.certificate_pem, &options.private_key_pem)?;
        let (config, judge) = server(
            identity,
            options.client_authorities_pem.as_deref(),
            &options.protocols,
            &limits,
        )?;
        let socket = bind(address, &options.address)?;
        let local = socket.local_addr().map_err(io_failure)?;
        let id = self.shared.next_id();
        let port = Port::new(
            id,
            socket,
            Some(config),
            Arc::new(judge),
            limits,
            options.protocols,
        )
        .map_err(io_failure)?;
        self.shared.submit([Command::Bind(Box::new(port))]);
        Ok(NativeListener {
            id,
            address: local.ip().to_string(),
            port: u32::from(local.port()),
        })
    }

    /// A new certificate for connections made from now on.
    #[napi(catch_unwind)]
    pub fn reload(&self, listener: u32, options: NativeReload) -> Result<()> {
        let identity = Identity::from_pem(&options.certificate_pem, &options.private_key_pem)?;
        let limits = limits(&options.limits);
        let (config, judge) = server(
            identity,
            options.client_authorities_pem.as_deref(),
            &options.protocols,
            &limits,
        )?;
        let reload = Reload {
            listener,
            config,
            judge: Arc::new(judge),
        };
        // At once: it counts for every client that knocks from now on.
        self.carry_out([Command::Reload(Box::new(reload))]);
        Ok(())
    }

    /// Returns once newcomers are refused; a listener without connections has freed its address then.
    #[napi(catch_unwind)]
    pub fn close_listener(&self, listener: u32) {
        let (answer, done) = mpsc::channel();
        self.carry_out([Command::CloseListener { listener, answer }]);
        // The loop drops the sender if it ends first.
        let _ = done.recv();
    }

    /// Begins to connect; returns the connection's number, under which the outcome is told.
    #[napi(catch_unwind)]
    pub fn connect(&self, options: NativeConnectOptions) -> Result<u32> {
        let address = parse_address(&options.address)?;
        let limits = limits(&options.limits);
        let identity = match (&options.certificate_pem, &options.private_key_pem) {
            (Some(certificate), Some(key)) => Some(Identity::from_pem(certificate, key)?),
            _ => None,
        };
        let alpn = if options.url.is_some() {
            vec!["h3".to_owned()]
        } else {
            options.protocols.clone()
        };
        let (tls, judge) = tls::client(ClientTls {
            authorities: options.authorities_pem,
            system_authorities: options.system_authorities,
            hashes: options
                .certificate_hashes
                .iter()
                .map(|hash| hash.to_vec())
                .collect(),
            insecure: options.insecure,
            identity,
            protocols: alpn,
        })?;
        let config = config::client(tls, &limits)?;
        let socket = client_socket(address)?;
        let port = Port::new(
            self.shared.next_id(),
            socket,
            None,
            Arc::new(judge),
            limits.clone(),
            options.protocols,
        )
        .map_err(io_failure)?;
        let id = self.shared.next_id();
        self.shared.submit([Command::Connect(Box::new(Connect {
            id,
            port: Box::new(port),
            config,
            address,
            server_name: options.server_name,
            url: options.url,
            limits,
        }))]);
        Ok(id)
    }

    /// A number for a receiver set.
    #[napi(catch_unwind)]
    pub fn new_set(&self) -> u32 {
        self.shared.next_id()
    }

    /// Takes the commands of a tick.
    #[napi(catch_unwind)]
    pub fn submit(&self, numbers: &[f64], count: u32, payloads: Vec<&[u8]>) -> Result<()> {
        let numbers = numbers.get(..count as usize).unwrap_or_default();
        let commands = parse(numbers, &payloads, &self.shared)
            .map_err(|reason| Failure::new("internal", reason))?;
        self.shared.queue(commands);
        match self.looped.try_lock() {
            Ok(looped) => self.take_turn(looped),
            // It sees them at the end of its turn.
            Err(_) => self.shared.wake(),
        }
        Ok(())
    }

    /// Takes credit for one stream; false if there is none, and `credit` follows then.
    #[napi(catch_unwind)]
    pub fn take_credit(&self, connection: u32, bidirectional: bool) -> bool {
        let direction = if bidirectional { Dir::Bi } else { Dir::Uni };
        self.shared
            .connection(connection)
            .is_some_and(|known| known.take_or_want(direction))
    }

    #[napi(catch_unwind)]
    pub fn backlog_bytes(&self, connection: u32) -> f64 {
        self.shared
            .connection(connection)
            .map_or(0.0, |known| known.backlog.bytes() as f64)
    }

    #[napi(catch_unwind)]
    pub fn datagram_bytes(&self, connection: u32) -> u32 {
        self.shared
            .connection(connection)
            .map_or(0, |known| known.datagram_bytes.load(Relaxed))
    }

    /// Takes a receiver out of a set and waits for the loop to tell how many streams were opened for it.
    #[napi(catch_unwind)]
    pub fn remove_receiver(&self, set: u32, connection: u32, reset_code: Option<f64>) -> f64 {
        let (answer, count) = mpsc::channel();
        let code = reset_code.map(|code| code as u64);
        self.carry_out([Command::SetRemove {
            set,
            connection,
            code,
            answer,
        }]);
        // The loop drops the sender if it ends first.
        count.recv().unwrap_or(0) as f64
    }

    /// Datagrams sent and received, bytes sent and received, connections open, accepted and refused, retries sent.
    #[napi(catch_unwind)]
    pub fn statistics(&self) -> Vec<f64> {
        let statistics = &self.shared.statistics;
        [
            &statistics.datagrams_sent,
            &statistics.datagrams_received,
            &statistics.bytes_sent,
            &statistics.bytes_received,
            &statistics.connections,
            &statistics.connections_accepted,
            &statistics.connections_refused,
            &statistics.retries_sent,
        ]
        .map(|counter| counter.load(Relaxed) as f64)
        .to_vec()
    }

    /// Closes everything; the event `Ended` follows.
    #[napi(catch_unwind)]
    pub fn shut_down(&self) {
        self.shared.submit([Command::Shutdown]);
    }

    /// After `Ended`: waits for the thread and lets the process go.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        join(&self.thread);
        self.shared.release();
    }
}

impl NativeTransport {
    /// Has commands carried out at once, after those that were queued before.
    fn carry_out(&self, commands: impl IntoIterator<Item = Command>) {
        self.shared.queue(commands);
        match self.looped.lock() {
            Ok(looped) => self.take_turn(looped),
            // The loop has panicked: whoever waits is told at its end.
            Err(_) => self.shared.wake(),
        }
    }

    fn take_turn(&self, mut looped: MutexGuard<'_, Loop>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| looped.take_turn()));
        let must_wake = outcome.unwrap_or_else(|panic| {
            looped.panicked = Some(panic_message(&*panic));
            true
        });
        drop(looped);
        if must_wake {
            self.shared.wake();
        }
    }
}

fn start(shared: Arc<Shared>, looped: Arc<Mutex<Loop>>) -> Result<JoinHandle<()>> {
    let body = move || guard(&shared, move || run(&looped));
    std::thread::Builder::new()
        .name("higgins-quic".into())
        .spawn(body)
        .map_err(|error| io_failure(error).into())
}

/// Runs the loop; however it ends, everyone who waits is told, and a panic goes no further.
fn guard(shared: &Shared, run: impl FnOnce()) {
    let outcome = catch_unwind(AssertUnwindSafe(run));
    shared.end();
    let mut events = Events::default();
    let message = outcome
        .err()
        .map(|panic| panic_message(&*panic))
        .unwrap_or_default();
    events.push(Kind::Ended, 0, 0.0, 0.0, 0, message.as_bytes());
    shared.deliver(&mut events.batch);
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".into())
}

fn join(thread: &Mutex<Option<JoinHandle<()>>>) {
    if let Some(thread) = lock(thread).take() {
        // Its panic was caught inside.
        let _ = thread.join();
    }
}

fn parse_address(text: &str) -> Result<SocketAddr> {
    text.parse().map_err(|_| {
        Failure::new(
            "address-invalid",
            format!("{text} is not an IP address with a port"),
        )
        .into()
    })
}

/// A socket of its own per connection, so that the kernel tells when nobody listens on the other side.
fn client_socket(address: SocketAddr) -> Result<std::net::UdpSocket> {
    let local = if address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = bind(parse_address(local)?, local)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.connect(address).map_err(|error| {
        Failure::new(
            "address-invalid",
            format!("cannot reach {address}: {error}"),
        )
    })?;
    Ok(socket)
}

fn server(
    identity: Identity,
    authorities: Option<&str>,
    protocols: &[String],
    limits: &ConnectionLimits,
) -> std::result::Result<(Arc<quinn_proto::ServerConfig>, Judge), Failure> {
    let mut alpn = protocols.to_vec();
    alpn.push("h3".into());
    let (tls, judge) = tls::server(identity, authorities, &alpn)?;
    Ok((config::server(tls, limits)?, judge))
}

fn io_failure(error: std::io::Error) -> Failure {
    Failure::new("internal", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::HEADER_BYTES;

    #[test]
    fn a_panic_of_the_loop_ends_waiting_and_is_told() {
        let shared = Shared::new(Box::new(|| {})).unwrap();
        shared.register(1);
        let (answer, count) = mpsc::channel();
        guard(&shared, || {
            shared.submit([Command::SetRemove {
                set: 1,
                connection: 1,
                code: None,
                answer,
            }]);
            panic!("out of cheese");
        });
        assert!(count.recv().is_err());
        assert!(shared.connection(1).is_none());
        let mut inbox = [0; 64];
        assert_eq!(shared.take_events(&mut inbox), (HEADER_BYTES + 16, None));
        assert_eq!(inbox[0], Kind::Ended as u8);
        assert_eq!(&inbox[HEADER_BYTES..][..13], b"out of cheese");
    }
}
