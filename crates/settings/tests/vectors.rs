//! The vectors both capture engines read, in `policies/vectors`.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "integration tests may panic")]

use std::collections::BTreeMap;

use clerestory_settings::capture::{
    Attribute, CapturePolicy, Compiled, Decision, Element, PolicyErrors, Rules, Selector, UrlPattern,
    attribute, attribute_lists, canonical, diff, never_shown, path_of,
};
use serde_json::{Value, json};

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../policies/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))).unwrap()
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value[name].as_array().unwrap_or_else(|| panic!("no list {name}"));
    assert!(!items.is_empty(), "{name} is empty");
    items
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}"))
}

#[derive(Debug, Default)]
struct Node {
    key: String,
    tag: String,
    attributes: Vec<(String, String)>,
    parent: Option<usize>,
}

#[derive(Debug, Default)]
struct Tree(Vec<Node>);

#[derive(Clone)]
struct At<'t>(&'t Tree, usize);

impl Tree {
    fn of(value: &Value) -> Self {
        let mut tree = Self::default();
        tree.add(value, None);
        tree
    }

    fn add(&mut self, value: &Value, parent: Option<usize>) {
        let attributes = value["attributes"].as_object().map(|fields| {
            fields.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
        });
        let here = self.0.len();
        let key = value["key"].as_str().unwrap_or_default().to_owned();
        self.0.push(Node {
            key,
            tag: text(value, "tag").to_owned(),
            attributes: attributes.unwrap_or_default(),
            parent,
        });
        for child in value["children"].as_array().into_iter().flatten() {
            self.add(child, Some(here));
        }
    }

    fn elements(&self) -> impl Iterator<Item = At<'_>> {
        (0..self.0.len()).map(|index| At(self, index))
    }
}

impl At<'_> {
    fn node(&self) -> &Node {
        &self.0.0[self.1]
    }
}

impl Element for At<'_> {
    fn tag(&self) -> &str {
        &self.node().tag
    }

    fn attr(&self, name: &str) -> Option<&str> {
        self.node()
            .attributes
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn parent(&self) -> Option<Self> {
        self.node().parent.map(|parent| At(self.0, parent))
    }
}

#[test]
fn policies_are_written_as_the_vectors_say() {
    for case in items(&vectors("canonical"), "policies") {
        let name = text(case, "name");
        let policy = CapturePolicy::from_value(&case["document"]).unwrap_or_else(|e| panic!("{name}: {e}"));
        let canonical = text(case, "canonical");
        assert_eq!(std::str::from_utf8(&policy.canonical()).unwrap(), canonical, "{name}");
        assert_eq!(CapturePolicy::parse(canonical.as_bytes()).unwrap(), policy, "{name}");
        let loose = serde_json::to_vec_pretty(&case["document"]).unwrap();
        assert!(CapturePolicy::parse(&loose).is_err(), "{name}: only canonical bytes are a signed document");
        let twice = format!("{{\"exclude\":[],{}", canonical.strip_prefix('{').unwrap());
        assert!(CapturePolicy::parse(twice.as_bytes()).is_err(), "{name}: a field given twice");
    }
}

#[test]
fn strings_are_written_as_the_vectors_say() {
    for case in items(&vectors("canonical"), "strings") {
        let mut out = Vec::new();
        canonical::string(text(case, "text"), &mut out);
        assert_eq!(std::str::from_utf8(&out).unwrap(), text(case, "canonical"));
    }
}

fn paths(errors: &PolicyErrors) -> Vec<&str> {
    errors.0.iter().map(|error| error.path.as_str()).collect()
}

#[test]
fn refused_documents_name_every_place() {
    let all = vectors("canonical");
    for case in items(&all, "rules_refused") {
        let wanted: Vec<&str> = items(case, "errors").iter().map(|error| text(error, "path")).collect();
        let errors = Rules::from_value(&case["document"]).expect_err(text(case, "name"));
        assert_eq!(paths(&errors), wanted, "{}: {errors}", text(case, "name"));
        assert!(errors.0.iter().all(|error| !error.message.is_empty()));
    }
    for case in items(&all, "policies_refused") {
        let wanted: Vec<&str> = items(case, "errors").iter().map(|error| text(error, "path")).collect();
        let errors = CapturePolicy::from_value(&case["document"]).expect_err(text(case, "name"));
        assert_eq!(paths(&errors), wanted, "{}: {errors}", text(case, "name"));
    }
}

#[test]
fn too_many_rules_are_refused() {
    let mut document = serde_json::to_value(Rules::default()).unwrap();
    document["mask"] = json!(vec!["p"; 200]);
    assert!(Rules::from_value(&document).is_ok());
    document["mask"] = json!(vec!["p"; 201]);
    assert_eq!(paths(&Rules::from_value(&document).unwrap_err()), ["mask"]);
}

