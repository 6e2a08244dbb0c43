//! `verify erasure`: what is left of an erasure. It opens the database for reading, lists and reads objects, and needs
//! neither the root key nor anything that the root protects. The server starts it before it signs a receipt.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use clerestory_lifecycle::Report;
use clerestory_model::ErasureId;

use super::super::{Objects, say};
use crate::places::{Places, Postgres, SecondPlace};

/// The exit status when something is left.
const LEFT: u8 = 1;
/// The exit status when it could not be looked at.
const NOT_LOOKED_AT: u8 = 2;
/// The exit status of one whose server is gone.
const FORSAKEN: i32 = 3;
/// Things that are left which are shown; with --json all that were noted are.
const SHOWN: usize = 100;

#[derive(Args)]
pub(super) struct VerifyErasure {
    /// The erasure's id, as its receipt and `clerestory admin erasures` tell it.
    #[arg(value_name = "ERASURE")]
    erasure: ErasureId,
    /// Directory of database and objects.
    #[arg(long, env = "CLERESTORY_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The second place for epoch secrets, as the server is given it: tombstones lie there too. One at a custodian is not
    /// looked at.
    #[arg(long, env = "CLERESTORY_SECOND_EPOCHS", value_name = "PLACE")]
    second_epochs: Option<SecondPlace>,
    /// The PostgreSQL database, where it is not a file in the data directory. A role that may only select is enough.
    #[arg(long, env = "CLERESTORY_DATABASE", value_name = "ADDRESS", hide_env_values = true)]
    database: Option<String>,
    /// File with the certificate (PEM) of who signed the database server's.
    #[arg(long, env = "CLERESTORY_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
    #[command(flatten)]
    objects: Objects,
    /// Says everything as one JSON object.
    #[arg(long)]
    json: bool,
    /// For the server's own use: ends when its standard input does.
    #[arg(long, hide = true)]
    asked: bool,
}

impl VerifyErasure {
    /// Runs it; the exit status tells what came of it.
    pub(super) async fn run(self) -> ExitCode {
        if self.asked {
            end_with_whoever_asked();
        }
        match self.look().await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(LEFT),
            Err(error) => {
                complain(&format!("clerestory: not looked at: {error:#}"));
                ExitCode::from(NOT_LOOKED_AT)
            }
        }
    }

    /// `true` where nothing is left.
    async fn look(self) -> anyhow::Result<bool> {
        let mut places = self.objects.settle_in(Places::beside(&self.data, self.second_epochs));
        places.postgres = self.database.map(|address| Postgres { address, roots: self.database_ca });
        let opened = places.open_to_look().await;
        let verifier = opened.with_context(|| format!("opening {} for reading", self.data.display()))?;
        let report = verifier.look(self.erasure).await?;
        match self.json {
            true => say(&serde_json::to_string(&report)?),
            false => tell(&report),
        }
        Ok(report.is_clean())
    }
}

/// A server that is killed takes nothing with it but what it held: the other end of this.
fn end_with_whoever_asked() {
    std::thread::spawn(|| {
        let mut input = std::io::stdin().lock();
        let mut nothing = [0; 64];
        while input.read(&mut nothing).is_ok_and(|read| read > 0) {}
        std::process::exit(FORSAKEN);
    });
}

fn tell(report: &Report) {
    say(&format!("{}: {} of {}, {}", report.erasure, report.kind, report.organisation, report.state));
    say("Looked at:");
    for looked in &report.looked_at {
        say(&format!("  {:>8}  {}", looked.count, looked.what));
    }
    for unseen in &report.not_looked_at {
        say(&format!("Not looked at: {unseen}"));
    }
    for left in report.left.iter().take(SHOWN) {
        say(&format!("LEFT:  {}: {}", left.place.word(), left.what));
    }
    let beside = report.left.len().saturating_sub(SHOWN) as u64 + report.left_beside;
    if beside > 0 {
        say(&format!("LEFT:  {beside} more"));
    }
    if report.is_clean() {
        say("Nothing of it is left.");
    }
}

fn complain(line: &str) {
    // Whoever closed standard error does not want to know.
    let _gone = writeln!(std::io::stderr(), "{line}");
}
