//! `cargo xtask soak`: kills the real server at seeded random moments while visits send segments, and looks for
//! everything that was acknowledged.
#![expect(clippy::print_stdout, reason = "a program for the terminal prints")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clerestory_testkit::load::{KillReport, kill_run};
use clerestory_testkit::process::Program;

const USAGE: &str = "soak [--seeds N] [--start S]    N runs (200), the first with seed S (0)";

struct Asked {
    seeds: u64,
    start: u64,
}

fn asked(mut args: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { seeds: 200, start: 0 };
    while let Some(arg) = args.next() {
        let place = match arg.as_str() {
            "--seeds" => &mut asked.seeds,
            "--start" => &mut asked.start,
            _ => return Err(format!("{arg} is not known: {USAGE}")),
        };
        let number = args.next().and_then(|text| text.parse().ok());
        *place = number.ok_or_else(|| format!("{arg} takes a number: {USAGE}"))?;
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
    let (began, mut total) = (Instant::now(), KillReport::default());
    println!(
        "{:>8}{:>7}{:>10}{:>14}{:>10}{:>9}{:>10}{:>8}",
        "seed", "kills", "at start", "acknowledged", "in doubt", "opened", "compared", "s"
    );
    for seed in asked.start..asked.start.saturating_add(asked.seeds) {
        let directory = tempfile::tempdir().map_err(|error| format!("a temporary directory: {error}"))?;
        let since = Instant::now();
        // In every other run the server settles all the time, and is killed doing it.
        let settle_after = if seed % 2 == 0 { "0s" } else { "1h" };
        let program = Program::new(&binary).with(vec![("CLERESTORY_SETTLE_AFTER", settle_after.to_owned())]);
        let report = match kill_run(&program, &directory.path().join("data"), seed).await {
            Ok(report) => report,
            Err(loss) => {
                let kept = directory.keep();
                let again = format!("cargo xtask soak --seeds 1 --start {seed}");
                return Err(format!("{loss}\nthe data is kept in {}; again with: {again}", kept.display()));
            }
        };
        line(&seed.to_string(), &report, since);
        add(&mut total, &report);
    }
    line("all", &total, began);
    Ok(())
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
