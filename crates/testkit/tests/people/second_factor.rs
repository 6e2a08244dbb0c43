//! Second factors: codes that work once, recovery codes, and who needs one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_audit::authority::Difference;
use clerestory_identity::SignInRules;
use clerestory_testkit::authenticator::Authenticator;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const PASSWORD: &str = "high windows, all lit";
const BETTER: &str = "seven plain lanterns";
const STEP: Duration = Duration::from_secs(30);

/// A code that the app does not show.
fn wrong(app: &Authenticator, installation: &Installation) -> String {
    let right: u32 = app.code(installation.now()).parse().unwrap();
    format!("{:06}", (right + 500_000) % 1_000_000)
}

async fn alive(caller: &Caller) -> bool {
    caller.get("/api/v1/session").await.status == StatusCode::OK
}

/// Sets an app up for the caller, who has proven who they are; also their recovery codes.
async fn enrol(installation: &Installation, caller: &Caller) -> (Authenticator, Vec<String>) {
    let given = caller.post("/api/v1/session/factor", json!({})).await.ok();
    let app = Authenticator::with(given["secret"].as_str().unwrap());
    assert!(given["uri"].as_str().unwrap().contains(given["secret"].as_str().unwrap()));
    assert!(given["qr"].as_str().unwrap().starts_with("<svg "));
    let confirmed = caller
        .post("/api/v1/session/factor/confirm", json!({ "code": app.code(installation.now()) }))
        .await
        .ok();
    let codes = confirmed["recovery_codes"].as_array().unwrap();
    installation.wait(STEP);
    (app, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

async fn by_password(installation: &Installation, who: &str) -> Answer {
    let asked = json!({ "email": format!("{who}@example.org"), "password": PASSWORD });
    installation.anonymous().post("/api/v1/session", asked).await
}

async fn by_link(installation: &Installation) -> Answer {
    let token = installation.link("member@example.org").await;
    installation.anonymous().post("/api/v1/session/link", json!({ "token": token })).await
}

/// The token of an answer that asks for a code.
fn asks_for_code(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
    assert!(answer.cookies.is_empty(), "it is no session");
    answer.json["token"].as_str().unwrap().to_owned()
}

async fn with_code(installation: &Installation, token: &str, code: &str) -> Answer {
    let asked = json!({ "token": token, "code": code });
    installation.anonymous().post("/api/v1/session/second-factor", asked).await
}

async fn replays(installation: &Installation) {
    let differences = installation.app.replay_authority().await.unwrap();
    let told: Vec<String> = differences.iter().map(Difference::to_string).collect();
    assert_eq!(told, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_has_an_app_signs_in_by_password_and_a_code() {
    let installation = Installation::new().await;
    let (member, elsewhere) = (installation.proven("member").await, installation.person("member").await);
    let none = member.get("/api/v1/session/factor").await.ok();
    assert_eq!((&none["since"], &none["recovery_codes"]), (&Value::Null, &json!(0)));
    let (app, codes) = enrol(&installation, &member).await;
    assert_eq!(
        (alive(&member).await, alive(&elsewhere).await),
        (true, false),
        "every other session has ended"
    );
    let state = member.get("/api/v1/session/factor").await.ok();
    assert!(state["since"].is_string() && state["recovery_codes"] == 10 && codes.len() == 10, "{state}");
    let token = asks_for_code(&by_password(&installation, "member").await);
    let cookie = installation.anonymous().with("cookie", format!("__Host-clerestory={token}"));
    assert!(!alive(&cookie).await, "the token opens nothing by itself");
    let refused = with_code(&installation, &token, &wrong(&app, &installation)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "code-refused"));
    let answer = with_code(&installation, &token, &app.code(installation.now())).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    let signed_in = installation.anonymous().in_session_of(&answer);
    let listed = signed_in.get("/api/v1/sessions").await.ok();
    let how: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["signed_in_by"].as_str().unwrap())
        .collect();
    assert_eq!(how, ["password and code"; 2]);
    replays(&installation).await;
}

/// A code that was used is used, for whatever it is shown; so is every older one, and the token it was shown with.
#[tokio::test]
async fn a_code_works_once() {
    let installation = Installation::new().await;
    let member = installation.proven("member").await;
    let (app, _) = enrol(&installation, &member).await;
    let older = app.code(installation.now());
    installation.wait(STEP);
    let code = app.code(installation.now());
    let (one, two) = (by_password(&installation, "member").await, by_password(&installation, "member").await);
    let (one, two) = (asks_for_code(&one), asks_for_code(&two));
    assert_eq!(with_code(&installation, &one, &code).await.status, StatusCode::OK);
    assert_eq!(with_code(&installation, &two, &code).await.problem(), "code-refused");
    assert_eq!(with_code(&installation, &two, &older).await.problem(), "code-refused", "an older one either");
    let stepped = member.post("/api/v1/session/step-up", json!({ "code": code })).await;
    assert_eq!(stepped.problem(), "proof-refused");
    installation.wait(STEP);
    let next = app.code(installation.now());
    assert_eq!(with_code(&installation, &one, &next).await.problem(), "code-refused", "the token is used up");
    assert_eq!(with_code(&installation, &two, &next).await.status, StatusCode::OK);
    replays(&installation).await;
}

/// On two nodes at once, over and over: one of both gets in, and one only.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_shown_on_two_nodes_at_once_works_on_one() {
    let server = AnyServer::get().await;
    let first = Installation::over(Some(new_schema(server.address()).await)).await;
    let second = first.another_node().await;
    let (app, _) = enrol(&first, &first.proven("member").await).await;
    for _ in 0..4 {
        let (one, two) = (by_password(&first, "member").await, by_password(&second, "member").await);
        let (one, two) = (asks_for_code(&one), asks_for_code(&two));
        let code = app.code(first.now());
        let (one, two) = tokio::join!(with_code(&first, &one, &code), with_code(&second, &two, &code));
        let mut both = [one.status, two.status];
        both.sort();
        assert_eq!(both, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
        first.wait(STEP);
    }
    replays(&first).await;
}

#[tokio::test]
async fn a_link_does_not_replace_the_code_and_waiting_ends() {
    let installation = Installation::new().await;
    let member = installation.proven("member").await;
    let (app, _) = enrol(&installation, &member).await;
    let token = asks_for_code(&by_link(&installation).await);
    assert_eq!(with_code(&installation, &token, &app.code(installation.now())).await.status, StatusCode::OK);
    let token = asks_for_code(&by_link(&installation).await);
    installation.wait(Duration::from_secs(5 * 60));
    assert_eq!(
        with_code(&installation, &token, &app.code(installation.now())).await.problem(),
        "code-refused",
        "too late"
    );
    // A sign-in that waits ends like a session when the password is replaced.
    let token = asks_for_code(&by_password(&installation, "member").await);
    let asked = json!({ "old": PASSWORD, "new": BETTER }).to_string();
    let changed = member.send("PUT", "/api/v1/session/password", asked).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT);
    assert_eq!(
        with_code(&installation, &token, &app.code(installation.now())).await.problem(),
        "code-refused"
    );
    replays(&installation).await;
}

/// Five wrong codes use a token up; whoever goes on guessing waits ever longer, on every node; the right code and a
/// recovery code work again.
#[tokio::test]
async fn guessing_codes_takes_ever_longer() {
    let installation = Installation::new().await;
    let member = installation.proven("member").await;
    let (app, codes) = enrol(&installation, &member).await;
    let token = asks_for_code(&by_password(&installation, "member").await);
    for _ in 0..5 {
        let wrong = with_code(&installation, &token, &wrong(&app, &installation)).await;
        assert_eq!(wrong.problem(), "code-refused");
    }
    assert_eq!(
        with_code(&installation, &token, &app.code(installation.now())).await.problem(),
        "code-refused",
        "used up"
    );
    let token = asks_for_code(&by_password(&installation, "member").await);
    let waits = with_code(&installation, &token, &app.code(installation.now())).await;
    assert_eq!((waits.status, waits.problem()), (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts"));
    installation.wait(STEP);
    let wrong = with_code(&installation, &token, &wrong(&app, &installation)).await;
    assert_eq!(wrong.problem(), "code-refused");
    installation.wait(STEP);
    assert_eq!(
        with_code(&installation, &token, &app.code(installation.now())).await.problem(),
        "too-many-attempts"
    );
    assert_eq!(
        with_code(&installation, &token, &codes[0]).await.status,
        StatusCode::OK,
        "whoever has these need not wait"
    );
    installation.wait(STEP);
    let token = asks_for_code(&by_password(&installation, "member").await);
    assert_eq!(with_code(&installation, &token, &app.code(installation.now())).await.status, StatusCode::OK);
    replays(&installation).await;
}

#[tokio::test]
async fn each_recovery_code_works_once_until_they_are_renewed() {
    let installation = Installation::new().await;
    let member = installation.proven("member").await;
    let (app, codes) = enrol(&installation, &member).await;
    let try_it = async |code: &str| {
        let token = asks_for_code(&by_password(&installation, "member").await);
        with_code(&installation, &token, code).await.status == StatusCode::OK
    };
    assert!(try_it(&codes[0].to_uppercase().replace('-', " ")).await, "as it is typed");
    assert!(!try_it(&codes[0]).await, "once");
    let state = member.get("/api/v1/session/factor").await.ok();
    assert_eq!(state["recovery_codes"], 9);
    installation.wait(Duration::from_secs(6 * 60));
    let asked = member.post("/api/v1/session/factor/recovery-codes", json!({})).await;
    assert_eq!(asked.problem(), "step-up-required");
    let proven =
        member.post("/api/v1/session/step-up", json!({ "code": app.code(installation.now()) })).await;
    assert_eq!(proven.status, StatusCode::NO_CONTENT, "{}", proven.json);
    let renewed = member.post("/api/v1/session/factor/recovery-codes", json!({})).await.ok();
    let renewed: Vec<&str> =
        renewed["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(renewed.len(), 10);
    assert!(!try_it(&codes[1]).await, "the older ones are gone");
    assert!(try_it(renewed[9]).await);
    replays(&installation).await;
}

#[tokio::test]
async fn taking_a_factor_away_needs_a_proof_and_ends_other_sessions() {
    let installation = Installation::new().await;
    let member = installation.proven("member").await;
    let (app, _) = enrol(&installation, &member).await;
    let again = member.post("/api/v1/session/factor", json!({})).await;
    assert_eq!((again.status, again.problem()), (StatusCode::CONFLICT, "factor-exists"));
    let token = asks_for_code(&by_password(&installation, "member").await);
    let other = with_code(&installation, &token, &app.code(installation.now())).await;
    let other = installation.anonymous().in_session_of(&other);
    let refused = other.delete("/api/v1/session/factor").await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "step-up-required"));
    other.prove(PASSWORD).await;
    assert_eq!(other.delete("/api/v1/session/factor").await.status, StatusCode::NO_CONTENT);
    assert_eq!((alive(&other).await, alive(&member).await), (true, false));
    assert_eq!(other.delete("/api/v1/session/factor").await.problem(), "no-factor");
    assert_eq!(
        by_password(&installation, "member").await.status,
        StatusCode::OK,
        "a password is enough again"
    );
    replays(&installation).await;
}

/// Whoever lost app and codes asks an administrator, who asks nobody's password and gets nobody's session.
#[tokio::test]
async fn an_administrator_resets_the_factor_of_somebody_who_lost_it() {
    let installation = Installation::new().await;
    let member = installation.proven("member").await;
    enrol(&installation, &member).await;
    let session = member.get("/api/v1/session").await.ok();
    let path = format!("/api/v1/people/{}/factor", session["person"]["id"].as_str().unwrap());
    for who in ["manager", "stranger"] {
        assert_eq!(installation.proven(who).await.delete(&path).await.status, StatusCode::NOT_FOUND, "{who}");
    }
    assert!(alive(&member).await);
    let admin = installation.proven("admin").await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert!(!alive(&member).await, "their sessions have ended");
    assert_eq!(by_password(&installation, "member").await.status, StatusCode::OK);
    replays(&installation).await;
}

/// An administrator with a password alone does nothing but set up a factor; a link counts as one.
#[tokio::test]
async fn an_administrator_without_a_factor_may_do_nothing_but_set_one_up() {
    let installation = Installation::strict().await;
    let admin = installation.person("admin").await;
    let session = admin.get("/api/v1/session").await.ok();
    assert_eq!((&session["must_enrol"], &session["allowed"]), (&json!(true), &json!([])));
    for path in
        ["/api/v1/recordings", "/api/v1/sites", "/api/v1/audit", "/api/v1/sessions", "/api/v1/erasures"]
    {
        let refused = admin.get(path).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "factor-required"), "{path}");
    }
    let site = json!({ "name": "Shop", "origins": ["https://shop.example"] });
    assert_eq!(admin.post("/api/v1/sites", site).await.problem(), "factor-required");
    let (app, _) = enrol(&installation, &admin).await;
    admin.get("/api/v1/recordings").await.ok();
    let token = asks_for_code(&by_password(&installation, "admin").await);
    let answer = with_code(&installation, &token, &app.code(installation.now())).await;
    assert_eq!((answer.status, &answer.json["must_enrol"]), (StatusCode::OK, &json!(false)));
    for who in ["manager", "member"] {
        let session = installation.person(who).await.get("/api/v1/session").await.ok();
        assert_eq!(session["must_enrol"], false, "{who}: a password is enough");
    }
    let token = installation.link("stranger@example.org").await;
    let answer = installation.anonymous().post("/api/v1/session/link", json!({ "token": token })).await;
    assert_eq!((answer.status, &answer.json["must_enrol"]), (StatusCode::OK, &json!(false)));
    let refused = admin.get("/api/v1/audit?action=session.use&outcome=refused").await.ok();
    assert_eq!(refused["items"][0]["rule"], "no second factor is set up", "it is on record");
    replays(&installation).await;
}

