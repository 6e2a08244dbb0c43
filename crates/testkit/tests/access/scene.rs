//! A site with a visit that is over, who looks at it, and how each action is done over HTTP.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_testkit::screen::Recorder;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

use super::PASSWORD;

pub(crate) struct Scene {
    pub(crate) installation: Installation,
    pub(crate) site: String,
    pub(crate) site_key: String,
    pub(crate) recording: String,
    /// A recording of the same site that goes on, once somebody asked for it.
    pub(crate) goes_on: Mutex<Option<String>>,
    pub(crate) subject: String,
    pub(crate) track: String,
    pub(crate) play: String,
    /// The person that the member is, and the one that the admin is.
    pub(crate) member: String,
    pub(crate) admin: String,
    /// The name by which the member signs in.
    pub(crate) named: String,
    /// A node of the tree.
    pub(crate) node: String,
    /// Who signed in to be looked up or to be ended: attempts to sign in are counted.
    pub(crate) beside: Mutex<BTreeMap<String, Caller>>,
    /// What the visitor asked to see, entered and answered by the admin.
    pub(crate) request: String,
    /// A grant that lets somebody in who has not come.
    pub(crate) support: String,
}

pub(crate) async fn scene() -> Scene {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    // It is over: what goes on is lent to nobody.
    visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    admin.prove(PASSWORD).await;
    let support = admin.post("/api/v1/support-grants", supporter("waits")).await.ok();
    let play = admin.post(&format!("/api/v1/recordings/{}/plays", visit.recording), json!({})).await.ok();
    let facts = admin.get(&format!("/api/v1/recordings/{}", visit.recording)).await.ok();
    let people = admin.get("/api/v1/people").await.ok();
    let person = |role: &str| {
        let found = people["items"].as_array().unwrap().iter().find(|person| person["role"] == role);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let tree = admin.get("/api/v1/tree").await.ok();
    let asked = json!({ "subject": facts["subject"]["id"], "kind": "access" });
    let request = admin.post("/api/v1/requests", asked).await.ok()["id"].as_str().unwrap().to_owned();
    admin.post(&format!("/api/v1/requests/{request}/fulfil"), json!({})).await.ok();
    Scene {
        support: support["id"].as_str().unwrap().to_owned(),
        request,
        member: person("member"),
        admin: person("admin"),
        node: tree["items"][0]["id"].as_str().unwrap().to_owned(),
        subject: facts["subject"]["id"].as_str().unwrap().to_owned(),
        named: "member".to_owned(),
        beside: Mutex::default(),
        site: site["id"].as_str().unwrap().to_owned(),
        site_key: site["site_key"].as_str().unwrap().to_owned(),
        recording: visit.recording,
        goes_on: Mutex::default(),
        track: visit.track,
        play: play["id"].as_str().unwrap().to_owned(),
        installation,
    }
}

/// The version and the rules of the policy that a site's recorders follow now, as the editor sends them.
pub(crate) async fn rules(caller: &Caller, site: &str) -> (u64, Value) {
    let current = caller.get(&format!("/api/v1/sites/{site}/policy")).await.ok()["current"].clone();
    let signed = URL_SAFE_NO_PAD.decode(current["document"].as_str().unwrap()).unwrap();
    let signed: Value = serde_json::from_slice(&signed).unwrap();
    let fields = ["preset", "media", "exclude", "mask", "unmask", "urls"];
    let document = fields.map(|field| (field.to_owned(), signed[field].clone()));
    (current["version"].as_u64().unwrap(), Value::Object(document.into_iter().collect()))
}

/// Signs rules on top of a version.
pub(crate) async fn sign(caller: &Caller, site: &str, (based_on, document): (u64, &Value)) -> Answer {
    let asked = json!({ "document": document, "based_on": based_on });
    caller.send("PUT", &format!("/api/v1/sites/{site}/policy"), asked.to_string()).await
}

/// Somebody from outside, to be let in.
fn supporter(name: &str) -> Value {
    let email = format!("{name}@outside.example");
    json!({ "name": name, "email": email, "rights": ["recording.list"], "reason": "r" })
}

impl Scene {
    /// Does the action as this caller.
    pub(crate) async fn act(&self, action: &str, caller: &Caller) -> Answer {
        let Self { site, recording, .. } = self;
        match action {
            "recording.list" => caller.get("/api/v1/recordings").await,
            "recording.read" => caller.get(&format!("/api/v1/recordings/{recording}")).await,
            "recording.play" => {
                caller.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await
            }
            "recording.follow" => {
                let goes_on = self.goes_on().await;
                caller.post(&format!("/api/v1/recordings/{goes_on}/plays"), json!({ "follow": true })).await
            }
            "recording.comment" => caller.get(&format!("/api/v1/recordings/{recording}/comments")).await,
            "recording.clip" => caller.get(&format!("/api/v1/recordings/{recording}/clips")).await,
            "recording.review" => {
                let path = format!("/api/v1/recordings/{recording}/review");
                caller.send("PUT", &path, json!({ "state": "waiting" }).to_string()).await
            }
            "playlist.manage" => caller.get("/api/v1/playlists").await,
            "recording.export" => {
                let answer = caller.post(&format!("/api/v1/recordings/{recording}/export"), json!({})).await;
                // It was decided; a visit shows no screen, so that there is no film in it.
                match answer.json["type"].as_str() {
                    Some("urn:clerestory:problem:nothing-to-export") => {
                        Answer { status: StatusCode::OK, ..answer }
                    }
                    _ => answer,
                }
            }
            "view.ask" => {
                caller.post(&format!("/api/v1/recordings/{recording}/views"), json!({ "reason": "r" })).await
            }
            "view.answer" => caller.get("/api/v1/views").await,
            "recording.inspect" => caller.get(&format!("/api/v1/recordings/{recording}/inside")).await,
            "recording.import" => {
                let events = snapshot(1_795_000_000_000, 1, "x").to_string();
                caller.send("POST", &format!("/api/v1/sites/{site}/imports"), events).await
            }
            "audit.export" => caller.get("/api/v1/audit/export?from=2030-01-01T00:00:00Z").await,
            "audit.read" => caller.get("/api/v1/audit").await,
            "site.list" => caller.get("/api/v1/sites").await,
            "site.manage" => {
                caller
                    .send("PATCH", &format!("/api/v1/sites/{site}"), json!({ "name": "S" }).to_string())
                    .await
            }
            "policy.edit" => {
                // More is captured by it: whoever may only let less be may not sign it.
                let shown = self.beside("admin").await;
                let policy = shown.get(&format!("/api/v1/sites/{site}/policy")).await.ok();
                let document = json!({ "preset": "private", "media": "allowed", "exclude": [], "mask": [],
                    "unmask": [], "urls": { "deny": [], "allow": [] } });
                let asked = json!({ "document": document, "based_on": policy["current"]["version"] });
                caller.send("PUT", &format!("/api/v1/sites/{site}/policy"), asked.to_string()).await
            }
            "policy.tighten" => {
                let (version, mut document) = rules(&self.beside("admin").await, site).await;
                static SIGNED: AtomicU32 = AtomicU32::new(0);
                let hidden = format!(".apart-{}", SIGNED.fetch_add(1, Ordering::Relaxed));
                document["exclude"].as_array_mut().unwrap().push(hidden.into());
                sign(caller, site, (version, &document)).await
            }
            "retention.shorten" => {
                let project = format!("prj_{}", self.project().await);
                let asked = json!({ "value": "P80D", "node": project, "confirms": 1_000_000 });
                self.say_of(caller, "retention.replay", asked).await
            }
            "setting.read" => caller.get("/api/v1/settings").await,
            "setting.write.business" => self.say(caller, json!({ "value": null })).await,
            "setting.write.below" => {
                let project = format!("prj_{}", self.project().await);
                self.say(caller, json!({ "value": null, "node": project })).await
            }
            "setting.write.own" => self.say_of_oneself(caller, &self.member).await,
            "setting.relax" => self.relax(caller).await,
            "health.read" => caller.get("/api/v1/health/findings").await,
            "profile.read" => caller.get("/api/v1/session").await,
            "mine.read" => caller.get("/api/v1/my/data").await,
            "person.list" => caller.get("/api/v1/people").await,
            "person.read" => caller.get(&format!("/api/v1/people/{}", self.member)).await,
            "person.invite" => {
                static ASKED: AtomicU32 = AtomicU32::new(0);
                let email = format!("new{}@example.org", ASKED.fetch_add(1, Ordering::Relaxed));
                caller
                    .post("/api/v1/people", json!({ "name": "New", "email": email, "role": "member" }))
                    .await
            }
            "person.manage" => self.change(caller, "team", json!({ "team": null })).await,
            "block.read" => caller.get("/api/v1/blocks").await,
            "block.manage" => {
                let asked =
                    json!({ "network": "203.0.113.0/24", "ends_at": "2026-11-23T00:00:00Z", "reason": "r" });
                caller.post("/api/v1/blocks", asked).await
            }
            "person.roles" => self.change(caller, "roles", json!({ "role": "member" })).await,
            "role.read" => caller.get("/api/v1/roles").await,
            "role.manage" => {
                let rights = json!({ "recording.list": "organisation" });
                caller.post("/api/v1/roles", json!({ "name": "Reader", "rights": rights })).await
            }
            "support.read" => caller.get("/api/v1/support-grants").await,
            "support.grant" => {
                static LET_IN: AtomicU32 = AtomicU32::new(0);
                let name = format!("outside{}", LET_IN.fetch_add(1, Ordering::Relaxed));
                caller.post("/api/v1/support-grants", supporter(&name)).await
            }
            "support.end" => {
                caller.post(&format!("/api/v1/support-grants/{}/end", self.support), json!({})).await
            }
            "person.picture" => caller.delete(&format!("/api/v1/people/{}/picture", self.member)).await,
            "person.line" => self.change(caller, "manager", json!({ "manager": null })).await,
            "tree.read" => caller.get("/api/v1/tree").await,
            "tree.edit" => caller.post("/api/v1/tree", json!({ "kind": "domain", "name": "D" })).await,
            "erasure.read" => caller.get("/api/v1/erasures").await,
            "recording.delete" => {
                caller.post(&format!("/api/v1/recordings/{recording}/delete"), json!({})).await
            }
            "recording.restore" => {
                // Whoever restores it first leaves it deleted for the next, and there for other actions.
                let (admin, path) = (self.beside("admin").await, format!("/api/v1/recordings/{recording}"));
                admin.post(&format!("{path}/delete"), json!({})).await;
                let answer = caller.post(&format!("{path}/restore"), json!({})).await;
                admin.post(&format!("{path}/restore"), json!({})).await;
                answer
            }
            "hold.read" => caller.get("/api/v1/holds").await,
            "hold.place" => {
                let asked = json!({ "scope": { "recording": recording }, "matter": "m", "reason": "r" });
                caller.post("/api/v1/holds", asked).await
            }
            "retention.read" => caller.get("/api/v1/retention/sweep").await,
            "retention.confirm" => caller.post("/api/v1/retention/sweep/confirm", json!({ "due": 1 })).await,
            "session.end" => {
                let member = self.beside(&self.named).await;
                let listed = member.get("/api/v1/sessions").await.ok();
                let items = listed["items"].as_array().unwrap();
                let own = items.iter().find(|item| item["current"] == true).unwrap();
                caller.delete(&format!("/api/v1/sessions/{}", own["id"].as_str().unwrap())).await
            }
            "credential.change" => {
                let asked = json!({ "old": PASSWORD, "new": PASSWORD }).to_string();
                caller.send("PUT", "/api/v1/session/password", asked).await
            }
            "factor.manage" => caller.post("/api/v1/session/factor", json!({})).await,
            "factor.reset" => caller.delete(&format!("/api/v1/people/{}/factor", self.admin)).await,
            "recorder.enrol" => caller.post("/api/v1/recorders/codes", json!({})).await,
            "recorder.read" => caller.get("/api/v1/recorders").await,
            "recorder.end" => {
                let (person, nobody) = (self.beside(&self.named).await, self.installation.anonymous());
                let enrolled = Recorder::enrol(&person, &nobody).await;
                let path = format!("/api/v1/recorders/{}", enrolled.id);
                let answer = caller.delete(&path).await;
                person.delete(&path).await;
                answer
            }
            "key.read" => caller.get("/api/v1/keys").await,
            "request.ask" => caller.post("/api/v1/my/requests", json!({ "kind": "access" })).await,
            "request.manage" => caller.get("/api/v1/requests").await,
            "request.export" => caller.get(&format!("/api/v1/requests/{}/export", self.request)).await,
            "key.manage" => {
                caller.post("/api/v1/keys", json!({ "name": "Report", "scopes": ["audit.read"] })).await
            }
            "recording.erase" => {
                caller.post(&format!("/api/v1/recordings/{recording}/erasures"), json!({})).await
            }
            "subject.erase" => {
                caller.post(&format!("/api/v1/subjects/{}/erasures", self.subject), json!({})).await
            }
            "organisation.erase" => {
                let session = caller.get("/api/v1/session").await;
                let own = session.json["organisation"]["id"].as_str().unwrap_or("org_0").to_owned();
                let asked = json!({ "target": { "organisation": own }, "reason": "r" });
                caller.post("/api/v1/erasures/proposals", asked).await
            }
            other => panic!("the test does not know how to do {other}"),
        }
    }
}

impl Scene {
    /// A recording that goes on.
    pub(crate) async fn goes_on(&self) -> String {
        let known = self.goes_on.lock().unwrap().clone();
        if let Some(known) = known {
            return known;
        }
        let now = i64::try_from(self.installation.now().unix_millis()).unwrap();
        let visit =
            Visit::start(self.installation.recorder("https://shop.example"), &self.site_key, now).await;
        visit.send(0, &snapshot(now, 1, "x")).await.ok();
        *self.goes_on.lock().unwrap() = Some(visit.recording.clone());
        visit.recording
    }

    /// A session of somebody beside those that ask.
    pub(crate) async fn beside(&self, name: &str) -> Caller {
        let known = self.beside.lock().unwrap().get(name).cloned();
        if let Some(caller) = known
            && caller.get("/api/v1/session").await.status.is_success()
        {
            return caller;
        }
        let caller = self.installation.person(name).await;
        self.beside.lock().unwrap().insert(name.to_owned(), caller.clone());
        caller
    }

    /// Changes something about the member, as this caller.
    pub(crate) async fn change(&self, caller: &Caller, what: &str, to: Value) -> Answer {
        caller.send("PUT", &format!("/api/v1/people/{}/{what}", self.member), to.to_string()).await
    }

    /// Says something of whether reasons are asked for.
    pub(crate) async fn say(&self, caller: &Caller, asked: Value) -> Answer {
        self.say_of(caller, "view.reason_required", asked).await
    }

    /// Says something of a setting, on top of what the caller can see of them.
    pub(crate) async fn say_of(&self, caller: &Caller, name: &str, asked: Value) -> Answer {
        let seen = caller.get("/api/v1/settings").await.json["version"].as_u64().unwrap_or_default();
        let caller = caller.clone().with("if-match", format!("\"{seen}\""));
        caller.send("PUT", &format!("/api/v1/settings/{name}"), asked.to_string()).await
    }

    /// Says nothing of who is shown somebody's picture, as the caller's own word.
    async fn say_of_oneself(&self, caller: &Caller, person: &str) -> Answer {
        let path = format!("/api/v1/settings?node={person}");
        let seen = caller.get(&path).await.json["version"].as_u64().unwrap_or_default();
        let caller = caller.clone().with("if-match", format!("\"{seen}\""));
        let asked = json!({ "value": null, "node": person }).to_string();
        caller.send("PUT", "/api/v1/settings/user.picture.visibility", asked).await
    }

    /// Lets a domain that nothing hangs from protect nobody any more.
    pub(crate) async fn relax(&self, caller: &Caller) -> Answer {
        let admin = self.beside("admin").await;
        let made = admin.post("/api/v1/tree", json!({ "kind": "domain", "name": "Apart" })).await.ok();
        let node = &made["id"];
        self.say(&admin, json!({ "value": true, "node": node })).await.ok();
        self.say(caller, json!({ "value": null, "node": node })).await
    }

    /// The digits of the first project's id.
    pub(crate) async fn project(&self) -> String {
        let organisation = self.installation.organisation;
        let found: Result<_, clerestory_sql::SqlError> = self
            .installation
            .app
            .database
            .read(move |tx| {
                Box::pin(
                    async move { clerestory_store::organisations::first_project(tx, organisation).await },
                )
            })
            .await;
        hex::encode(found.unwrap().unwrap().as_bytes())
    }
}
