//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

pub const HELP: &str = "\
higgins-load-client --url moqt://HOST:PORT --track PATH [--track PATH]... [options]

Subscribes to each track on each connection and prints two lines of JSON: one when all subscriptions stand
({\"event\":\"ready\"}), one at the end ({\"event\":\"result\"}).

  --url URL               relay, raw QUIC only
  --track PATH            namespace fields separated by '/', '%2F' for a slash inside one
  --track-name NAME       Track Name of all tracks (default: current)
  --connections N         default 1
  --sockets N             UDP sockets that connections share (default: one per 16 connections)
  --tls-ca FILE           PEM file with the authorities to trust
  --tls-disable-verify    trust any certificate
  --tls-cert FILE         client certificate chain, PEM
  --tls-key FILE          its private key, PEM
  --time SOURCE           where objects say when they were published:
                          payload   first 8 bytes of the payload: CLOCK_MONOTONIC in ns, big-endian (default)
                          property  publish time property: wall clock in ms
                          none      count only
  --warmup N              objects per subscription to leave out of the figures (default: 0)
  --objects N             end after N objects per subscription
  --duration SECONDS      end so long after all subscriptions stand
  --timeout SECONDS       fail unless all subscriptions stand by then (default: 30)

It ends at --objects, --duration, SIGINT or SIGTERM, whichever comes first, and fails if a connection ends early.
";

/// Connections per socket unless told otherwise: a socket's receive buffer has to hold a burst to all of them.
const CONNECTIONS_PER_SOCKET: usize = 16;
const CONNECTIONS_MAX: usize = 20_000;

/// Where objects say when they were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    Payload,
    Property,
    Nothing,
}

pub struct Options {
    pub authority: String,
    pub server_name: String,
    pub address: SocketAddr,
    pub path: String,
    /// Namespace fields of each track.
    pub tracks: Vec<Vec<Vec<u8>>>,
    pub track_name: Vec<u8>,
    pub connections: usize,
    pub sockets: usize,
    pub tls_ca: Option<PathBuf>,
    pub tls_disable_verify: bool,
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    pub time: TimeSource,
    pub warmup: u64,
    pub objects: Option<u64>,
    pub duration: Option<Duration>,
    pub timeout: Duration,
}

/// Reads the arguments behind the program's name; the error is one sentence for people.
pub fn parse(arguments: &[String]) -> Result<Options, String> {
    let values = Values::read(arguments)?;
    let (authority, path) = split_url(
        values
            .one("--url")?
            .ok_or("--url is missing, expected moqt://HOST:PORT")?,
    )?;
    let address = authority
        .to_socket_addrs()
        .map_err(|error| format!("{authority} cannot be resolved: {error}"))?
        .next()
        .ok_or_else(|| format!("{authority} has no address"))?;
    let tracks = values
        .all("--track")
        .map(fields_of)
        .collect::<Result<Vec<_>, _>>()?;
    if tracks.is_empty() {
        return Err("--track is missing, expected a path such as org/acme/lists/blocked".into());
    }
    let connections = values.number("--connections")?.unwrap_or(1);
    if connections < 1 || connections > CONNECTIONS_MAX as u64 {
        return Err(format!(
            "--connections is {connections}, expected 1 to {CONNECTIONS_MAX}"
        ));
    }
    let connections = connections as usize;
    let sockets = match values.number("--sockets")? {
        Some(sockets) if (1..=connections as u64).contains(&sockets) => sockets as usize,
        Some(sockets) => {
            return Err(format!(
                "--sockets is {sockets}, expected 1 to {connections}"
            ));
        }
        None => connections.div_ceil(CONNECTIONS_PER_SOCKET),
    };
    Ok(Options {
        server_name: host_of(&authority).to_owned(),
        authority,
        address,
        path,
        tracks,
        track_name: values
            .one("--track-name")?
            .unwrap_or("current")
            .as_bytes()
            .to_vec(),
        connections,
        sockets,
        tls_ca: values.one("--tls-ca")?.map(PathBuf::from),
        tls_disable_verify: values.has("--tls-disable-verify"),
        tls_identity: identity(&values)?,
        time: time_source(values.one("--time")?.unwrap_or("payload"))?,
        warmup: values.number("--warmup")?.unwrap_or(0),
        objects: values.number("--objects")?,
        duration: values.seconds("--duration")?,
        timeout: values
            .seconds("--timeout")?
            .unwrap_or(Duration::from_secs(30)),
    })
}

fn identity(values: &Values) -> Result<Option<(PathBuf, PathBuf)>, String> {
    match (values.one("--tls-cert")?, values.one("--tls-key")?) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
        (None, None) => Ok(None),
        _ => Err("--tls-cert and --tls-key belong together".into()),
    }
}

