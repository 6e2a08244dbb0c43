//! Forgotten passwords: a link by mail, which works once, for an hour, and tells nobody who has an account.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_notices::Post;
use clerestory_sql::SqlError;
use clerestory_testkit::authenticator::Authenticator;
use clerestory_testkit::mailbox::Mailbox;
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const PASSWORD: &str = "high windows, all lit";
const BETTER: &str = "seven plain lanterns";
const FROM: &str = "Clerestory <clerestory@fernwick.example>";
const HOUR: Duration = Duration::from_secs(3600);
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn post_by(installation: &Installation, address: &str) {
    installation.app.notices.post_by(Post::new(&address.parse().unwrap(), None, FROM).unwrap());
}

async fn count(installation: &Installation, sql: &'static str) -> u64 {
    let count = installation
        .app
        .database
        .read(move |tx| Box::pin(async move { tx.query_opt(sql, &[]).await?.unwrap().get::<u64>(0) }));
    let count: Result<u64, SqlError> = count.await;
    count.unwrap()
}

async fn waiting(installation: &Installation) -> u64 {
    count(installation, "SELECT count(*) FROM outbox").await
}

async fn links(installation: &Installation) -> u64 {
    count(installation, "SELECT count(*) FROM password_resets").await
}

async fn forgot(installation: &Installation, email: &str) -> Answer {
    let nobody = installation.anonymous().coming_from("203.0.113.9").with("user-agent", FIREFOX);
    nobody.post("/api/v1/session/forgotten", json!({ "email": email })).await
}

