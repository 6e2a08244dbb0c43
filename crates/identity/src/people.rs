//! Adding organisations and people: rows, keys, credentials and look-up, in one transaction.

use clerestory_audit::authority::Touched;
use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome};
use clerestory_keys::{NewKey, NewSubjectKey, Purpose};
use clerestory_model::{KeyId, OrganisationId, PersonId, ProjectId, RetentionClass, SubjectId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Lock, SqlError, Tx};
use clerestory_store::organisations::{self, OrganisationName, ProjectName};
use clerestory_store::people::{self, Person, PersonState, Profile, Role};
use clerestory_store::tree::NodeId;
use clerestory_store::{About, Content, Kind, Place};
use serde::{Deserialize, Serialize};

use crate::{Identity, IdentityError, authority, resets};

mod change;
pub(crate) mod directory;
pub(crate) mod error;
pub(crate) mod invitations;
pub(crate) mod pictures;
mod place;
pub(crate) mod standing;
pub(crate) mod support;

/// A PHC string, as it is kept: sealed under the person's own key.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptPassword(pub(crate) String);

impl Content for KeptPassword {
    const KIND: Kind = Kind::Credential;
    const TABLE: &'static str = "credentials";
    const COLUMN: &'static str = "password";
}

pub(crate) fn password_place(organisation: OrganisationId, person: PersonId, version: u64) -> Place {
    Place { organisation, about: About::Person(person), row: *person.as_bytes(), version }
}

/// An organisation to be added.
pub struct NewOrganisation<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What its first project is called.
    pub project: &'a str,
}

/// A person to be added.
pub struct NewPerson<'a> {
    /// Where they belong.
    pub organisation: OrganisationId,
    /// Their role.
    pub role: Role,
    /// Their name.
    pub name: &'a str,
    /// Their address.
    pub email: &'a str,
    /// The PHC string of their password, if they have one.
    pub password: Option<String>,
}

/// Somebody whose rows and key are to be made.
pub(crate) struct Enrolled<'a> {
    pub(crate) organisation: OrganisationId,
    pub(crate) role: Role,
    pub(crate) state: PersonState,
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
}

/// The form of an address that is compared.
pub(crate) fn lower_case(email: &str) -> String {
    email.trim().to_lowercase()
}