fn time_source(name: &str) -> Result<TimeSource, String> {
    match name {
        "payload" => Ok(TimeSource::Payload),
        "property" => Ok(TimeSource::Property),
        "none" => Ok(TimeSource::Nothing),
        _ => Err(format!(
            "--time is {name}, expected payload, property or none"
        )),
    }
}

/// Authority with a port, and path.
fn split_url(url: &str) -> Result<(String, String), String> {
    let rest = url.strip_prefix("moqt://").ok_or_else(|| {
        format!("--url is {url}, expected moqt://HOST:PORT (WebTransport is not supported by this client)")
    })?;
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let port = authority
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok((authority.to_owned(), path.to_owned())),
        _ => Err(format!(
            "--url is {url}, expected a port, as in moqt://HOST:PORT"
        )),
    }
}

fn host_of(authority: &str) -> &str {
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn fields_of(path: &str) -> Result<Vec<Vec<u8>>, String> {
    path.split('/')
        .map(|segment| match segment {
            "" => Err(format!("--track is {path}, expected no empty segment")),
            _ => Ok(segment.replace("%2F", "/").replace("%25", "%").into_bytes()),
        })
        .collect()
}

/// Flags in pairs with their values.
struct Values<'a>(Vec<(&'a str, Option<&'a str>)>);

const SWITCHES: [&str; 1] = ["--tls-disable-verify"];

impl<'a> Values<'a> {
    fn read(arguments: &'a [String]) -> Result<Self, String> {
        let mut pairs = Vec::new();
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let takes_value = !SWITCHES.contains(&flag.as_str());
            // Every flag stands in the help at the start of a line.
            if !HELP.contains(&format!("\n  {flag} ")) {
                return Err(format!("{flag} is not an option; --help lists them"));
            }
            let value = if takes_value {
                rest.next().map(String::as_str)
            } else {
                None
            };
            if takes_value && value.is_none() {
                return Err(format!("{flag} needs a value"));
            }
            pairs.push((flag.as_str(), value));
        }
        Ok(Self(pairs))
    }

    fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == flag)
    }

    fn all(&self, flag: &'a str) -> impl Iterator<Item = &'a str> + '_ {
        self.0
            .iter()
            .filter(move |(name, _)| *name == flag)
            .filter_map(|(_, value)| *value)
    }

    fn one(&self, flag: &'a str) -> Result<Option<&'a str>, String> {
        let mut values = self.all(flag);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(format!("{flag} stands twice")),
            (value, None) => Ok(value),
        }
    }

    fn number(&self, flag: &'a str) -> Result<Option<u64>, String> {
        self.one(flag)?
            .map(|text| {
                text.parse()
                    .map_err(|_| format!("{flag} is {text}, expected a whole number"))
            })
            .transpose()
    }

    fn seconds(&self, flag: &'a str) -> Result<Option<Duration>, String> {
        self.one(flag)?
            .map(|text| match text.parse::<f64>() {
                Ok(seconds) if seconds > 0.0 && seconds < 1e6 => {
                    Ok(Duration::from_secs_f64(seconds))
                }
                _ => Err(format!("{flag} is {text}, expected seconds above 0")),
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn reads_a_whole_line() {
        let line = "--url moqt://127.0.0.1:4443/x --track a/b%2Fc --track d --connections 100 --time none --duration 1.5";
        let options = parsed(line).unwrap();
        assert_eq!(
            options.tracks,
            [vec![b"a".to_vec(), b"b/c".to_vec()], vec![b"d".to_vec()]]
        );
        assert_eq!((options.connections, options.sockets), (100, 7));
        assert_eq!(
            (options.server_name.as_str(), options.path.as_str()),
            ("127.0.0.1", "/x")
        );
        assert_eq!(options.duration, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn says_what_is_wrong() {
        let refused = |line: &str, part: &str| {
            let message = parsed(line).err().unwrap_or_default();
            assert!(message.contains(part), "{line}: {message}");
        };
        refused("--track a", "--url is missing");
        refused(
            "--url https://127.0.0.1:1 --track a",
            "WebTransport is not supported",
        );
        refused("--url moqt://127.0.0.1 --track a", "expected a port");
        refused("--url moqt://127.0.0.1:1", "--track is missing");
        refused("--url moqt://127.0.0.1:1 --track a//b", "no empty segment");
        refused(
            "--url moqt://127.0.0.1:1 --track a --connections 0",
            "--connections is 0",
        );
        refused(
            "--url moqt://127.0.0.1:1 --track a --colour red",
            "--colour is not an option",
        );
        refused("--url moqt://127.0.0.1:1 --track", "--track needs a value");
        refused(
            "--url moqt://127.0.0.1:1 --track a --time soon",
            "--time is soon",
        );
        refused(
            "--url moqt://127.0.0.1:1 --track a --tls-cert x",
            "belong together",
        );
    }
}
