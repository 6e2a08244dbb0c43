//! What the health page of a running server says of rows that somebody edited by hand, and of objects that changed.

use clerestory_model::PersonId;
use clerestory_sql::Value as Sql;
use clerestory_testkit::Installation;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use serde_json::Value;

use crate::rig::{Rig, Served};

/// Gives a member the role of an administrator in the database, and says of whom.
async fn raise(installation: &Installation) -> String {
    let member = installation.person("member").await.get("/api/v1/session").await.ok();
    let admin = installation.person("admin").await.get("/api/v1/session").await.ok();
    let id = |session: &Value| session["person"]["id"].as_str().unwrap().to_owned();
    let [member, admin] = [id(&member), id(&admin)];
    let bytes = |id: &str| Sql::from(id.parse::<PersonId>().unwrap());
    let role = installation.rows("SELECT role FROM people WHERE person_id = $1", vec![bytes(&admin)]).await;
    let role: String = role[0].get(0).unwrap();
    let sql = "UPDATE people SET role = $2 WHERE person_id = $1";
    installation.execute(sql, vec![bytes(&member), role.into()]).await;
    member
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_edited_by_hand_is_named_by_a_server_that_runs() {
    let server = AnyServer::get().await;
    for database in [None, Some(new_schema(server.address()).await)] {
        let mut raised = String::new();
        let rig = Rig::prepared(database, async |installation| raised = raise(installation).await).await;
        let served = Served::start(&rig).await;
        let (level, sentence) = served.says(&rig, "authority").await;
        assert_eq!(level, "failed", "{sentence}");
        let row = hex::encode(raised.parse::<PersonId>().unwrap().as_bytes());
        assert!(sentence.contains(&format!("people {row}: role is")), "{sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changed_is_found_before_anybody_watches() {
    let server = AnyServer::get().await;
    for database in [None, Some(new_schema(server.address()).await)] {
        // Before it is read for the first time: everything is read once a week.
        let rig = Rig::over(database).await;
        rig.flip();
        let served = Served::start(&rig).await;
        let (level, sentence) = served.says(&rig, "damage").await;
        assert_eq!(level, "failed", "{sentence}");
        assert!(sentence.contains(&rig.recording), "{sentence}");
        assert_eq!(served.says(&rig, "authority").await.0, "ok");
    }
}
