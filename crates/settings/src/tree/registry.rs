//! Every setting there is. **Adding one is one entry of [`built_in`]**: its values, its default, who may say it, and how
//! what several say is merged. A test refuses an entry that nothing in the program reads.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Level, Lock, Span, Value};

/// How what several levels say becomes one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The nearest that says something.
    Near,
    /// The lowest that is said.
    Min,
    /// The highest that is said.
    Max,
    /// Everything that any of them names, and the default.
    Union,
    /// What all of them name.
    Inter,
    /// On where none says off.
    And,
}

impl Merge {
    /// The word that is shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Min => "min",
            Self::Max => "max",
            Self::Union => "union",
            Self::Inter => "inter",
            Self::And => "and",
        }
    }
}

/// Which of two values protects people better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strict {
    /// The lower.
    Lower,
    /// The higher.
    Higher,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: Cow<'static, str>,
    /// Its values.
    pub kind: Kind,
    /// What it says where nobody said anything.
    pub default: Value,
    /// What holds where something was said that cannot be read. Where nothing stands here, the default.
    pub unreadable: Option<Value>,
    /// Who may say it, highest first.
    pub levels: &'static [Level],
    /// How what they say is merged.
    pub merge: Merge,
    /// Of a setting that the nearest decides, which values protect better, if any do. Merging says it of the others.
    pub near_strict: Option<Strict>,
    /// What it is for, in a sentence.
    pub note: Cow<'static, str>,
}

use Level::{Deployment as X, Domain as D, Organisation as B, Project as P, Team as T, User as U};

impl Setting {
    fn new(key: &'static str, kind: Kind, default: Value, merge: Merge, levels: &'static [Level]) -> Self {
        let (unreadable, near_strict) = (None, None);
        Self {
            key: Cow::Borrowed(key),
            kind,
            default,
            unreadable,
            levels,
            merge,
            near_strict,
            note: Cow::Borrowed(""),
        }
    }

    fn note(mut self, note: &'static str) -> Self {
        self.note = Cow::Borrowed(note);
        self
    }

    fn stricter(mut self, which: Strict) -> Self {
        self.near_strict = Some(which);
        self
    }

    fn unreadable(mut self, value: Value) -> Self {
        self.unreadable = Some(value);
        self
    }

    /// A right that a cell of the matrix leaves to each organisation: off until it is switched on.
    fn allow(key: &str) -> Self {
        Self {
            key: Cow::Owned(key.to_owned()),
            note: Cow::Owned(allow_note(key)),
            ..Self::new("", Kind::Switch, Value::Switch(false), Merge::And, &[B])
        }
    }

    /// Which values protect people better, if any do.
    #[must_use]
    pub const fn strict(&self) -> Option<Strict> {
        match self.merge {
            Merge::Near => self.near_strict,
            Merge::Min | Merge::Inter | Merge::And => Some(Strict::Lower),
            Merge::Max | Merge::Union => Some(Strict::Higher),
        }
    }

    /// What holds where something was said that cannot be read.
    #[must_use]
    pub fn safe(&self) -> &Value {
        self.unreadable.as_ref().unwrap_or(&self.default)
    }

