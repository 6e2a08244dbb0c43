//! What must hold for every input, not only for the vectors.
#![expect(clippy::indexing_slicing, reason = "integration tests may panic")]

use clerestory_settings::capture::{Element, Rules, Selector, UrlPattern, canonical, diff};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A chain of elements from the root down; each is (tag, class).
#[derive(Clone)]
struct Chain<'c>(&'c [(String, String)]);

impl Element for Chain<'_> {
    fn tag(&self) -> &str {
        self.0.last().map_or("", |one| &one.0)
    }

    fn attr(&self, name: &str) -> Option<&str> {
        (name == "class").then(|| self.0.last().map_or("", |one| &one.1))
    }

    fn parent(&self) -> Option<Self> {
        let above = self.0.split_last()?.1;
        (!above.is_empty()).then_some(Chain(above))
    }
}

/// Every way to place the compounds on the chain: the definition, without the shortcut the matcher takes.
fn matches_by_trying(steps: &[(String, bool)], chain: &[(String, String)]) -> bool {
    let Some((last, above)) = chain.split_last() else {
        return false;
    };
    let Some(((tag, child), left)) = steps.split_last() else {
        return true;
    };
    if *tag != last.0 {
        return false;
    }
    if left.is_empty() {
        return true;
    }
    if *child {
        return matches_by_trying(left, above);
    }
    (1..=above.len()).any(|end| matches_by_trying(left, &above[..end]))
}

fn glob_by_trying(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [b'*', b'*', rest @ ..] => (0..=path.len()).any(|at| glob_by_trying(rest, &path[at..])),
        [b'*', rest @ ..] => (0..=path.len())
            .take_while(|&at| !path[..at].contains(&b'/'))
            .any(|at| glob_by_trying(rest, &path[at..])),
        [byte, rest @ ..] => {
            path.split_first().is_some_and(|(first, path)| first == byte && glob_by_trying(rest, path))
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_a_selector_never_panics_and_its_normal_form_is_stable(text in "\\PC{0,40}|[a-c#.*>, \\[\\]=\"'-]{0,24}") {
        if let Ok(selector) = Selector::parse(&text) {
            let normal = selector.to_string();
            // Normal forms may be longer than what was written (quotes), so only those within the limit are read again.
            if normal.chars().count() <= 200 {
                prop_assert_eq!(Selector::parse(&normal), Ok(selector));
            }
        }
    }

    #[test]
    fn matching_agrees_with_the_definition(
        steps in prop::collection::vec(("[abc]", any::<bool>()), 1..5),
        chain in prop::collection::vec(("[abc]", "[xyz]"), 1..9),
    ) {
        let mut text = String::new();
        for (index, (tag, child)) in steps.iter().enumerate() {
            if index > 0 {
                text.push_str(if *child { ">" } else { " " });
            }
            text.push_str(tag);
        }
        let selector = Selector::parse(&text).unwrap();
        prop_assert_eq!(selector.matches(&Chain(&chain)), matches_by_trying(&steps, &chain), "{}", text);
    }

    #[test]
    fn patterns_agree_with_the_definition(pattern in "/([ab/]|\\*|\\*\\*[ab/]){0,6}", path in "/[ab/]{0,10}") {
        if let Ok(parsed) = UrlPattern::parse(&pattern) {
            let short = pattern.strip_suffix("/**").is_some_and(|short| glob_by_trying(short.as_bytes(), path.as_bytes()));
            prop_assert_eq!(parsed.matches(&path), short || glob_by_trying(pattern.as_bytes(), path.as_bytes()), "{} {}", pattern, path);
        }
    }

    #[test]
    fn reading_a_pattern_never_panics(pattern in "\\PC{0,20}|/[a%*2fF/]{0,20}", path in "\\PC{0,20}|/[a%2fF/]{0,20}") {
        if let Ok(parsed) = UrlPattern::parse(&pattern) {
            let _: bool = parsed.matches(&path);
        }
    }

    #[test]
    fn canonical_json_reads_back_and_is_one_form(value in any_json()) {
        let bytes = canonical::to_vec(&value).unwrap();
        let back: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&back, &value);
        prop_assert_eq!(canonical::to_vec(&back).unwrap(), bytes);
    }

    #[test]
    fn any_json_is_read_or_refused_with_a_place(value in any_json()) {
        if let Err(errors) = Rules::from_value(&value) {
            prop_assert!(!errors.0.is_empty());
        }
    }

    #[test]
    fn the_way_back_has_the_opposite_direction(a in prop::collection::vec("[ab]", 0..3), b in prop::collection::vec("[ab]", 0..3), list in prop::sample::select(vec!["exclude", "mask", "unmask"])) {
        let rules = |entries: &[String]| {
            let mut document = serde_json::to_value(Rules::default()).unwrap();
            document[list] = json!(entries);
            Rules::from_value(&document).unwrap()
        };
        let there = serde_json::to_value(diff(&rules(&a), &rules(&b)).direction).unwrap();
        let back = serde_json::to_value(diff(&rules(&b), &rules(&a)).direction).unwrap();
        let opposite = match there.as_str().unwrap() { "tighter" => "looser", "looser" => "tighter", other => other };
        prop_assert_eq!(back, opposite);
    }
}
