//! `test`: everything that must hold before a change is taken.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::place::{self, Place};
use crate::steps::Steps;
use crate::tools::{self, Lacking};
use crate::{Failure, Outcome, api, arrows, web};

/// Runs all checks, cheap ones first; stops at the first failure and still sums up.
pub(crate) fn run(place: &Place, args: &[String]) -> Outcome {
    let install = match args {
        [] => false,
        [arg] if arg == "--install" => true,
        _ => return Err(Failure::new("Usage: cargo xtask test [--install]")),
    };
    println!("Clerestory, all checks. Logs: {}", place.logs().display());
    let steps = Steps::new(place.logs());
    let outcome = all(place, &steps, install);
    steps.summary();
    outcome
}

fn all(place: &Place, steps: &Steps, install: bool) -> Outcome {
    steps.check("node, npm and a C compiler", tools::prerequisites)?;
    Lacking::look(place).settle(place, steps, install)?;
    steps.run("rustfmt", &mut place.cargo(&["fmt", "--all", "--check", "--", "--color", "never"]))?;
    steps.check("crate arrows", || arrows::check(&place.root))?;
    licences(place, steps)?;
    web_checks(place, steps)?;
    rust_checks(place, steps)?;
    api::drift(place, steps)?;
    browser_checks(place, steps)
}

fn licences(place: &Place, steps: &Steps) -> Outcome {
    let program = tools::cargo_deny(place)
        .ok_or_else(|| Failure::new("cargo-deny is missing. Run `cargo xtask test --install`."))?;
    let mut deny = Command::new(program);
    // Advisories need a database fetched from elsewhere; deny.toml says how they are checked.
    deny.args(["--all-features", "--locked", "check", "bans", "licenses", "sources"])
        .current_dir(&place.root);
    steps.run("bans, licences, sources", &mut deny)
}

fn web_checks(place: &Place, steps: &Steps) -> Outcome {
    web::packages(place, steps)?;
    steps.run("web lint", &mut place.npm(&["run", "lint"]))?;
    steps.run("web types", &mut place.npm(&["run", "typecheck"]))?;
    steps.run("web unit tests", &mut place.npm(&["run", "test"]))?;
    let scanner = ["exec", "--no", "--", "vitest", "run", "--root", "e2e"];
    steps.run("canary scanner", &mut place.npm(&scanner))?;
    web::build(place, steps)
}

fn rust_checks(place: &Place, steps: &Steps) -> Outcome {
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.run("clippy", &mut place.cargo(&clippy))?;
    servers(place, steps)?;
    let mut tests = if has_nextest(place) {
        nextest(place)
    } else {
        place.cargo(&["test", "--locked", "--workspace", "--lib", "--bins", "--tests"])
    };
    // Moto, the second opinion on S3, is one of its packages; Azurite is that on Azure.
    tests.env("CLERESTORY_PYTHON", tools::python(place)).env("CLERESTORY_AZURITE", tools::azurite(place));
    steps.run("Rust tests", &mut tests)?;
    on_postgres(place, steps)?;
    steps.run("Rust documentation tests", &mut place.cargo(&["test", "--locked", "--workspace", "--doc"]))
}

/// The suites of whole installations, of the key registry and of the audit log again, on a PostgreSQL of our own.
fn on_postgres(place: &Place, steps: &Steps) -> Outcome {
    let mut server = None;
    steps.check("PostgreSQL", || {
        let started = Postgres::start(place)?;
        let address = started.address.clone();
        server = Some(started);
        Ok(address)
    })?;
    let address = server.as_ref().map(|server| server.address.as_str()).unwrap_or_default();
    let mut tests = if has_nextest(place) {
        // Chosen out of the whole workspace, so that nothing is compiled again: `-p` would leave out features.
        let suites = "package(clerestory-testkit) | package(clerestory-keys) | package(clerestory-audit)";
        let mut tests = nextest(place);
        tests.args(["-E", suites]);
        tests
    } else {
        let suites = ["-p", "clerestory-testkit", "-p", "clerestory-keys", "-p", "clerestory-audit"];
        let mut tests = place.cargo(&["test", "--locked"]);
        tests.args(suites);
        tests
    };
    tests.env("CLERESTORY_TEST_POSTGRES", address).env("CLERESTORY_PYTHON", tools::python(place));
    steps.run("Rust tests on PostgreSQL", &mut tests)
}

/// A server of the tests' own, which ends when its input does.
struct Postgres {
    child: Child,
    address: String,
    /// What it goes on to say has somewhere to go: a program that cannot be heard ends.
    _said: BufReader<ChildStdout>,
}

impl Postgres {
    fn start(place: &Place) -> Outcome<Self> {
        let program = place.binary("debug", "test-postgres");
        let child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child =
            child.map_err(|error| Failure(format!("{} does not start: {error}.", program.display())))?;
        let none = || Failure::new("No PostgreSQL could be started; what it said stands above.");
        let mut said = BufReader::new(child.stdout.take().ok_or_else(none)?);
        let mut address = String::new();
        match said.read_line(&mut address) {
            Ok(length) if length > 0 => Ok(Self { child, address: address.trim().to_owned(), _said: said }),
            _ => Err(none()),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// All tests, one more at a time than there are cores: each waits for a disk or a clock a quarter of its time.
fn nextest(place: &Place) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut tests = place.cargo(&["nextest", "run", "--locked", "--no-fail-fast", "--workspace"]);
    if std::env::var_os("NEXTEST_TEST_THREADS").is_none() {
        tests.args(["--test-threads", &(cores + 1).to_string()]);
    }
    tests
}

fn has_nextest(place: &Place) -> bool {
    let mut ask = place.cargo(&["nextest", "--version"]);
    let status = ask.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The server, and before it one that seals nothing: the canary scanner must find in its files
/// what it does not find in the real one's. That binary is moved away at once, so that nobody
/// starts it by accident from where the real one is expected.
fn servers(place: &Place, steps: &Steps) -> Outcome {
    let build = ["build", "--locked", "--workspace", "--exclude", "xtask", "--bins"];
    let identity = ["--features", "clerestory-seal/identity"];
    steps.run("server that seals nothing", place.cargo(&build).args(identity))?;
    let (built, kept) = (place.binary("debug", "clerestory"), identity_binary(place));
    place::write(&kept, b"")?;
    std::fs::rename(&built, &kept)
        .map_err(|error| Failure(format!("{} cannot be moved: {error}.", built.display())))?;
    steps.run("server", &mut place.cargo(&build))
}

fn identity_binary(place: &Place) -> PathBuf {
    place.own().join("identity/clerestory")
}

/// The stories, in Chromium against the built server.
fn browser_checks(place: &Place, steps: &Steps) -> Outcome {
    // Each story waits for most of its time.
    let mut end_to_end = place.node("web/e2e/run.mjs");
    end_to_end
        .args(["--at-once", "2"])
        .env("CLERESTORY_BIN", place.binary("debug", "clerestory"))
        .env("CLERESTORY_IDENTITY_BIN", identity_binary(place))
        .env("CLERESTORY_PYTHON", tools::python(place));
    steps.run("end to end", &mut end_to_end)?;
    let mut extension = place.node("web/extension/e2e/run.mjs");
    extension.env("CLERESTORY_BIN", place.binary("debug", "clerestory"));
    steps.run("the extension, end to end", &mut extension)
}
