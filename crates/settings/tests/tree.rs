//! What always holds of settings, over random trees: I1 to I6.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "integration tests may panic")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clerestory_settings::tree::{
    Change, Kind, Level, Lock, Merge, Node, Outcome, Registry, Said, Setting, Span, Strict, Tree, Value,
    Values, effects, explain, resolve,
};
use proptest::prelude::*;

const WORDS: &[&str] = &["none", "some", "most", "all"];
const NUMBERS: Kind = Kind::Number { least: 0, most: 9 };
const SPANS: Kind = Kind::Span { least: Span::of_days(1), most: Span::of_months(12), calendar: true };

fn setting(
    key: &'static str,
    kind: Kind,
    default: Value,
    merge: Merge,
    near_strict: Option<Strict>,
) -> Setting {
    Setting {
        key: Cow::Borrowed(key),
        kind,
        default,
        unreadable: None,
        levels: &Level::ALL,
        merge,
        near_strict,
        note: Cow::Borrowed("For a test."),
    }
}

/// One of each kind and merge, protecting and not.
fn settings() -> Vec<Setting> {
    let set = |members: &[&str]| Value::Set(members.iter().map(|one| (*one).to_owned()).collect());
    let mut all = vec![
        setting("switch.near", Kind::Switch, Value::Switch(true), Merge::Near, None),
        setting("switch.near.lower", Kind::Switch, Value::Switch(false), Merge::Near, Some(Strict::Lower)),
        setting("switch.and", Kind::Switch, Value::Switch(true), Merge::And, None),
        setting("switch.max", Kind::Switch, Value::Switch(false), Merge::Max, None),
        setting("number.near", NUMBERS, Value::Number(5), Merge::Near, None),
        setting("number.near.higher", NUMBERS, Value::Number(5), Merge::Near, Some(Strict::Higher)),
        setting("number.min", NUMBERS, Value::Number(5), Merge::Min, None),
        setting("number.max", NUMBERS, Value::Number(5), Merge::Max, None),
        setting("span.min", SPANS, Value::Span(Span::of_days(90)), Merge::Min, None),
        setting("word.near", Kind::Words(WORDS), Value::Word("some"), Merge::Near, None),
        setting("word.min", Kind::Words(WORDS), Value::Word("some"), Merge::Min, None),
        setting("set.union", Kind::Set(None), set(&["a"]), Merge::Union, None),
        setting("set.inter", Kind::Set(None), set(&["a", "b", "c"]), Merge::Inter, None),
        setting("set.near", Kind::Set(None), set(&["b"]), Merge::Near, None),
    ];
    let some = Setting { levels: &[Level::Organisation, Level::Team], ..all[4].clone() };
    all.push(Setting { key: Cow::Borrowed("number.some"), ..some });
    all
}

/// Small random numbers from a seed, so that a failing tree is named by one number.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        // splitmix64 (Steele, Lea and Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn value(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Switch => Value::Switch(self.below(2) == 1),
            Kind::Number { .. } => Value::Number(i64::try_from(self.below(10)).unwrap()),
            Kind::Span { .. } => Value::Span(match self.below(2) {
                0 => Span::of_days(1 + u32::try_from(self.below(300)).unwrap()),
                _ => Span::of_months(1 + u32::try_from(self.below(12)).unwrap()),
            }),
            Kind::Words(words) => Value::Word(self.pick::<&'static str>(words)),
            Kind::Pages | Kind::Text { .. } | Kind::Address => unreachable!("no setting of the scene is one"),
            Kind::Set(_) => {
                let members = ["a", "b", "c", "d"].into_iter().filter(|_| self.below(2) == 1);
                Value::Set(members.map(str::to_owned).collect())
            }
        }
    }
}

struct Scene {
    tree: Tree,
    nodes: Vec<Node>,
    said: Vec<(Node, String, Said)>,
    registry: Registry,
}

