//! Sessions, passwords, and proving once more who one is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::Write;
use std::time::Duration;

use axum::http::StatusCode;
use clerestory_audit::authority::Difference;
use clerestory_identity::SignInRules;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const PASSWORD: &str = "high windows, all lit";
const BETTER: &str = "seven plain lanterns";

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

async fn alive(caller: &Caller) -> bool {
    let answer = caller.get("/api/v1/session").await;
    assert!(matches!(answer.status, StatusCode::OK | StatusCode::UNAUTHORIZED), "{}", answer.json);
    answer.status == StatusCode::OK
}

async fn change(caller: &Caller, old: Option<&str>, new: &str) -> Answer {
    let asked = match old {
        Some(old) => json!({ "old": old, "new": new }),
        None => json!({ "new": new }),
    };
    caller.send("PUT", "/api/v1/session/password", asked.to_string()).await
}

async fn signs_in(installation: &Installation, who: &str, password: &str) -> Answer {
    let asked = json!({ "email": format!("{who}@example.org"), "password": password });
    installation.anonymous().post("/api/v1/session", asked).await
}

async fn id_of(caller: &Caller) -> String {
    let session = caller.get("/api/v1/session").await.ok();
    session["person"]["id"].as_str().unwrap().to_owned()
}

/// What the log says became of rows is what they are.
async fn replays(installation: &Installation) {
    let differences = installation.app.replay_authority().await.unwrap();
    let told: Vec<String> = differences.iter().map(Difference::to_string).collect();
    assert_eq!(told, Vec::<String>::new());
}

