//! The API description and the console's types: written from the code, checked for drift.

use std::path::PathBuf;
use std::process::Command;

use crate::place::{self, Place};
use crate::steps::Steps;
use crate::{Failure, Outcome, tools, web};

const DOCUMENT: &str = "docs/openapi.json";
const TYPES: &str = "web/console/src/api/schema.d.ts";

/// Writes both anew.
pub(crate) fn write(place: &Place) -> Outcome {
    let steps = Steps::new(place.logs());
    steps.check("node, npm and a C compiler", tools::prerequisites)?;
    web::packages(place, &steps)?;
    web::folders(place)?;
    steps.run("server", &mut place.cargo(&["build", "--locked", "-p", "clerestory"]))?;
    steps.check(DOCUMENT, || {
        place::write(&place.root.join(DOCUMENT), described(place)?.as_bytes())?;
        Ok(String::new())
    })?;
    steps.run(TYPES, &mut types(place, place.root.join(TYPES)))
}

/// Compares what the code says now with what is checked in; changes nothing.
pub(crate) fn drift(place: &Place, steps: &Steps) -> Outcome {
    steps.check("API description", || {
        let described = described(place)?;
        same(DOCUMENT, &place::read(&place.root.join(DOCUMENT))?, &described)
    })?;
    let fresh = place.own().join("schema.d.ts");
    steps.run("console types, generated", &mut types(place, fresh.clone()))?;
    steps
        .check("console types", || same(TYPES, &place::read(&place.root.join(TYPES))?, &place::read(&fresh)?))
}

fn same(name: &str, checked_in: &str, now: &str) -> Outcome<String> {
    if checked_in == now {
        return Ok(String::new());
    }
    let line = checked_in.lines().zip(now.lines()).take_while(|(old, new)| old == new).count();
    let side = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    Err(Failure(format!(
        "{name} does not say what the code says; they differ first in line {}:\n  checked in: {}\n  the code:   {}\n\
         Run `cargo xtask api` and commit the result.",
        line + 1,
        side(checked_in),
        side(now)
    )))
}

/// What the server says its API is, ending in one newline.
fn described(place: &Place) -> Outcome<String> {
    let done = Command::new(place.binary("debug", "clerestory"))
        .arg("openapi")
        .output()
        .map_err(|error| Failure(format!("`clerestory openapi` could not be started: {error}.")))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(Failure(format!("`clerestory openapi` ended with {}.\n{said}", done.status)));
    }
    let text = String::from_utf8(done.stdout)
        .map_err(|_| Failure::new("`clerestory openapi` wrote something that is not UTF-8."))?;
    Ok(format!("{}\n", text.trim_end()))
}

/// The console's `api` script with another place to write to.
fn types(place: &Place, to: PathBuf) -> Command {
    let npx = if cfg!(windows) { "npx.cmd" } else { "npx" };
    let mut command = Command::new(npx);
    command
        .args(["--no-install", "openapi-typescript"])
        .arg(place.root.join(DOCUMENT))
        .arg("-o")
        .arg(to)
        .current_dir(place.web().join("console"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_its_line_and_the_way_out() {
        assert!(same("x", "a\nb\n", "a\nb\n").is_ok());
        let Failure(text) = same("x", "a\nb\n", "a\nc\n").unwrap_err();
        assert!(text.contains("line 2") && text.contains("cargo xtask api"), "{text}");
        assert!(same("x", "a\n", "a\nb\n").is_err());
    }
}
