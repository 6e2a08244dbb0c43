//! The matrix: action × role × scope, read from one table that a non-programmer can review.

use std::collections::{BTreeMap, BTreeSet};

use clerestory_model::{OrganisationId, PersonId, SubjectId};
use clerestory_store::people::Role;
use clerestory_store::recordings::{ScopeFilter, Subjects};
use serde::{Deserialize, Serialize};

use crate::actions::ALL_ACTIONS;
use crate::who::Actor;

/// How far a right reaches, narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// What is about oneself.
    Own,
    /// What is about oneself, and about who reports to one now.
    Reports,
    /// The same, and what is about visitors, who report to nobody. No cell is written so: a setting makes it of `reports`.
    #[serde(skip_deserializing)]
    Visitors,
    /// Everything of one's organisation.
    Organisation,
}

/// Whom something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AboutWhom {
    /// The subject.
    pub subject: SubjectId,
    /// The person it is, where it is no visitor.
    pub person: Option<PersonId>,
    /// To whom that person reports now.
    pub manager: Option<PersonId>,
}

impl Scope {
    /// The word of the table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Reports => "reports",
            Self::Visitors => "visitors",
            Self::Organisation => "organisation",
        }
    }

    /// The same scope as a condition of SQL.
    #[must_use]
    pub fn filter(self, organisation: OrganisationId, actor: &Actor) -> ScopeFilter {
        let subjects = match (self, actor) {
            (Self::Organisation, _) => Subjects::All,
            (Self::Own, Actor::Person { subject, .. } | Actor::Recorder { subject, .. }) => {
                Subjects::One(*subject)
            }
            (Self::Reports, Actor::Person { id, .. }) => Subjects::Reports { manager: *id, visitors: false },
            (Self::Visitors, Actor::Person { id, .. }) => Subjects::Reports { manager: *id, visitors: true },
            // Whoever is no person owns nothing and nobody reports to them: nil is nobody's.
            (Self::Own | Self::Reports | Self::Visitors, _) => Subjects::One(SubjectId::nil()),
        };
        ScopeFilter { organisation, subjects, lent: None }
    }

    /// Whether something of `organisation` about somebody lies within the scope of this actor.
    #[must_use]
    pub fn includes(self, actor: &Actor, organisation: OrganisationId, about: Option<AboutWhom>) -> bool {
        if actor.organisation() != organisation {
            return false;
        }
        match (self, actor, about) {
            (Self::Organisation, ..) => true,
            (Self::Own, Actor::Person { subject, .. } | Actor::Recorder { subject, .. }, Some(about)) => {
                about.subject == *subject
            }
            (Self::Visitors, Actor::Person { .. }, Some(AboutWhom { person: None, .. })) => true,
            (Self::Reports | Self::Visitors, Actor::Person { id, .. }, Some(about)) => {
                about.person == Some(*id) || about.manager == Some(*id)
            }
            (Self::Own | Self::Reports | Self::Visitors, ..) => false,
        }
    }
}

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// It is not the TOML it should be.
    #[error("policies/matrix.toml is malformed")]
    Malformed(#[from] toml::de::Error),
    /// It names an action the program does not know, or lacks one it does.
    #[error("policies/matrix.toml and the program disagree about `{0}`")]
    Actions(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    action: String,
    #[expect(dead_code, reason = "read by people, and kept a list of numbers by the parser")]
    controls: Vec<u32>,
    member: Option<Written>,
    manager: Option<Written>,
    admin: Option<Written>,
    privacy: Option<Written>,
    auditor: Option<Written>,
    viewer: Option<Written>,
    assigner: Option<Written>,
    support: Option<Written>,
    site: Option<Written>,
    key: Option<Written>,
    device: Option<Written>,
    system: Option<Written>,
    anonymous: Option<Written>,
}

/// A cell as it is written: a scope alone, or with conditions.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Scope(Scope),
    Cell(Cell),
}

/// What one role may do of one action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// How far it reaches.
    pub scope: Scope,
    /// A setting that must be on for it to hold at all.
    pub setting: Option<String>,
    /// A setting of several words, and those of them that it must say for the cell to hold at all.
    pub says: Option<Says>,
    /// A setting that makes it reach further.
    pub wider: Option<Wider>,
    /// A setting that must be on for visitors to be among those whom `reports` reaches.
    pub visitors: Option<String>,
    /// Whether whoever does it must have proven a moment ago who they are.
    #[serde(default)]
    pub step_up: bool,
    /// Whether it holds only while a grant of support lends it.
    #[serde(default)]
    pub granted: bool,
}

/// How far a cell reaches while a setting says a certain word.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wider {
    /// How far.
    pub scope: Scope,
    /// The setting.
    pub setting: String,
    /// The word it must say.
    pub is: String,
    /// Another setting, which must be on as well.
    pub also: Option<String>,
}

/// What a setting must say for a cell to hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Says {
    /// The setting.
    pub setting: String,
    /// Any of these words.
    pub any: Vec<String>,
}

