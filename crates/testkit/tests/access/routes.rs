//! Every route of the description, one by one: closed to whoever is not signed in, or is kept out, but for an exact list;
//! closed to a member who may nothing, but for what is their own; closed to the other organisation.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use clerestory_testkit::visit::snapshot;
use clerestory_testkit::{Answer, Caller};
use serde_json::{Map, Value, json};

use super::{OPEN, Scene, scene};

/// What a member may ask for who may see no recording: about themselves and how they sign in. An exact list, which may
/// only be changed on purpose.
const OWN: [&str; 16] = [
    "DELETE /api/v1/session",
    "DELETE /api/v1/session/factor",
    "DELETE /api/v1/sessions",
    "GET /api/v1/deletions",
    "GET /api/v1/my/data",
    "GET /api/v1/my/requests",
    "GET /api/v1/people",
    "GET /api/v1/recorders",
    "GET /api/v1/session",
    "GET /api/v1/session/factor",
    "GET /api/v1/sessions",
    "POST /api/v1/my/requests",
    "POST /api/v1/recorders/codes",
    "POST /api/v1/session/factor",
    "POST /api/v1/session/factor/recovery-codes",
    "PUT /api/v1/session/password",
];
/// The proof of who one is, which is anybody's who is signed in.
const PROOF: &str = "POST /api/v1/session/step-up";

/// A route, with an example of what it takes.
pub(super) struct Route {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Value,
}

/// Every route of the description.
pub(super) fn routes() -> Vec<Route> {
    let description: Value = serde_json::to_value(clerestory_api::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = body(method, path).unwrap_or_else(|| example(schema, &description, 0));
            found.push(Route { method: method.to_uppercase(), path: path.clone(), body });
        }
    }
    found
}

/// What a route takes that says more than its description does.
fn body(method: &str, path: &str) -> Option<Value> {
    let document = json!({ "preset": "private", "media": "blocked", "exclude": [], "mask": [], "unmask": [],
        "urls": { "deny": [], "allow": [] } });
    Some(match (method, path.rsplit('/').next()?) {
        ("put", "policy") => json!({ "document": document, "based_on": 1 }),
        ("post", "check") if path.contains("/policy/") => json!({ "document": document }),
        ("post", "check") => json!({ "name": "view.reason_required", "value": true }),
        ("post", "check-move") => json!({ "node": "per_0190a5e200007000800000000000000a" }),
        ("post", "preview") => json!({ "changes": [{ "class": "replay", "days": 30 }] }),
        ("post", "blocks") if !path.contains("/people/") => {
            json!({ "network": "203.0.113.0/24", "ends_at": "2026-11-23T00:00:00Z", "reason": "r" })
        }
        ("post", "imports") => snapshot(1_795_000_000_000, 1, "x"),
        ("post", "holds") => json!({ "scope": { "recording": "{recording}" }, "matter": "m", "reason": "r" }),
        ("post", "proposals") => json!({ "target": { "subject": "{subject}" }, "reason": "r" }),
        ("put", "{name}") => json!({ "value": true }),
        ("post", "clips") => json!({ "title": "x", "from_ms": 0, "to_ms": 1 }),
        ("post", "keys") => json!({ "name": "k", "scopes": ["audit.read"] }),
        ("put", "roles") => json!({ "role": "member" }),
        ("post", "people") => json!({ "name": "N", "email": "n@example.org", "role": "member" }),
        ("post", "decline" | "extend" | "views") => json!({ "reason": "x" }),
        ("post", "requests") if path.contains("/my/") => json!({ "kind": "access" }),
        ("post", "requests") => json!({ "subject": "{subject}", "kind": "access" }),
        ("post", "answer") => json!({ "answer": "refused" }),
        ("post", "roles") => json!({ "name": "R", "rights": { "recording.list": "own" } }),
        ("post", "sites") => json!({ "name": "S", "origins": ["https://s.example"] }),
        ("post", "support-grants") => {
            json!({ "name": "S", "email": "s@example.org", "rights": ["recording.list"], "reason": "r" })
        }
        ("post", "tree") => json!({ "kind": "domain", "name": "D" }),
        _ => return None,
    })
}

