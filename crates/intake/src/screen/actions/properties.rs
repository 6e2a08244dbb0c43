//! Whatever a browser tells: no panic, nothing of a page that is kept out, and what is written can be read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use clerestory_settings::capture::PageRule;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Tab, page (0 none, 1 kept out, 2 let in) and kind of an action.
type Step = (u32, u8, u8);

const KEPT_OUT: &str = "https://bank.example/canary?canary=canary";
const LET_IN: &str = "https://work.example/";

/// An action that names what it was done on, if anything: `canary` where a tab is on the page that is kept out.
fn action(t: usize, (tab, page, kind): Step, name: &str) -> Value {
    let url = match page {
        0 => Value::Null,
        1 => json!(KEPT_OUT),
        _ => json!(LET_IN),
    };
    let title = if page == 1 { "canary" } else { "Work" };
    match kind {
        0 => {
            json!({ "t": t, "kind": "navigate", "tab": tab, "url": if page == 1 { KEPT_OUT } else { LET_IN }, "title": title })
        }
        1 => {
            json!({ "t": t, "kind": "tab", "tab": tab, "url": url, "title": if page == 2 { "Work" } else { "canary" } })
        }
        2 => json!({ "t": t, "kind": "click", "tab": tab, "target": { "name": name }, "x": 0.5, "y": 0.5 }),
        3 => json!({ "t": t, "kind": "submit", "tab": tab, "target": { "name": name } }),
        4 => json!({ "t": t, "kind": "scroll", "tab": tab, "depth": 1 }),
        _ => json!({ "t": t, "kind": "idle", "ms": 1 }),
    }
}

/// A list in which everything done on the page that is kept out, or before a tab told its page, says so.
fn list(steps: &[Step]) -> Vec<Value> {
    let mut on = std::collections::HashMap::new();
    let mut all = Vec::new();
    for (t, step) in steps.iter().enumerate() {
        let (tab, page, kind) = *step;
        match (kind, page) {
            (0, 1) | (1, 1) => on.insert(tab, "canary"),
            (0, _) | (1, 2) => on.insert(tab, "Save"),
            _ => None,
        };
        all.push(action(t, *step, on.get(&tab).copied().unwrap_or("canary")));
    }
    all
}

fn pages(is_only: bool) -> Pages {
    let rule = |text: &str| vec![PageRule::parse(text).unwrap()];
    match is_only {
        true => Pages { only: Some(rule("work.example")), out: Vec::new() },
        false => Pages { only: None, out: rule("bank.example") },
    }
}

fn read_on(list: &[Value], pages: &Pages, tabs: &mut Tabs) -> Vec<Action> {
    if list.is_empty() {
        return Vec::new();
    }
    Actions::parse(&serde_json::to_vec(list).unwrap(), pages, tabs).unwrap().list
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_of_a_page_that_is_kept_out_stays(
        steps in prop::collection::vec((0_u32..3, 0_u8..3, 0_u8..6), 1..40),
        cut in any::<prop::sample::Index>(),
        is_only in any::<bool>(),
    ) {
        let (list, pages) = (list(&steps), pages(is_only));
        let mut tabs = Tabs::default();
        let whole = read_on(&list, &pages, &mut tabs);
        let told = serde_json::to_string(&whole).unwrap();
        prop_assert!(!told.contains("canary") && !told.contains("bank"), "{}", told);
        // In two segments it is the same.
        let (first, second) = list.split_at(cut.index(list.len()));
        let mut going_on = Tabs::default();
        let mut parts = read_on(first, &pages, &mut going_on);
        parts.extend(read_on(second, &pages, &mut going_on));
        prop_assert_eq!(&parts, &whole);
        prop_assert_eq!(going_on, tabs);
    }

    #[test]
    fn what_is_written_can_be_read(steps in prop::collection::vec((0_u32..3, 0_u8..3, 0_u8..6), 1..40)) {
        let json = serde_json::to_vec(&list(&steps)).unwrap();
        let read = Actions::parse(&json, &pages(false), &mut Tabs::default()).unwrap();
        prop_assume!(!read.list.is_empty());
        let again = Actions::unpack(&read.pack().unwrap()).unwrap();
        prop_assert_eq!(&again.list, &read.list);
        prop_assert_eq!(again.told(), read.told());
    }

    #[test]
    fn broken_lists_do_no_harm(
        steps in prop::collection::vec((0_u32..3, 0_u8..3, 0_u8..6), 1..10),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let mut bytes = serde_json::to_vec(&list(&steps)).unwrap();
        for (at, byte, how) in edits {
            // One byte may be taken out of one.
            let at = if bytes.is_empty() { break } else { at.index(bytes.len()) };
            match how {
                0 => *bytes.get_mut(at).unwrap() = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *b"{}[],:\"\\0-te".get(usize::from(byte) % 12).unwrap()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        if let Ok(read) = Actions::parse(&bytes, &pages(false), &mut Tabs::default()) {
            let (first, last) = read.span_ms();
            prop_assert!(0 <= first && first <= last && last < LAST_MS);
            prop_assert!(read.list.is_empty() || Actions::unpack(&read.pack().unwrap()).is_ok());
        }
    }
}