impl Says {
    /// Whether it is met whenever the other one is.
    fn covers(&self, other: &Self) -> bool {
        self.setting == other.setting && other.any.iter().all(|word| self.any.contains(word))
    }
}

impl Cell {
    /// A cell of this scope without conditions.
    fn of(scope: Scope) -> Self {
        Self { scope, setting: None, says: None, wider: None, visitors: None, step_up: false, granted: false }
    }

    /// How far it reaches at most.
    fn furthest(&self) -> Scope {
        let own = if self.visitors.is_some() { self.scope.max(Scope::Visitors) } else { self.scope };
        self.wider.as_ref().map_or(own, |wider| wider.scope.max(own))
    }

    /// Whether it allows everything that the other one may come to allow.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let widened = other.wider.is_none() || self.wider == other.wider;
        let visited = other.visitors.is_none() || self.visitors == other.visitors;
        let alike = widened && visited && self.scope >= other.scope;
        let switched = self.setting.is_none() || self.setting == other.setting;
        let said =
            self.says.as_ref().is_none_or(|says| other.says.as_ref().is_some_and(|one| says.covers(one)));
        (self.scope >= other.furthest() || alike) && switched && said
    }
}

impl From<Written> for Cell {
    fn from(written: Written) -> Self {
        match written {
            Written::Cell(cell) => cell,
            Written::Scope(scope) => Self::of(scope),
        }
    }
}

/// What is in no role of an organisation's own: whoever may change what rights depend on, or take away what keeps others
/// out of an account, may come to do everything.
const RAISES_ITSELF: [&str; 4] =
    ["setting.write.business", "setting.write.below", "setting.relax", "factor.reset"];

/// The parsed table.
pub struct Matrix {
    rows: BTreeMap<String, BTreeMap<&'static str, Cell>>,
}

impl Matrix {
    /// The table this program was built with.
    ///
    /// # Errors
    /// [`MatrixError`], which a test rules out.
    pub fn built_in() -> Result<Self, MatrixError> {
        Self::parse(include_str!("../../../policies/matrix.toml"))
    }

    /// Reads a table; it must name exactly the actions the program knows.
    ///
    /// # Errors
    /// [`MatrixError`].
    pub fn parse(text: &str) -> Result<Self, MatrixError> {
        let table: Table = toml::from_str(text)?;
        let mut rows = BTreeMap::new();
        for row in table.row {
            let cells = [
                ("member", row.member),
                ("manager", row.manager),
                ("admin", row.admin),
                ("privacy", row.privacy),
                ("auditor", row.auditor),
                ("viewer", row.viewer),
                ("assigner", row.assigner),
                ("support", row.support),
                ("site", row.site),
                ("key", row.key),
                ("device", row.device),
                ("system", row.system),
                ("anonymous", row.anonymous),
            ];
            let cells = cells.into_iter().filter_map(|(column, cell)| Some((column, cell?.into()))).collect();
            if rows.insert(row.action.clone(), cells).is_some() {
                return Err(MatrixError::Actions(row.action));
            }
        }
        let known: BTreeSet<&str> = ALL_ACTIONS.iter().copied().collect();
        let named: BTreeSet<&str> = rows.keys().map(String::as_str).collect();
        match known.symmetric_difference(&named).next() {
            Some(odd) => Err(MatrixError::Actions((*odd).to_owned())),
            None => Ok(Self { rows }),
        }
    }

