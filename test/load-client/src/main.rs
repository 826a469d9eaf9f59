//! A MOQT draft-18 subscriber that measures: it opens many connections to a relay, subscribes, and reports deliveries
//! and latencies as JSON. It is native because a subscriber in JavaScript would measure itself.

mod driver;
mod histogram;
mod object_stream;
mod options;
mod report;
mod session;
mod socket;
mod subscriber;
mod tls;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    }
    match options::parse(&arguments).and_then(|options| subscriber::run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("higgins-load-client: {message}");
            ExitCode::FAILURE
        }
    }
}
