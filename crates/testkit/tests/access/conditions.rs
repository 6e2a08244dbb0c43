//! Every state of every cell that depends on something, over HTTP: with each of its settings on and off, with and without
//! a proof of who one is, about oneself, about who reports to one, about a visitor, about somebody else; and the same as
//! somebody of that role in another organisation.

use std::collections::{BTreeMap, BTreeSet};

use clerestory_model::{PersonId, RecordingId, SubjectId};
use clerestory_sql::{Lane, SqlError};
use clerestory_store::lines;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cells::{action_of, cases, told};
use super::people::{add, of_role, roles};
use super::{MATRIX, Scene, scene};

const EXPECTED: &str = include_str!("../../../../policies/conditions-expected.toml");
/// What people do about themselves by routes that name nobody, or one's own request: there is no way to ask for another's.
const NAMES_NOBODY: [&str; 10] = [
    "playlist.manage",
    "profile.read",
    "mine.read",
    "recorder.enrol",
    "recorder.read",
    "credential.change",
    "factor.manage",
    "request.ask",
    "request.export",
    "support.read",
];
/// What ends the other organisation, as somebody of it: the test of all cells does that.
const ENDS_ALL: &str = "organisation.erase";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    action: String,
    role: String,
    #[serde(default)]
    settings: BTreeMap<String, Value>,
    proven: Option<bool>,
    own: Option<u16>,
    report: Option<u16>,
    visitor: Option<u16>,
    other: Option<u16>,
    answer: Option<u16>,
}

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

/// A cell in one state: whether its setting is on, whether the one that widens it says so and the one that adds visitors,
/// whether they have proven themselves. Nothing where the cell does not ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    action: String,
    role: String,
    on: Option<bool>,
    wider: Option<bool>,
    visitors: Option<bool>,
    proven: Option<bool>,
    /// Whether it is to be asked about each kind of people, and about visitors.
    about: (bool, bool),
}

impl Case {
    fn answers(&self) -> Vec<(About, u16)> {
        let about = [
            (About::Own, self.own),
            (About::Report, self.report),
            (About::Visitor, self.visitor),
            (About::Other, self.other),
            (About::Nobody, self.answer),
        ];
        about.into_iter().filter_map(|(about, wanted)| Some((about, wanted?))).collect()
    }

    fn state(&self, cell: &toml::Value) -> State {
        let said = |name: &toml::Value| self.settings.get(name.as_str().unwrap());
        let setting = cell.get("setting");
        let says = cell.get("says").map(|says| {
            let word = said(&says["setting"]).unwrap().as_str();
            says["any"].as_array().unwrap().iter().any(|any| any.as_str() == word)
        });
        let on = setting.map(|name| said(name) == Some(&json!(true))).or(says);
        let wider = cell.get("wider").map(|wider| {
            let also = wider.get("also").is_none_or(|name| said(name) == Some(&json!(true)));
            also && said(&wider["setting"]).unwrap() == wider["is"].as_str().unwrap()
        });
        let visitors = cell.get("visitors").map(|name| said(name) == Some(&json!(true)));
        let about =
            (self.own.is_some() && self.report.is_some() && self.other.is_some(), self.visitor.is_some());
        let (action, role) = (self.action.clone(), self.role.clone());
        State { action, role, on, wider, visitors, proven: self.proven, about }
    }
}

/// Every cell of the matrix that people have, with its action and its role.
fn cells(matrix: &str) -> Vec<(String, String, toml::Value)> {
    let matrix: toml::Table = toml::from_str(matrix).unwrap();
    let mut found = Vec::new();
    for row in matrix["row"].as_array().unwrap() {
        for role in roles() {
            let cell = row.get(&role).map(|cell| match cell {
                toml::Value::String(_) => {
                    toml::Value::Table(toml::Table::from_iter([("scope".to_owned(), cell.clone())]))
                }
                cell => cell.clone(),
            });
            found.extend(cell.map(|cell| (action_of(row).to_owned(), role, cell)));
        }
    }
    found
}

