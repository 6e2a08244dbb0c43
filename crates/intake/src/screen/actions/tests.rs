#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use clerestory_settings::capture::PageRule;
use serde_json::{Value, json};

use super::*;

fn all() -> Pages {
    Pages::default()
}

fn without(rule: &str) -> Pages {
    Pages { only: None, out: vec![PageRule::parse(rule).unwrap()] }
}

fn only(rule: &str) -> Pages {
    Pages { only: Some(vec![PageRule::parse(rule).unwrap()]), out: Vec::new() }
}

/// What is stored of a list that goes on from where the tabs are.
fn going_on(list: &Value, pages: &Pages, tabs: &mut Tabs) -> Value {
    let packed = Actions::parse(list.to_string().as_bytes(), pages, tabs).unwrap().pack().unwrap();
    serde_json::from_slice(&zstd::bulk::decompress(&packed, JSON_BYTES).unwrap()).unwrap()
}

fn written(list: &Value, pages: &Pages) -> Value {
    going_on(list, pages, &mut Tabs::default())
}

fn kinds(kept: &Value) -> Vec<&str> {
    kept.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect()
}

fn refused(json: &[u8]) -> Option<Malformed> {
    match Actions::parse(json, &all(), &mut Tabs::default()) {
        Err(IntakeError::Malformed(fault)) => Some(fault),
        _ => None,
    }
}

#[test]
fn values_of_queries_credentials_and_long_texts_are_not_kept() {
    let list = json!([
        { "t": 5, "kind": "navigate", "tab": 1, "url": "https://me:secret@a.example/p?q=canary&r#canary", "title": "x".repeat(300) },
        { "t": 6, "kind": "tab", "tab": 2, "url": "data:text/html,canary", "title": null },
        { "t": 7, "kind": "click", "target": { "role": "button", "name": "Save", "tag": "button" }, "x": 0.5, "y": 1 },
        { "t": 7, "kind": "keys", "count": 17, "ms": 5000 },
        { "t": 8, "kind": "pause", "reason": "p".repeat(300) },
    ]);
    let kept = written(&list, &all());
    assert_eq!(kept[0]["url"], "https://a.example/p?q&r");
    assert_eq!(kept[0]["title"].as_str().unwrap().len(), 200);
    assert_eq!(kept[1]["url"], "data:");
    assert_eq!((&kept[2]["target"]["name"], &kept[3]["count"]), (&json!("Save"), &json!(17)));
    assert_eq!(kept[4]["reason"].as_str().unwrap().len(), 200);
    assert!(!kept.to_string().contains("canary") && !kept.to_string().contains("secret"));
}

#[test]
fn nothing_is_kept_of_a_page_that_is_kept_out() {
    let list = json!([
        { "t": 1, "kind": "navigate", "tab": 1, "url": "https://work.example/", "title": "Work" },
        { "t": 2, "kind": "navigate", "tab": 1, "url": "https://bank.example/", "title": "Canary" },
        { "t": 3, "kind": "click", "target": { "name": "Canary" }, "x": 0, "y": 0 },
        { "t": 3, "kind": "gap", "to": 9, "reason": "blocked" },
        { "t": 3, "kind": "pause", "reason": "A call" },
        { "t": 4, "kind": "copy", "length": 3 },
        { "t": 9, "kind": "navigate", "tab": 1, "url": "https://work.example/b", "title": "Work" },
        { "t": 10, "kind": "paste", "length": 3 },
    ]);
    let kept = written(&list, &without("*.bank.example"));
    assert_eq!(kinds(&kept), ["navigate", "gap", "pause", "navigate", "paste"]);
    assert_eq!(written(&list, &only("work.example")), kept);
    let both = Pages { out: without("work.example/b").out, ..only("work.example") };
    assert_eq!(kinds(&written(&list, &both)), ["navigate", "gap", "pause"]);
}

