//! A promise that is marked kept names a test that exists and is run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promises {
    promise: Vec<Promise>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promise {
    seeds: Vec<String>,
    sentence: String,
    feature: String,
    #[serde(default)]
    tests: Vec<String>,
    state: State,
    missing: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    Kept,
    Partly,
    Planned,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What is wrong with a test's name, if anything: `file::function`, or a file that is a test as a whole.
fn problem(named: &str) -> Option<String> {
    let (file, name) = named.split_once("::").map_or((named, None), |(file, name)| (file, Some(name)));
    let Ok(text) = std::fs::read_to_string(root().join(file)) else {
        return Some(format!("{file} does not exist"));
    };
    if !is_run(file, &text) {
        return Some(format!("{file} is no file of tests that anything runs"));
    }
    let names = if has_extension(file, "rs") { rust_tests(&text) } else { script_tests(&text) };
    match name {
        Some(name) if names.contains(&name) => None,
        Some(name) => Some(format!("{file} has no test {name}")),
        // A story is one test, and has no names of others in it.
        None if names.is_empty()
            && ![STORIES, OF_THE_EXTENSION].iter().any(|stories| file.starts_with(stories)) =>
        {
            Some(format!("{file} has no test in it"))
        }
        None => None,
    }
}

const STORIES: &str = "web/e2e/stories/";
const OF_THE_EXTENSION: &str = "web/extension/e2e/stories/";
/// Names the stories of the extension, in the order in which they are told.
const TELLS_THEM: &str = "web/extension/e2e/run.mjs";

fn has_extension(file: &str, extension: &str) -> bool {
    Path::new(file).extension().is_some_and(|found| found == extension)
}

/// Whether the test programs there are take this file: a story by the name that it gives itself, a module of a folder of
/// tests by the `main.rs` beside it, and what is not Rust by how its name ends or by the folder of tests it lies in.
fn is_run(file: &str, text: &str) -> bool {
    let path = Path::new(file);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if file.starts_with(STORIES) {
        return text.contains(&format!("export const name = \"{stem}\";")) && text.contains("function run(");
    }
    if file.starts_with(OF_THE_EXTENSION) {
        let told = std::fs::read_to_string(root().join(TELLS_THEM)).unwrap_or_default();
        return told.contains(&format!("\"{stem}\"")) && text.contains("function run(");
    }
    if has_extension(file, "rs") {
        let of_a_folder = file.contains("/tests/") && root().join(path.with_file_name("main.rs")).exists();
        let Some(folder) = path.parent().filter(|_| of_a_folder && stem != "main") else { return true };
        let main = std::fs::read_to_string(root().join(folder).join("main.rs")).unwrap_or_default();
        return main.lines().any(|line| line == format!("mod {stem};"));
    }
    stem.ends_with(".test") || file.contains("/test/browser/")
}

/// The functions that a test attribute stands above.
fn rust_tests(text: &str) -> Vec<&str> {
    let mut above = false;
    let mut names = Vec::new();
    for line in text.lines().map(str::trim) {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        match function.and_then(|rest| rest.split_once('(')) {
            Some((name, _)) if above => names.push(name),
            _ if line.starts_with("#[test]") || line.starts_with("#[tokio::test") => {
                above = true;
                continue;
            }
            // Further attributes, and what is said of it.
            None if line.starts_with("#[") || line.starts_with("//") => continue,
            _ => {}
        }
        above = false;
    }
    names
}

/// What is called between `test("` or `it("` and the next `"`.
fn script_tests(text: &str) -> Vec<&str> {
    text.match_indices('(')
        .filter_map(|(at, _)| {
            let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
            let called = before.rsplit(|letter: char| !letter.is_alphanumeric()).next()?;
            let name = after.trim_start().strip_prefix('"')?.split_once('"')?.0;
            matches!(called, "test" | "it").then_some(name)
        })
        .collect()
}

#[test]
fn kept_promises_name_existing_tests() {
    let text = std::fs::read_to_string(root().join("policies/promises.toml")).unwrap();
    let promises: Promises = toml::from_str(&text).unwrap();
    let mut problems = Vec::new();
    for promise in &promises.promise {
        let who = format!("{:?} “{}”", promise.seeds, promise.sentence);
        if promise.seeds.is_empty() || promise.sentence.is_empty() || promise.feature.is_empty() {
            problems.push(format!("{who}: says too little"));
        }
        if promise.state != State::Planned && promise.tests.is_empty() {
            problems.push(format!("{who}: claims something, and names no test"));
        }
        if promise.state == State::Partly && promise.missing.is_none() {
            problems.push(format!("{who}: partly, and does not say what is missing"));
        }
        if promise.state != State::Partly && promise.missing.is_some() {
            problems.push(format!("{who}: says what is missing, and is not partly kept"));
        }
        let wrong = promise.tests.iter().filter_map(|test| problem(test));
        problems.extend(wrong.map(|what| format!("{who}: {what}")));
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(promises.promise.iter().any(|promise| promise.state == State::Kept));
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    assert!(problem("crates/sql/tests/sqlite.rs::no_such_test").is_some());
    assert!(problem("no/such/file.rs").is_some());
    // A function that helps tests is none, nor is a story that calls itself otherwise, nor a program beside the tests.
    assert!(problem("crates/testkit/tests/told/promises.rs::problem").is_some());
    assert!(!is_run(
        "web/e2e/stories/bin.mjs",
        "export const name = \"basket\";\nexport async function run(t) {}"
    ));
    assert!(!is_run("crates/testkit/tests/told/no_module_of_it.rs", "#[test]\nfn one() {}"));
    assert!(problem("web/e2e/run.mjs").is_some());
    assert!(problem("web/e2e/stories/no-such-story.mjs").is_some());
    assert!(problem("web/e2e/stories/bin.mjs").is_none());
    assert!(problem("web/extension/e2e/stories/journey.mjs").is_none());
    assert!(!is_run("web/extension/e2e/stories/untold.mjs", "export async function run() {}"));
    assert_eq!(
        rust_tests("#[test]\n// Why.\nfn one() {}\nfn two() {}\n#[tokio::test]\nasync fn three() {}"),
        ["one", "three"]
    );
    assert_eq!(script_tests("test(\n  \"one\", run(\"two\"));\nit(\"three\")"), ["one", "three"]);
    assert!(problem("crates/testkit/tests/told/promises.rs::kept_promises_name_existing_tests").is_none());
}
