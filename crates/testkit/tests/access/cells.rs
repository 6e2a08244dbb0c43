//! Every cell of the matrix over HTTP: each role does each action, so does somebody of the same role in another
//! organisation, and so does a key that was made for one action. What must be answered stands apart from the rules; a role
//! that it does not name must be refused.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use clerestory_access::ALL_ACTIONS;
use clerestory_store::people::Role;
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

use super::people::{add, of_role, roles};
use super::{EXPECTED, MATRIX, NOT_BY_PEOPLE, Scene, conditions, scene};

/// What a caller must be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Status(u16),
    /// Told that it is not there, or that they may not.
    Refused,
    /// Either: it depends on whom it is about, which is gone through apart.
    Depends(u16),
}

impl Wanted {
    /// What a case says of somebody.
    fn of(case: &toml::Value, who: &str) -> Self {
        let said = case.get(who).and_then(toml::Value::as_integer);
        said.map_or(Self::Refused, |status| Self::Status(u16::try_from(status).unwrap()))
    }

    /// What a case says of somebody who has this role. A specialist is a member too: what members may, they may.
    fn of_role(case: &toml::Value, role: &str) -> Self {
        let (own, member) = (Self::of(case, role), Self::of(case, "member"));
        let is_main = role.parse::<Role>().is_ok_and(Role::is_main);
        match member {
            Self::Status(status) if !is_main && !own.allows() && status < 300 => Self::Depends(status),
            _ => own,
        }
    }

    fn allows(self) -> bool {
        matches!(self, Self::Status(status) if status < 300)
    }

    /// The same for somebody whose own organisation is another one: of this one they may have nothing.
    fn elsewhere(self, stranger: Self) -> Self {
        match stranger {
            Self::Status(404) => Self::Refused,
            _ => self,
        }
    }

    pub(crate) fn met(self, status: StatusCode) -> bool {
        match self {
            Self::Status(wanted) => wanted == status.as_u16(),
            Self::Refused => matches!(status.as_u16(), 403 | 404),
            Self::Depends(wanted) => Self::Status(wanted).met(status) || Self::Refused.met(status),
        }
    }
}

/// The cases, in their order.
pub(crate) fn cases() -> Vec<toml::Value> {
    let expected: toml::Table = toml::from_str(EXPECTED).unwrap();
    expected["case"].as_array().unwrap().clone()
}

pub(crate) fn action_of(case: &toml::Value) -> &str {
    case["action"].as_str().unwrap()
}

struct Asker {
    who: String,
    role: String,
    ours: bool,
    caller: Caller,
    /// What they are told that they may do.
    told: BTreeSet<String>,
}

impl Asker {
    async fn of(installation: &Installation, who: &str, role: &str, ours: bool) -> Self {
        let caller = installation.proven(who).await;
        let told = told(&caller).await;
        Self { who: who.to_owned(), role: role.to_owned(), ours, caller, told }
    }
}

