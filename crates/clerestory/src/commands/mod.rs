//! The subcommands of the program.

mod admin;
mod custodians;
mod demo;
mod drill;
mod erase;
mod fsck;
mod import;
mod init;
mod openapi;
mod restore;
mod root;
mod serve;
mod setting;
mod shares;
mod verify;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use clerestory_identity::SecondFactor;
use clerestory_keys::Protection;
use clerestory_model::SystemClock;
use clerestory_vault::{BucketAddress, BucketProfile};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::places::{Postgres, SecondPlace};
use crate::{App, Places};

/// What the program can be asked to do.
#[derive(Subcommand)]
pub enum Command {
    /// Runs everything with a demo organisation, a shop and recorded sessions.
    Demo(demo::Demo),
    /// Makes a new installation: root key, first epoch, database.
    Init(init::Init),
    /// Serves an installation.
    Serve(Box<serve::Serve>),
    /// Adds organisations and people, and makes sign-in links.
    Admin(admin::Admin),
    /// Brings in a recording made elsewhere.
    Import(import::Import),
    /// Puts the database back to what a copy of it was; what was erased since stays erased.
    Restore(restore::Restore),
    /// Checks the chain of every organisation's audit log; with a subcommand the ledger, a receipt, an erasure.
    Verify(verify::Verify),
    /// Compares the objects with the rows, and mends what is wrong.
    Fsck(fsck::Fsck),
    /// Prints the API's description.
    Openapi(openapi::Openapi),
}

