//! `verify`: the chain of every organisation's audit log, recomputed, and the rows of authority held to it; `verify
//! ledger`: the ledger over all of them; `verify receipt`: one receipt, without any installation; `verify erasure`: what
//! is left of an erasure, without any key.

mod erasure;
mod ledger;
mod receipt;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use clerestory_audit::{AuditError, ChainReport};
use clerestory_model::OrganisationId;
use clerestory_store::organisations;

use super::{Installation, say};
use crate::App;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Verify {
    #[command(flatten)]
    installation: Option<Installation>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Recomputes chains and ledger from the rows and compares them with a saved copy.
    Ledger(Box<ledger::VerifyLedger>),
    /// Checks the signature of a receipt of an erasure, without any installation, and says what it tells.
    Receipt(receipt::VerifyReceipt),
    /// Looks whether anything of an erasure is left, for reading only and without root or keys. Ends with 0 where nothing
    /// is, 1 where something is, 2 where it could not be looked at.
    Erasure(Box<erasure::VerifyErasure>),
}

impl Verify {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self.what {
            Some(What::Erasure(command)) => return Ok(command.run().await),
            Some(What::Ledger(command)) => command.run().await,
            Some(What::Receipt(command)) => command.run(),
            None => {
                let app = self.installation.context("name the installation with --data DIR")?.open().await?;
                let broken = check_chains(&app).await?;
                let differences = app.replay_authority().await?;
                for difference in &differences {
                    say(&format!("WRONG: {difference}"));
                }
                anyhow::ensure!(broken == 0, "{broken} chains are broken");
                anyhow::ensure!(
                    differences.is_empty(),
                    "{} rows are not as the audit log says",
                    differences.len()
                );
                say(
                    "Roles, sessions, passwords, sites and capture policies are what the log says they became.",
                );
                Ok(())
            }
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Recomputes the chain of every organisation, says what it found, and how many are broken.
async fn check_chains(app: &App) -> anyhow::Result<usize> {
    let mut broken = 0;
    for (organisation, report) in chains(app).await? {
        match report.first_break {
            None => say(&format!("{organisation}: {} entries, intact", report.checked)),
            Some(number) => {
                broken += 1;
                say(&format!(
                    "{organisation}: BROKEN at entry {number}; {} before it are intact",
                    report.checked
                ));
            }
        }
    }
    Ok(broken)
}

async fn chains(app: &App) -> Result<Vec<(OrganisationId, ChainReport)>, AuditError> {
    let audit = app.access.audit().clone();
    app.database
        .read(move |tx| {
            Box::pin(async move {
                let mut reports = Vec::new();
                let mut all = vec![OrganisationId::nil()];
                all.extend(organisations::all(tx).await?);
                for organisation in all {
                    reports.push((organisation, audit.check_chain(tx, organisation).await?));
                }
                Ok(reports)
            })
        })
        .await
}
