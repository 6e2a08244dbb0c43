#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use super::*;

fn vectors() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/vectors/screens.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn words(list: &serde_json::Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_are_judged_as_the_vectors_say() {
    for group in vectors()["pages"].as_array().unwrap() {
        let urls = &group["urls"];
        let patterns = words(&urls["patterns"]);
        let named = match urls["mode"].as_str().unwrap() {
            "allow" => NamedPages { only: Some(patterns), out: words(&urls["except"]), is_whole: true },
            _ => NamedPages { only: None, out: patterns, is_whole: true },
        };
        assert_eq!(&named.told(), urls);
        let pages = named.compiled().unwrap();
        for case in group["cases"].as_array().unwrap() {
            let url = case["url"].as_str().unwrap();
            assert_eq!(pages.keeps_out(url), case["kept_out"].as_bool().unwrap(), "{urls}: {url}");
        }
    }
}

#[test]
fn documents_are_told_apart_as_the_vectors_say() {
    for case in vectors()["digests"].as_array().unwrap() {
        let mut document = case["document"].clone();
        let fields = document.as_object_mut().unwrap();
        fields.remove("issued_at_ms");
        fields.remove("expires_at_ms");
        assert_eq!(digest(&document).unwrap(), case["digest"].as_str().unwrap(), "{}", case["name"]);
    }
}

#[test]
fn a_rule_that_cannot_be_read_lets_nothing_be_judged() {
    let named = |only: Option<&str>, out: &str| NamedPages {
        only: only.map(|text| vec![text.to_owned()]),
        out: vec![out.to_owned()],
        is_whole: true,
    };
    assert!(named(None, "not a rule").compiled().is_none());
    assert!(named(Some("not a rule"), "bank.example").compiled().is_none());
    assert!(named(Some("work.example"), "bank.example").compiled().is_some());
}
