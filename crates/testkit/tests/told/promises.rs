//! A promise that is marked kept names a test that exists.
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
    let (file, function) = named.split_once("::").map_or((named, None), |(file, name)| (file, Some(name)));
    let Ok(text) = std::fs::read_to_string(root().join(file)) else {
        return Some(format!("{file} does not exist"));
    };
    let function = function?;
    let found = text.contains(&format!("fn {function}(")) || text.contains(&format!("\"{function}\""));
    (!found).then(|| format!("{file} has no test {function}"))
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
        if promise.state == State::Kept && promise.tests.is_empty() {
            problems.push(format!("{who}: kept, and names no test"));
        }
        if promise.state == State::Partly && promise.missing.is_none() {
            problems.push(format!("{who}: partly, and does not say what is missing"));
        }
        if promise.state != State::Planned {
            problems.extend(
                promise.tests.iter().filter_map(|test| problem(test)).map(|what| format!("{who}: {what}")),
            );
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(promises.promise.iter().any(|promise| promise.state == State::Kept));
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    assert!(problem("crates/sql/tests/sqlite.rs::no_such_test").is_some());
    assert!(problem("no/such/file.rs").is_some());
    assert!(problem("crates/testkit/tests/told/promises.rs::kept_promises_name_existing_tests").is_none());
}
