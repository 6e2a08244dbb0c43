//! The scope as a condition of SQL lets through exactly what the scope as a decision does: by brute force, over
//! organisations with random reporting lines.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use clerestory_access::{
    Actor, ListPeople, ListRecordings, OpContext, OrganisationRef, PersonRef, ReadPerson,
};
use clerestory_access::{ReadRecording, RecordingRef};
use clerestory_model::{
    OrganisationId, PersonId, ProjectId, RecordingId, RecordingState, SessionId, Source, SubjectId, Timestamp,
};
use clerestory_sql::{Lane, SqlError, Value};
use clerestory_store::people::{self, Role};
use clerestory_store::recordings::{self, Filter, Recording};
use clerestory_store::{lines, organisations};
use clerestory_testkit::Installation;

/// A small generator with a seed, so that a failure can be made again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn entropy(&mut self) -> [u8; 10] {
        std::array::from_fn(|_| self.below(256) as u8)
    }
}

struct Staff {
    id: PersonId,
    subject: SubjectId,
}

/// People with lines that never lead in a circle, visitors, and recordings about all of them.
async fn populate(
    installation: &Installation,
    organisation: OrganisationId,
    dice: &mut Dice,
) -> (Vec<Staff>, Vec<RecordingId>) {
    let at = installation.now();
    let mut staff = Vec::new();
    let mut subjects = Vec::new();
    for _ in 0..9 {
        let (id, subject) = (PersonId::new(at, dice.entropy()), SubjectId::new(at, dice.entropy()));
        subjects.push((subject, Some(id)));
        staff.push(Staff { id, subject });
    }
    for _ in 0..3 {
        subjects.push((SubjectId::new(at, dice.entropy()), None));
    }
    // Everybody reports to somebody before them, some did to somebody else first, and some report to nobody now.
    let drawn: Vec<(PersonId, Option<PersonId>)> = (1..staff.len())
        .flat_map(|at| [dice.below(at + 1), dice.below(at + 1)].map(|before| (at, before)))
        .map(|(at, before)| (staff[at].id, (before < at).then(|| staff[before].id)))
        .collect();
    let recorded: Vec<(RecordingId, SubjectId)> = (0..24)
        .map(|_| (RecordingId::new(at, dice.entropy()), subjects[dice.below(subjects.len())].0))
        .collect();
    let ids = recorded.iter().map(|(id, _)| *id).collect();
    let made: Result<(), SqlError> = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let key = organisations::find(tx, organisation).await?.unwrap().key;
                for (subject, person) in subjects {
                    organisations::insert_subject(tx, organisation, subject, key, at).await?;
                    let Some(person) = person else { continue };
                    let sql = "INSERT INTO people (person_id, organisation_id, subject_id, role, profile, version,
                                   created_at) SELECT $1, $2, $3, 'manager', profile, 1, $4 FROM people LIMIT 1";
                    let values: [Value; 4] =
                        [person.into(), organisation.into(), subject.into(), at.into()];
                    tx.execute(sql, &values).await?;
                    let sql = "UPDATE subjects SET person_id = $1 WHERE subject_id = $2";
                    tx.execute(sql, &[person.into(), subject.into()]).await?;
                }
                for (person, manager) in drawn {
                    lines::set(tx, organisation, person, manager, at).await?;
                }
                for (id, subject) in recorded {
                    recordings::insert(tx, &recording(id, organisation, subject, at)).await?;
                }
                Ok(())
            })
        })
        .await;
    made.unwrap();
    (staff, ids)
}

fn recording(id: RecordingId, organisation: OrganisationId, subject: SubjectId, at: Timestamp) -> Recording {
    Recording {
        id,
        organisation,
        project: ProjectId::nil(),
        site: None,
        subject,
        source: Source::Web,
        state: RecordingState::Active,
        policy_version: 1,
        started_at: at,
        ended_at: at,
        last_segment_at: at,
        kept_until: at,
        size_bytes: 1,
        segments: 1,
        summary: None,
        summary_version: 0,
        summary_key: None,
    }
}

#[tokio::test]
async fn scope_filters_equal_decisions_by_brute_force() {
    let installation = Installation::new().await;
    let app = &installation.app;
    let mut dice = Dice(20_261_122);
    let (first, second) = (installation.organisation, installation.other);
    let (staff, mut ids) = populate(&installation, first, &mut dice).await;
    let (strangers, others) = populate(&installation, second, &mut dice).await;
    ids.extend(others);
    let mut reach = BTreeSet::new();
    let roles = [Role::Member, Role::Manager, Role::Admin];
    let whom = |visitors: bool| staff.iter().enumerate().map(move |asker| (visitors, asker));
    for (visitors, (number, asker)) in whom(false).chain(whom(true)) {
        if visitors && number == 0 {
            installation.switch_on(&["manager.scope.visitors"]).await;
        }
        for role in roles.into_iter().filter(|role| !visitors || *role == Role::Manager) {
            let id = asker.id;
            let set: Result<u64, SqlError> = app
                .database
                .write(Lane::Interactive, move |tx| {
                    Box::pin(async move {
                        let sql = "UPDATE people SET role = $1 WHERE person_id = $2";
                        tx.execute(sql, &[role.word().into(), id.into()]).await
                    })
                })
                .await;
            set.unwrap();
            let op = OpContext {
                actor: Actor::Person {
                    id: asker.id,
                    organisation: first,
                    subject: asker.subject,
                    role,
                    also: Vec::new(),
                    session: SessionId::nil(),
                    signed_in: 1,
                    stepped_up: None,
                },
                request_id: "test".to_owned(),
                at: installation.now(),
            };
            let on = OrganisationRef(first);
            let grant = app.access.authorize::<ListRecordings>(&op, on, None).await.unwrap().unwrap();
            let scope = grant.rows().clone();
            let filter = Filter { limit: 1000, ..Filter::default() };
            let list = app
                .database
                .read(move |tx| Box::pin(async move { recordings::list(tx, &scope, &filter).await }));
            let listed: BTreeSet<RecordingId> =
                list.await.unwrap().into_iter().map(|found| found.id).collect();
            let mut decided = BTreeSet::new();
            for id in &ids {
                let on = RecordingRef { organisation: first, id: *id };
                if app.access.would_allow::<ReadRecording>(&op, on).await.unwrap() {
                    decided.insert(*id);
                }
            }
            assert_eq!(listed, decided, "recordings of person {number} as {role}");
            reach.insert(listed.len());

            let grant = app.access.authorize::<ListPeople>(&op, on, None).await.unwrap().unwrap();
            let scope = grant.rows().clone();
            let filter = people::Filter { limit: 1000, ..people::Filter::default() };
            let list =
                app.database.read(move |tx| Box::pin(async move { people::list(tx, &scope, &filter).await }));
            let listed: Vec<people::Person> = list.await.unwrap();
            for person in staff.iter().chain(&strangers) {
                let on = PersonRef { organisation: first, id: person.id };
                let decided = app.access.would_allow::<ReadPerson>(&op, on).await.unwrap();
                assert_eq!(
                    listed.iter().any(|found| found.id == person.id),
                    decided,
                    "people of {number} as {role}"
                );
            }
        }
    }
    assert!(reach.len() > 4, "the lines made no difference: {reach:?}");
}
