//! `test`: everything that must hold before a change is taken.

use std::process::{Command, Stdio};

use crate::place::Place;
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
    steps.run("rustfmt", &mut place.cargo(&["fmt", "--all", "--check"]))?;
    steps.check("crate arrows", || arrows::check(&place.root))?;
    licences(place, steps)?;
    web_checks(place, steps)?;
    rust_checks(place, steps)?;
    api::drift(place, steps)?;
    let mut end_to_end = place.node("web/e2e/run.mjs");
    end_to_end
        .env("CLERESTORY_BIN", place.binary("debug", "clerestory"))
        .env("CLERESTORY_PYTHON", tools::python(place));
    steps.run("end to end", &mut end_to_end)
}

fn licences(place: &Place, steps: &Steps) -> Outcome {
    let program = tools::cargo_deny(place)
        .ok_or_else(|| Failure::new("cargo-deny is missing. Run `cargo xtask test --install`."))?;
    let mut deny = Command::new(program);
    // Advisories need a database fetched from elsewhere; deny.toml says how they are checked.
    deny.args([
        "--all-features",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ])
    .current_dir(&place.root);
    steps.run("bans, licences, sources", &mut deny)
}

fn web_checks(place: &Place, steps: &Steps) -> Outcome {
    web::packages(place, steps)?;
    steps.run("web lint", &mut place.npm(&["run", "lint"]))?;
    steps.run("web types", &mut place.npm(&["run", "typecheck"]))?;
    steps.run("web unit tests", &mut place.npm(&["run", "test"]))?;
    web::build(place, steps)
}

fn rust_checks(place: &Place, steps: &Steps) -> Outcome {
    let clippy = [
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    steps.run("clippy", &mut place.cargo(&clippy))?;
    steps.run(
        "server",
        &mut place.cargo(&["build", "--locked", "--workspace", "--bins"]),
    )?;
    if has_nextest(place) {
        steps.run(
            "Rust tests",
            &mut place.cargo(&["nextest", "run", "--locked", "--workspace"]),
        )?;
    } else {
        let plain = [
            "test",
            "--locked",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
        ];
        steps.run("Rust tests", &mut place.cargo(&plain))?;
    }
    steps.run(
        "Rust documentation tests",
        &mut place.cargo(&["test", "--locked", "--workspace", "--doc"]),
    )
}

fn has_nextest(place: &Place) -> bool {
    let mut ask = place.cargo(&["nextest", "--version"]);
    let status = ask
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
