//! The hostile recordings of `corpus/hostile`: refused, or sanitised with the rest still there.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use clerestory_intake::rrweb::{Limits, Segment, TreeState};
use clerestory_settings::capture::Rules;
use serde_json::Value;

/// The head of a file, and its events as they are written: some are too deep for `serde_json`.
fn files() -> Vec<(String, Value, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/hostile");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let at = text.find(",\"events\":").unwrap();
        let head = serde_json::from_str(&format!("{}}}", &text[..at])).unwrap();
        let events = text[at + ",\"events\":".len()..].trim_end().strip_suffix('}').unwrap().to_owned();
        files.push((path.file_name().unwrap().to_string_lossy().into_owned(), head, events));
    }
    assert!(files.len() >= 50, "only {} files", files.len());
    files
}

fn texts<'v>(head: &'v Value, name: &str) -> Vec<&'v str> {
    head[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn json(segment: &Segment<'_>) -> String {
    let mut out = Vec::new();
    segment.to_json(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_must_be_refused_is_refused_with_its_place() {
    for (file, head, events) in files().iter().filter(|(_, head, _)| head["expect"] == "refused") {
        let malformed = Segment::parse(events.as_bytes(), &Limits::default()).expect_err(file);
        if let Some(path) = head["refused_at"].as_str() {
            assert_eq!(malformed.path, path, "{file}: {malformed}");
        }
        assert!(malformed.reason.contains(head["reason"].as_str().unwrap()), "{file}: {malformed}");
    }
}

#[test]
fn what_is_hostile_is_dropped_and_the_rest_is_still_there() {
    let mut wrong = Vec::new();
    for (file, head, events) in files().iter().filter(|(_, head, _)| head["expect"] == "sanitised") {
        let mut segment =
            Segment::parse(events.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{file}: {e}"));
        let report = segment.sanitise();
        let left = json(&segment);
        for gone in texts(head, "gone") {
            assert!(!left.contains(gone), "{file}: {gone} is left in {left}");
        }
        for kept in texts(head, "kept") {
            assert!(left.contains(kept), "{file}: {kept} is gone from {left}");
        }
        let wanted: BTreeSet<&str> = texts(head, "dropped").into_iter().collect();
        let found: BTreeSet<&str> = report.dropped.keys().copied().collect();
        if found != wanted {
            wrong.push(format!("{file}: {report:?}, expected {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_was_sanitised_parses_and_needs_nothing_more() {
    for (file, _, events) in files().iter().filter(|(_, head, _)| head["expect"] == "sanitised") {
        let mut once = Segment::parse(events.as_bytes(), &Limits::default()).unwrap();
        once.sanitise();
        let once = json(&once);
        let mut twice =
            Segment::parse(once.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{file}: {e}"));
        let report = twice.sanitise();
        assert_eq!(report.total(), 0, "{file}: {report:?}");
        assert_eq!(json(&twice), once, "{file}");
    }
}

#[test]
fn under_the_private_preset_nothing_to_read_is_left_either() {
    let rules = Rules::default().compile();
    for (file, _, events) in files().iter().filter(|(_, head, _)| head["expect"] == "sanitised") {
        let mut segment = Segment::parse(events.as_bytes(), &Limits::default()).unwrap();
        segment.clean(&rules, &mut TreeState::new());
        let left = json(&segment);
        for text in ["sink.clerestory.test", "Before", "After", "Kept", "Link", "data:image"] {
            assert!(!left.contains(text), "{file}: {text} is left in {left}");
        }
    }
}

fn snapshot(body: &str) -> String {
    format!(
        r#"[{{"type":2,"data":{{"node":{{"type":0,"childNodes":[{body}],"id":1}},"initialOffset":{{"top":0,"left":0}}}},"timestamp":1764000000000}}]"#
    )
}

#[test]
fn what_is_too_large_is_refused() {
    let limits = Limits::default();
    let too_many_bytes = vec![b' '; limits.bytes + 1];
    assert_eq!(Segment::parse(&too_many_bytes, &limits).unwrap_err().reason, "the segment is too large");

    let load = r#"{"type":1,"data":{},"timestamp":1764000000000}"#;
    let events = format!("[{}]", vec![load; limits.events + 1].join(","));
    assert_eq!(Segment::parse(events.as_bytes(), &limits).unwrap_err().reason, "there are too many events");

    let limits = Limits { bytes: 64 << 20, ..limits };
    let nodes: Vec<String> =
        (2..limits.nodes + 2).map(|id| format!(r#"{{"type":3,"textContent":"","id":{id}}}"#)).collect();
    let malformed = Segment::parse(snapshot(&nodes.join(",")).as_bytes(), &limits).unwrap_err();
    assert_eq!(malformed.reason, "there are too many nodes");
}

#[test]
fn a_tree_is_512_deep_and_no_deeper() {
    let limits = Limits::default();
    let tree = |depth: usize| {
        // The document is one level.
        let open: String = (2..=depth)
            .map(|id| format!(r#"{{"type":2,"tagName":"p","attributes":{{}},"id":{id},"childNodes":["#))
            .collect();
        snapshot(&format!("{open}{}", "]}".repeat(depth - 1)))
    };
    let deep = tree(512);
    let mut segment = Segment::parse(deep.as_bytes(), &limits).unwrap();
    segment.clean(&Rules::default().compile(), &mut TreeState::new());
    assert_eq!(json(&segment).matches("tagName").count(), 511);
    assert_eq!(Segment::parse(tree(513).as_bytes(), &limits).unwrap_err().reason, "the tree is too deep");
}

/// A hundred thousand brackets must neither take the stack nor much time, wherever they stand.
#[test]
fn brackets_without_end_are_refused() {
    let brackets = "[".repeat(100_000);
    for text in [
        brackets.clone(),
        format!(r#"[{{"type":6,"data":{{"plugin":"x","payload":{brackets}"#),
        format!(r#"[{{"data":{brackets}"#),
        format!(r#"[{{"type":3,"data":{{"x":{brackets}"#),
    ] {
        assert!(Segment::parse(text.as_bytes(), &Limits::default()).is_err());
    }
}
