//! `cargo xtask bench`: measures the server, prints tables, and decides nothing: no figure here makes a run fail.
//!
//! Everything is measured on the real program over loopback, with the load generator on the same cores, and beside
//! what the machine can do at best in the same run: a plain copy, the bare cipher, the disk's own flush.
#![expect(clippy::print_stdout, reason = "a program for the terminal prints")]
#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value is null where it holds nothing: it does not panic"
)]

mod answers;
mod core;
mod costs;
mod disk;
mod erasing;
mod intake;
mod long;
mod machine;
mod people;
mod screens;
mod sealing;
mod segments;
mod server;
mod settings;
mod stored;
mod sweeping;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clerestory_testkit::bucket::{self, LocalS3};
use clerestory_testkit::postgres::{AnyServer, new_schema};
use serde_json::{Map, Value};

use crate::machine::load_average;
use crate::server::Server;

const USAGE: &str = "bench [--only seal,disk,ready,stored,intake,bucket,costs,core,settings,erase,answers,people,screens,long,sweep,steady] [--seconds N] [--json FILE]";
const PARTS: [&str; 15] = [
    "seal", "disk", "ready", "stored", "intake", "bucket", "costs", "core", "settings", "erase", "answers",
    "people", "screens", "long", "sweep",
];
/// Takes an hour, and so only when it is asked for.
const STEADY: &str = "steady";
const STEADY_MINUTES: u64 = 60;

/// What a run was asked for, and what it found so far.
pub(crate) struct Bench {
    parts: Vec<String>,
    json: Option<PathBuf>,
    /// How long each cell of the intake table is measured.
    pub(crate) seconds: u64,
    /// The server.
    pub(crate) binary: PathBuf,
    /// Where installations are made: on the disk that is measured.
    pub(crate) directory: tempfile::TempDir,
    found: Map<String, Value>,
}

impl Bench {
    fn asked(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut parts, mut json, mut seconds) = (PARTS.map(str::to_owned).to_vec(), None, 6);
        while let Some(arg) = args.next() {
            let value = args.next().ok_or_else(|| format!("{arg} needs a value: {USAGE}"))?;
            match arg.as_str() {
                "--json" => json = Some(PathBuf::from(value)),
                "--seconds" => {
                    seconds = value.parse().map_err(|_| format!("--seconds takes a number: {USAGE}"))?
                }
                "--only" => parts = value.split(',').map(str::to_owned).collect(),
                _ => return Err(format!("{arg} is not known: {USAGE}")),
            }
        }
        if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str()) && *part != STEADY) {
            return Err(format!("there is no part {unknown}: {USAGE}"));
        }
        let binary = std::env::var_os("CLERESTORY_BIN").unwrap_or("target/release/clerestory".into());
        let binary = PathBuf::from(binary);
        if !binary.exists() {
            return Err(format!("there is no server at {}; name one in CLERESTORY_BIN", binary.display()));
        }
        // Not the system's temporary directory, which may lie in memory.
        let directory = std::fs::create_dir_all("target").and_then(|()| tempfile::tempdir_in("target"));
        let directory = directory.map_err(|error| format!("a directory below target: {error}"))?;
        Ok(Self { parts, json, seconds, binary, directory, found: Map::new() })
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }

    /// Announces a part, with what the machine is doing besides.
    fn begin(&self, part: &str, title: &str) -> bool {
        if self.wants(part) {
            println!("\n{title}  (load average {})\n", load_average());
        }
        self.wants(part)
    }

    fn note(&mut self, part: &str, value: Value) {
        self.found.insert(part.to_owned(), value);
    }

    async fn run(&mut self) -> Result<(), String> {
        println!("{}", machine::describe());
        if self.begin("seal", "Sealing: 256 objects of 1 MiB, one thread, best of 3") {
            let found = sealing::measure()?;
            self.note("seal", found);
        }
        if self.begin("disk", "The disk") {
            let found = disk::measure(self.directory.path())?;
            self.note("disk", found);
        }
        if self.begin("ready", "At rest, and ready") {
            let found = server::measure(self).await?;
            self.note("ready", found);
        }
        if self.begin("stored", "Stored bytes against gzip -6 of each segment, sessions of the demo shop") {
            let found = stored::measure(self).await?;
            self.note("stored", found);
        }
        if self.begin("intake", "Intake: sessions of the demo shop, cut into segments, packed beforehand") {
            let server = Server::demo(&self.binary, &self.directory.path().join("intake"), true)?;
            let found = intake::measure(self, &server).await?;
            self.note("intake", found);
        }
        if self.begin("bucket", "Intake over PostgreSQL and a bucket: the store is in the load generator") {
            let (s3, postgres) = (LocalS3::start(), AnyServer::get().await);
            let mut environment = bucket::environment(s3.address(), "bench");
            environment.push(("CLERESTORY_DATABASE", new_schema(postgres.address()).await.address));
            let data = self.directory.path().join("bucket");
            let server = Server::installed(&self.binary, &data, &environment)?;
            let found = intake::measure(self, &server).await?;
            self.note("bucket", found);
        }
        if self.begin("costs", "What sealing and flushing cost") {
            let found = costs::measure(self).await?;
            self.note("costs", found);
        }
        if self.begin("core", "Below intake: the audit log and the key registry, in one process") {
            let found = core::measure(self).await?;
            self.note("core", found);
        }
        if self
            .begin("settings", "Settings of 10,000 places and 100,000 people, and decisions, in one process")
        {
            let found = settings::measure().await?;
            self.note("settings", found);
        }
        if self.begin("erase", "Erasing 10,000 recordings, each asked for by itself, in one process") {
            let found = erasing::measure().await?;
            self.note("erase", found);
        }
        if self.begin("answers", "Answers: 50 recordings, 50 entries, one after the other") {
            let found = answers::measure(self).await?;
            self.note("answers", found);
        }
        if self.begin("people", "Pages about 100,000 people in 10,000 nodes, in one process") {
            let found = people::measure().await?;
            self.note("people", found);
        }
        if self.begin("screens", "Screens: 50 runs at once, and what a play hands out, beside nginx") {
            let found = screens::measure(self).await?;
            self.note("screens", found);
        }
        if self.begin("long", "A recording of eight hours, in one process") {
            let found = long::measure().await?;
            self.note("long", found);
        }
        if self.begin("sweep", "The sweep of a million recordings, in one process") {
            let found = sweeping::measure().await?;
            self.note("sweep", found);
        }
        if self.begin(STEADY, "An hour: memory while segments come in") {
            let server = Server::installed(&self.binary, &self.directory.path().join(STEADY), &[])?;
            let found = intake::steady(&server, STEADY_MINUTES).await?;
            self.note(STEADY, found);
        }
        if let Some(path) = &self.json {
            let text = Value::Object(self.found.clone()).to_string();
            std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Bench::asked(std::env::args().skip(1)) {
        Ok(mut bench) => bench.run().await,
        Err(usage) => Err(usage),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}
