//! What a change of rules does, in sentences, and whether more or less is captured afterwards.

use serde::Serialize;

use super::{Media, Rules, Selector};

/// Whether a change captures less (`Tighter`), more (`Looser`), both or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is captured, nothing more.
    Tighter,
    /// More is captured, nothing less.
    Looser,
    /// Some more, some less.
    Mixed,
    /// Neither.
    Same,
}

/// What kind of change a sentence tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A rule came.
    Add,
    /// A rule went.
    Remove,
    /// A setting has another value.
    Change,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What kind.
    pub kind: ChangeKind,
    /// The sentence.
    pub text: String,
}

/// All changes between two sets of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Their direction together.
    pub direction: Direction,
    /// One by one: exclude, mask, unmask, media, deny, allow; in each what came, then what went.
    pub changes: Vec<Change>,
    /// What of it captures more, in the same sentences.
    #[serde(skip)]
    pub looser: Vec<String>,
}

#[derive(Default)]
struct Tally {
    tighter: bool,
    looser: Vec<String>,
    changes: Vec<Change>,
}

impl Tally {
    fn tighter(&mut self, kind: ChangeKind, text: String) {
        self.tighter = true;
        self.changes.push(Change { kind, text });
    }

    fn looser(&mut self, kind: ChangeKind, text: String) {
        self.looser.push(text.clone());
        self.changes.push(Change { kind, text });
    }
}

/// Compares rules. Selectors are compared one by one in normal form, so writing them differently changes nothing.
///
/// The direction is judged per selector by the strongest list it stands in (exclude, mask, none, unmask): a selector moved from
/// mask to exclude is tighter, although a mask went.
#[must_use]
pub fn diff(old: &Rules, new: &Rules) -> Diff {
    let mut tally = Tally::default();
    let before = [parts(old.exclude_selectors()), parts(old.mask_selectors()), parts(old.unmask_selectors())];
    let after = [parts(new.exclude_selectors()), parts(new.mask_selectors()), parts(new.unmask_selectors())];
    let words: [(&str, &str, &str, &str); 3] = [
        ("Exclude `", "` from capture.", "Stop excluding `", "`."),
        ("Mask `", "`.", "Stop masking `", "`."),
        ("Show `", "` unmasked.", "Stop showing `", "` unmasked."),
    ];
    for ((old, new), (add, add_end, remove, remove_end)) in before.iter().zip(&after).zip(words) {
        for one in missing(new, old) {
            tally.changes.push(Change { kind: ChangeKind::Add, text: format!("{add}{one}{add_end}") });
        }
        for one in missing(old, new) {
            let text = format!("{remove}{one}{remove_end}");
            tally.changes.push(Change { kind: ChangeKind::Remove, text });
        }
    }
    for one in before.iter().chain(&after).flatten() {
        let (was, is) = (strength(&before, one), strength(&after, one));
        tally.tighter |= is > was;
        let text = match was {
            _ if is >= was => continue,
            3 => format!("Stop excluding `{one}`."),
            2 => format!("Stop masking `{one}`."),
            _ => format!("Show `{one}` unmasked."),
        };
        if !tally.looser.contains(&text) {
            tally.looser.push(text);
        }
    }
    media(old, new, &mut tally);
    urls(old, new, &mut tally);
    let direction = match (tally.tighter, !tally.looser.is_empty()) {
        (true, true) => Direction::Mixed,
        (true, false) => Direction::Tighter,
        (false, true) => Direction::Looser,
        (false, false) => Direction::Same,
    };
    Diff { direction, changes: tally.changes, looser: tally.looser }
}

fn media(old: &Rules, new: &Rules, tally: &mut Tally) {
    match (old.media(), new.media()) {
        (Media::Blocked, Media::Allowed) => {
            tally.looser(ChangeKind::Change, "Capture images and drawings.".to_owned());
        }
        (Media::Allowed, Media::Blocked) => {
            tally.tighter(ChangeKind::Change, "Block images and drawings.".to_owned());
        }
        (Media::Blocked, Media::Blocked) | (Media::Allowed, Media::Allowed) => {}
    }
}

fn urls(old: &Rules, new: &Rules, tally: &mut Tally) {
    for one in missing(&new.urls().deny, &old.urls().deny) {
        tally.tighter(ChangeKind::Add, format!("Capture nothing on pages matching `{one}`."));
    }
    for one in missing(&old.urls().deny, &new.urls().deny) {
        tally.looser(ChangeKind::Remove, format!("Stop denying pages matching `{one}`."));
    }
    // An empty list allows every page, so the first entry tightens and the last one's going loosens.
    let (was, is) = (&old.urls().allow, &new.urls().allow);
    for one in missing(is, was) {
        if was.is_empty() {
            tally.tighter(ChangeKind::Add, format!("Capture only on pages matching `{one}`."));
        } else {
            tally.looser(ChangeKind::Add, format!("Capture also on pages matching `{one}`."));
        }
    }
    for one in missing(was, is) {
        if is.is_empty() {
            tally.looser(ChangeKind::Remove, format!("No longer limit capture to pages matching `{one}`."));
        } else {
            tally.tighter(ChangeKind::Remove, format!("Stop capturing on pages matching `{one}`."));
        }
    }
}

fn parts(selectors: &[Selector]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in selectors.iter().flat_map(Selector::normal_parts) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

/// What `these` has and `those` has not, each once.
fn missing<'a>(these: &'a [String], those: &[String]) -> Vec<&'a String> {
    let mut found: Vec<&String> = Vec::new();
    for one in these {
        if !those.contains(one) && !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

fn strength(lists: &[Vec<String>; 3], one: &String) -> u8 {
    let [exclude, mask, unmask] = lists;
    if exclude.contains(one) {
        3
    } else if mask.contains(one) {
        2
    } else {
        u8::from(!unmask.contains(one))
    }
}
