//! Real events of `@rrweb/record` 2.1.6 (`corpus/real`): read, written, cleaned, imported.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeSet;

use clerestory_intake::rrweb::{GapReason, Limits, Segment, TreeState, import};
use clerestory_settings::capture::{MASK, Rules};
use serde_json::{Value, json};

fn real() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/real/page.json")).unwrap()
}

/// The same for `serde_json`, which refuses the lone surrogate a page may hold.
fn real_value() -> Value {
    let text = String::from_utf8(real()).unwrap();
    assert!(text.contains(r#"\ud83d""#), "the fixture holds a lone surrogate on purpose");
    serde_json::from_str(&text.replace(r#"\ud83d""#, r#"\ufffd""#)).unwrap()
}

fn real_events() -> Vec<Value> {
    serde_json::from_value(real_value()).unwrap()
}

fn written(segment: &Segment<'_>) -> Value {
    let mut out = Vec::new();
    segment.to_json(&mut out);
    serde_json::from_slice(&out).unwrap()
}

fn rules(change: &Value) -> clerestory_settings::capture::Compiled {
    let mut document = serde_json::to_value(Rules::default()).unwrap();
    for (name, value) in change.as_object().unwrap() {
        document[name] = value.clone();
    }
    Rules::from_value(&document).unwrap().compile()
}

/// Every text a person could read, and every value, in order.
fn readable(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if fields.get("tagName").is_some_and(|tag| tag == "style") {
                return;
            }
            for name in ["textContent", "text", "value", "title", "alt", "placeholder", "aria-label"] {
                if let Some(Value::String(text)) = fields.get(name) {
                    found.push(text.clone());
                }
            }
            fields.iter().filter(|(name, _)| *name != "set").for_each(|(_, field)| readable(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| readable(item, found)),
        _ => {}
    }
}

#[test]
fn every_kind_of_event_the_recorder_sends_is_there() {
    let events = real_events();
    let kinds: BTreeSet<String> =
        events.iter().map(|event| format!("{}.{}", event["type"], event["data"]["source"])).collect();
    for wanted in [
        "2.null", "4.null", "5.null", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.7", "3.8", "3.9", "3.13",
        "3.14", "3.15", "3.16",
    ] {
        assert!(kinds.contains(wanted), "no {wanted} in {kinds:?}");
    }
}

#[test]
fn what_is_read_is_written_again() {
    let bytes = real();
    let segment = Segment::parse(&bytes, &Limits::default()).unwrap();
    assert_eq!(written(&segment), real_value());
}

#[test]
fn fields_may_come_in_any_order() {
    // `serde_json` sorts fields by name, so that `type`, `source` and `tag` come last or nearly so.
    let value = real_value();
    let sorted = serde_json::to_vec_pretty(&value).unwrap();
    let segment = Segment::parse(&sorted, &Limits::default()).unwrap();
    assert_eq!(written(&segment), value);
}

#[test]
fn the_sanitiser_leaves_the_page() {
    let bytes = real();
    let mut segment = Segment::parse(&bytes, &Limits::default()).unwrap();
    let report = segment.sanitise();
    let left = written(&segment).to_string();
    for kept in [
        "Orders",
        "bold",
        "emoji 😀",
        "In the shadow",
        "Inside a ",
        "url(#g)",
        "#s",
        "Changed",
        "data:image/png;base64,",
    ] {
        assert!(left.contains(kept), "{kept} is gone: {report:?}");
    }
    for gone in ["a comment", "window.answer", "/bg.png", "/pay", "token=secret"] {
        assert!(!left.contains(gone), "{gone} is left");
    }
    Segment::parse(left.as_bytes(), &Limits::default()).unwrap();
}

#[test]
fn under_the_private_preset_only_the_mask_can_be_read() {
    let bytes = real();
    let mut segment = Segment::parse(&bytes, &Limits::default()).unwrap();
    let report = segment.clean(&rules(&json!({})), &mut TreeState::new());
    assert!(report.scrubbed.texts > 10 && report.scrubbed.values > 5, "{report:?}");
    let left = written(&segment);
    let mut texts = Vec::new();
    readable(&left, &mut texts);
    assert!(texts.iter().filter(|text| *text == MASK).count() > 20);
    for text in &texts {
        assert!(text == MASK || text.trim().is_empty(), "{text:?} can be read");
    }
    for gone in [
        "Lovelace",
        "Grace",
        "secret",
        "Ada",
        "Orders",
        "data:image",
        "isChecked\":true",
        "checked\":true",
        "selected\":",
    ] {
        assert!(!left.to_string().contains(gone), "{gone} is left");
    }
}

#[test]
fn rules_show_mask_and_exclude() {
    let bytes = real();
    let mut segment = Segment::parse(&bytes, &Limits::default()).unwrap();
    let rules = rules(
        &json!({"unmask": ["h1", "form", "#list"], "mask": ["#area"], "exclude": ["#scroller", "svg"], "media": "allowed"}),
    );
    let report = segment.clean(&rules, &mut TreeState::new());
    assert_eq!(report.scrubbed.elements, 4, "a scroller and a picture in two keyframes: {report:?}");
    let left = written(&segment).to_string();
    for shown in ["Orders", "Grace", "tail 3", "Changed"] {
        assert!(left.contains(shown), "{shown} is gone");
    }
    for gone in ["Lovelace", "bold", "secret", "Dear", "Tall", "linearGradient", "In the shadow", "Inside a "]
    {
        assert!(!left.contains(gone), "{gone} is left");
    }
    assert_eq!(left.matches(r#""data-clerestory":"excluded""#).count(), 4);
}

#[test]
fn what_was_scrubbed_needs_no_more() {
    let bytes = real();
    for change in [json!({}), json!({"unmask": ["html"], "exclude": ["form"], "media": "allowed"})] {
        let rules = rules(&change);
        let mut once = Segment::parse(&bytes, &Limits::default()).unwrap();
        once.clean(&rules, &mut TreeState::new());
        let once = written(&once).to_string();
        let mut twice = Segment::parse(once.as_bytes(), &Limits::default()).unwrap();
        let report = twice.clean(&rules, &mut TreeState::new());
        assert_eq!((report.sanitised.total(), report.scrubbed.total()), (0, 0), "{change}: {report:?}");
    }
}

#[test]
fn the_summary_tells_what_happened() {
    let bytes = real();
    let mut segment = Segment::parse(&bytes, &Limits::default()).unwrap();
    segment.clean(&rules(&json!({})), &mut TreeState::new());
    let summary = segment.summary();
    assert!(summary.has_keyframe);
    assert!(summary.clicks >= 3 && summary.inputs >= 5, "{summary:?}");
    assert_eq!(summary.pages.len(), 1, "keyframes tell their page again");
    assert_eq!(summary.pages[0].url, "http://shop.test/page");
    assert_eq!(summary.pages[0].title.as_deref(), Some(MASK));
    assert_eq!(summary.gaps.len(), 1);
    assert_eq!(summary.gaps[0].reason, GapReason::Hidden);
    let viewport = summary.viewport.unwrap();
    assert_eq!((viewport.width, viewport.height), (700, 500));
    assert!(summary.last_ms > summary.first_ms + 1_000);
}

#[test]
fn a_track_is_judged_by_what_came_before() {
    let events = real_events();
    let (first, rest) = events.split_at(2);
    let (first, rest) = (serde_json::to_vec(first).unwrap(), serde_json::to_vec(rest).unwrap());
    let rules = rules(&json!({"unmask": ["html"], "mask": ["form"]}));
    let typed = |tree: &mut TreeState| {
        let mut segment = Segment::parse(&rest, &Limits::default()).unwrap();
        segment.clean(&rules, tree);
        written(&segment).to_string()
    };
    let mut tree = TreeState::new();
    Segment::parse(&first, &Limits::default()).unwrap().clean(&rules, &mut tree);
    let known = typed(&mut tree);
    assert!(known.contains("Changed") && !known.contains("Grace"), "known nodes are judged by the rules");
    let unknown = typed(&mut TreeState::new());
    // The last keyframe of the recording makes everything known again, so look only at what comes before it.
    let before = unknown.split("\"type\":2,\"timestamp\"").next().unwrap();
    let changes: Vec<Value> = serde_json::from_str::<Vec<Value>>(&unknown).unwrap();
    let changes: Vec<&Value> = changes.iter().take_while(|event| event["type"] != 2).collect();
    let mut texts = Vec::new();
    changes.iter().for_each(|event| readable(event, &mut texts));
    assert!(!before.is_empty() && texts.contains(&MASK.to_owned()));
    assert!(
        texts.iter().all(|text| text == MASK || text.trim().is_empty()),
        "unknown nodes are masked: {texts:?}"
    );
}

#[test]
fn an_import_is_cut_into_segments_of_ten_seconds() {
    let mut events = real_events();
    let from = events[0]["timestamp"].as_i64().unwrap();
    // A late copy of some changes, to have more than ten seconds, and what only other recorders send.
    for (index, event) in events.clone().into_iter().filter(|event| event["type"] == 3).enumerate() {
        let mut late = event;
        late["timestamp"] = json!(from + 15_000 + index as i64 * 900);
        late["delay"] = json!(3);
        events.push(late);
    }
    events.insert(
        0,
        json!({"type": 3, "data": {"source": 3, "id": 1, "x": 0, "y": 1}, "timestamp": from - 10}),
    );
    events.push(json!({"type": 6, "data": {"plugin": "x", "payload": [1]}, "timestamp": from + 100}));
    events.push(json!({"type": 42, "data": {}, "timestamp": from + 100}));
    events.push(json!({"type": 3, "data": {"source": 77}, "timestamp": from + 100}));
    events.push(json!({"type": 5, "data": {"tag": "theirs", "payload": {}}, "timestamp": from + 100}));
    events.push(json!({"type": 3, "data": {"source": 3, "id": "x"}, "timestamp": from + 100}));
    events.push(json!("packed"));
    events.push(json!({"type": 3}));
    for file in [json!(events), json!({"version": 1, "events": events})] {
        let bytes = serde_json::to_vec(&file).unwrap();
        let imported = import(&bytes, &Limits::default()).unwrap();
        assert!(imported.segments.len() >= 4);
        assert!(imported.segments[0].has_keyframe());
        assert!(imported.segments.iter().all(|segment| {
            let summary = segment.summary();
            summary.last_ms - summary.first_ms < 10_000 && !segment.events().is_empty()
        }));
        let times: Vec<i64> =
            imported.segments.iter().flat_map(Segment::events).map(|event| event.timestamp_ms).collect();
        assert!(times.is_sorted());
        assert_eq!(times.len() as u64, imported.events);
        for reason in [
            "before_first_snapshot",
            "unknown_event",
            "unknown_source",
            "unknown_tag",
            "unreadable",
            "packed",
            "timestamp",
        ] {
            assert_eq!(imported.dropped.get(reason), Some(&1), "{reason}: {:?}", imported.dropped);
        }
        assert!(imported.dropped["unknown_field"] > 10);
        for segment in &imported.segments {
            let mut out = Vec::new();
            segment.to_json(&mut out);
            Segment::parse(&out, &Limits::default()).expect("what was imported is as our own");
        }
    }
}

#[test]
fn what_is_no_recording_is_not_imported() {
    for bytes in [&b""[..], b"{}", b"[]", b"7", b"[{}]", b"{\"events\":7}", b"\xff", b"[{\"type\":4"] {
        assert!(import(bytes, &Limits::default()).is_err(), "{bytes:?}");
    }
}