/// Neither the secret nor a recovery code can be read where they are kept, nor in the log.
#[tokio::test]
async fn secrets_and_codes_are_kept_sealed_or_hashed() {
    let installation = Installation::kept(None, |_, places| {
        places.postgres = None;
        places.sign_in = SignInRules::for_trying_out();
    })
    .await;
    let member = installation.proven("member").await;
    let given = member.post("/api/v1/session/factor", json!({})).await.ok();
    let secret = given["secret"].as_str().unwrap();
    let app = Authenticator::with(secret);
    let code = json!({ "code": app.code(installation.now()) });
    let codes = member.post("/api/v1/session/factor/confirm", code).await.ok();
    let mut words: Vec<Vec<u8>> = vec![secret.as_bytes().to_vec(), app.secret().to_vec()];
    for code in codes["recovery_codes"].as_array().unwrap() {
        let code = code.as_str().unwrap();
        words.push(code.as_bytes().to_vec());
        words.push(code.replace('-', "").into_bytes());
    }
    let mut kept = Vec::new();
    for file in ["clerestory.db", "clerestory.db-wal"] {
        kept.extend(std::fs::read(installation.app.places.data.join(file)).unwrap_or_default());
    }
    assert!(kept.len() > 10_000);
    let found = words.iter().filter(|word| kept.windows(word.len()).any(|at| at == word.as_slice())).count();
    assert_eq!(found, 0);
}