impl Identity {
    /// Adds an organisation with its key and first project, in the caller's transaction.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn add_organisation(
        &self,
        tx: &mut Tx,
        new: NewOrganisation<'_>,
        at: Timestamp,
    ) -> Result<OrganisationId, IdentityError> {
        let id = OrganisationId::new(at, random());
        self.access.audit().take_turn(tx, id).await?;
        let key = self.make_key(tx, id, Purpose::Organisation, None, at).await?;
        let name = OrganisationName(new.name.to_owned());
        let name = self.vault.seal(tx, key, organisations::new_name_place(id), &name).await?;
        let region = self.vault.keys().deployment().region.clone();
        organisations::insert(tx, id, &region, key, &name, at).await?;
        let project = ProjectId::new(at, random());
        let name = ProjectName(new.project.to_owned());
        let place = organisations::new_project_place(id, project);
        let name = self.vault.seal(tx, key, place, &name).await?;
        organisations::insert_project(tx, id, project, &name, at).await?;
        let object = ("organisation", *id.as_bytes());
        self.record_creation(tx, id, "organisation.create", object, at).await?;
        let by = authority::by_program(id, at);
        let touched = [authority::organisation(id), authority::node(NodeId::Project(project))];
        self.note_change(tx, by, object, &touched).await?;
        Ok(id)
    }

    /// Adds a person with a key of their own, in the caller's transaction.
    ///
    /// # Errors
    /// [`IdentityError::AddressTaken`] when somebody has the address, or is being given it by another transaction.
    pub async fn add_person(
        &self,
        tx: &mut Tx,
        new: NewPerson<'_>,
        at: Timestamp,
    ) -> Result<PersonId, IdentityError> {
        let organisation = new.organisation;
        self.access.audit().take_turn(tx, organisation).await?;
        let mac = self.address_mac(tx, new.email, at).await?;
        let enrolled = Enrolled {
            organisation,
            role: new.role,
            state: PersonState::Active,
            name: new.name,
            email: new.email,
        };
        let (person, key) = self.enrol(tx, enrolled, at).await?;
        let id = person.id;
        self.take_address(tx, mac, id).await?;
        if let Some(phc) = new.password {
            let place = password_place(organisation, id, 1);
            let kept = self.vault.seal(tx, key, place, &KeptPassword(phc)).await?;
            tx.execute(
                "INSERT INTO credentials (person_id, password, version) VALUES ($1, $2, 1)",
                &[id.into(), kept.value().as_bytes().into()],
            )
            .await?;
        }
        let object = ("person", *id.as_bytes());
        self.record_creation(tx, organisation, "person.create", object, at).await?;
        let by = authority::by_program(organisation, at);
        let touched = [authority::person(id), authority::credential(id)];
        self.note_change(tx, by, object, &touched).await?;
        Ok(id)
    }

    /// Makes somebody's rows: the subject with a key of its own, and the person with what is sealed under it.
    pub(crate) async fn enrol(
        &self,
        tx: &mut Tx,
        new: Enrolled<'_>,
        at: Timestamp,
    ) -> Result<(Person, KeyId), IdentityError> {
        let Enrolled { organisation, role, state, name, email } = new;
        let id = PersonId::new(at, random());
        let parent = organisations::find(tx, organisation).await?.map(|found| found.key);
        let subject = SubjectId::new(at, random());
        let new_key = NewSubjectKey { organisation, subject, class: RetentionClass::Standing, parent, at };
        let key = self.vault.keys().make_subject(tx, new_key).await?;
        organisations::insert_subject(tx, organisation, subject, key, at).await?;
        let profile = Profile { name: name.to_owned(), email: email.to_owned() };
        let place = people::profile_place(organisation, id, 1);
        let profile = self.vault.seal(tx, key, place, &profile).await?;
        let person = Person { id, organisation, subject, role, state, team: None, created_at: at, profile };
        people::insert(tx, &person).await?;
        Ok((person, key))
    }

    /// Waits for whoever is just being given the same address.
    async fn take_address(&self, tx: &mut Tx, mac: [u8; 32], person: PersonId) -> Result<(), IdentityError> {
        let sql = "INSERT INTO address_index (mac, person_id) VALUES ($1, $2) ON CONFLICT (mac) DO NOTHING";
        match tx.execute(sql, &[mac.into(), person.into()]).await? {
            0 => Err(IdentityError::AddressTaken),
            _ => Ok(()),
        }
    }

    /// Who has this address, if anybody.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn person_by_address(
        &self,
        tx: &mut Tx,
        email: &str,
        at: Timestamp,
    ) -> Result<Option<Person>, IdentityError> {
        let mac = self.address_mac(tx, email, at).await?;
        let row = tx.query_opt("SELECT person_id FROM address_index WHERE mac = $1", &[mac.into()]).await?;
        match row {
            Some(row) => Ok(people::find(tx, row.get(0)?).await?),
            None => Ok(None),
        }
    }

    /// Gives a person this password (as a PHC string), in the caller's transaction; every session of theirs ends.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn set_password(
        &self,
        tx: &mut Tx,
        person: &Person,
        phc: String,
        at: Timestamp,
    ) -> Result<(), IdentityError> {
        // Nobody signs in to this organisation until it is done, so no session begins behind its back.
        self.access.audit().take_turn(tx, person.organisation).await?;
        let mut touched = self.put_password(tx, person, phc).await?;
        touched.extend(authority::end_sessions(tx, person.id).await?);
        let object = ("person", *person.id.as_bytes());
        self.record_creation(tx, person.organisation, "credential.set", object, at).await?;
        let by = authority::by_program(person.organisation, at);
        self.note_change(tx, by, object, &touched).await
    }

    /// Keeps a password as the next version of somebody's, in their organisation's turn. A link to set a new one was for
    /// the one before it.
    pub(crate) async fn put_password(
        &self,
        tx: &mut Tx,
        person: &Person,
        phc: String,
    ) -> Result<Vec<Touched>, IdentityError> {
        let wrong = || SqlError::Inconsistent { table: "subjects", column: "subject_id".to_owned() };
        let key = organisations::subject_key(tx, person.subject).await?.ok_or_else(wrong)?;
        let sql = "SELECT version FROM credentials WHERE person_id = $1";
        let row = tx.query_opt_locked(Lock::Exclusive, sql, &[person.id.into()]).await?;
        let version = row.map_or(Ok(0), |row| row.get::<u64>(0))? + 1;
        let place = password_place(person.organisation, person.id, version);
        let kept = self.vault.seal(tx, key, place, &KeptPassword(phc)).await?;
        tx.execute(
            "INSERT INTO credentials (person_id, password, version) VALUES ($1, $2, $3)
             ON CONFLICT (person_id) DO UPDATE SET password = excluded.password, version = excluded.version",
            &[person.id.into(), kept.value().as_bytes().into(), version.into()],
        )
        .await?;
        let mut touched = resets::end(tx, person.id).await?;
        touched.push(authority::credential(person.id));
        Ok(touched)
    }

    /// What an address is looked up by: a MAC of its lower-case form, under the deployment's index key.
    pub(crate) async fn address_mac(
        &self,
        tx: &mut Tx,
        email: &str,
        at: Timestamp,
    ) -> Result<[u8; 32], IdentityError> {
        let key = self.vault.standing_key(tx, Purpose::BlindIndex, at).await?;
        let index = self.vault.blind_index_key(tx, key).await?;
        Ok(index.mac(&[lower_case(email).as_bytes()]))
    }

    async fn make_key(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        purpose: Purpose,
        parent: Option<KeyId>,
        at: Timestamp,
    ) -> Result<KeyId, IdentityError> {
        let new = NewKey { organisation, class: RetentionClass::Standing, purpose, parent, at };
        Ok(self.vault.keys().make(tx, new).await?)
    }

    async fn record_creation(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        action: &'static str,
        (kind, id): (&str, [u8; 16]),
        at: Timestamp,
    ) -> Result<(), IdentityError> {
        let entry = NewEntry {
            organisation,
            at,
            action,
            class: Class::ACCOUNT_CREATE,
            outcome: Outcome::Allowed,
            rule: "set-up".to_owned(),
            actor_kind: ActorKind::System,
            actor: [0; 16],
            object: ObjectRef { kind: kind.to_owned(), id },
            request_id: String::new(),
            personal: None,
        };
        self.access.audit().append(tx, entry).await?;
        Ok(())
    }
}