/// Every state that has to be gone through.
fn states(matrix: &str) -> BTreeSet<State> {
    let mut states = BTreeSet::new();
    for (action, role, cell) in cells(matrix) {
        let both = |asks: bool| if asks { vec![Some(false), Some(true)] } else { vec![None] };
        let setting = cell.get("setting").or(cell.get("says")).is_some();
        let wider = cell.get("wider").is_some();
        let (visitors, step_up) = (cell.get("visitors").is_some(), cell.get("step_up").is_some());
        let narrow = cell["scope"].as_str() != Some("organisation") || wider;
        let personal = narrow && !NAMES_NOBODY.contains(&action.as_str());
        if !(setting || wider || step_up || personal) {
            continue;
        }
        let of_recordings = action.starts_with("recording.") || action == "view.ask";
        let about = (personal, personal && of_recordings);
        for (on, wider) in
            both(setting).into_iter().flat_map(|on| both(wider).into_iter().map(move |w| (on, w)))
        {
            for (visitors, proven) in
                both(visitors).into_iter().flat_map(|of| both(step_up).into_iter().map(move |p| (of, p)))
            {
                let (action, role) = (action.clone(), role.clone());
                states.insert(State { action, role, on, wider, visitors, proven, about });
            }
        }
    }
    states
}

/// What is gone through here, and not where each role does each action.
pub(crate) fn asked_of_apart() -> BTreeSet<(String, String)> {
    states(MATRIX).into_iter().map(|state| (state.action, state.role)).collect()
}

fn expected() -> Vec<Case> {
    let cases: Cases = toml::from_str(EXPECTED).unwrap();
    cases.case
}

/// The states that the expectation names, each once.
fn expected_states(matrix: &str) -> BTreeSet<State> {
    let cells = cells(matrix);
    let mut found = BTreeSet::new();
    for case in expected() {
        let cell = cells.iter().find(|(action, role, _)| (action, role) == (&case.action, &case.role));
        let (.., cell) = cell.unwrap_or_else(|| panic!("{} is nothing for {}", case.action, case.role));
        let (action, role) = (case.action.clone(), case.role.clone());
        assert!(found.insert(case.state(cell)), "twice: {action} {role}");
    }
    found
}

/// Whether a setting forbids what a case asks for.
fn off(case: &Case) -> bool {
    let cells = cells(MATRIX);
    let cell = cells.iter().find(|(action, role, _)| (action, role) == (&case.action, &case.role));
    cell.is_some_and(|(.., cell)| case.state(cell).on == Some(false))
}

#[test]
fn every_condition_of_the_matrix_is_expected_in_every_state() {
    let (wanted, named) = (states(MATRIX), expected_states(MATRIX));
    assert_eq!(wanted.difference(&named).collect::<Vec<_>>(), Vec::<&State>::new(), "expected nowhere");
    assert_eq!(named.difference(&wanted).collect::<Vec<_>>(), Vec::<&State>::new(), "expected of no cell");
    let step_up = MATRIX.replacen(
        "admin = \"organisation\"",
        "admin = { scope = \"organisation\", step_up = true }",
        1,
    );
    assert_ne!(states(&step_up), wanted, "a proof more that nobody expects is noticed");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Own,
    Report,
    Visitor,
    Other,
    Nobody,
}

/// Somebody whom things are about.
#[derive(Clone)]
struct Somebody {
    name: String,
    id: Option<PersonId>,
    subject: SubjectId,
}

struct Stage {
    scene: Scene,
    /// Of each role: who has proven themselves, and who has only signed in.
    proven: BTreeMap<String, Caller>,
    signed_in: BTreeMap<String, Caller>,
    theirs: BTreeMap<String, (Caller, Caller)>,
    somebody: BTreeMap<String, Somebody>,
    /// Of each subject one that is over, and one that goes on.
    recordings: BTreeMap<(SubjectId, bool), String>,
    said: BTreeMap<String, Value>,
}

