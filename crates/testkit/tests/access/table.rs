//! The rules against the table as it is meant to be: every cell of `permissions.toml` is built as it says, or stands in
//! `not-built.toml`, and nothing is allowed that no row allows.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use clerestory_access::{ALL_ACTIONS, Scope};
use clerestory_testkit::Installation;
use serde::Deserialize;
use serde_json::Value;

use super::MATRIX;

const TABLE: &str = include_str!("../../../../policies/permissions.toml");
const NOT_BUILT: &str = include_str!("../../../../policies/not-built.toml");

/// The callers of the table, and the columns of the matrix that are they.
const CALLERS: [(&str, &[&str]); 15] = [
    ("anonymous", &["anonymous"]),
    ("viewer", &[]),
    ("presenter", &[]),
    ("member", &["member"]),
    ("manager_reports", &["manager"]),
    ("manager_all", &["manager"]),
    ("organiser", &[]),
    ("auditor", &["auditor"]),
    ("privacy", &["privacy"]),
    ("admin", &["admin"]),
    ("operator", &[]),
    ("security", &[]),
    ("support", &["support"]),
    ("key", &["key", "site"]),
    ("device", &["device"]),
];
/// Roles that the table leaves to each organisation, made in advance: nothing that an Admin may not.
const WITHIN_ADMIN: [&str; 2] = ["viewer", "assigner"];
/// The program itself, which the table does not speak of.
const PROGRAM: &str = "system";
/// What whoever signs in does about how they sign in. The table does not speak of it: its row 31 is about settings.
const SIGNING_IN: [&str; 4] = ["credential.change", "factor.manage", "profile.read", "session.end"];
/// Rows that need no decision, by a page that answers anybody.
const OPEN_PAGES: [(u32, &str); 1] = [(1, "/trust")];
/// What two people do, or comes to what two people do: tests of their own prove it.
const BY_TWO: [&str; 5] =
    ["hold.place", "subject.erase", "organisation.erase", "request.ask", "request.manage"];
/// The row about web sessions of visitors: a manager of who reports to them sees those only by a setting.
const OF_VISITORS: u32 = 12;
/// How many cells of the table are not built, and how many are built otherwise. Neither number ever grows.
const NOT_YET: (usize, usize) = (100, 4);
/// Rows that nobody may ever do.
const NOBODY: [u32; 2] = [49, 54];

#[derive(Deserialize)]
struct Rule {
    action: String,
    controls: Vec<u32>,
    #[serde(flatten)]
    cells: BTreeMap<String, Written>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Scope(Scope),
    Cell {
        scope: Scope,
        setting: Option<String>,
        says: Option<Value>,
        wider: Option<Wider>,
        visitors: Option<String>,
        #[serde(default)]
        step_up: bool,
    },
}

#[derive(Deserialize)]
struct Wider {
    scope: Scope,
    also: Option<String>,
}

#[derive(Deserialize)]
struct Matrix {
    row: Vec<Rule>,
}

