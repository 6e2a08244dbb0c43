//! The project's commands. `cargo xtask help` lists them.
//!
//! This crate has no dependencies, so that `cargo xtask demo` speaks within seconds of being
//! typed on a fresh machine.
#![expect(clippy::print_stdout, reason = "a command line talks to its terminal")]

mod api;
mod arrows;
mod demo;
mod place;
mod steps;
mod test;
mod tools;
mod web;

use std::process::ExitCode;

use place::Place;

/// What went wrong, in words for the person at the terminal: what happened, what to do next.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

const HELP: &str = "\
cargo xtask demo [--port N] [--listen ADDR --content-host NAME]
    Builds everything and starts Clerestory with a demo organisation on http://localhost:8700.
cargo xtask test [--install]
    Checks everything. Names the Debian packages and tools it lacks; with --install it gets them.
cargo xtask arrows
    Checks that each crate uses only crates above it, and that few may open sealed keys.
cargo xtask api
    Writes docs/openapi.json and the console's generated types anew, after a change to the API.
cargo xtask record-fixtures
    Records the demo sessions again, from the demo shop in Chromium.
cargo xtask bench
    Measures, and prints the figures of docs/benchmarks.md.
cargo xtask soak [ARGS]
    The long crash runs.
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let outcome = Place::find().and_then(|place| dispatch(&place, &command, &args));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            eprintln!("\n{text}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(place: &Place, command: &str, args: &[String]) -> Outcome {
    match command {
        "demo" => demo::run(place, args),
        "test" => test::run(place, args),
        "arrows" => no_arguments(args).and_then(|()| arrows::run(place)),
        "api" => no_arguments(args).and_then(|()| api::write(place)),
        "record-fixtures" => demo::record_fixtures(place, args),
        "bench" => demo::bench(place, args),
        "soak" => demo::soak(place, args),
        "help" | "--help" | "-h" | "" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Failure(format!("There is no command `{other}`. These exist:\n\n{HELP}"))),
    }
}

fn no_arguments(args: &[String]) -> Outcome {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(Failure(format!("`{arg}` is not understood: this command takes no arguments."))),
    }
}
