//! Mail: an invitation goes through the outbox to a real mail server, is tried again, and lies nowhere in clear.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_notices::{Post, Sent};
use clerestory_sql::SqlError;
use clerestory_testkit::Installation;
use clerestory_testkit::mailbox::Mailbox;
use serde_json::{Value, json};

const FROM: &str = "Clerestory <clerestory@fernwick.example>";

fn post(address: &str) -> Post {
    Post::new(&address.parse().unwrap(), None, FROM).unwrap()
}

/// Mails that wait.
async fn waiting(installation: &Installation) -> u64 {
    let count = installation.app.database.read(|tx| {
        Box::pin(
            async move { tx.query_opt("SELECT count(*) FROM outbox", &[]).await?.unwrap().get::<u64>(0) },
        )
    });
    let count: Result<u64, SqlError> = count.await;
    count.unwrap()
}

async fn invite(installation: &Installation, email: &str) -> Value {
    let admin = installation.person("admin").await;
    let asked = json!({ "name": "Érica Ñandú", "email": email, "role": "member" });
    admin.post("/api/v1/people", asked).await.ok()
}

#[tokio::test]
async fn an_invitation_goes_by_mail_and_its_link_is_shown_to_nobody_else() {
    let installation = Installation::new().await;
    let mut mailbox = Mailbox::start();
    installation.app.notices.post_by(post(&mailbox.address()));
    let invited = invite(&installation, "erica@fernwick.example").await;
    assert_eq!(invited["link"], Value::Null);
    assert_eq!(waiting(&installation).await, 1);
    let told = installation.app.notices.send_due().await.unwrap();
    assert_eq!(told, Sent { sent: 1, failed: 0, given_up: 0 });
    assert_eq!(
        (waiting(&installation).await, installation.app.notices.send_due().await.unwrap()),
        (0, Sent::default())
    );

    let mail = mailbox.take();
    assert_eq!(
        (&mail["from"], &mail["to"]),
        (&json!("clerestory@fernwick.example"), &json!(["erica@fernwick.example"]))
    );
    assert_eq!(mail["subject"], "You are invited to Fernwick on Clerestory");
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("Hello Érica Ñandú"), "{text}");
    let link = text.lines().find(|line| line.starts_with("http://localhost:8700/join#token=")).unwrap();
    let token = link.split_once("#token=").unwrap().1;
    let asked = json!({ "token": token, "password": "clear glass above the aisle" });
    let session = installation.anonymous().post("/api/v1/session/invitation", asked).await.ok();
    assert_eq!(session["person"]["name"], "Érica Ñandú");
    let admin = installation.person("admin").await;
    let told = admin.get("/api/v1/audit?action=notice.send").await.ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "each mail is on record");
}

#[tokio::test]
async fn a_mail_that_no_server_takes_is_tried_again_until_its_link_has_run_out() {
    let installation = Installation::new().await;
    // Nobody listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    installation.app.notices.post_by(post(&format!("smtp://127.0.0.1:{free}")));
    invite(&installation, "erica@fernwick.example").await;
    let notices = &installation.app.notices;
    let failed = Sent { failed: 1, ..Sent::default() };
    assert_eq!(notices.send_due().await.unwrap(), failed);
    assert_eq!(notices.send_due().await.unwrap(), Sent::default(), "not at once");
    installation.wait(Duration::from_secs(60));
    assert_eq!(notices.send_due().await.unwrap(), failed);
    installation.wait(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(notices.send_due().await.unwrap(), Sent { given_up: 1, ..Sent::default() });
    assert_eq!(waiting(&installation).await, 0);
}

#[tokio::test]
async fn a_mail_that_waits_is_sealed_and_goes_with_whom_it_is_to() {
    let installation = Installation::new().await;
    installation.app.notices.post_by(post("smtp://127.0.0.1:1"));
    let invited = invite(&installation, "erica@fernwick.example").await;
    let stored = installation.app.database.read(|tx| {
        Box::pin(
            async move { tx.query_opt("SELECT mail FROM outbox", &[]).await?.unwrap().get::<Vec<u8>>(0) },
        )
    });
    let stored: Result<Vec<u8>, SqlError> = stored.await;
    let stored = String::from_utf8_lossy(&stored.unwrap()).into_owned();
    assert!(!stored.contains("fernwick") && !stored.contains("token"));
    let admin = installation.person("admin").await;
    let person = invited["person"]["id"].as_str().unwrap();
    assert_eq!(admin.delete(&format!("/api/v1/people/{person}")).await.status, StatusCode::OK);
    assert_eq!(waiting(&installation).await, 0);
}

/// Altered in the database, say: the others wait for nothing.
#[tokio::test]
async fn a_mail_that_does_not_open_keeps_no_other_back() {
    let installation = Installation::new().await;
    let mut mailbox = Mailbox::start();
    installation.app.notices.post_by(post(&mailbox.address()));
    invite(&installation, "erica@fernwick.example").await;
    let altered: Result<u64, SqlError> = installation
        .app
        .database
        .write(clerestory_sql::Lane::Interactive, |tx| {
            Box::pin(async move {
                let row = tx.query_opt("SELECT mail FROM outbox", &[]).await?.unwrap();
                let mut bytes: Vec<u8> = row.get(0)?;
                *bytes.last_mut().unwrap() ^= 1;
                tx.execute("UPDATE outbox SET mail = $1", &[bytes.into()]).await
            })
        })
        .await;
    assert_eq!(altered.unwrap(), 1);
    installation.wait(Duration::from_secs(1));
    invite(&installation, "dora@fernwick.example").await;
    let told = installation.app.notices.send_due().await.unwrap();
    assert_eq!(told, Sent { sent: 1, failed: 1, given_up: 0 });
    assert_eq!(mailbox.take()["to"], json!(["dora@fernwick.example"]));
    assert_eq!(installation.app.notices.send_due().await.unwrap(), Sent::default(), "not at once");
    installation.wait(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(installation.app.notices.send_due().await.unwrap(), Sent { given_up: 1, ..Sent::default() });
}
