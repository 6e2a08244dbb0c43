//! Whatever comes in: no panic, no disagreement with other readers, nothing that leads out.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use clerestory_intake::rrweb::{Limits, Segment, TreeState, import};
use clerestory_settings::capture::Rules;
use proptest::prelude::*;
use serde_json::{Value, json};

fn sample() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/real/page.json")).unwrap()
}

/// Reads, cleans and writes; what is left must be readable, and in need of nothing.
fn through(bytes: &[u8]) {
    let rules = Rules::default().compile();
    let _ = import(bytes, &Limits::default());
    if let Ok(mut segment) = Segment::parse(bytes, &Limits::default()) {
        segment.clean(&rules, &mut TreeState::new());
        let mut out = Vec::new();
        segment.to_json(&mut out);
        if segment.events().is_empty() {
            return;
        }
        let mut again = Segment::parse(&out, &Limits::default()).expect("what was cleaned can be read");
        let report = again.clean(&rules, &mut TreeState::new());
        assert_eq!(report.sanitised.total(), 0, "{report:?}");
        let mut twice = Vec::new();
        again.to_json(&mut twice);
        assert_eq!(out, twice);
    }
}

fn styled(css: &str) -> Vec<u8> {
    let node = json!({"type": 0, "id": 1, "childNodes": [{"type": 2, "tagName": "style", "attributes": {"_cssText": css, "style": css}, "childNodes": [], "id": 2}]});
    serde_json::to_vec(
        &json!([{"type": 2, "data": {"node": node, "initialOffset": {"top": 0, "left": 0}}, "timestamp": 1}]),
    )
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Strings and numbers as attribute values: what is read is what `serde_json` reads.
    #[test]
    fn values_are_read_as_serde_json_reads_them(text in any::<String>(), number in any::<f64>(), integer in any::<i64>()) {
        let attributes = json!({"a": text, "b": if number.is_finite() { json!(number) } else { Value::Null }, "c": integer});
        let node = json!({"type": 0, "id": 1, "childNodes": [{"type": 2, "tagName": "p", "attributes": attributes, "childNodes": [], "id": 2}]});
        let event = json!([{"type": 2, "data": {"node": node, "initialOffset": {"top": 0, "left": 0}}, "timestamp": 1}]);
        // Once as serde_json writes it, once with every character escaped.
        let plain = event.to_string();
        let escaped: String = plain.chars().map(|c| if c.is_ascii() { c.to_string() } else {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect()
        }).collect();
        for written in [plain, escaped] {
            let segment = Segment::parse(written.as_bytes(), &Limits::default()).unwrap();
            let mut out = Vec::new();
            segment.to_json(&mut out);
            prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), serde_json::from_str::<Value>(&written).unwrap());
        }
    }

    #[test]
    fn broken_recordings_do_no_harm(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6)) {
        let mut bytes = sample();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => *bytes.get_mut(at).unwrap() = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *b"{}[],:\"\\0-te".get(usize::from(byte) % 12).unwrap()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        through(&bytes);
    }

    /// One event after another taken out, doubled or moved: each is well-formed, together they make no sense.
    #[test]
    fn events_in_any_order_do_no_harm(order in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
        let text = String::from_utf8(sample()).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).map(|line| line.trim_end_matches(',')).collect();
        let chosen: Vec<&str> = order.iter().map(|index| *index.get(&lines)).collect();
        through(format!("[{}]", chosen.join(",")).as_bytes());
    }

    #[test]
    fn any_style_is_cleaned_once_and_for_all(css in r#"(\\|/\*|\*/|"|'|url\(|\)|\(|u|rl|http://h|#a|@import|@\\69mport|;|\{|\}| |\n|image-set\(|1|\.|-|/\* rr_split \*/|é){0,30}"#) {
        through(&styled(&css));
    }
}