#[test]
fn selectors_are_read_as_the_vectors_say() {
    let all = vectors("selectors");
    for case in items(&all, "accepted") {
        let selector = Selector::parse(text(case, "selector")).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(selector.to_string(), text(case, "normal"));
        assert_eq!(Selector::parse(&selector.to_string()).as_ref(), Ok(&selector));
    }
    for case in items(&all, "refused") {
        assert!(Selector::parse(text(case, "selector")).is_err(), "{case} was accepted");
    }
}

#[test]
fn selectors_match_as_the_vectors_say() {
    for tree_case in items(&vectors("selectors"), "matches") {
        let tree = Tree::of(&tree_case["tree"]);
        for case in items(tree_case, "cases") {
            let selector = Selector::parse(text(case, "selector")).unwrap();
            let found: Vec<String> =
                tree.elements().filter(|e| selector.matches(e)).map(|e| e.node().key.clone()).collect();
            let wanted: Vec<String> = serde_json::from_value(case["matches"].clone()).unwrap();
            assert_eq!(found, wanted, "{case}");
        }
    }
}

#[test]
fn urls_are_judged_as_the_vectors_say() {
    let all = vectors("urls");
    for pattern in items(&all, "accepted") {
        assert!(UrlPattern::parse(pattern.as_str().unwrap()).is_ok(), "{pattern} was refused");
    }
    for case in items(&all, "refused") {
        assert!(UrlPattern::parse(text(case, "pattern")).is_err(), "{case} was accepted");
    }
    for case in items(&all, "matches") {
        let pattern = UrlPattern::parse(text(case, "pattern")).unwrap();
        assert_eq!(pattern.matches(text(case, "path")), case["matches"].as_bool().unwrap(), "{case}");
    }
    for case in items(&all, "paths") {
        assert_eq!(path_of(text(case, "url")), text(case, "path"));
    }
    for case in items(&all, "captured") {
        let mut document = serde_json::to_value(Rules::default()).unwrap();
        document["urls"] = json!({"deny": case["deny"], "allow": case["allow"]});
        let rules = Rules::from_value(&document).unwrap().compile();
        for path in items(case, "captured") {
            assert!(rules.captures(path.as_str().unwrap()), "{case}: {path}");
        }
        for path in case["denied"].as_array().unwrap() {
            assert!(!rules.captures(path.as_str().unwrap()), "{case}: {path}");
        }
    }
}

fn decision_name(decision: Decision) -> &'static str {
    match decision {
        Decision::Exclude => "exclude",
        Decision::Mask => "mask",
        Decision::Show => "show",
    }
}

#[test]
fn elements_are_judged_as_the_vectors_say() {
    let all = vectors("decisions");
    for case in items(&all, "decisions") {
        let rules: Compiled = Rules::from_value(&case["rules"]).unwrap().compile();
        let tree = Tree::of(&case["tree"]);
        let found: BTreeMap<String, String> = tree
            .elements()
            .map(|e| (e.node().key.clone(), decision_name(rules.decision(&e)).to_owned()))
            .collect();
        let wanted: BTreeMap<String, String> = serde_json::from_value(case["expect"].clone()).unwrap();
        assert_eq!(found, wanted, "{}", text(case, "name"));
    }
    for case in items(&all, "never_shown") {
        let tree = Tree::of(case);
        assert_eq!(never_shown(&At(&tree, 0)), case["expect"].as_bool().unwrap(), "{case}");
    }
}

#[test]
fn attributes_are_kept_as_the_vectors_say() {
    let all = vectors("attributes");
    let lists = ["always", "shown", "field_state", "media_source"];
    for (name, list) in lists.into_iter().zip(attribute_lists()) {
        let wanted: Vec<&str> = items(&all, name).iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(list, wanted, "{name}");
        assert!(list.is_sorted(), "{name} is searched by halves");
        assert!(list.iter().all(|one| one.len() <= 32), "{name}: the buffer for lower case is 32 bytes");
    }
    for case in items(&all, "cases") {
        let decision = if text(case, "decision") == "show" { Decision::Show } else { Decision::Mask };
        let never = case["never_shown"] == json!(true);
        let value = text(case, "value");
        let found = match attribute(
            text(case, "tag"),
            text(case, "name"),
            value,
            decision,
            never,
            case["media"] == "allowed",
        ) {
            Attribute::Keep => json!(value),
            Attribute::Replace(other) => json!(other),
            Attribute::Drop => Value::Null,
        };
        assert_eq!(found, case["expect"], "{case}");
    }
}

#[test]
fn changes_are_told_as_the_vectors_say() {
    let rules = |partial: &Value| {
        let mut document = serde_json::to_value(Rules::default()).unwrap();
        for (name, value) in partial.as_object().unwrap() {
            document[name] = value.clone();
        }
        Rules::from_value(&document).unwrap()
    };
    for case in items(&vectors("diff"), "cases") {
        let found = serde_json::to_value(diff(&rules(&case["old"]), &rules(&case["new"]))).unwrap();
        assert_eq!(found["direction"], case["direction"], "{case}");
        assert_eq!(found["changes"], case["changes"], "{case}");
    }
}