impl Scene {
    /// A tree of up to 24 nodes in which some say something; with locks, and with things nobody can read, where asked.
    fn of(seed: u64, locks: bool, unreadable: bool) -> (Self, Dice) {
        let mut dice = Dice(seed);
        let (mut tree, mut nodes) = (Tree::default(), vec![Node::DEPLOYMENT]);
        let mut above = nodes.clone();
        for level in &Level::ALL[1..] {
            let number = if *level == Level::Organisation { 1 } else { 1 + dice.below(5) };
            let mut here = Vec::new();
            for at in 0..number {
                let node = Node { level: *level, id: [u8::try_from(at + 1).unwrap(); 16] };
                tree.hang(node, *dice.pick(&above));
                here.push(node);
            }
            nodes.extend(&here);
            above = here;
        }
        let mut said = Vec::new();
        for setting in settings() {
            for node in &nodes {
                if dice.below(2) == 0 {
                    continue;
                }
                let lock = if locks { *dice.pick(&Lock::ALL) } else { Lock::None };
                let lock = if setting.takes(lock) { lock } else { Lock::None };
                let value = dice.value(setting.kind);
                let says = match unreadable && dice.below(8) == 0 {
                    true => Said::Unreadable,
                    false => Said::Value { value, lock },
                };
                said.push((*node, setting.key.to_string(), says));
            }
        }
        (Self { tree, nodes, said, registry: Registry::of(settings()) }, dice)
    }

    fn values(&self) -> Values {
        let mut values = Values::default();
        for (node, key, said) in &self.said {
            values.say(*node, key, said.clone());
        }
        values
    }
}

