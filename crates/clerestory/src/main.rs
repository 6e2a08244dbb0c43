//! The `clerestory` program.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use clerestory::commands::Command;

/// Records how people work and what they experience, and keeps it safe.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    if let Some(status) = clerestory_confine::serve_if_asked() {
        return status;
    }
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(status) => status,
        Err(error) => {
            // The one reporter at the top: the whole chain, once.
            eprintln!("clerestory: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How much waits for the disk, or works on a processor, at once. Unbounded, a disk that falls behind is given hundreds of
/// threads, each with memory of its own, and is no faster for it. No such work waits for other such work.
const BLOCKING_THREADS: usize = 32;

fn run(command: Command) -> anyhow::Result<ExitCode> {
    clerestory::forbid_core_dumps().context("the system does not let this process forbid core dumps")?;
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("another TLS provider was installed already");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    runtime.block_on(command.run())
}