/// Asks for a link for somebody, and waits until the mail with it is written: whoever asks is answered before.
async fn asked(installation: &Installation, who: &str) {
    let before = links(installation).await;
    let answer = forgot(installation, &format!("{who}@example.org")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
    for _ in 0..2000 {
        if links(installation).await > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no link was made");
}

/// The mail that is sent next.
async fn mail(installation: &Installation, mailbox: &mut Mailbox) -> Value {
    installation.app.notices.send_due().await.unwrap();
    mailbox.take()
}

fn token(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let link = text.lines().find(|line| line.starts_with("http://localhost:8700/reset#token=")).unwrap();
    link.split_once("#token=").unwrap().1.to_owned()
}

async fn set(installation: &Installation, token: &str, password: &str) -> Answer {
    let asked = json!({ "token": token, "password": password });
    installation.anonymous().post("/api/v1/session/reset", asked).await
}

async fn sign_in(installation: &Installation, who: &str, password: &str) -> StatusCode {
    let asked = json!({ "email": format!("{who}@example.org"), "password": password });
    installation.anonymous().post("/api/v1/session", asked).await.status
}

async fn alive(caller: &Caller) -> bool {
    caller.get("/api/v1/session").await.status == StatusCode::OK
}

async fn clean(installation: &Installation) {
    assert_eq!(installation.app.replay_authority().await.unwrap(), [], "each change is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_forgot_their_password_sets_a_new_one_by_a_mailed_link_once() {
    let installation = Installation::new().await;
    let mut mailbox = Mailbox::start();
    post_by(&installation, &mailbox.address());
    let (member, link) = (installation.person("member").await, installation.link("member@example.org").await);
    asked(&installation, "member").await;
    clean(&installation).await;
    let first = mail(&installation, &mut mailbox).await;
    assert_eq!(first["to"], json!(["member@example.org"]));
    let text = first["text"].as_str().unwrap();
    assert!(
        text.contains("Hello member") && text.contains("from the address 203.0.113.9, with Firefox on Linux")
    );
    let token = token(&first);

    // Every rule for passwords holds, also that of what is known of the person.
    for guessed in ["password123", "Fernwick member"] {
        let refused = set(&installation, &token, guessed).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{guessed}");
    }
    assert!(alive(&member).await, "nothing has happened yet");
    let session = set(&installation, &token, BETTER).await;
    assert_eq!((session.status, &session.json["person"]["name"]), (StatusCode::OK, &json!("member")));
    assert!(alive(&installation.anonymous().in_session_of(&session)).await && !alive(&member).await);
    assert_eq!(sign_in(&installation, "member", PASSWORD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&installation, "member", BETTER).await, StatusCode::OK);
    let by_link = installation.anonymous().post("/api/v1/session/link", json!({ "token": link })).await;
    assert_eq!(by_link.status, StatusCode::UNAUTHORIZED, "links that were made before are worth nothing");
    let again = set(&installation, &token, "another plain lantern, please").await;
    assert_eq!((again.status, again.problem()), (StatusCode::UNAUTHORIZED, "sign-in-refused"));

    let news = mail(&installation, &mut mailbox).await;
    assert_eq!(news["subject"], "Your password for Clerestory was changed");
    let admin = installation.person("admin").await;
    let of = async |action: &str, outcome: &str| {
        let told = admin.get(&format!("/api/v1/audit?action={action}&outcome={outcome}")).await.ok();
        let items = told["items"].as_array().unwrap();
        items.iter().map(|item| item["detail"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    let used = of("credential.reset", "allowed").await;
    assert_eq!(
        (used[0].as_str(), used.last().unwrap().as_str()),
        ("a link was used", "a link was asked for")
    );
    assert_eq!(of("credential.set", "allowed").await.len(), 1);
    clean(&installation).await;
}

/// Mail proves nothing about a phone: the code is asked for as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_stays_what_it_is() {
    let installation = Installation::new().await;
    let mut mailbox = Mailbox::start();
    post_by(&installation, &mailbox.address());
    let member = installation.proven("member").await;
    let given = member.post("/api/v1/session/factor", json!({})).await.ok();
    let app = Authenticator::with(given["secret"].as_str().unwrap());
    let code = json!({ "code": app.code(installation.now()) });
    member.post("/api/v1/session/factor/confirm", code).await.ok();
    installation.wait(Duration::from_secs(30));
    asked(&installation, "member").await;
    let token = token(&mail(&installation, &mut mailbox).await);
    let waits = set(&installation, &token, BETTER).await;
    assert_eq!((waits.status, waits.cookies.len()), (StatusCode::ACCEPTED, 0), "{}", waits.json);
    let code = json!({ "token": waits.json["token"], "code": app.code(installation.now()) });
    let session = installation.anonymous().post("/api/v1/session/second-factor", code).await;
    assert_eq!(session.status, StatusCode::OK);
    clean(&installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_the_same_whoever_has_the_address() {
    let installation = Installation::new().await;
    post_by(&installation, "smtp://127.0.0.1:1");
    let admin = installation.person("admin").await;
    let people = admin.get("/api/v1/people").await.ok();
    let of = |role: &str| {
        let found = people["items"].as_array().unwrap().iter().find(|person| person["role"] == role).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    admin.delete(&format!("/api/v1/people/{}", of("member"))).await.ok();
    let block = json!({ "ends_at": installation.now().plus(HOUR).to_string(), "reason": "r" });
    admin.post(&format!("/api/v1/people/{}/blocks", of("manager")), block).await.ok();
    let invited = json!({ "name": "New", "email": "new@example.org", "role": "member" });
    admin.post("/api/v1/people", invited).await.ok();
    let before = waiting(&installation).await;
    let mut answers = Vec::new();
    for who in ["nobody", "member", "manager", "new", "not an address, ", "admin"] {
        let answer = forgot(&installation, &format!("{who}@example.org")).await;
        answers.push((answer.status, answer.bytes));
    }
    answers.dedup();
    assert_eq!(answers, [(StatusCode::ACCEPTED, bytes::Bytes::new())]);
    // What was asked first is looked at first, or soon after.
    for _ in 0..2000 {
        if links(&installation).await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        (links(&installation).await, waiting(&installation).await),
        (1, before + 1),
        "the admin's alone"
    );
    clean(&installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_after_an_hour_and_with_any_change_of_the_password() {
    let installation = Installation::new().await;
    let mut mailbox = Mailbox::start();
    post_by(&installation, &mailbox.address());
    asked(&installation, "member").await;
    let late = token(&mail(&installation, &mut mailbox).await);
    installation.wait(HOUR);
    assert_eq!(set(&installation, &late, BETTER).await.status, StatusCode::UNAUTHORIZED);

    asked(&installation, "member").await;
    let before = token(&mail(&installation, &mut mailbox).await);
    let member = installation.person("member").await.coming_from("198.51.100.7");
    let change = json!({ "old": PASSWORD, "new": BETTER }).to_string();
    let changed = member.send("PUT", "/api/v1/session/password", change).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.json);
    assert_eq!(
        set(&installation, &before, "another plain lantern, please").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(sign_in(&installation, "member", BETTER).await, StatusCode::OK);
    let news = mail(&installation, &mut mailbox).await;
    assert_eq!(news["subject"], "Your password for Clerestory was changed");
    assert!(news["text"].as_str().unwrap().contains("from the address 198.51.100.7"), "{news}");
    clean(&installation).await;
}

/// Of two links that were sent, the first that is used ends the other; whoever is blocked meanwhile keeps theirs.
#[tokio::test(flavor = "multi_thread")]
async fn one_link_ends_the_others_and_a_block_keeps_it_for_later() {
    let installation = Installation::new().await;
    let mut mailbox = Mailbox::start();
    post_by(&installation, &mailbox.address());
    asked(&installation, "member").await;
    asked(&installation, "member").await;
    let (one, other) = (token(&mail(&installation, &mut mailbox).await), token(&mailbox.take()));
    let admin = installation.person("admin").await;
    let people = admin.get("/api/v1/people").await.ok();
    let found = people["items"].as_array().unwrap().iter().find(|person| person["role"] == "member").unwrap();
    let until = installation.now().plus(Duration::from_secs(60));
    let block = json!({ "ends_at": until.to_string(), "reason": "r" });
    admin.post(&format!("/api/v1/people/{}/blocks", found["id"].as_str().unwrap()), block).await.ok();
    assert_eq!(set(&installation, &one, BETTER).await.problem(), "blocked");
    installation.wait(Duration::from_secs(60));
    assert_eq!(set(&installation, &one, BETTER).await.status, StatusCode::OK);
    assert_eq!(set(&installation, &other, BETTER).await.status, StatusCode::UNAUTHORIZED);
    clean(&installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_for_links_without_end_and_none_is_promised_where_no_mail_is_sent() {
    let installation = Installation::new().await;
    for email in ["member@example.org", "nobody@example.org"] {
        let refused = forgot(&installation, email).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "no-mail"));
        assert!(refused.json["what_to_do"].as_str().unwrap().contains("administrator"));
    }
    post_by(&installation, "smtp://127.0.0.1:1");
    for email in ["member@example.org", "nobody@example.org"] {
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(forgot(&installation, email).await.status.as_u16());
        }
        assert_eq!(told, [202, 202, 202, 429], "{email}");
    }
}
