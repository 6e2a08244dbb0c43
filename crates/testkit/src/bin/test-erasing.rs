//! Asks for one erasure in an installation that lies still in a directory, carries it on to its end, and says what its
//! clock shows then. Tests start it with a recorder before it, and look at every state that a crash of it could leave.
#![expect(clippy::print_stdout, reason = "a program for another program prints")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clerestory_lifecycle::Target;
use clerestory_model::Timestamp;
use clerestory_testkit::Installation;

const USAGE: &str = "test-erasing DIRECTORY MICROSECONDS ORGANISATION OTHER \
                     track RECORDING TRACK | range RECORDING FROM TO | subject SUBJECT | recordings SUBJECT | \
                     organisation";

async fn erase(args: &[&str]) -> anyhow::Result<Timestamp> {
    let [directory, at, organisation, other, target @ ..] = args else { bail!(USAGE) };
    let target = match target {
        ["track", recording, track] => Target::Track { recording: recording.parse()?, track: track.parse()? },
        ["range", recording, from_us, to_us] => {
            Target::Range { recording: recording.parse()?, from_us: from_us.parse()?, to_us: to_us.parse()? }
        }
        ["subject", subject] => Target::Subject(subject.parse()?),
        ["recordings", subject] => Target::RecordingsOf(subject.parse()?),
        ["organisation"] => Target::Organisation,
        _ => bail!(USAGE),
    };
    let at = Timestamp::from_micros(at.parse()?);
    let whose = (organisation.parse()?, other.parse()?);
    let installation = Installation::found_in(Path::new(directory), at, whose).await?;
    installation.erase_at_command(installation.organisation, target).await;
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.context("what is left does not settle")?;
    installation.carry_erasures_on().await;
    Ok(installation.now())
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match erase(&args).await {
        Ok(now) => {
            println!("{}", now.micros());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