/// A page stays kept out in the segments after the one that told of it.
#[test]
fn a_page_is_kept_out_beyond_the_end_of_a_list() {
    let (pages, mut tabs) = (without("bank.example"), Tabs::default());
    let first =
        json!([{ "t": 1, "kind": "navigate", "tab": 1, "url": "https://bank.example/", "title": "x" }]);
    let next = json!([
        { "t": 2, "kind": "click", "tab": 1, "target": { "name": "Canary" }, "x": 0, "y": 0 },
        { "t": 3, "kind": "copy", "length": 9 },
    ]);
    assert_eq!(going_on(&first, &pages, &mut tabs), json!([]));
    assert_eq!(going_on(&next, &pages, &mut tabs), json!([]));
}

#[test]
fn what_another_tab_does_neither_hides_nor_shows_this_one() {
    let click = |t: i64, tab: u32, name: &str| json!({ "t": t, "kind": "click", "tab": tab, "target": { "name": name }, "x": 0, "y": 0 });
    let list = json!([
        { "t": 1, "kind": "navigate", "tab": 1, "url": "https://bank.example/" },
        { "t": 2, "kind": "navigate", "tab": 2, "url": "https://work.example/" },
        click(3, 1, "Canary"),
        click(4, 2, "Save"),
        { "t": 5, "kind": "copy", "length": 9 },
        { "t": 6, "kind": "tab", "tab": 2, "url": null, "title": "Canary" },
        { "t": 7, "kind": "copy", "length": 8 },
        { "t": 8, "kind": "tab", "tab": 1, "title": "Canary" },
        { "t": 9, "kind": "copy", "length": 7 },
    ]);
    for pages in [without("bank.example"), only("work.example")] {
        let kept = written(&list, &pages);
        assert_eq!(kinds(&kept), ["navigate", "click", "tab", "copy"], "{kept}");
        assert_eq!((&kept[1]["target"]["name"], &kept[3]["length"]), (&json!("Save"), &json!(8)));
        assert!(!kept.to_string().contains("Canary"), "{kept}");
    }
}

#[test]
fn of_a_page_that_nobody_named_the_bare_fact_is_kept_or_nothing() {
    let list = json!([
        { "t": 1, "kind": "click", "tab": 1, "target": { "name": "Canary", "role": "button", "tag": "canary" }, "x": 0.5, "y": 0.5 },
        { "t": 2, "kind": "submit", "target": { "name": "Canary" } },
        { "t": 3, "kind": "copy", "length": 7171 },
        { "t": 4, "kind": "cut", "length": 7171 },
        { "t": 5, "kind": "paste", "length": 7171 },
        { "t": 6, "kind": "keys", "count": 7171, "ms": 5 },
        { "t": 7, "kind": "tab", "tab": 1, "url": null, "title": "Canary" },
        { "t": 8, "kind": "scroll", "tab": 1, "depth": 0.5 },
        { "t": 9, "kind": "idle", "ms": 60_000 },
    ]);
    let kept = written(&list, &without("bank.example"));
    assert_eq!(kept.as_array().unwrap().len(), 9);
    let text = kept.to_string().to_lowercase();
    assert!(!text.contains("canary") && !text.contains("7171"), "{text}");
    let again = Actions::unpack(&zstd::bulk::compress(kept.to_string().as_bytes(), 1).unwrap()).unwrap();
    assert_eq!(again.told().clicks, 1, "what was laid bare can be read");
    assert_eq!(kinds(&written(&list, &only("work.example"))), ["idle"]);
}

/// How long somebody did nothing, or a gap, would carry the list over times that were taken back.
#[test]
fn a_list_takes_the_time_from_its_first_action_to_its_last() {
    let list = json!([
        { "t": 10, "kind": "idle", "ms": 4_000_000_000_u32 },
        { "t": 11, "kind": "keys", "count": 1, "ms": 4_000_000_000_u32 },
        { "t": 12, "kind": "gap", "to": 253_402_300_800_000_i64, "reason": "lost" },
        { "t": 13, "kind": "idle", "ms": 1 },
    ]);
    let read = Actions::parse(list.to_string().as_bytes(), &all(), &mut Tabs::default()).unwrap();
    assert_eq!(read.span_ms(), (10, 13));
}