fn satisfies(setting: &Setting, value: &Value, lock: Lock, locked: &Value) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let found = setting.kind.compare(value, locked);
    match (lock, setting.protecting_lock()) {
        (Lock::None, _) => true,
        (Lock::Fixed, None) => found == Some(Equal),
        (Lock::Floor, _) | (Lock::Fixed, Some(Lock::Floor)) => matches!(found, Some(Greater | Equal)),
        (Lock::Ceiling, _) | (Lock::Fixed, Some(_)) => matches!(found, Some(Less | Equal)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// I1. A lock is about what holds where it is set.
    #[test]
    fn what_holds_satisfies_every_lock_above_it(seed in any::<u64>()) {
        let (scene, mut dice) = Scene::of(seed, true, true);
        let values = scene.values();
        for setting in scene.registry.all() {
            for _ in 0..3 {
                let chain = scene.tree.chain(*dice.pick(&scene.nodes));
                let value = resolve(setting, &values, &chain).value;
                prop_assert!(setting.kind.has(&value));
                for (at, above) in chain.iter().enumerate() {
                    let (locked, steps) = explain(setting, &values, &chain[..=at]);
                    let counts = steps.last().filter(|step| step.node == *above);
                    let counts = counts.is_some_and(|step| !matches!(step.outcome, Outcome::Overruled | Outcome::NotHere));
                    if let (true, Some(Said::Value { lock, .. })) = (counts, values.of(*above, &setting.key)) {
                        prop_assert!(satisfies(setting, &value, *lock, &locked.value), "{} {above:?}", setting.key);
                    }
                }
            }
        }
    }

    /// I2. Of what protects, a value that is at least as strict as what holds there loosens nothing anywhere.
    #[test]
    fn a_stricter_value_loosens_nothing(seed in any::<u64>()) {
        let (scene, mut dice) = Scene::of(seed, true, true);
        let values = scene.values();
        for setting in scene.registry.all().filter(|setting| setting.strict().is_some()) {
            let node = *dice.pick(&scene.nodes);
            let here = resolve(setting, &values, &scene.tree.chain(node)).value;
            let value = dice.value(setting.kind);
            if values.of(node, &setting.key).is_some() || !setting.as_strict(&value, &here) {
                continue;
            }
            let lock = if dice.below(2) == 0 { Lock::None } else { setting.protecting_lock().unwrap() };
            let change = Change::Say { node, key: setting.key.to_string(), said: Some(Said::Value { value, lock }) };
            for effect in effects(&scene.registry, &scene.tree, &values, &change) {
                prop_assert!(!effect.looser, "{effect:?}");
            }
        }
    }

    /// The same of locks alone: on what protects, none makes anything looser, wherever it stands.
    #[test]
    fn a_lock_on_what_protects_never_weakens_it(seed in any::<u64>()) {
        let (scene, mut dice) = Scene::of(seed, true, false);
        let values = scene.values();
        let (node, key, said) = dice.pick(&scene.said).clone();
        let setting = scene.registry.find(&key).unwrap();
        if let (Some(_), Said::Value { value, lock: Lock::None }) = (setting.strict(), said) {
            // Every lock, those too that nobody can set through the product.
            let said = Some(Said::Value { value, lock: *dice.pick(&Lock::ALL) });
            for effect in effects(&scene.registry, &scene.tree, &values, &Change::Say { node, key: key.clone(), said }) {
                prop_assert!(!effect.looser, "{effect:?}");
            }
        }
    }

    /// I3, and what the words for merging mean, worked out another way.
    #[test]
    fn without_locks_values_are_merged_as_the_word_says(seed in any::<u64>()) {
        let (scene, mut dice) = Scene::of(seed, false, false);
        let values = scene.values();
        let chain = scene.tree.chain(*dice.pick(&scene.nodes));
        for setting in scene.registry.all() {
            prop_assert_eq!(&resolve(setting, &Values::default(), &chain).value, &setting.default);
            let said: Vec<Value> = chain.iter().filter(|node| setting.levels.contains(&node.level))
                .filter_map(|node| values.of(*node, &setting.key))
                .map(|said| match said { Said::Value { value, .. } => value.clone(), Said::Unreadable => unreachable!() })
                .collect();
            prop_assert_eq!(&resolve(setting, &values, &chain).value, &merged(setting, &said), "{}", setting.key);
        }
    }

    /// I4. What an explanation shows is all there is: its steps alone lead to the same value.
    #[test]
    fn an_explanation_leads_to_the_same_value(seed in any::<u64>()) {
        let (scene, mut dice) = Scene::of(seed, true, true);
        let values = scene.values();
        let chain = scene.tree.chain(*dice.pick(&scene.nodes));
        for setting in scene.registry.all() {
            let (effective, steps) = explain(setting, &values, &chain);
            prop_assert_eq!(&effective, &resolve(setting, &values, &chain));
            prop_assert_eq!(&effective.value, steps.last().map_or(&setting.default, |step| &step.after));
            let mut replayed = Values::default();
            let nodes: Vec<Node> = steps.iter().map(|step| {
                replayed.say(step.node, &setting.key, step.said.clone());
                step.node
            }).collect();
            prop_assert_eq!(resolve(setting, &replayed, &nodes), effective);
        }
    }

    /// I5. Neither the order in which values were set matters, nor what was unset again.
    #[test]
    fn the_order_of_setting_does_not_matter(seed in any::<u64>()) {
        let (mut scene, mut dice) = Scene::of(seed, true, true);
        let first = scene.values();
        for at in (1..scene.said.len()).rev() {
            scene.said.swap(at, usize::try_from(dice.below(at as u64 + 1)).unwrap());
        }
        let mut second = Values::default();
        for (node, key, _) in &scene.said {
            second.say(*node, key, Said::Unreadable);
            second.unsay(*node, key);
        }
        prop_assert_eq!(second.all().count(), 0);
        for (node, key, said) in &scene.said {
            second.say(*node, key, said.clone());
        }
        prop_assert_eq!(&first, &second);
        for setting in scene.registry.all() {
            let chain = scene.tree.chain(*dice.pick(&scene.nodes));
            prop_assert_eq!(resolve(setting, &first, &chain), resolve(setting, &second, &chain));
        }
    }

    /// I6. What cannot be read leaves what is safe, or what is stricter, there and below; and it is said.
    #[test]
    fn what_cannot_be_read_leaves_what_is_safe(seed in any::<u64>()) {
        let (scene, mut dice) = Scene::of(seed, true, false);
        let values = scene.values();
        let lost = *dice.pick(&scene.nodes);
        let mut damaged = values;
        scene.registry.all().for_each(|setting| damaged.say(lost, &setting.key, Said::Unreadable));
        let below: Vec<Node> =
            scene.nodes.iter().copied().filter(|node| scene.tree.chain(*node).contains(&lost)).collect();
        for setting in scene.registry.all().filter(|setting| setting.levels.contains(&lost.level)) {
            for _ in 0..3 {
                let chain = scene.tree.chain(*dice.pick(&below));
                let (effective, steps) = explain(setting, &damaged, &chain);
                prop_assert!(effective.doubtful);
                let fixed_above = steps.iter().take_while(|step| step.node != lost).any(|step| {
                    matches!(step.said, Said::Value { lock: Lock::Fixed | Lock::Floor | Lock::Ceiling, .. })
                });
                match setting.strict() {
                    Some(_) => prop_assert!(setting.as_strict(&effective.value, setting.safe())),
                    None if !fixed_above => prop_assert_eq!(&effective.value, setting.safe()),
                    None => {}
                }
            }
        }
    }

    /// Moving a node changes it and what hangs below, and nothing else; moving it back undoes it.
    #[test]
    fn a_move_is_thought_through(seed in any::<u64>()) {
        let (scene, mut dice) = Scene::of(seed, true, true);
        let values = scene.values();
        let node = *dice.pick(&scene.nodes[2..]);
        let above: Vec<Node> = scene.nodes.iter().copied()
            .filter(|one| one.level.number() + 1 == node.level.number()).collect();
        let to = *dice.pick(&above);
        let there = effects(&scene.registry, &scene.tree, &values, &Change::Move { node, to });
        let mut moved = scene.tree.clone();
        let from = scene.tree.chain(node)[scene.tree.chain(node).len() - 2];
        moved.hang(node, to);
        let back = effects(&scene.registry, &moved, &values, &Change::Move { node, to: from });
        prop_assert_eq!(there.len(), back.len());
        for (one, other) in there.iter().zip(&back) {
            prop_assert!(scene.tree.chain(one.node).contains(&node));
            prop_assert_eq!((one.node, &one.key, &one.before, &one.after), (other.node, &other.key, &other.after, &other.before));
        }
    }
}

/// What values that nobody locked come to, from the top down.
fn merged(setting: &Setting, said: &[Value]) -> Value {
    let (Some(first), Some(last)) = (said.first(), said.last()) else { return setting.default.clone() };
    let numbers = |pick: fn(i64, i64) -> i64| {
        let place = |value: &Value| match value {
            Value::Switch(on) => i64::from(*on),
            Value::Number(number) => *number,
            Value::Word(word) => i64::try_from(WORDS.iter().position(|one| one == word).unwrap()).unwrap(),
            Value::Span(span) => i64::try_from(span.length().as_secs()).unwrap(),
            Value::Set(_) | Value::Text(_) => unreachable!(),
        };
        let wanted = said.iter().map(place).reduce(pick).unwrap();
        said.iter().find(|value| place(value) == wanted).unwrap().clone()
    };
    let counts = || {
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for value in said {
            let Value::Set(members) = value else { unreachable!() };
            members.iter().for_each(|one| *counts.entry(one).or_default() += 1);
        }
        counts
    };
    match setting.merge {
        Merge::Near => last.clone(),
        Merge::Min => numbers(i64::min),
        Merge::Max => numbers(i64::max),
        Merge::And => Value::Switch(said.iter().all(|value| *value == Value::Switch(true))),
        Merge::Inter => {
            let counts = counts();
            Value::Set(
                counts
                    .into_iter()
                    .filter(|(_, count)| *count == said.len())
                    .map(|(one, _)| one.clone())
                    .collect(),
            )
        }
        Merge::Union => {
            let Value::Set(mut all) = setting.default.clone() else { unreachable!("{first}") };
            all.extend(counts().into_keys().cloned());
            Value::Set(all.into_iter().collect::<BTreeSet<_>>())
        }
    }
}