/// The actions that the console is told of.
pub(crate) async fn told(caller: &Caller) -> BTreeSet<String> {
    let session = caller.get("/api/v1/session").await.ok();
    session["allowed"].as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// Those of the other organisation ask first, while everything is there.
async fn askers(scene: &Scene) -> Vec<Asker> {
    let installation = &scene.installation;
    let mut askers = Vec::new();
    for ours in [false, true] {
        for role in roles() {
            let name = of_role(installation, &role, ours).await;
            askers.push(Asker::of(installation, &name, &role, ours).await);
        }
    }
    // Whoever has several roles may what any of them may.
    let both = add(installation, installation.organisation, "both", "member".parse().unwrap()).await;
    let admin = installation.proven("admin").await;
    let asked = json!({ "role": "member", "also": ["manager"] }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{both}/roles"), asked).await.ok();
    askers.push(Asker::of(installation, "both", "manager", true).await);
    // An administrator goes last of their own: what they do changes what is there.
    askers.sort_by_key(|asker| (asker.ours, asker.role == "admin"));
    askers
}

impl Scene {
    /// Everything that names something of this organisation.
    pub(crate) fn names(&self) -> Vec<String> {
        let own = [&self.recording, &self.site, &self.subject, &self.track, &self.play];
        let people = [&self.member, &self.admin, &self.node];
        let names = own.into_iter().chain(people).cloned();
        names.chain([self.installation.organisation.to_string()]).collect()
    }

    /// What an answer tells of this organisation. A log that tells whoever reads it what they themselves were refused tells
    /// them nothing.
    pub(crate) fn leaked(&self, answer: &Answer) -> Vec<String> {
        let mut told = answer.json.clone();
        if let Some(items) = told.get_mut("items").and_then(Value::as_array_mut) {
            items.retain(|item| item["outcome"] != "refused");
        }
        let text = match told {
            Value::Null => String::from_utf8_lossy(&answer.bytes).into_owned(),
            told => told.to_string(),
        };
        self.names().into_iter().filter(|name| answer.status.is_success() && text.contains(name)).collect()
    }
}

#[tokio::test]
async fn every_cell_answers_as_expected() {
    let scene = scene().await;
    let (askers, nobody) = (askers(&scene).await, scene.installation.anonymous());
    let apart: BTreeSet<(String, String)> = conditions::asked_of_apart();
    let mut wrong = Vec::new();
    for case in cases() {
        let action = action_of(&case);
        for Asker { who, role, ours, caller, told } in &askers {
            let own = Wanted::of_role(&case, role);
            let stranger = Wanted::of(&case, "stranger");
            let wanted = match (ours, role.as_str()) {
                (true, _) => own,
                (false, "admin") => stranger,
                (false, _) => own.elsewhere(stranger),
            };
            let answer = scene.act(action, caller).await;
            if !wanted.met(answer.status) {
                wrong.push(format!(
                    "{who}: {action}: {} instead of {wanted:?} {}",
                    answer.status, answer.json
                ));
            }
            if !ours && !scene.leaked(&answer).is_empty() {
                wrong.push(format!("{who}: {action}: is shown {:?} of others", scene.leaked(&answer)));
            }
            // What depends on a setting, or on whom it is about, is compared where those are gone through.
            let depends = apart.contains(&(action.to_owned(), role.clone()))
                || matches!(own, Wanted::Depends(_))
                // One's own request, which the one that is asked for here is not.
                || action == "request.export"
                || role.parse().is_ok_and(|role: Role| !role.is_main())
                    && apart.contains(&(action.to_owned(), "member".to_owned()));
            if *ours && !depends && told.contains(action) != own.allows() {
                wrong.push(format!("{who}: {action}: the console is told otherwise"));
            }
        }
        let answer = scene.act(action, &nobody).await;
        if answer.status != StatusCode::UNAUTHORIZED {
            wrong.push(format!("nobody: {action}: {}", answer.status));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(cases().len() > 40 && askers.len() >= 7);
}

#[tokio::test]
async fn a_key_does_the_one_thing_it_was_made_for() {
    let scene = scene().await;
    let (admin, stranger) =
        (scene.installation.proven("admin").await, scene.installation.proven("stranger").await);
    let offered = admin.get("/api/v1/keys").await.ok();
    let offered: Vec<&str> =
        offered["scopes"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let cases = cases();
    let meant: BTreeSet<&str> =
        cases.iter().filter(|case| case.get("key").is_some()).map(action_of).collect();
    assert_eq!(offered.iter().copied().collect::<BTreeSet<_>>(), meant);
    let mut wrong = Vec::new();
    for scope in offered {
        let key = key(&scene.installation, &admin, scope).await;
        let theirs = self::key(&scene.installation, &stranger, scope).await;
        for case in &cases {
            let action = action_of(case);
            let wanted = Wanted::of(case, if action == scope { "key" } else { "nobody" });
            let answer = scene.act(action, &key).await;
            if !wanted.met(answer.status) {
                wrong.push(format!("a key for {scope}: {action}: {} instead of {wanted:?}", answer.status));
            }
            let answer = scene.act(action, &theirs).await;
            let wanted = wanted.elsewhere(Wanted::of(case, "stranger"));
            if !wanted.met(answer.status) || !scene.leaked(&answer).is_empty() {
                wrong.push(format!("another organisation's key for {scope}: {action}: {}", answer.status));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

async fn key(installation: &Installation, admin: &Caller, scope: &str) -> Caller {
    let made = admin.post("/api/v1/keys", json!({ "name": scope, "scopes": [scope], "days": 1 })).await.ok();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    installation.anonymous().without("clerestory-csrf").with("authorization", bearer)
}

#[test]
fn matrix_program_and_expectation_name_the_same_actions() {
    let names = |text: &str, list: &str| -> BTreeSet<String> {
        let table: toml::Table = toml::from_str(text).unwrap();
        table[list].as_array().unwrap().iter().map(|row| action_of(row).to_owned()).collect()
    };
    let program: BTreeSet<String> = ALL_ACTIONS.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(names(MATRIX, "row"), program);
    let mut expected = names(EXPECTED, "case");
    expected.extend(NOT_BY_PEOPLE.map(str::to_owned));
    assert_eq!(expected, program);
    // What no person does, no role of the matrix has.
    let matrix: toml::Table = toml::from_str(MATRIX).unwrap();
    for row in matrix["row"].as_array().unwrap() {
        if NOT_BY_PEOPLE.contains(&action_of(row)) {
            assert!(roles().iter().all(|role| row.get(role).is_none()), "{}", action_of(row));
        }
    }
}