impl Stage {
    async fn set() -> Self {
        let scene = scene().await;
        let installation = &scene.installation;
        for name in ["report", "other"] {
            add(installation, installation.organisation, name, "member".parse().unwrap()).await;
        }
        let (mut proven, mut signed_in, mut theirs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for role in roles() {
            let (name, their) =
                (of_role(installation, &role, true).await, of_role(installation, &role, false).await);
            proven.insert(role.clone(), installation.proven(&name).await);
            signed_in.insert(role.clone(), installation.person(&name).await);
            theirs.insert(role, (installation.proven(&their).await, installation.person(&their).await));
        }
        let mut somebody = BTreeMap::new();
        let people = proven["admin"].get("/api/v1/people").await.ok();
        for item in people["items"].as_array().unwrap() {
            let id: PersonId = item["id"].as_str().unwrap().parse().unwrap();
            let rows = "SELECT subject_id FROM people WHERE person_id = $1";
            let subject = installation.rows(rows, vec![id.into()]).await[0].get(0).unwrap();
            let name = item["email"].as_str().unwrap().split('@').next().unwrap().to_owned();
            somebody.insert(name.clone(), Somebody { name, id: Some(id), subject });
        }
        let subject = scene.subject.parse().unwrap();
        somebody.insert("visitor".to_owned(), Somebody { name: String::new(), id: None, subject });
        let (recordings, said) = (BTreeMap::new(), BTreeMap::new());
        Self { scene, proven, signed_in, theirs, somebody, recordings, said }
    }

    /// Lets settings say this in both organisations, and every other what it says by itself.
    async fn say(&mut self, wanted: &BTreeMap<String, Value>) {
        let names: BTreeSet<String> = self.said.keys().chain(wanted.keys()).cloned().collect();
        for name in names {
            let value = wanted.get(&name).cloned().unwrap_or(Value::Null);
            if self.said.get(&name).unwrap_or(&Value::Null) == &value {
                continue;
            }
            for admin in [&self.proven["admin"], &self.theirs["admin"].0] {
                let version = admin.get("/api/v1/settings").await.ok()["version"].as_u64().unwrap();
                let admin = admin.clone().with("if-match", format!("\"{version}\""));
                let asked = json!({ "value": value }).to_string();
                admin.send("PUT", &format!("/api/v1/settings/{name}"), asked).await.ok();
            }
            self.said.insert(name, value);
        }
    }

    /// Lets one person report to whoever asks.
    async fn report_to(&self, role: &str) {
        let (organisation, at) = (self.scene.installation.organisation, self.scene.installation.now());
        let (report, manager) = (self.somebody["report"].id.unwrap(), self.somebody[role].id);
        let write = self.scene.installation.app.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move { lines::set(tx, organisation, report, manager, at).await })
        });
        let written: Result<_, SqlError> = write.await;
        written.unwrap();
    }

    /// Whom it is about, as the role that asks sees them.
    fn whom(&self, role: &str, about: About) -> Somebody {
        let name = match about {
            About::Own => role,
            About::Report => "report",
            About::Other => "other",
            About::Visitor | About::Nobody => "visitor",
        };
        self.somebody[name].clone()
    }

    /// A recording about somebody, which goes on or is over.
    async fn recording(&mut self, subject: SubjectId, goes_on: bool) -> String {
        if let Some(found) = self.recordings.get(&(subject, goes_on)) {
            return found.clone();
        }
        let installation = &self.scene.installation;
        let now = i64::try_from(installation.now().unix_millis()).unwrap();
        let visit =
            Visit::start(installation.recorder("https://shop.example"), &self.scene.site_key, now).await;
        visit.send(0, &snapshot(now, 1, "x")).await.ok();
        let id: RecordingId = visit.recording.parse().unwrap();
        let sql = "UPDATE recordings SET subject_id = $2 WHERE recording_id = $1";
        installation.execute(sql, vec![id.into(), subject.into()]).await;
        if !goes_on {
            visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
        }
        self.recordings.insert((subject, goes_on), visit.recording.clone());
        visit.recording
    }

    async fn act(&mut self, action: &str, caller: &Caller, whom: &Somebody, about: About) -> u16 {
        let id = whom.id.map(|id| id.to_string());
        if action.starts_with("recording.") || action == "view.ask" {
            self.scene.recording = self.recording(whom.subject, false).await;
        }
        if action == "recording.follow" {
            let goes_on = self.recording(whom.subject, true).await;
            *self.scene.goes_on.lock().unwrap() = Some(goes_on);
        }
        if let (Some(id), true) = (&id, about != About::Nobody) {
            self.scene.member.clone_from(id);
            self.scene.admin.clone_from(id);
            whom.name.clone_into(&mut self.scene.named);
        }
        let listed = |answer: &Answer, id: &str| match answer.status.as_u16() {
            200 => {
                let items = answer.json["items"].as_array().unwrap();
                if items.iter().any(|item| item["id"] == id) { 200 } else { 404 }
            }
            refused => refused,
        };
        match action {
            "recording.list" => listed(&caller.get("/api/v1/recordings").await, &self.scene.recording),
            "person.list" => listed(&caller.get("/api/v1/people").await, &id.unwrap()),
            "audit.read" => {
                let id = id.unwrap();
                // Something about them, to be found in it.
                self.proven["admin"].get(&format!("/api/v1/people/{id}")).await.ok();
                let answer = caller.get(&format!("/api/v1/audit?object={id}")).await;
                match (answer.status.as_u16(), answer.json["items"].as_array()) {
                    (200, Some(items)) if items.is_empty() => 404,
                    (status, _) => status,
                }
            }
            "setting.read" => {
                caller.get(&format!("/api/v1/settings?node={}", id.unwrap())).await.status.as_u16()
            }
            "recording.restore" => {
                let admin = &self.proven["admin"];
                let path = format!("/api/v1/recordings/{}", self.scene.recording);
                admin.post(&format!("{path}/delete"), json!({})).await.ok();
                let status = self.scene.act(action, caller).await.status.as_u16();
                admin.post(&format!("{path}/restore"), json!({})).await;
                status
            }
            _ => {
                let answer = self.scene.act(action, caller).await;
                let status = answer.status.as_u16();
                match (action, answer.status.is_success()) {
                    ("recording.delete", true) => {
                        let path = format!("/api/v1/recordings/{}/restore", self.scene.recording);
                        self.proven["admin"].post(&path, json!({})).await;
                    }
                    ("recording.erase", true) => drop(self.recordings.remove(&(whom.subject, false))),
                    _ => {}
                }
                status
            }
        }
    }
}

