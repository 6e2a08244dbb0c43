//! `fsck`: the objects against the rows; mending; making rows again.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Args;
use clerestory_vault::{Deed, Depth, Rebuilt, Repaired, Report};
use serde_json::{Value, json};

use super::{Installation, say};
use crate::{App, PlacesError};

/// The exit status when something is wrong.
const FINDINGS: u8 = 1;
/// The exit status when it could not be checked.
const NOT_CHECKED: u8 = 2;
/// How often it is said how far long work has come.
const WORD: Duration = Duration::from_secs(2);
/// Findings and deeds that are shown; with --json all are.
const SHOWN: usize = 1000;

#[derive(Args)]
pub struct Fsck {
    #[command(flatten)]
    installation: Installation,
    /// Reads every byte and compares it with what was stored; without it names and lengths are compared.
    #[arg(long)]
    deep: bool,
    /// Removes what nobody names and records what is lost as lost. Removes nothing that a row names.
    #[arg(long, conflicts_with = "rebuild")]
    repair: bool,
    /// Makes missing rows of recordings, tracks and segments again from what lies in the store.
    #[arg(long)]
    rebuild: bool,
    /// Says what --repair or --rebuild would do, and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// Repairs though much is missing or named by nobody: it is gone for good.
    #[arg(long, requires = "repair")]
    accept_loss: bool,
    /// Says everything as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Fsck {
    /// Runs it; the exit status tells what came of it.
    pub(super) async fn run(self) -> ExitCode {
        match self.check().await {
            Ok(clean) => ExitCode::from(if clean { 0 } else { FINDINGS }),
            Err(error) => {
                tell(&format!("clerestory: not checked: {error:#}"));
                ExitCode::from(NOT_CHECKED)
            }
        }
    }

    async fn check(self) -> anyhow::Result<bool> {
        anyhow::ensure!(
            !self.dry_run || self.repair || self.rebuild,
            "--dry-run says what --repair or --rebuild would do: add one of them"
        );
        let app = self.installation.open().await?;
        // What the objects of another installation, or of a later generation, lack is no loss of this one.
        app.check_objects().await?;
        if matches!(app.places.lock(), Err(PlacesError::InUse(_))) {
            tell("A server is running on this installation: what is in flight is left alone.");
        }
        let said = Mutex::new(Instant::now());
        let progress = |what: &str, done: u64, of: u64| {
            let mut said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if said.elapsed() >= WORD {
                *said = Instant::now();
                let of = if of > 0 { format!(" of {of}") } else { String::new() };
                tell(&format!("{what}: {done}{of}"));
            }
        };
        if self.rebuild {
            let (rebuilt, summaries) = app.rebuild(self.dry_run, &progress).await?;
            self.show_rebuilt(&rebuilt, summaries);
            return Ok(rebuilt.not.is_empty());
        }
        let depth = if self.deep { Depth::Deep } else { Depth::Quick };
        let report = app.vault.check_store(&app.access, depth, &progress).await?;
        if !self.repair {
            self.show(&report, None);
            return Ok(report.findings.is_empty());
        }
        self.mend(&app, &report).await
    }

    async fn mend(&self, app: &App, report: &Report) -> anyhow::Result<bool> {
        let deeds = match app.vault.plan_repair(report, self.accept_loss) {
            Ok(deeds) => deeds,
            Err(error) => {
                self.show(report, None);
                return Err(error.into());
            }
        };
        if self.dry_run {
            self.show(report, Some((&deeds, None)));
            return Ok(report.findings.is_empty());
        }
        if !self.json {
            for deed in deeds.iter().take(SHOWN) {
                say(&format!("To do: {deed}"));
            }
        }
        let repaired = app.vault.repair(&app.access, deeds.clone()).await?;
        self.show(report, Some((&deeds, Some(&repaired))));
        Ok(repaired.skipped == 0 && !report.findings.iter().any(|finding| finding.fault.is_left_alone()))
    }

    fn show(&self, report: &Report, repair: Option<(&[Deed], Option<&Repaired>)>) {
        if self.json {
            let repair = repair.map_or(
                Value::Null,
                |(planned, repaired)| json!({ "planned": planned, "repaired": repaired }),
            );
            return say(&json!({ "report": report, "repair": repair }).to_string());
        }
        for finding in report.findings.iter().take(SHOWN) {
            say(&finding.to_string());
        }
        if report.findings.len() > SHOWN {
            say(&format!("and {} more: --json shows all", report.findings.len() - SHOWN));
        }
        let Report { objects, bytes, segments, parts, named, missing, young, lost, .. } = report;
        say(&format!("Store:     {}: {objects} objects, {bytes} bytes", report.store));
        say(&format!(
            "Rows:      {segments} segments, {parts} parts, in {named} objects, {missing} of them missing"
        ));
        if report.deep {
            say(&format!("Read:      {} bytes, compared with their hashes", report.bytes_read));
        }
        say(&format!("In flight: {} objects, and {young} too young to judge", report.in_flight.len()));
        if *lost > 0 {
            say(&format!("Lost:      {lost} segments were recorded as lost by an earlier repair"));
        }
        match repair {
            None => {}
            Some((planned, None)) => {
                for deed in planned.iter().take(SHOWN) {
                    say(&format!("Would {deed}"));
                }
                say(&format!("Repair:    {} steps, none of them taken (--dry-run)", planned.len()));
            }
            Some((_, Some(done))) => say(&format!(
                "Repair:    {} steps taken, {} not needed any more or left for the next repair",
                done.done.len(),
                done.skipped
            )),
        }
        say(&match report.findings.len() {
            0 => "Nothing is wrong.".to_owned(),
            1 => "1 finding.".to_owned(),
            count => format!("{count} findings."),
        });
    }

    fn show_rebuilt(&self, rebuilt: &Rebuilt, summaries: u64) {
        if self.json {
            let told = json!({ "rebuilt": rebuilt, "summaries": summaries, "dry_run": self.dry_run });
            return say(&told.to_string());
        }
        for not in rebuilt.not.iter().take(SHOWN) {
            say(&format!("Not made again: {}: {}", not.object.escape_debug(), not.why));
        }
        let would = if self.dry_run { "would be made" } else { "made" };
        say(&format!(
            "Recordings: {} {would}, {} completed; {} tracks, {} parts, {} segments",
            rebuilt.recordings.len(),
            rebuilt.completed,
            rebuilt.tracks,
            rebuilt.parts,
            rebuilt.segments
        ));
        say(&format!("Summaries:  {summaries} derived again"));
        say(&format!("Left out:   {} entries and parts whose key is destroyed", rebuilt.erased));
    }
}

/// A word about the work, beside its result.
fn tell(line: &str) {
    // Whoever closed standard error does not want to know.
    let _gone = writeln!(std::io::stderr(), "{line}");
}