/// What a row of the table says of a caller.
#[derive(Deserialize)]
struct Meant {
    number: u32,
    #[serde(rename = "does")]
    _does: String,
    #[serde(flatten)]
    callers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Table {
    row: Vec<Meant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotBuilt {
    row: Vec<Missing>,
    difference: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Missing {
    number: u32,
    callers: Vec<String>,
    issue: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    number: u32,
    callers: Vec<String>,
    /// What it is about; nothing else may differ so.
    actions: Vec<String>,
    why: String,
}

impl Written {
    /// How far it reaches for this caller, whether a setting has to allow it, and whether a proof is asked for.
    fn for_caller(&self, caller: &str) -> (Scope, bool, bool) {
        match self {
            Self::Scope(scope) => (*scope, false, false),
            Self::Cell { scope, setting, says, wider, step_up, .. } => {
                let widest = wider.as_ref().map_or(*scope, |wider| wider.scope.max(*scope));
                let reach = if caller == "manager_reports" { *scope } else { widest };
                let also = reach == widest && wider.as_ref().is_some_and(|wider| wider.also.is_some());
                (reach, setting.is_some() || says.is_some() || also, *step_up)
            }
        }
    }
}

/// Whether the word that the table says of `named` in this row allows as much as a cell of the matrix does for this caller.
fn allows(row: u32, word: &str, cell: &Written, (caller, named): (&str, &str)) -> bool {
    let words: BTreeSet<&str> = word.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
    let (reach, setting, step_up) = cell.for_caller(caller);
    let by_visitors = matches!(cell, Written::Cell { visitors: Some(_), .. });
    let setting = setting || row == OF_VISITORS && caller == "manager_reports" && by_visitors;
    let furthest = if has(&["org"]) {
        Scope::Organisation
    } else if has(&["rep", "reports"]) {
        Scope::Reports
    } else if has(&["own", "self"]) || named == "member" {
        Scope::Own
    } else {
        Scope::Organisation
    };
    // A program is in scope or not by what its key was made for.
    (caller == "key" || reach <= furthest) && (setting || !has(&["cfg"])) && (step_up || !has(&["su"]))
}

/// Whether the row allows it, to this caller or to everybody who is a member.
fn row_allows(row: &Meant, cell: &Written, caller: &str) -> bool {
    let as_member = matches!(caller, "manager_reports" | "manager_all").then_some("member");
    [Some(caller), as_member]
        .into_iter()
        .flatten()
        .any(|name| row.callers.get(name).is_some_and(|word| allows(row.number, word, cell, (caller, name))))
}

/// Everything in which the three files do not agree.
fn disagreements(table: &str, matrix: &str, not_built: &str) -> Vec<String> {
    let table: Table = toml::from_str(table).unwrap();
    let matrix: Matrix = toml::from_str(matrix).unwrap();
    let not_built: NotBuilt = toml::from_str(not_built).unwrap();
    let rows: BTreeMap<u32, &Meant> = table.row.iter().map(|row| (row.number, row)).collect();
    let mut found = Vec::new();
    if !rows.keys().copied().eq(1..=54) || table.row.len() != 54 {
        found.push("the table has not the rows 1 to 54".to_owned());
    }
    let cells = |of: Vec<(u32, &Vec<String>)>| -> BTreeSet<(u32, String)> {
        of.into_iter()
            .flat_map(|(row, callers)| callers.iter().map(move |name| (row, name.clone())))
            .collect()
    };
    let missing = cells(not_built.row.iter().map(|row| (row.number, &row.callers)).collect());
    let other = cells(not_built.difference.iter().map(|row| (row.number, &row.callers)).collect());
    if (missing.len(), other.len()) != NOT_YET {
        found.push(format!("not-built.toml has {} and {}, not {NOT_YET:?}", missing.len(), other.len()));
    }
    for (row, caller) in missing.intersection(&other) {
        found.push(format!("row {row}, {caller}: not built, and built otherwise"));
    }
    for (row, caller) in &missing {
        if !rows.get(row).is_some_and(|row| row.callers.contains_key(caller)) {
            found.push(format!("row {row}, {caller}: not built, and no row asks for it"));
        }
    }
    let differs = |row: u32, caller: &str, rule: &Rule| {
        not_built.difference.iter().any(|one| {
            one.number == row
                && one.callers.iter().any(|name| name == caller)
                && one.actions.contains(&rule.action)
        })
    };
    let mut built = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for rule in &matrix.row {
        for (column, cell) in &rule.cells {
            let callers = CALLERS.iter().filter(|(_, columns)| columns.contains(&column.as_str()));
            let callers: Vec<&str> = callers.map(|(name, _)| *name).collect();
            if WITHIN_ADMIN.contains(&column.as_str()) {
                let admin = rule.cells.get("admin").map(|admin| admin.for_caller("admin"));
                let (reach, _, step_up) = cell.for_caller(column);
                if admin.is_none_or(|(most, _, asks)| reach > most || asks && !step_up) {
                    found.push(format!("{} goes further for {column} than for an Admin", rule.action));
                }
            } else if callers.is_empty() && column != PROGRAM {
                found.push(format!("{}: the table knows no {column}", rule.action));
            }
            for caller in callers {
                let allowing =
                    |number: &&u32| rows.get(number).is_some_and(|row| row_allows(row, cell, caller));
                let allowing: Vec<u32> = rule.controls.iter().filter(allowing).copied().collect();
                let signs_in = caller == "support" && SIGNING_IN.contains(&rule.action.as_str());
                if allowing.is_empty() && !signs_in {
                    let said: Vec<u32> =
                        rule.controls.iter().filter(|row| differs(**row, caller, rule)).copied().collect();
                    if said.is_empty() {
                        let (action, rows) = (&rule.action, &rule.controls);
                        found.push(format!("{action} goes further for {caller} than {rows:?} allow"));
                    }
                    needed.extend(said.into_iter().map(|row| (row, caller.to_owned())));
                }
                built.extend(allowing.into_iter().map(|row| (row, caller.to_owned())));
            }
        }
        for number in rule.controls.iter().filter(|_| !BY_TWO.contains(&rule.action.as_str())) {
            let words = rows.get(number).into_iter().flat_map(|row| &row.callers);
            for (caller, _) in words.filter(|(_, word)| word.contains("2p")) {
                let said = (*number, caller.clone());
                if !missing.contains(&said) && !differs(*number, caller, rule) {
                    found.push(format!("{}: row {number} asks for two people", rule.action));
                }
                needed.insert(said);
            }
        }
    }
    let open = |number: u32| OPEN_PAGES.iter().any(|(row, _)| *row == number);
    for row in table.row.iter().filter(|row| !open(row.number)) {
        for caller in row.callers.keys() {
            let cell = (row.number, caller.clone());
            if !CALLERS.iter().any(|(known, _)| known == caller) {
                found.push(format!("row {}: nobody knows the caller {caller}", row.number));
            }
            if !built.contains(&cell) && other.contains(&cell) {
                needed.insert(cell.clone());
            }
            match (built.contains(&cell) || other.contains(&cell), missing.contains(&cell)) {
                (true, false) | (false, true) => {}
                (true, true) => {
                    found.push(format!("row {}, {caller}: built, and in not-built.toml", row.number))
                }
                (false, false) => {
                    found.push(format!("row {}, {caller}: neither built nor in not-built.toml", row.number))
                }
            }
        }
    }
    for (row, caller) in other.difference(&needed).filter(|(row, _)| !open(*row)) {
        found.push(format!("row {row}, {caller}: no difference any more"));
    }
    found
}

#[test]
fn every_cell_of_the_table_is_built_as_it_says_or_stands_in_not_built() {
    assert_eq!(disagreements(TABLE, MATRIX, NOT_BUILT), Vec::<String>::new());
    let not_built: NotBuilt = toml::from_str(NOT_BUILT).unwrap();
    for row in &not_built.row {
        let known = matches!(row.issue.as_u64(), Some(5..=7)) || row.issue == "later";
        assert!(known && !row.callers.is_empty(), "row {}", row.number);
    }
    assert!(not_built.difference.iter().all(|row| row.why.ends_with('.') && !row.callers.is_empty()));
}

/// Each of these would be a right that the table does not give, or a hole in the list of what is not built.
#[test]
fn a_rule_that_goes_further_than_the_table_is_noticed() {
    let within = |action: &str, from: &str, to: &str| {
        let (before, rest) = MATRIX.split_once(&format!("action = \"{action}\"\n")).unwrap();
        let (row, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
        assert!(row.contains(from), "{action}: {from}");
        format!("{before}action = \"{action}\"\n{}\n\n{after}", row.replacen(from, to, 1))
    };
    let own = "member = { scope = \"own\", setting = \"member.view_own\" }";
    for (what, matrix) in [
        ("a wider scope", within("recording.play", own, &own.replace("own\",", "organisation\","))),
        ("no setting", within("recording.play", own, "member = \"own\"")),
        ("nobody's visitors", MATRIX.replace("visitors = \"manager.scope.visitors\", ", "")),
        (
            "no setting of its own",
            within("recording.follow", "setting = \"allow.recording.follow.manager\", ", ""),
        ),
        ("no proof", within("key.manage", ", step_up = true", "")),
        ("no proof of who erases", within("recording.erase", ", step_up = true", "")),
        (
            "a role more",
            within("hold.place", "admin = \"organisation\"", "admin = \"organisation\"\nmanager = \"own\""),
        ),
        ("a program", within("recording.erase", "system = ", "key = \"organisation\"\nsystem = ")),
        ("anybody", within("audit.read", "key = ", "anonymous = \"organisation\"\nkey = ")),
        ("an unknown role", within("audit.read", "key = ", "janitor = \"organisation\"\nkey = ")),
        ("another row", within("policy.edit", "[15]", "[54]")),
        ("no row", within("policy.edit", "[15]", "[]")),
    ] {
        assert!(!disagreements(TABLE, &matrix, NOT_BUILT).is_empty(), "{what}");
    }
    for (what, not_built) in [
        ("forgotten", NOT_BUILT.replacen("callers = [\"organiser\", ", "callers = [", 1)),
        ("built already", NOT_BUILT.replacen("callers = [\"device\"]", "callers = [\"device\", \"key\"]", 1)),
        (
            "asked for by nobody",
            NOT_BUILT.replacen("callers = [\"device\"]", "callers = [\"device\", \"viewer\"]", 1),
        ),
        (
            "no difference any more",
            NOT_BUILT.replacen("[\"privacy\"]\nactions", "[\"privacy\", \"admin\"]\nactions", 1),
        ),
    ] {
        assert_ne!(not_built, NOT_BUILT, "{what}");
        assert!(!disagreements(TABLE, MATRIX, &not_built).is_empty(), "{what}");
    }
}

/// Rows 49 and 54 of the table are empty: nobody unwraps keys by hand, nobody impersonates.
#[test]
fn no_action_and_no_route_unwraps_or_impersonates() {
    let table: Table = toml::from_str(TABLE).unwrap();
    let matrix: Matrix = toml::from_str(MATRIX).unwrap();
    for number in NOBODY {
        let row = table.row.iter().find(|row| row.number == number).unwrap();
        assert!(row.callers.is_empty(), "{number}");
        assert!(matrix.row.iter().all(|rule| !rule.controls.contains(&number)), "{number}");
    }
    let description = serde_json::to_string(&clerestory_api::openapi()).unwrap().to_lowercase();
    for word in ["impersonat", "unwrap", "decrypt", "act_as", "sudo"] {
        assert!(!description.contains(word), "{word}");
        assert!(!ALL_ACTIONS.iter().any(|action| action.contains(word)), "{word}");
    }
}

#[tokio::test]
async fn what_the_table_leaves_to_anybody_answers_anybody_and_what_it_leaves_to_nobody_answers_nobody() {
    let installation = Installation::new().await;
    for (row, page) in OPEN_PAGES {
        assert_eq!(installation.anonymous().get(page).await.status, StatusCode::OK, "row {row}");
    }
    let admin = installation.proven("admin").await;
    let people = admin.get("/api/v1/people").await.ok();
    let person = people["items"][0]["id"].as_str().unwrap();
    for path in ["impersonate", "impersonation", "sessions", "session", "link", "act-as"] {
        let answer = admin.post(&format!("/api/v1/people/{person}/{path}"), Value::Null).await;
        let none = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        assert!(none, "{path}: {}", answer.status);
    }
}