impl Command {
    /// Runs the command, and says with which status the program ends.
    ///
    /// # Errors
    /// Whatever stopped it, told for the person at the terminal.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self {
            Self::Fsck(command) => return Ok(command.run().await),
            Self::Verify(command) => return command.run().await,
            Self::Demo(command) => command.run().await,
            Self::Init(command) => command.run().await,
            Self::Serve(command) => command.run().await,
            Self::Admin(command) => command.run().await,
            Self::Import(command) => command.run().await,
            Self::Restore(command) => command.run().await,
            Self::Openapi(command) => command.run(),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Where an installation is and how its root key is opened.
// Clap leaves the group of a struct that flattens another empty, and an optional `Installation` would never be there.
#[derive(Args)]
#[group(args = ["data"])]
struct Installation {
    /// Directory of database and objects. Keys lie beside it, in DIR.keys.
    #[arg(long, env = "CLERESTORY_DATA", value_name = "DIR")]
    data: PathBuf,
    /// A second place for epoch secrets: a directory on another disk or host, vault:<mount>/<path> in a KV engine
    /// (version 2), or kms:<region>/<name>.
    #[arg(long, env = "CLERESTORY_SECOND_EPOCHS", value_name = "PLACE")]
    second_epochs: Option<SecondPlace>,
    /// A second place that was named before is gone for good: say it once.
    #[arg(long)]
    epochs_given_up: bool,
    /// Directory of the root key and the epoch secrets, where it is not DIR.keys beside the data.
    #[arg(long, env = "CLERESTORY_KEYS", value_name = "DIR")]
    keys: Option<PathBuf>,
    /// The PostgreSQL database to use instead of a file in the data directory:
    /// postgresql://user:password@host:5432/name.
    #[arg(long, env = "CLERESTORY_DATABASE", value_name = "ADDRESS", hide_env_values = true)]
    database: Option<String>,
    /// File with the certificate (PEM) of who signed the database server's. Needed unless it is on this machine.
    #[arg(long, env = "CLERESTORY_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// File with the root key's passphrase on its first line. Without it the root key is kept as it is.
    #[arg(long, env = "CLERESTORY_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    custodians: Box<custodians::Custodians>,
    #[command(flatten)]
    sign_in: SignIn,
    #[command(flatten)]
    objects: Objects,
}

/// What is asked of those who sign in.
#[derive(Args)]
struct SignIn {
    /// Whether administrators need a second factor beside a password: any or off.
    #[arg(long, env = "CLERESTORY_AUTH_MFA", value_name = "ANY|OFF", default_value = "any")]
    auth_mfa: SecondFactor,
    /// File of breached passwords that nobody may choose: SHA-1 in hex, a line each, in their order, as
    /// haveibeenpwned's downloader writes them.
    #[arg(long, env = "CLERESTORY_BREACHED_PASSWORDS", value_name = "FILE")]
    breached_passwords: Option<PathBuf>,
}

/// Where sealed objects lie, if not in the data directory. Credentials come from the environment.
#[derive(Args)]
struct Objects {
    /// A bucket for sealed objects: s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.
    #[arg(id = "objects", long, env = "CLERESTORY_OBJECTS", value_name = "ADDRESS")]
    address: Option<BucketAddress>,
    /// Where the bucket is served, if not at its provider: https://objects.example
    #[arg(id = "objects-endpoint", long, env = "CLERESTORY_OBJECTS_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// The region of an S3 bucket.
    #[arg(id = "objects-region", long, env = "CLERESTORY_OBJECTS_REGION", value_name = "NAME")]
    region: Option<String>,
    /// The name of an S3 bucket is part of the host name, and not of the path.
    #[arg(id = "objects-virtual-hosts", long, env = "CLERESTORY_OBJECTS_VIRTUAL_HOSTS")]
    virtual_hosts: bool,
    /// Days for which the bucket's own rule keeps what was deleted (soft delete, versions): receipts of erasures name the
    /// day. 7 for Google and Azure, 0 for S3, where every version is deleted, unless something else is said.
    #[arg(id = "objects-kept-days", long, env = "CLERESTORY_OBJECTS_KEPT_DAYS", value_name = "DAYS")]
    kept_days: Option<u16>,
    /// All objects were copied to where they are looked for now: say it once.
    #[arg(id = "objects-moved", long)]
    moved: bool,
}

impl Objects {
    fn settle_in(&self, places: Places) -> Places {
        let bucket = self.address.clone().map(|address| BucketProfile {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            virtual_hosts: self.virtual_hosts,
            kept_days: self.kept_days,
            ..BucketProfile::new(address)
        });
        Places { bucket, objects_moved: self.moved, ..places }
    }
}

impl Installation {
    fn places(&self) -> anyhow::Result<Places> {
        let mut places = self.objects.settle_in(Places::beside(&self.data, self.second_epochs.clone()));
        if let Some(keys) = &self.keys {
            places.keys.clone_from(keys);
        }
        let roots = self.database_ca.clone();
        places.postgres = self.database.clone().map(|address| Postgres { address, roots });
        places.custody = self.custodians.settle()?;
        places.epochs_given_up = self.epochs_given_up;
        places.sign_in.admins = self.sign_in.auth_mfa;
        places.sign_in.breached.clone_from(&self.sign_in.breached_passwords);
        Ok(places)
    }

    fn protection(&self) -> anyhow::Result<Protection> {
        let credential = custodians::credential("clerestory-passphrase");
        let Some(path) = self.passphrase_file.clone().or(credential) else { return Ok(Protection::Plain) };
        passphrase(&path)
    }

    async fn open(&self) -> anyhow::Result<App> {
        let places = self.places()?;
        let root = places.open(&self.protection()?)?;
        Ok(App::build(places, root, Arc::new(SystemClock)).await?)
    }
}

/// The passphrase on the first line of a file.
fn passphrase(path: &Path) -> anyhow::Result<Protection> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.with_context(|| format!("reading the passphrase file {}", path.display()))?;
    let line = text.lines().next().unwrap_or_default();
    anyhow::ensure!(!line.is_empty(), "the first line of {} is empty", path.display());
    Ok(Protection::Passphrase(Zeroizing::new(line.to_owned())))
}

/// Logs as JSON lines on standard error. What to log is in CLERESTORY_LOG, `info` unless said.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CLERESTORY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.compact().init();
    } else {
        builder.json().init();
    }
}

/// Cancelled by Ctrl-C or by the signal that asks a service to end.
fn until_asked_to_end() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let cancel = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
    Ok(token)
}

/// Prints a line for the person at the terminal. Where nobody reads on (`| head`), what is done is done all the same.
fn say(line: &str) {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            panic!("standard output takes nothing: {error}")
        }
        _ => {}
    }
}
