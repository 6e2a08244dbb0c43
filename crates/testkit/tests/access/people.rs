//! People of the scene beside those that every installation of a test has.

use std::collections::BTreeSet;

use clerestory_identity::{IdentityError, NewPerson};
use clerestory_model::{OrganisationId, PersonId};
use clerestory_sql::{Lane, SqlError};
use clerestory_store::people::{self, Role};
use clerestory_testkit::Installation;
use serde_json::json;

use super::{MATRIX, PASSWORD};

/// Columns of the matrix that are no roles of people, and what else a row says.
const NO_ROLES: [&str; 7] = ["action", "controls", "anonymous", "device", "key", "site", "system"];

/// The roles that the matrix speaks of.
pub(crate) fn roles() -> BTreeSet<String> {
    let matrix: toml::Table = toml::from_str(MATRIX).unwrap();
    let rows = matrix["row"].as_array().unwrap().iter();
    let columns = rows.flat_map(|row| row.as_table().unwrap().keys().cloned());
    columns.filter(|column| !NO_ROLES.contains(&column.as_str())).collect()
}

/// Adds somebody who signs in as `name@example.org`, with the password of everybody here.
pub(crate) async fn add(
    installation: &Installation,
    organisation: OrganisationId,
    name: &str,
    role: Role,
) -> PersonId {
    let app = &installation.app;
    let phc = app.identity.passwords().hash(PASSWORD.parse().unwrap()).await.unwrap();
    app.vault.hold_lease().await.unwrap();
    let (identity, at, name) = (app.identity.clone(), app.clock.now(), name.to_owned());
    let added: Result<PersonId, IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let email = format!("{name}@example.org");
                let new = NewPerson { organisation, role, name: &name, email: &email, password: Some(phc) };
                identity.add_person(tx, new, at).await
            })
        })
        .await;
    added.unwrap()
}

/// Lets a supporter do everything that a grant can lend, everywhere and for as long as it can.
async fn let_in(installation: &Installation, id: PersonId, ours: bool) {
    let admin = installation.proven(if ours { "admin" } else { "stranger" }).await;
    let rights = admin.get("/api/v1/support-grants").await.ok()["lendable"].clone();
    let asked = json!({ "person": id, "rights": rights, "reason": "r", "hours": 168 });
    admin.post("/api/v1/support-grants", asked).await.ok();
}

/// The name that somebody of this role signs in by: in the scene's organisation, or in the other one. They are added
/// where no installation has them.
pub(crate) async fn of_role(installation: &Installation, role: &str, ours: bool) -> String {
    match (ours, role) {
        (true, "member" | "manager" | "admin") => role.to_owned(),
        (false, "admin") => "stranger".to_owned(),
        _ => {
            let organisation = if ours { installation.organisation } else { installation.other };
            let name = if ours { role.to_owned() } else { format!("their-{role}") };
            let role: Role = role.parse().unwrap();
            if role.is_main() {
                let id = add(installation, organisation, &name, role).await;
                if role == Role::Support {
                    let_in(installation, id, ours).await;
                }
                return name;
            }
            // A specialist is a member beside it.
            let id = add(installation, organisation, &name, Role::Member).await;
            let given = installation.app.database.write(Lane::Interactive, move |tx| {
                Box::pin(
                    async move { people::set_further_roles(tx, organisation, id, &[role]).await.map(drop) },
                )
            });
            let given: Result<(), SqlError> = given.await;
            given.unwrap();
            name
        }
    }
}