#[test]
fn a_list_tells_of_64_gaps_at_most() {
    let gaps = |count: usize| {
        let gap = json!({ "t": 1, "kind": "gap", "to": 2, "reason": "blocked" });
        serde_json::to_vec(&vec![gap; count]).unwrap()
    };
    let most = Actions::parse(&gaps(64), &all(), &mut Tabs::default()).unwrap();
    assert_eq!(most.gaps().len(), 64);
    for count in [65, 255, 256, 10_000] {
        assert_eq!(refused(&gaps(count)).unwrap().reason, "a segment tells of at most 64 gaps", "{count}");
    }
}

#[test]
fn what_no_browser_writes_costs_little() {
    let address = |bytes: usize| {
        let url = format!("https://a.example/{}", "x".repeat(bytes - 18));
        json!([{ "t": 1, "kind": "navigate", "tab": 1, "url": url }]).to_string().into_bytes()
    };
    assert!(refused(&address(8192)).is_none());
    assert_eq!(refused(&address(8193)).unwrap().reason, "no address has more than 8192 bytes");
    let wrapped = format!("{}https://a.example/", "view-source:".repeat(10_000));
    let wrapped = json!([{ "t": 1, "kind": "tab", "tab": 1, "url": wrapped }]).to_string();
    assert!(refused(wrapped.as_bytes()).is_some());
    let large = vec![b' '; ACTIONS_BYTES + 1];
    let found = Actions::parse(&large, &all(), &mut Tabs::default());
    assert!(matches!(found, Err(IntakeError::TooLarge { limit: ACTIONS_BYTES })));
    // What does not belong to an action is refused where it begins: what stands behind it is not read at all.
    let broken = br#"[{"kind":"idle","t":1,"ms":1,"z":[0,0,0,"#;
    assert!(refused(broken).is_some());
    let error = serde_json::from_slice::<Vec<Action>>(broken).unwrap_err();
    assert!(error.is_data(), "{error}");
}

#[test]
fn what_recorders_do_not_write_is_refused() {
    for list in [
        json!([]),
        json!({}),
        json!([{ "t": 1, "kind": "type", "text": "canary" }]),
        json!([{ "t": 1, "kind": "keys", "count": 1, "ms": 1, "keys": "canary" }]),
        json!([{ "t": 1, "kind": "paste", "length": 1, "text": "canary" }]),
        json!([{ "t": 1, "kind": "paste", "length": 1, "title": "canary" }]),
        json!([{ "t": 1, "kind": "idle", "ms": 1, "tab": 1 }]),
        json!([{ "t": 1, "kind": "click", "target": { "value": "canary" }, "x": 0, "y": 0 }]),
        json!([{ "t": 1, "kind": "click", "target": {}, "x": 1.5, "y": 0 }]),
        json!([{ "t": 1, "kind": "click", "target": {}, "x": 1 }]),
        json!([{ "t": 1, "kind": "navigate", "url": "https://a.example/" }]),
        json!([{ "t": 1, "kind": "navigate", "tab": 1 }]),
        json!([{ "t": 2, "kind": "idle", "ms": 1 }, { "t": 1, "kind": "idle", "ms": 1 }]),
        json!([{ "t": -1, "kind": "idle", "ms": 1 }]),
        json!([{ "t": 5, "kind": "gap", "to": 4, "reason": "paused" }]),
        json!([{ "t": 5, "kind": "gap", "to": 6, "reason": "bored" }]),
    ] {
        assert!(refused(list.to_string().as_bytes()).is_some(), "{list}");
    }
}