/// The rules of the entries of this action, newest first.
async fn told(admin: &Caller, action: &str) -> Vec<(String, String)> {
    let list = admin.get(&format!("/api/v1/audit?action={action}")).await.ok();
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(|item| (text(item, "outcome"), text(item, "rule"))).collect()
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour_without_use_and_after_twelve_hours_in_all() {
    let installation = Installation::strict().await;
    let idle = installation.person("member").await;
    let used = installation.person("member").await;
    let page = installation.person("member").await.with("clerestory-background", "1");
    let image = installation.person("member").await.with("sec-fetch-dest", "image");
    for _ in 0..2 {
        assert!(alive(&page).await, "a page may look for news by itself");
        assert!(alive(&image).await, "and show who is there");
        installation.wait(minutes(15));
        assert!(alive(&used).await);
    }
    assert!(!alive(&idle).await, "half an hour without use");
    assert!(!alive(&page).await && !alive(&image).await, "and that is no use");
    let listed = used.get("/api/v1/sessions").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    for _ in 0..((12 * 60 - 30) / 29) {
        installation.wait(minutes(29));
        assert!(alive(&used).await);
    }
    installation.wait(minutes(29));
    assert!(!alive(&used).await, "twelve hours in all");
}

#[tokio::test]
async fn one_ends_any_session_of_ones_own_and_an_administrator_those_of_others() {
    let installation = Installation::new().await;
    let (one, two) = (installation.person("member").await, installation.person("member").await);
    let listed = one.get("/api/v1/sessions").await.ok();
    let other = listed["items"].as_array().unwrap().iter().find(|item| item["current"] == false).unwrap();
    assert_eq!(other["signed_in_by"], "password");
    let path = format!("/api/v1/sessions/{}", other["id"].as_str().unwrap());
    let (manager, stranger) = (installation.person("manager").await, installation.person("stranger").await);
    for hidden in [&manager, &stranger] {
        assert_eq!(hidden.delete(&path).await.status, StatusCode::NOT_FOUND);
    }
    assert!(alive(&two).await);
    assert_eq!(one.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(one.delete(&path).await.status, StatusCode::NOT_FOUND, "it is gone");
    assert_eq!((alive(&one).await, alive(&two).await), (true, false));
    let all = format!("/api/v1/people/{}/sessions", id_of(&one).await);
    for hidden in [&manager, &stranger] {
        assert_eq!(hidden.delete(&all).await.status, StatusCode::NOT_FOUND);
    }
    let admin = installation.person("admin").await;
    assert_eq!(admin.delete(&all).await.status, StatusCode::NO_CONTENT);
    assert!(!alive(&one).await);
    assert!(alive(&admin).await && alive(&manager).await, "nobody else's ended");
    replays(&installation).await;
}

/// On three nodes that share nothing but the database.
#[tokio::test]
async fn a_changed_password_ends_every_other_session_on_every_node() {
    let server = AnyServer::get().await;
    let first = Installation::over(Some(new_schema(server.address()).await)).await;
    let nodes = [first.another_node().await, first.another_node().await, first];
    let mut sessions = Vec::new();
    for node in &nodes {
        sessions.push(node.person("member").await);
    }
    let somebody = nodes[0].person("manager").await;
    for caller in &sessions {
        for node in &nodes {
            assert!(alive(&caller.clone().through(node)).await);
        }
    }
    let changed = change(&sessions[0], Some(PASSWORD), BETTER).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.json);
    for node in &nodes {
        assert!(alive(&sessions[0].clone().through(node)).await, "the one that made the change stays");
        assert!(alive(&somebody.clone().through(node)).await);
        for ended in &sessions[1..] {
            assert!(!alive(&ended.clone().through(node)).await);
        }
        assert_eq!(signs_in(node, "member", PASSWORD).await.problem(), "sign-in-refused");
    }
    assert_eq!(signs_in(&nodes[1], "member", BETTER).await.status, StatusCode::OK);
    replays(&nodes[0]).await;
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_the_old_one_or_has_just_proven_who_they_are() {
    let installation = Installation::new().await;
    let member = installation.person("member").await;
    let blind = change(&member, None, BETTER).await;
    assert_eq!((blind.status, blind.problem()), (StatusCode::FORBIDDEN, "step-up-required"));
    let wrong = change(&member, Some("not the one at all"), BETTER).await;
    assert_eq!((wrong.status, wrong.problem()), (StatusCode::FORBIDDEN, "proof-refused"));
    assert_eq!(signs_in(&installation, "member", PASSWORD).await.status, StatusCode::OK, "nothing changed");
    member.prove(PASSWORD).await;
    installation.wait(minutes(6));
    assert_eq!(change(&member, None, BETTER).await.problem(), "step-up-required", "six minutes ago");
    member.prove(PASSWORD).await;
    assert_eq!(change(&member, None, BETTER).await.status, StatusCode::NO_CONTENT);
    assert_eq!(signs_in(&installation, "member", BETTER).await.status, StatusCode::OK);
    let admin = installation.person("admin").await;
    let outcomes: Vec<String> =
        told(&admin, "credential.set").await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["allowed", "refused", "refused", "refused"], "each attempt is on record");
    replays(&installation).await;
}

/// Whoever has forgotten a password is given a link, and sets a new one; later it takes the old one again.
#[tokio::test]
async fn a_link_that_was_just_used_sets_a_password() {
    let installation = Installation::new().await;
    let by_link = async || {
        let token = installation.link("member@example.org").await;
        let answer = installation.anonymous().post("/api/v1/session/link", json!({ "token": token })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        installation.anonymous().in_session_of(&answer)
    };
    let member = by_link().await;
    assert_eq!(change(&member, None, BETTER).await.status, StatusCode::NO_CONTENT);
    let member = by_link().await;
    installation.wait(minutes(16));
    assert_eq!(change(&member, None, PASSWORD).await.problem(), "step-up-required");
    replays(&installation).await;
}

#[tokio::test]
async fn a_password_that_would_be_guessed_is_refused_with_advice_in_words() {
    let installation = Installation::new().await;
    let member = installation.person("member").await;
    for unfit in ["short one", "password123", "member@example.org", "fernwick fernwick", &"x".repeat(257)] {
        let answer = change(&member, Some(PASSWORD), unfit).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "password-unfit"),
            "{unfit}"
        );
        let advice = answer.json["errors"][0]["message"].as_str().unwrap();
        assert!(advice.ends_with('.') && advice.contains(' '), "{advice}");
        assert!(
            !answer.bytes.windows(unfit.len()).any(|found| found == unfit.as_bytes()),
            "it is not repeated"
        );
    }
    assert!(alive(&member).await);
    assert_eq!(signs_in(&installation, "member", PASSWORD).await.status, StatusCode::OK, "nothing changed");
}