    /// The cells of this actor's roles in the row of `action`.
    pub fn cells<'m>(
        &'m self,
        action: &str,
        actor: &Actor,
    ) -> impl Iterator<Item = (&'static str, &'m Cell)> {
        let granted = match actor {
            Actor::Key { scopes, .. } => scopes.iter().any(|scope| scope == action),
            _ => true,
        };
        let row = self.rows.get(action).filter(|_| granted);
        let columns = actor.columns().into_iter();
        columns.filter_map(move |column| row.and_then(|row| row.get(column)).map(|cell| (column, cell)))
    }

    /// The actions that people of these roles may give to an API key: those that a key may do, and they as far as a key.
    pub fn key_scopes(&self, roles: &[Role]) -> impl Iterator<Item = &str> {
        let may = |cells: &BTreeMap<&str, Cell>| {
            let own = || roles.iter().filter_map(|role| cells.get(role.word()));
            cells.get("key").is_some_and(|key| own().any(|cell| cell.covers(key)))
        };
        self.rows.iter().filter(move |(_, cells)| may(cells)).map(|(action, _)| action.as_str())
    }

    /// What a role that every organisation has may do: a cell for each action.
    pub fn column(&self, role: Role) -> impl Iterator<Item = (&str, &Cell)> {
        self.rows.iter().filter_map(move |(action, row)| Some((action.as_str(), row.get(role.word())?)))
    }

    /// What a right that an organisation put into a role of its own comes to; `None` where no person does that at all.
    /// Whoever does it proves who they are where anybody must, sees visitors where managers do, and does it while a setting
    /// says that those may who may most easily.
    #[must_use]
    pub fn custom(&self, action: &str, scope: Scope) -> Option<Cell> {
        if RAISES_ITSELF.contains(&action) {
            return None;
        }
        let row = self.rows.get(action)?;
        let people = || Role::BUILT_IN.into_iter().filter_map(|role| row.get(role.word()));
        // What is only ever about oneself reaches no further by giving it another name.
        let furthest = people().map(Cell::furthest).max()?;
        let step_up = people().any(|cell| cell.step_up);
        let visitors = people().find_map(|cell| cell.visitors.clone()).filter(|_| scope == Scope::Reports);
        let says = people().filter_map(|cell| cell.says.clone()).max_by_key(|says| says.any.len());
        (scope <= furthest).then_some(Cell { step_up, visitors, says, ..Cell::of(scope) })
    }

    /// The rights that the table leaves to each organisation: settings named `allow.<action>.<role>`.
    pub fn allows(&self) -> impl Iterator<Item = &str> {
        self.settings().map(|(name, _)| name).filter(|name| name.starts_with("allow."))
    }

    /// Every setting that a cell names, with the word it must say.
    fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.values().flat_map(BTreeMap::values).flat_map(|cell| {
            let on = cell.setting.as_deref().map(|name| (name, "true"));
            let wider = cell.wider.as_ref().map(|wider| (wider.setting.as_str(), wider.is.as_str()));
            let also = cell.wider.as_ref().and_then(|wider| wider.also.as_deref()).map(|name| (name, "true"));
            let visitors = cell.visitors.as_deref().map(|name| (name, "true"));
            let says = cell
                .says
                .iter()
                .flat_map(|says| says.any.iter().map(|word| (says.setting.as_str(), word.as_str())));
            on.into_iter().chain(says).chain(wider).chain(also).chain(visitors)
        })
    }

    /// Every action of the table.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_names_every_action() {
        Matrix::built_in().unwrap();
    }

    #[test]
    fn every_setting_that_a_cell_names_exists_and_can_say_that() {
        let matrix = Matrix::built_in().unwrap();
        let registry = clerestory_settings::tree::Registry::built_in(matrix.allows());
        for (name, word) in matrix.settings() {
            let setting = registry.find(name).unwrap_or_else(|| panic!("{name} is no setting"));
            let json = serde_json::from_str(word).unwrap_or_else(|_| serde_json::json!(word));
            assert!(setting.kind.read(&json).is_ok(), "{name} cannot say {word}");
        }
        assert!(matrix.allows().count() > 0);
    }

    #[test]
    fn a_cell_is_a_scope_or_a_table_of_conditions() {
        let text = include_str!("../../../policies/matrix.toml");
        let conditional = text.replacen(
            "admin = \"organisation\"",
            "admin = { scope = \"own\", step_up = true, \
             wider = { scope = \"organisation\", setting = \"manager.scope.recordings\", is = \"all\" } }",
            1,
        );
        let matrix = Matrix::parse(&conditional).unwrap();
        let cell = &matrix.rows["recording.list"]["admin"];
        assert!(cell.step_up && cell.scope == Scope::Own && cell.setting.is_none());
        assert_eq!(cell.wider.as_ref().unwrap().scope, Scope::Organisation);
        assert_eq!(matrix.rows["recording.read"]["admin"].scope, Scope::Organisation);
        let misspelt = conditional.replace("step_up", "stepup");
        assert!(matches!(Matrix::parse(&misspelt), Err(MatrixError::Malformed(_))));
    }

    #[test]
    fn a_right_of_a_custom_role_reaches_no_further_than_anybody_and_asks_for_as_much() {
        let matrix = Matrix::built_in().unwrap();
        let cell = matrix.custom("key.manage", Scope::Organisation).unwrap();
        assert!(cell.step_up && cell.scope == Scope::Organisation);
        assert!(!matrix.custom("recording.play", Scope::Reports).unwrap().step_up);
        assert!(matrix.custom("profile.read", Scope::Own).is_some());
        assert!(matrix.custom("profile.read", Scope::Organisation).is_none(), "others' sessions");
        assert!(matrix.custom("maintain.sweep", Scope::Organisation).is_none(), "what the program does");
        assert!(matrix.custom("segments.unwrap", Scope::Organisation).is_none(), "what nobody does");
    }

    #[test]
    fn a_table_that_forgets_or_invents_an_action_is_refused() {
        let text = include_str!("../../../policies/matrix.toml");
        let forgotten = text.replace("\"audit.read\"", "\"audit.rewrite\"");
        assert!(matches!(Matrix::parse(&forgotten), Err(MatrixError::Actions(_))));
        let misspelt = text.replace("manager = ", "manger = ");
        assert!(matches!(Matrix::parse(&misspelt), Err(MatrixError::Malformed(_))));
    }
}