/// The least that a schema takes.
fn example(schema: &Value, description: &Value, depth: u32) -> Value {
    if depth > 8 {
        return Value::Null;
    }
    if let Some(named) = schema["$ref"].as_str() {
        let pointer = named.trim_start_matches('#');
        return example(description.pointer(pointer).unwrap(), description, depth + 1);
    }
    for any in ["oneOf", "anyOf", "allOf"] {
        if let Some(first) = schema[any].as_array().and_then(|all| all.last()) {
            return example(first, description, depth + 1);
        }
    }
    if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
        return word.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.map(|name| {
                let name = name.as_str().unwrap();
                (name.to_owned(), example(&schema["properties"][name], description, depth + 1))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("string") if schema["format"] == "date-time" => json!("2026-11-23T00:00:00Z"),
        Some("string") => json!("x"),
        Some("integer" | "number") => json!(0),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        _ => json!({}),
    }
}

fn is_open(route: &str) -> bool {
    OPEN.contains(&route)
}

impl Scene {
    pub(super) async fn ask(&self, caller: &Caller, Route { method, path, body }: &Route) -> Answer {
        let caller = caller.clone().with("if-match", "\"0\"");
        let organisation = self.installation.organisation.to_string();
        let body = match method.as_str() {
            "GET" => String::new(),
            _ => self.fill(&body.to_string()).replace("{organisation}", &organisation),
        };
        // A comparison names what it compares.
        let asked = if path.ends_with("/settings/changes") { "?from=0" } else { "" };
        caller.send(method, &format!("{}{asked}", self.fill(path)), body).await
    }
}

#[tokio::test]
async fn every_route_is_closed_to_the_unauthenticated_but_the_open_ones() {
    let scene = scene().await;
    let nobody = scene.installation.anonymous();
    let routes = routes();
    let mut open = BTreeSet::new();
    for route in &routes {
        let Route { method, path, .. } = route;
        let answer = nobody.send(method, &scene.fill(path), "{}").await;
        if answer.status != StatusCode::UNAUTHORIZED
            || path.contains("/capture/")
            || path.ends_with("/session") && method == "POST"
            || path.ends_with("/link")
        {
            open.insert(format!("{method} {path}"));
        }
    }
    assert_eq!(open, OPEN.map(str::to_owned).into());
    // Whoever is deleted, or blocked, is no better off for having been signed in.
    let admin = scene.installation.person("admin").await;
    let (member, manager) =
        (scene.installation.proven("member").await, scene.installation.proven("manager").await);
    let people = admin.get("/api/v1/people").await.ok();
    let id: BTreeMap<&str, &str> = people["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["role"].as_str().unwrap(), item["id"].as_str().unwrap()))
        .collect();
    admin.delete(&format!("/api/v1/people/{}", id["member"])).await.ok();
    let asked = json!({ "ends_at": "2026-11-23T00:00:00Z", "reason": "a leak" });
    admin.post(&format!("/api/v1/people/{}/blocks", id["manager"]), asked).await.ok();
    let mut wrong = Vec::new();
    for route in routes.iter().filter(|Route { method, path, .. }| !is_open(&format!("{method} {path}"))) {
        let deleted = scene.ask(&member, route).await.status;
        let blocked = scene.ask(&manager, route).await;
        let kept_out = (blocked.status, blocked.problem()) == (StatusCode::FORBIDDEN, "blocked");
        if deleted != StatusCode::UNAUTHORIZED || !(kept_out || blocked.status == StatusCode::UNAUTHORIZED) {
            let Route { method, path, .. } = route;
            wrong.push(format!("{method} {path}: {deleted}, {} {}", blocked.status, blocked.problem()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// They are signed in and have just proven who they are; no recording is theirs to see.
#[tokio::test]
async fn every_route_is_closed_to_a_member_who_may_nothing_but_what_is_their_own() {
    let scene = scene().await;
    let admin = scene.installation.proven("admin").await.with("if-match", "\"0\"");
    let off = json!({ "value": false }).to_string();
    admin.send("PUT", "/api/v1/settings/member.view_own", off).await.ok();
    let (mut member, mut open) = (scene.installation.proven("member").await, BTreeSet::new());
    for route in routes() {
        let Route { method, path, .. } = &route;
        let name = format!("{method} {path}");
        if is_open(&name) || name == PROOF {
            continue;
        }
        let answer = scene.ask(&member, &route).await;
        // Some of these end the session.
        if member.get("/api/v1/session").await.status == StatusCode::UNAUTHORIZED {
            member = scene.installation.proven("member").await;
        }
        if !matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            open.insert(name);
        }
    }
    assert_eq!(open, OWN.map(str::to_owned).into());
}

#[tokio::test]
async fn every_route_that_names_an_object_is_closed_to_the_other_tenant_and_to_members() {
    let scene = scene().await;
    let stranger = scene.installation.proven("stranger").await;
    let member = scene.installation.proven("member").await;
    let (mut wrong, mut checked) = (Vec::new(), 0);
    // The ledger is one for all organisations, and names no object of any: a test of its own says who may have it.
    // A setting is everybody's; what is said of it is one's own organisation's.
    let elsewhere =
        |path: &str| ["/capture/", "/ledger/", "/settings/"].iter().any(|part| path.contains(part));
    for route in routes() {
        let Route { method, path, .. } = &route;
        if is_open(&format!("{method} {path}")) {
            continue;
        }
        if method == "GET" {
            let shown = scene.leaked(&scene.ask(&stranger, &route).await);
            if !shown.is_empty() {
                wrong.push(format!("{path} shows {shown:?} to another organisation"));
            }
        }
        if !path.contains('{') || elsewhere(path) {
            continue;
        }
        for (caller, of_this_tenant) in [(&stranger, false), (&member, true)] {
            let answer = scene.ask(caller, &route).await;
            let hidden = answer.status == StatusCode::NOT_FOUND;
            // Members know that their organisation has sites and keys, whichever they are.
            let known = path.contains("/sites/") || path.contains("/keys/");
            let member_may_know = of_this_tenant && answer.status == StatusCode::FORBIDDEN && known;
            if !(hidden || member_may_know) {
                wrong.push(format!("{method} {path}: {} {}", answer.status, answer.json));
            }
        }
        checked += 1;
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(checked > 40, "{checked}");
}
