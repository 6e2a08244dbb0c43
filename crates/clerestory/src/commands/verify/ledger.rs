//! `verify ledger`: the tree over every log, computed again from the rows, and compared with what somebody saved.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clerestory_audit::ledger::{LedgerError, Report, Resource, Saved, SignedCheckpoint, verifier_key};

use super::super::{Installation, say};
use crate::App;

#[derive(Args)]
pub(super) struct VerifyLedger {
    #[command(flatten)]
    installation: Installation,
    /// A checkpoint saved earlier, or a directory made with --save, which also names the first leaf that differs. Give
    /// it more than once for several.
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,
    /// Writes the log as files (C2SP tlog-tiles) into this directory, for a later --against. Keep it elsewhere.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

impl VerifyLedger {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let saved = read_saved(&self.against)?;
        let app = self.installation.open().await?;
        let broken = super::check_chains(&app).await?;
        let (report, key) = check(&app, saved).await?;
        say(&format!(
            "Ledger: {} leaves, root {}; {} entries wait for theirs",
            report.size,
            hex::encode(report.root),
            report.waiting
        ));
        if report.forgotten > 0 {
            let words = "whose words were forgotten, as the log says of each month";
            say(&format!("Words:  {} entries {words}", report.forgotten));
        }
        if let Some(key) = key {
            say(&format!("Key:    {key}"));
        }
        for finding in &report.findings {
            say(&format!("WRONG:  {finding}"));
        }
        let wrong = report.findings.len() + broken;
        anyhow::ensure!(
            wrong == 0,
            "{wrong} findings: somebody changed the log outside Clerestory. Keep a copy of it"
        );
        if !self.against.is_empty() {
            say(&format!("It goes on from what was saved ({} compared).", self.against.len()));
        }
        match &self.save {
            Some(directory) => save(&app, directory).await,
            None => Ok(()),
        }
    }
}

/// Checkpoints, from files and from directories of a saved log; the tiles of the last directory.
fn read_saved(paths: &[PathBuf]) -> anyhow::Result<Saved> {
    let mut saved = Saved::default();
    for path in paths {
        let file = if path.is_dir() { path.join("checkpoint") } else { path.clone() };
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let checkpoint: SignedCheckpoint = text.parse().with_context(|| format!("{}", file.display()))?;
        if path.is_dir() {
            let (directory, size) = (path.clone(), checkpoint.checkpoint.size);
            saved.tiles = Some(Box::new(move |index| {
                let width = size.saturating_sub(index.saturating_mul(256)).min(256);
                let tile = Resource::Tile { level: 0, index, width };
                std::fs::read(directory.join(tile.to_string())).ok()
            }));
        }
        saved.checkpoints.push(checkpoint);
    }
    Ok(saved)
}

async fn check(app: &App, saved: Saved) -> anyhow::Result<(Report, Option<String>)> {
    app.vault.hold_lease().await?;
    let ledger = app.access.audit().ledger();
    let checked: Result<_, LedgerError> = app
        .database
        .read(move |tx| {
            Box::pin(async move {
                let key = ledger.public_key(tx).await?;
                let key = key.map(|public| verifier_key(&ledger.origin(), &public));
                Ok((ledger.verify(tx, &saved).await?, key))
            })
        })
        .await;
    Ok(checked?)
}

/// Writes the log as files. Full tiles that are there already are not written again: they never change.
async fn save(app: &App, directory: &Path) -> anyhow::Result<()> {
    let ledger = app.access.audit().ledger();
    let reading = ledger.clone();
    let all: Result<_, LedgerError> = app
        .database
        .read(move |tx| {
            Box::pin(async move { Ok((reading.checkpoint(tx).await?, reading.resources(tx).await?)) })
        })
        .await;
    let (checkpoint, resources) = all?;
    let checkpoint =
        checkpoint.context("there is no checkpoint yet: the server makes one within a second of an entry")?;
    for resource in &resources {
        let path = directory.join(resource.to_string());
        let full =
            matches!(resource, Resource::Tile { width: 256, .. } | Resource::Entries { width: 256, .. });
        if full && path.exists() {
            continue;
        }
        let (reading, asked) = (ledger.clone(), *resource);
        let bytes: Result<_, LedgerError> =
            app.database.read(move |tx| Box::pin(async move { reading.resource(tx, &asked).await })).await;
        write(&path, &bytes?.context("the ledger became shorter while it was read")?)?;
    }
    // Last, and the one that was read with the list: a server that goes on meanwhile only widens the tiles.
    write(&directory.join(Resource::Checkpoint.to_string()), checkpoint.as_bytes())?;
    say(&format!("Saved:  {} files below {}", resources.len(), directory.display()));
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above).with_context(|| format!("making {}", above.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
