//! Looks at erasures for tests, as the server does when it is started for that: the commands of the program, without the
//! rest of it.

use std::process::ExitCode;

use clap::Parser;
use clerestory::commands::Command;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().expect("no other TLS provider");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(arguments.command.run()).expect("a command that is carried out")
}
