//! Sends small UDP packets as fast as one processor can; see the README.

mod generator;
mod template;

use std::process::ExitCode;
use std::time::Duration;

use generator::{Order, Sent};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match order(&arguments).and_then(|order| generator::send(&order)) {
        Ok(Sent {
            packets,
            seconds,
            processor_seconds,
        }) => {
            println!(
                "{{\"sent\":{packets},\"seconds\":{seconds},\"processorSeconds\":{processor_seconds}}}"
            );
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn order(arguments: &[String]) -> Result<Order, String> {
    let [device, mac, source, destination, port, flows, milliseconds] = arguments else {
        return Err(
            "expected DEVICE DESTINATION_MAC SOURCE DESTINATION PORT FLOWS MILLISECONDS".into(),
        );
    };
    Ok(Order {
        device: device.clone(),
        destination_mac: mac_of(mac)?,
        source: parsed("SOURCE", source)?,
        destination: parsed("DESTINATION", destination)?,
        port: parsed("PORT", port)?,
        flows: parsed::<u32>("FLOWS", flows)?.max(1),
        duration: Duration::from_millis(parsed("MILLISECONDS", milliseconds)?),
    })
}

fn parsed<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} {text:?} is none"))
}

fn mac_of(text: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("DESTINATION_MAC {text:?} is none"))
}
