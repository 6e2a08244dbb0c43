//! `cargo xtask soak`: kills the real server, and takes its power away, at seeded random moments while visits send
//! segments, and looks for everything that was acknowledged.
#![expect(clippy::print_stdout, reason = "a program for the terminal prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clerestory_testkit::load::{Engine, KillReport, PowerReport, kill_run, power_run};
use clerestory_testkit::postgres::{Server, new_schema};
use clerestory_testkit::process::Program;

const USAGE: &str = "soak [--seeds N] [--start S] [--only kills|power|kills-on-postgresql|power-on-postgresql]
    N runs of each kind (500), the first with seed S (0): the server killed, on SQLite and on PostgreSQL; its power
    taken away, on SQLite and with a PostgreSQL that is crashed at the same time";
const KINDS: [&str; 4] = ["kills", "power", "kills-on-postgresql", "power-on-postgresql"];

/// Moments of a recorded run at which the power fails.
const MOMENTS: u64 = 4;
/// Times the power fails in a run on PostgreSQL.
const ROUNDS: u64 = 3;

struct Asked {
    seeds: u64,
    start: u64,
    only: Option<String>,
}

impl Asked {
    fn wants(&self, kind: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == kind)
    }

    fn seeds(&self) -> std::ops::Range<u64> {
        self.start..self.start.saturating_add(self.seeds)
    }
}

fn asked(mut args: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { seeds: 500, start: 0, only: None };
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} takes a value: {USAGE}"))?;
        let number = value.parse().map_err(|_| format!("{arg} takes a number: {USAGE}"));
        match arg.as_str() {
            "--seeds" => asked.seeds = number?,
            "--start" => asked.start = number?,
            "--only" if KINDS.contains(&value.as_str()) => asked.only = Some(value),
            _ => return Err(format!("{arg} {value} is not known: {USAGE}")),
        }
    }
    Ok(asked)
}

#[tokio::main]
async fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(usage) => {
            println!("{usage}");
            return ExitCode::from(2);
        }
    };
    match run(&asked).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(loss) => {
            println!("{loss}");
            ExitCode::FAILURE
        }
    }
}

async fn run(asked: &Asked) -> Result<(), String> {
    let binary =
        PathBuf::from(std::env::var_os("CLERESTORY_BIN").unwrap_or("target/release/clerestory".into()));
    if !binary.exists() {
        return Err(format!("there is no server at {}; name one in CLERESTORY_BIN", binary.display()));
    }
    if asked.wants("kills") {
        kills(&binary, asked, None).await?;
    }
    if asked.wants("kills-on-postgresql") {
        kills(&binary, asked, Some(&Server::start().await?)).await?;
    }
    if asked.wants("power") {
        power(&binary, asked, None).await?;
    }
    if asked.wants("power-on-postgresql") {
        let mut server = Server::start_to_crash().await?;
        power(&binary, asked, Some(&mut server)).await?;
    }
    Ok(())
}

/// A directory for one run; what a run that failed has left is kept for who looks into it.
fn directory() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| format!("a temporary directory: {error}"))
}

fn kept(loss: &str, directory: tempfile::TempDir, kind: &str, seed: u64) -> String {
    let again = format!("cargo xtask soak --only {kind} --seeds 1 --start {seed}");
    format!("{loss}\nthe data is kept in {}; again with: {again}", directory.keep().display())
}

async fn kills(binary: &Path, asked: &Asked, server: Option<&Server>) -> Result<(), String> {
    let (began, mut total) = (Instant::now(), KillReport::default());
    let kind = if server.is_some() { "kills-on-postgresql" } else { "kills" };
    println!("The server is killed, {}.", if server.is_some() { "on PostgreSQL" } else { "on SQLite" });
    println!(
        "{:>8}{:>7}{:>10}{:>14}{:>10}{:>9}{:>10}{:>8}",
        "seed", "kills", "at start", "acknowledged", "in doubt", "opened", "compared", "s"
    );
    for seed in asked.seeds() {
        let (directory, since) = (directory()?, Instant::now());
        // In every other run the server settles all the time, and is killed doing it.
        let settle_after = if seed.is_multiple_of(2) { "0s" } else { "1h" };
        let mut program =
            Program::new(binary).with(vec![("CLERESTORY_SETTLE_AFTER", settle_after.to_owned())]);
        if let Some(server) = server {
            program = program.over(&new_schema(server.address()).await);
        }
        match kill_run(&program, &directory.path().join("data"), seed).await {
            Ok(report) => {
                line(&seed.to_string(), &report, since);
                add(&mut total, &report);
            }
            Err(loss) => return Err(kept(&loss, directory, kind, seed)),
        }
    }
    line("all", &total, began);
    Ok(())
}

async fn power(binary: &Path, asked: &Asked, mut server: Option<&mut Server>) -> Result<(), String> {
    let kind = if server.is_some() { "power-on-postgresql" } else { "power" };
    println!("The power fails, {}.", if server.is_some() { "and PostgreSQL crashes" } else { "on SQLite" });
    println!(
        "{:>8}{:>8}{:>18}{:>14}{:>9}{:>12}{:>8}",
        "seed", "losses", "while recovering", "acknowledged", "opened", "sent again", "s"
    );
    let (began, mut total) = (Instant::now(), PowerReport::default());
    for seed in asked.seeds() {
        let (directory, since) = (directory()?, Instant::now());
        let engine = match server.as_deref_mut() {
            Some(server) => Engine::Postgres { server, rounds: ROUNDS },
            None => Engine::Sqlite { moments: MOMENTS, deaf_to: None },
        };
        match power_run(binary, directory.path(), engine, seed).await {
            Ok(report) => {
                power_line(&seed.to_string(), &report, since);
                total.add(&report);
            }
            Err(loss) => return Err(kept(&loss, directory, kind, seed)),
        }
    }
    power_line("all", &total, began);
    Ok(())
}

fn power_line(name: &str, report: &PowerReport, since: Instant) {
    let PowerReport { losses, while_recovering, acknowledged, opened, sent_again, .. } = report;
    let seconds = since.elapsed().as_secs_f64();
    println!(
        "{name:>8}{losses:>8}{while_recovering:>18}{acknowledged:>14}{opened:>9}{sent_again:>12}{seconds:>8.1}"
    );
}

fn line(name: &str, report: &KillReport, since: Instant) {
    let KillReport { kills, kills_at_start, acknowledged, in_doubt, opened, compared, .. } = report;
    let seconds = since.elapsed().as_secs_f64();
    println!(
        "{name:>8}{kills:>7}{kills_at_start:>10}{acknowledged:>14}{in_doubt:>10}{opened:>9}{compared:>10}{seconds:>8.1}"
    );
}

fn add(total: &mut KillReport, report: &KillReport) {
    total.kills += report.kills;
    total.kills_at_start += report.kills_at_start;
    total.acknowledged += report.acknowledged;
    total.in_doubt += report.in_doubt;
    total.opened += report.opened;
    total.compared += report.compared;
}
