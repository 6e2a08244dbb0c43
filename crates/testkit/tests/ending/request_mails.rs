//! Mails about requests of recorded people: those who can answer hear of them, and whoever asked hears of the answer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_notices::Post;
use clerestory_testkit::mailbox::Mailbox;
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

const CONSOLE: &str = "http://localhost:8700";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn installation_with(mailbox: &Mailbox) -> Installation {
    let installation = Installation::new().await;
    let from = "Clerestory <clerestory@fernwick.example>";
    let post = Post::new(&mailbox.address().parse().unwrap(), None, from).unwrap();
    installation.app.notices.post_by(post);
    installation
}

async fn ask(caller: &Caller, kind: &str) -> String {
    let asked = json!({ "kind": kind, "words": "I want to know, Tobias" });
    caller.post("/api/v1/my/requests", asked).await.ok()["id"].as_str().unwrap().to_owned()
}

/// Writes what is to be told now and sends it: to whom, and what about, in order.
async fn told(installation: &Installation, mailbox: &mut Mailbox) -> Vec<(String, String)> {
    installation.app.lifecycle.tell_of_requests(CONSOLE).await.unwrap();
    let sent = installation.app.notices.send_due().await.unwrap().sent;
    let mut mails: Vec<(String, String)> = (0..sent)
        .map(|_| {
            let mail = mailbox.take();
            discreet(&mail);
            let subject = mail["subject"].as_str().unwrap().trim_end_matches(" on Clerestory").to_owned();
            (mail["to"][0].as_str().unwrap().trim_end_matches("@example.org").to_owned(), subject)
        })
        .collect();
    mails.sort();
    mails
}

/// A mail says that there is something, and where; not about whom, what they want, or what they were told.
fn discreet(mail: &Value) {
    let text = format!("{} {}", mail["subject"], mail["text"]).to_lowercase();
    for said in ["tobias", "member", "export", "erase", "fernwick", "a lawsuit"] {
        assert!(!text.contains(said), "{text}");
    }
    assert!(text.contains("open http://localhost:8700/"), "{text}");
}

fn to(who: &str, subject: &str) -> (String, String) {
    (who.to_owned(), subject.to_owned())
}

#[tokio::test]
async fn those_who_can_answer_hear_of_a_request_and_of_its_date_once_each() {
    let mut mailbox = Mailbox::start();
    let installation = installation_with(&mailbox).await;
    let admin = installation.person("admin").await;
    let people = admin.get("/api/v1/people").await.ok();
    let items = people["items"].as_array().unwrap();
    let manager = items.iter().find(|person| person["role"] == "manager").unwrap()["id"].as_str().unwrap();
    let roles = json!({ "role": "manager", "also": ["privacy"] }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{manager}/roles"), roles).await.ok();
    let member = installation.person("member").await;
    ask(&member, "access").await;
    assert_eq!(told(&installation, &mut mailbox).await, [], "that was answered at once");

    ask(&member, "export").await;
    let made = "Somebody asks for their own data";
    assert_eq!(told(&installation, &mut mailbox).await, [to("admin", made), to("manager", made)]);
    assert_eq!(told(&installation, &mut mailbox).await, [], "once");
    installation.wait(22 * DAY);
    assert_eq!(told(&installation, &mut mailbox).await, []);
    installation.wait(DAY);
    let week = "A request is due within a week";
    assert_eq!(told(&installation, &mut mailbox).await, [to("admin", week), to("manager", week)]);
    installation.wait(6 * DAY);
    let day = "A request is due within a day";
    assert_eq!(told(&installation, &mut mailbox).await, [to("admin", day), to("manager", day)]);
    installation.wait(2 * DAY);
    assert_eq!(told(&installation, &mut mailbox).await, [], "health tells what is overdue");
    assert_eq!(installation.app.replay_authority().await.unwrap(), []);
}

#[tokio::test]
async fn whoever_asked_hears_of_the_answer_and_that_it_takes_longer() {
    let mut mailbox = Mailbox::start();
    let installation = installation_with(&mailbox).await;
    let admin = installation.proven("admin").await;
    let request = ask(&installation.person("member").await, "export").await;
    told(&installation, &mut mailbox).await;
    let decide = async |what: &str, body: Value| {
        admin.post(&format!("/api/v1/requests/{request}/{what}"), body).await.ok();
    };
    decide("extend", json!({ "reason": "a lawsuit" })).await;
    assert_eq!(told(&installation, &mut mailbox).await, [to("member", "Your request takes longer")]);
    decide("decline", json!({ "reason": "a lawsuit" })).await;
    assert_eq!(told(&installation, &mut mailbox).await, [to("member", "Your request was answered")]);
    assert_eq!(told(&installation, &mut mailbox).await, [], "once");
}

/// Nobody waits for mail: what cannot be sent, or is not sent at all, keeps nobody from asking.
#[tokio::test]
async fn two_who_tell_at_once_tell_once_and_nothing_old_is_told_when_mail_begins() {
    let mut mailbox = Mailbox::start();
    let installation = Installation::new().await;
    let member = installation.person("member").await;
    ask(&member, "erase").await;
    installation.wait(8 * DAY);
    ask(&installation.person("member").await, "export").await;
    let from = "Clerestory <clerestory@fernwick.example>";
    installation.app.notices.post_by(Post::new(&mailbox.address().parse().unwrap(), None, from).unwrap());
    let lifecycle = &installation.app.lifecycle;
    let (one, other) = tokio::join!(lifecycle.tell_of_requests(CONSOLE), lifecycle.tell_of_requests(CONSOLE));
    assert_eq!(one.unwrap() + other.unwrap(), 1, "the newer of both");
    assert_eq!(told(&installation, &mut mailbox).await, [to("admin", "Somebody asks for their own data")]);
}