    /// Whether `one` protects at least as well as `other`; of a setting that protects nobody, whatever it says.
    #[must_use]
    pub fn as_strict(&self, one: &Value, other: &Value) -> bool {
        let found = self.kind.compare(one, other);
        match self.strict() {
            None => true,
            Some(Strict::Lower) => matches!(found, Some(Ordering::Less | Ordering::Equal)),
            Some(Strict::Higher) => matches!(found, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// The lock that keeps those below from protecting less. Those below may always protect better.
    #[must_use]
    pub const fn protecting_lock(&self) -> Option<Lock> {
        match self.strict() {
            None => None,
            Some(Strict::Lower) => Some(Lock::Ceiling),
            Some(Strict::Higher) => Some(Lock::Floor),
        }
    }

    /// Whether a value of it may carry this lock.
    #[must_use]
    pub fn takes(&self, lock: Lock) -> bool {
        lock == Lock::None || self.protecting_lock().is_none_or(|protecting| lock == protecting)
    }
}

/// A setting for each right that the matrix leaves open, `allow.<action>.<role>`, in words.
fn allow_note(key: &str) -> String {
    let rest = key.strip_prefix("allow.").unwrap_or(key);
    let (action, role) = rest.rsplit_once('.').unwrap_or((rest, ""));
    format!("Whether the role `{role}` may do `{action}`, or more of it than by itself.")
}

/// The settings of this program, but for those that the matrix names.
fn built_in() -> Vec<Setting> {
    let mut all = vec![
        // At least two hours: recorders are given a policy that was signed within the last hour.
        Setting::new(
            "capture.policy.max_age",
            Kind::Span { least: Span::of_seconds(2 * HOUR), most: Span::of_days(7), calendar: false },
            Value::Span(Span::of_seconds(24 * HOUR)),
            Merge::Min,
            &[X, B],
        )
        .note(
            "How long a recorder follows a signed capture policy without fetching it again; then it stops capturing.",
        ),
        Setting::new(
            "manager.scope.recordings",
            Kind::Words(&["reports", "all"]),
            Value::Word("reports"),
            Merge::Min,
            &[B],
        )
        .note(
            "Whether managers see recordings about everybody, or only about themselves and who reports to them.",
        ),
        Setting::new("manager.scope.visitors", Kind::Switch, Value::Switch(false), Merge::And, &[B])
            .note("Whether managers who do not see everybody see the web sessions of visitors, who report to nobody."),
        Setting::new("member.view_own", Kind::Switch, Value::Switch(true), Merge::Near, &[B, D, P, T])
            .unreadable(Value::Switch(false))
            .note("Whether members see the recordings about themselves; what is said nearest to their team counts."),
        Setting::new("view.reason_required", Kind::Switch, Value::Switch(false), Merge::Max, &[B, D, P, T])
            .unreadable(Value::Switch(true))
            .note("Whether whoever watches a recording says why before it begins."),
        Setting::new("view.four_eyes", Kind::Switch, Value::Switch(false), Merge::Max, &[B, D, P, T])
            .unreadable(Value::Switch(true))
            .note("Whether a recording about somebody else is watched only after a second person has agreed to it."),
        Setting::new(
            "export.recordings",
            Kind::Words(&["none", "admin", "manager", "own"]),
            Value::Word("admin"),
            Merge::Min,
            &[B],
        )
        .unreadable(Value::Word("none"))
        .note(
            "Who may take recordings of screens along as a film: nobody, Admins, also managers, or also whoever is recorded \
             what is about themselves; each of them as far as their role may.",
        ),
        Setting::new(
            "user.picture.visibility",
            Kind::Words(&["self", "organisation"]),
            Value::Word("organisation"),
            Merge::Min,
            &[B, U],
        )
        .unreadable(Value::Word("self"))
        .note("Who is shown somebody's picture: only they themselves, or whoever may see the person."),
    ];
    all.extend(screens());
    all.extend(signing_in());
    all.extend(retentions());
    all
}

/// What recorders of screens do, and what has to be said before they begin.
fn screens() -> Vec<Setting> {
    let none = || Value::Set(BTreeSet::new());
    let presets = ["banks", "health", "mail"];
    vec![
        Setting::new(
            "capture.recording.enabled",
            Kind::Switch,
            Value::Switch(false),
            Merge::Near,
            &[B, D, P, T, U],
        )
        .stricter(Strict::Lower)
        .note("Whether people may record their screens; what is said nearest to them counts."),
        Setting::new("capture.recording.audio", Kind::Switch, Value::Switch(false), Merge::And, &[B, D, P, T, U])
            .note("Whether sound is recorded with the screen."),
        Setting::new(
            "capture.recording.live_view",
            Kind::Words(&["off", "self", "manager", "admin"]),
            Value::Word("off"),
            Merge::Min,
            &[B, D, P, T],
        )
        .note(
            "Who may watch a screen while it is recorded: nobody, only the person, also who leads them, or also Admins; each \
             of them as far as their role may.",
        ),
        Setting::new(
            "capture.url.mode",
            Kind::Words(&["block", "allow"]),
            Value::Word("block"),
            Merge::Near,
            &[B, D, P, T],
        )
        .unreadable(Value::Word("allow"))
        .stricter(Strict::Higher)
        .note("Whether every page is recorded but those that are kept out, or none but those that are let in."),
        Setting::new("capture.url.patterns", Kind::Pages, none(), Merge::Union, &[B, D, P, T, U])
            .note("Pages that are kept out of recordings of screens, beside those of the presets, also where only pages that are let in are recorded."),
        Setting::new(
            "capture.url.presets",
            Kind::Set(Some(&["banks", "health", "mail"])),
            Value::Set(presets.map(str::to_owned).into()),
            Merge::Near,
            &[B, D, P, T],
        )
        .stricter(Strict::Higher)
        .note("Lists of well-known sites that are kept out of recordings of screens."),
        Setting::new("capture.url.allow", Kind::Pages, none(), Merge::Near, &[B, D, P, T])
            .stricter(Strict::Lower)
            .note("Pages that are let in where only such are recorded."),
        Setting::new(
            "capture.subject_pause",
            Kind::Words(&["no", "reason", "free"]),
            Value::Word("reason"),
            Merge::Near,
            &[B, D, P, T],
        )
        .unreadable(Value::Word("free"))
        .stricter(Strict::Higher)
        .note("Whether people may pause the recording of their screen: not, with a reason, or as they like."),
        Setting::new("capture.notice.version", Kind::Text { most: 40 }, Value::Text(String::new()), Merge::Near, &[B, D])
            .note(
                "Which notice people are shown before their screen is recorded for the first time; while none is named, \
                 nothing is recorded.",
            ),
        Setting::new(
            "capture.notice.legal_basis",
            Kind::Text { most: 200 },
            Value::Text(String::new()),
            Merge::Near,
            &[B, D],
        )
        .note("On what grounds screens are recorded, as the notice says it."),
        Setting::new("capture.notice.url", Kind::Address, Value::Text(String::new()), Merge::Near, &[B, D])
            .note("Where people read the whole notice."),
    ]
}

/// What is asked of those who sign in.
fn signing_in() -> [Setting; 4] {
    let mfa = Kind::Words(&["off", "any"]);
    let span = |least, most| Kind::Span { least, most, calendar: false };
    [
        Setting::new("auth.mfa", mfa, Value::Word("off"), Merge::Max, &[X, B])
            .unreadable(Value::Word("any"))
            .note("Whether whoever signs in by a password needs a second factor too."),
        Setting::new("auth.mfa.admin", mfa, Value::Word("any"), Merge::Max, &[X, B])
            .note("The same for administrators. Where the two differ, the stricter counts for them."),
        Setting::new(
            "auth.session.idle",
            span(Span::of_seconds(300), Span::of_days(1)),
            Value::Span(Span::of_seconds(HOUR / 2)),
            Merge::Min,
            &[X, B],
        )
        .note("After how long without use a session ends."),
        Setting::new(
            "auth.session.absolute",
            span(Span::of_seconds(300), Span::of_days(30)),
            Value::Span(Span::of_seconds(12 * HOUR)),
            Merge::Min,
            &[X, B],
        )
        .note("How long after its beginning a session ends, used or not."),
    ]
}

/// How long what is kept. Two days at least: what falls due is foreseen a day before it does.
fn retentions() -> Vec<Setting> {
    let kept = Kind::Span { least: Span::of_days(2), most: Span::of_days(CENTURY), calendar: false };
    let class = |key, days, note| {
        Setting::new(key, kept, Value::Span(Span::of_days(days)), Merge::Min, &[B, D, P]).note(note)
    };
    vec![
        class("retention.replay", 90, "How long web sessions are kept."),
        Setting {
            levels: &[X, B, D, P],
            ..class("retention.recording", 90, "How long picture and sound of screens are kept.")
        },
        class("retention.screenshot", 30, "How long screenshots of desktops are kept."),
        class("retention.activity.raw", 90, "How long the activity at desktops is kept."),
        class("retention.actionlog", 400, "How long the actions beside a screen recording are kept."),
        class(
            "retention.event.vod",
            CENTURY,
            "How long live events are kept; a century is until somebody deletes them.",
        ),
        // As above: what is forgotten does not come back.
        Setting::new(
            "retention.audit",
            Kind::Span { least: Span::of_days(90), most: Span::of_days(CENTURY), calendar: false },
            Value::Span(Span::of_days(400)),
            Merge::Max,
            &[X, B],
        )
        .unreadable(Value::Span(Span::of_days(CENTURY)))
        .note("How long the words of the audit log are kept; its entries stay."),
        // Where it cannot be read nothing goes sooner than anybody can have meant.
        Setting::new(
            "retention.event.soft_deleted",
            Kind::Span { least: Span::of_days(7), most: Span::of_months(3), calendar: true },
            Value::Span(Span::of_months(1)),
            Merge::Near,
            &[X, B],
        )
        .unreadable(Value::Span(Span::of_months(3)))
        .note("How long what was deleted can be restored."),
    ]
}

const HOUR: u32 = 3600;
/// Days of a hundred years.
const CENTURY: u32 = 36_525;

/// Every setting by its name.
#[derive(Clone, Debug)]
pub struct Registry {
    settings: BTreeMap<String, Setting>,
}

impl Registry {
    /// The settings of this program, and those rights of the form `allow.<action>.<role>` that the matrix leaves open.
    #[must_use]
    pub fn built_in<'a>(allows: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of(built_in().into_iter().chain(allows.into_iter().map(Setting::allow)))
    }

    /// These settings.
    #[must_use]
    pub fn of(settings: impl IntoIterator<Item = Setting>) -> Self {
        Self { settings: settings.into_iter().map(|setting| (setting.key.to_string(), setting)).collect() }
    }

    /// The same with another default of a setting: what this installation was started with. What is safe stays what it
    /// was.
    #[must_use]
    pub fn with_default(mut self, key: &str, value: Value) -> Self {
        if let Some(setting) = self.settings.get_mut(key)
            && setting.kind.has(&value)
        {
            let safe = setting.safe().clone();
            setting.unreadable = Some(safe);
            setting.default = value;
        }
        self
    }

    /// The setting of this name.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// Every setting, by name.
    pub fn all(&self) -> impl Iterator<Item = &Setting> {
        self.settings.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_makes_sense() {
        let registry = Registry::built_in(["allow.recording.play.manager"]);
        assert_eq!(registry.settings.len(), built_in().len() + 1, "no name stands there twice");
        for setting in registry.all() {
            let key = &setting.key;
            assert!(setting.kind.has(&setting.default) && setting.kind.has(setting.safe()), "{key}");
            assert!(setting.levels.is_sorted() && !setting.levels.is_empty(), "{key}");
            assert!(setting.note.ends_with('.'), "{key}");
            let merges = match setting.kind {
                Kind::Set(_) | Kind::Pages => &[Merge::Near, Merge::Union, Merge::Inter][..],
                Kind::Text { .. } | Kind::Address => &[Merge::Near],
                Kind::Switch => &[Merge::Near, Merge::Min, Merge::Max, Merge::And],
                _ => &[Merge::Near, Merge::Min, Merge::Max],
            };
            assert!(merges.contains(&setting.merge), "{key}");
            assert!(setting.merge == Merge::Near || setting.near_strict.is_none(), "{key}");
            assert!(setting.as_strict(setting.safe(), &setting.default), "{key}");
        }
    }

    #[test]
    fn a_right_of_the_matrix_is_off_and_the_organisations_own() {
        let registry = Registry::built_in(["allow.recording.live.manager"]);
        let setting = registry.find("allow.recording.live.manager").unwrap();
        assert_eq!((&setting.default, setting.levels), (&Value::Switch(false), &[Level::Organisation][..]));
        assert_eq!(
            &*setting.note,
            "Whether the role `manager` may do `recording.live`, or more of it than by itself."
        );
        assert!(setting.takes(Lock::Ceiling) && !setting.takes(Lock::Floor));
    }
}
