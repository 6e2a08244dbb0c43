//! The first run: an installation without an organisation gets one by the link that the server printed, once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::http::StatusCode;
use clerestory_sql::{Lane, SqlError};
use clerestory_testkit::Installation;
use serde_json::{Value, json};

/// An installation that nobody has come to: its organisations are taken out by hand.
async fn empty() -> Installation {
    let installation = Installation::new().await;
    let emptied: Result<(), SqlError> = installation
        .app
        .database
        .write(Lane::Interactive, |tx| {
            Box::pin(async move {
                let tables =
                    ["credentials", "address_index", "people", "subjects", "projects", "organisations"];
                for table in tables {
                    tx.execute(&format!("DELETE FROM {table}"), &[]).await?;
                }
                Ok(())
            })
        })
        .await;
    emptied.unwrap();
    installation
}

fn asked(token: &str) -> Value {
    json!({ "token": token, "organisation": "Fernwick", "name": "Ada", "email": "ada@fernwick.example",
        "password": "clear glass above the aisle" })
}

#[tokio::test]
async fn the_link_of_the_first_run_makes_one_organisation_and_its_admin() {
    let installation = empty().await;
    let nobody = installation.anonymous();
    let forged = asked(&"A".repeat(43));
    assert_eq!(
        nobody.post("/api/v1/set-up", forged.clone()).await.status,
        StatusCode::UNAUTHORIZED,
        "before"
    );
    let token = installation.app.identity.offer_set_up().await.unwrap().unwrap().reveal();
    assert_eq!(nobody.post("/api/v1/set-up", forged).await.status, StatusCode::UNAUTHORIZED);
    let session = nobody.post("/api/v1/set-up", asked(&token)).await.ok();
    assert_eq!(
        (&session["person"]["role"], &session["organisation"]["name"]),
        (&json!("admin"), &json!("Fernwick"))
    );
    let again = nobody.post("/api/v1/set-up", asked(&token)).await;
    assert_eq!((again.status, again.problem()), (StatusCode::UNAUTHORIZED, "sign-in-refused"));
    assert!(installation.app.identity.offer_set_up().await.unwrap().is_none());
    let admin = installation.anonymous().sign_in("ada@fernwick.example", "clear glass above the aisle").await;
    admin.get("/api/v1/people").await.ok();
}

/// A link that was printed before somebody used the command line does nothing any more.
#[tokio::test]
async fn an_organisation_made_meanwhile_makes_the_link_worthless() {
    let installation = empty().await;
    let token = installation.app.identity.offer_set_up().await.unwrap().unwrap().reveal();
    let (identity, at) = (installation.app.identity.clone(), installation.now());
    installation.app.vault.hold_lease().await.unwrap();
    let made: Result<_, clerestory_identity::IdentityError> = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let new = clerestory_identity::NewOrganisation { name: "Other", project: "General" };
                identity.add_organisation(tx, new, at).await
            })
        })
        .await;
    made.unwrap();
    let late = installation.anonymous().post("/api/v1/set-up", asked(&token)).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}