/// The first line of a list, and its last.
const BREACHED: [&str; 2] =
    ["0000000000000000000000000000000000000001:3", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFE:1"];

#[tokio::test]
async fn a_breached_password_is_nobodys_and_a_list_without_order_is_not_believed() {
    let mut list = tempfile::NamedTempFile::new().unwrap();
    let hash = hex::encode_upper(clerestory_seal::sha1(BETTER.as_bytes()));
    write!(list, "{}\r\n{hash}:12\r\n{}\r\n", BREACHED[0], BREACHED[1]).unwrap();
    let path = list.path().to_owned();
    let breached = Some(path.clone());
    let installation = Installation::kept(None, |_, places| {
        places.sign_in = SignInRules { breached, ..SignInRules::for_trying_out() };
    })
    .await;
    let member = installation.person("member").await;
    let refused = change(&member, Some(PASSWORD), BETTER).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "password-unfit"));
    assert!(refused.json["detail"].as_str().unwrap().contains("stolen"), "{}", refused.json);
    let other = "nine copper kettles";
    assert_eq!(change(&member, Some(PASSWORD), other).await.status, StatusCode::NO_CONTENT);
    let mut others: Vec<String> =
        (0..200_u32).map(|n| hex::encode_upper(clerestory_seal::sha1(&n.to_be_bytes()))).collect();
    others.sort_by(|one, two| two.cmp(one));
    std::fs::write(&path, others.join("\n")).unwrap();
    let unsure = change(&member, Some(other), PASSWORD).await;
    assert_eq!(unsure.status, StatusCode::SERVICE_UNAVAILABLE, "nothing is taken that cannot be looked up");
    assert_eq!(signs_in(&installation, "member", other).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_proof_counts_for_five_minutes_in_its_session_and_guesses_are_slowed_down() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let elsewhere = installation.person("admin").await;
    let member = id_of(&installation.person("member").await).await;
    let path = format!("/api/v1/people/{member}/factor");
    let asked = admin.delete(&path).await;
    assert_eq!((asked.status, asked.problem()), (StatusCode::FORBIDDEN, "step-up-required"));
    let wrong = admin.post("/api/v1/session/step-up", json!({ "password": "not the one" })).await;
    assert_eq!((wrong.status, wrong.problem()), (StatusCode::FORBIDDEN, "proof-refused"));
    for malformed in [json!({}), json!({ "password": PASSWORD, "code": "123456" })] {
        let answer = admin.post("/api/v1/session/step-up", malformed).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(admin.delete(&path).await.problem(), "step-up-required");
    admin.prove(PASSWORD).await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(elsewhere.delete(&path).await.problem(), "step-up-required", "another session");
    installation.wait(minutes(6));
    assert_eq!(admin.delete(&path).await.problem(), "step-up-required", "six minutes later");
    let told = told(&admin, "session.step_up").await;
    assert_eq!(
        told,
        [("allowed".to_owned(), "by password".to_owned()), ("refused".to_owned(), "by password".to_owned())]
    );
    let mut last = StatusCode::FORBIDDEN;
    for _ in 0..12 {
        last = admin.post("/api/v1/session/step-up", json!({ "password": "not the one" })).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    replays(&installation).await;
}

/// A cookie that was there before signing in is never the session's, and its session ends.
#[tokio::test]
async fn no_token_outlives_a_sign_in() {
    let installation = Installation::new().await;
    let before = installation.person("member").await;
    let asked = json!({ "email": "member@example.org", "password": PASSWORD });
    let answer = before.post("/api/v1/session", asked.clone()).await;
    let after = before.clone().in_session_of(&answer);
    assert!(alive(&after).await && !alive(&before).await);
    let planted = format!("__Host-clerestory={}", "B".repeat(43));
    let fixed = installation.anonymous().with("cookie", planted.clone());
    let answer = fixed.post("/api/v1/session", asked).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.cookies.iter().all(|cookie| *cookie != planted));
    assert!(!alive(&fixed).await, "what was planted signs nobody in");
}

/// Every bit of a session's token matters.
#[tokio::test]
async fn every_changed_cookie_is_nobodys() {
    let installation = Installation::new().await;
    let asked = json!({ "email": "member@example.org", "password": PASSWORD });
    let cookie = installation.anonymous().post("/api/v1/session", asked).await.cookies[0].clone();
    let (name, token) = cookie.split_once('=').unwrap();
    let with = |text: &str| installation.anonymous().with("cookie", format!("{name}={text}"));
    assert!(alive(&with(token)).await);
    let mut changed: Vec<String> = vec![
        String::new(),
        token[1..].to_owned(),
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        token.to_lowercase(),
        token.chars().rev().collect(),
        "A".repeat(4096),
    ];
    for at in 0..token.len() {
        for letter in ["A", "B", "_", "9"] {
            let mut other = token.to_owned();
            other.replace_range(at..=at, letter);
            if other != token {
                changed.push(other);
            }
        }
    }
    for other in changed {
        assert!(!alive(&with(&other)).await, "{other}");
    }
}

/// A change is made by the console alone: whatever another page can make a browser send is refused.
#[tokio::test]
async fn what_other_pages_can_send_changes_nothing() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let site = installation.site(&admin).await["id"].as_str().unwrap().to_owned();
    let foreign = |with: Caller| -> Vec<Caller> {
        let mut forged = vec![with.clone().without("clerestory-csrf")];
        for value in ["", "0", "true", "1, 1", " 2"] {
            forged.push(with.clone().with("clerestory-csrf", value));
        }
        for origin in [
            "null",
            "https://evil.example",
            "http://localhost",
            "https://localhost:8700",
            "http://localhost:8700.evil.example",
            "http://127.0.0.1:8700",
            "http://LOCALHOST:8701",
            "",
        ] {
            forged.push(with.clone().with("origin", origin));
        }
        for fetched in ["cross-site", "same-site", "", "SAME-ORIGIN, cross-site"] {
            forged.push(with.clone().with("sec-fetch-site", fetched));
        }
        forged
    };
    let mut refused = 0;
    for caller in foreign(admin.clone()) {
        for (method, path, body) in [
            ("POST", "/api/v1/sites".to_owned(), json!({ "name": "S", "origins": [] })),
            ("PATCH", format!("/api/v1/sites/{site}"), json!({ "name": "S" })),
            ("PUT", "/api/v1/session/password".to_owned(), json!({ "old": PASSWORD, "new": BETTER })),
            ("POST", "/api/v1/session/step-up".to_owned(), json!({ "password": PASSWORD })),
            (
                "POST",
                "/api/v1/session".to_owned(),
                json!({ "email": "admin@example.org", "password": PASSWORD }),
            ),
            ("DELETE", "/api/v1/sessions".to_owned(), json!({})),
        ] {
            let answer = caller.send(method, &path, body.to_string()).await;
            assert_eq!(
                (answer.status, answer.problem()),
                (StatusCode::FORBIDDEN, "cross-site"),
                "{method} {path}"
            );
            refused += 1;
        }
    }
    assert_eq!(refused, 18 * 6);
    assert!(alive(&admin).await);
    assert_eq!(signs_in(&installation, "admin", PASSWORD).await.status, StatusCode::OK);
}
