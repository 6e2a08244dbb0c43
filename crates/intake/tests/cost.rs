//! What judging a segment may cost: as much as any page takes, and not as much as somebody wants it to.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::fmt::Write;

use clerestory_intake::rrweb::{Limits, Segment, TreeState};
use clerestory_settings::capture::{Compiled, Rules};
use serde_json::{Value, json};

const T0: i64 = 1_764_000_000_000;

/// Rules with a selector that looks at every ancestor.
fn rules(change: &Value) -> Compiled {
    let mut document = serde_json::to_value(Rules::default()).unwrap();
    for (name, value) in change.as_object().unwrap() {
        document.as_object_mut().unwrap().insert(name.clone(), value.clone());
    }
    Rules::from_value(&document).unwrap().compile()
}

fn clean(events: &str, rules: &Compiled, tree: &mut TreeState) {
    let mut segment = Segment::parse(events.as_bytes(), &Limits::default()).unwrap();
    segment.clean(rules, tree);
}

fn page(body: &str) -> String {
    format!(
        r#"[{{"type":2,"timestamp":{T0},"data":{{"initialOffset":{{"top":0,"left":0}},"node":{{"type":0,"id":1,
        "childNodes":[{{"type":2,"tagName":"html","attributes":{{}},"id":2,"childNodes":[
        {{"type":2,"tagName":"body","attributes":{{}},"id":3,"childNodes":[{body}]}}]}}]}}}}}}]"#
    )
}

fn mutation(adds: &str, texts: &str) -> String {
    format!(
        r#"[{{"type":3,"timestamp":{T0},"data":{{"source":0,"adds":[{adds}],"texts":[{texts}],"removes":[],"attributes":[]}}}}]"#
    )
}

/// `count` times what `one` writes, with commas between.
fn list(count: i64, one: impl Fn(i64, &mut String)) -> String {
    let mut out = String::new();
    for number in 0..count {
        if number > 0 {
            out.push(',');
        }
        one(number, &mut out);
    }
    out
}

#[test]
fn changes_deep_below_a_page_do_not_keep_the_processor() {
    let rules = rules(&json!({"mask": ["main p"], "unmask": ["body"]}));
    let mut tree = TreeState::new();
    clean(&page(""), &rules, &mut tree);
    // Each hangs in the one before; nothing of the snapshot is as deep.
    let chain = list(200, |number, out| {
        let (id, parent) = (10 + number, if number == 0 { 3 } else { 9 + number });
        write!(
            out,
            r#"{{"parentId":{parent},"nextId":null,"node":{{"type":2,"tagName":"p","attributes":{{}},"childNodes":[],"id":{id}}}}}"#
        )
        .unwrap();
    });
    clean(&mutation(&chain, ""), &rules, &mut tree);
    assert!(!tree.is_exhausted());
    let texts = list(200_000, |_, out| out.push_str(r#"{"id":209,"value":"x"}"#));
    clean(&mutation("", &texts), &rules, &mut tree);
    assert!(tree.is_exhausted(), "it was judged to its end, whatever that took");
}

#[test]
fn a_large_page_that_changes_altogether_is_judged_to_its_end() {
    let rules = rules(&json!({"mask": ["main p"], "exclude": [".secret .field"], "unmask": ["body"]}));
    let mut tree = TreeState::new();
    // Twenty thousand paragraphs, each thirty elements deep.
    let nest = |inner: &str| {
        (0..30).fold(inner.to_owned(), |inner, depth| {
            format!(r#"{{"type":2,"tagName":"div","attributes":{{"class":"a b"}},"id":{},"childNodes":[{inner}]}}"#, 100 + depth)
        })
    };
    let paragraphs = list(20_000, |number, out| {
        write!(
            out,
            r#"{{"type":2,"tagName":"p","attributes":{{}},"id":{},"childNodes":[{{"type":3,"textContent":"x","id":{}}}]}}"#,
            1000 + 2 * number,
            1001 + 2 * number
        )
        .unwrap();
    });
    clean(&page(&nest(&paragraphs)), &rules, &mut tree);
    assert!(!tree.is_exhausted());
    let texts =
        list(20_000, |number, out| write!(out, r#"{{"id":{},"value":"y"}}"#, 1001 + 2 * number).unwrap());
    clean(&mutation("", &texts), &rules, &mut tree);
    assert!(!tree.is_exhausted());
    assert!((1_000_000..16_000_000).contains(&tree.bytes()), "{} bytes", tree.bytes());
}

#[test]
fn another_policy_judges_a_page_anew() {
    let loose = rules(&json!({"unmask": ["body"]}));
    let tight = rules(&json!({"unmask": ["body"], "urls": {"deny": ["/secret/**"], "allow": []}}));
    let mut tree = TreeState::new();
    clean(&page(r#"{"type":3,"textContent":"x","id":9}"#), &loose, &mut tree);
    let shown = |tree: &mut TreeState, rules: &Compiled| {
        let mut segment_bytes = Vec::new();
        let sent = mutation("", r#"{"id":9,"value":"canary"}"#);
        let mut segment = Segment::parse(sent.as_bytes(), &Limits::default()).unwrap();
        segment.clean(rules, tree);
        segment.to_json(&mut segment_bytes);
        String::from_utf8(segment_bytes).unwrap().contains("canary")
    };
    assert!(shown(&mut tree, &loose));
    tree.rules_changed(&tight);
    assert!(!shown(&mut tree, &tight), "it may be a page that is not recorded now");
    clean(&page(r#"{"type":3,"textContent":"x","id":9}"#), &tight, &mut tree);
    assert!(!shown(&mut tree, &tight), "until the page says which it is");
}