#[tokio::test]
async fn every_state_of_every_condition_answers_as_expected() {
    let mut stage = Stage::set().await;
    let base = cases();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for case in expected() {
        let (action, role) = (case.action.as_str(), case.role.as_str());
        stage.say(&case.settings).await;
        stage.report_to(role).await;
        let proven = case.proven.unwrap_or(true);
        let said = format!("{role}: {action} with {:?}, proven {proven}", case.settings);
        let (their_proven, their_signed_in) = stage.theirs[role].clone();
        let (ours, theirs) = match proven {
            true => (stage.proven[role].clone(), their_proven),
            false => (stage.signed_in[role].clone(), their_signed_in),
        };
        let allowed = case.answers().iter().any(|(_, wanted)| *wanted < 300);
        // What a proof is missing for is told; what a setting forbids is not.
        let is_off = off(&case);
        if told(&ours).await.contains(action) != (allowed || !proven && !is_off) {
            wrong.push(format!("{said}: the console is told otherwise"));
        }
        for (about, wanted) in case.answers() {
            let whom = stage.whom(role, about);
            // To somebody of another organisation nothing of this one is there, however much they may in theirs.
            let named = base
                .iter()
                .any(|base| action_of(base) == action && base["stranger"].as_integer() == Some(404));
            if (named || about != About::Nobody) && action != ENDS_ALL {
                let found = stage.act(action, &theirs, &whom, about).await;
                // Asked for by somebody who may nothing of the kind at all, it may be refused as such.
                let gone = if wanted < 300 { found == 404 } else { matches!(found, 403 | 404) };
                if !gone {
                    wrong.push(format!("{said}, {about:?}, from elsewhere: {found}"));
                }
            }
            let found = stage.act(action, &ours, &whom, about).await;
            if found != wanted {
                wrong.push(format!("{said}, {about:?}: {found} instead of {wanted}"));
            }
            asked += 1;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(asked > 100, "{asked}");
}
