//! The erasures of a person and of an organisation, stopped after each of their steps and in the middle of each, on either
//! engine: an installation that starts anew carries them to their end. On SQLite `cut_off.rs` stops them at every write;
//! PostgreSQL's own are not ours to stop.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_lifecycle::{Step, Target};
use clerestory_model::{PersonId, SubjectId, TrackId};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Inhabited, Installation};
use serde_json::json;

use crate::{ended, names};

/// The steps such an erasure goes through, and where the last of them leads.
const STEPS: [Step; 6] =
    [Step::Asked, Step::Laid, Step::Outside, Step::Shredded, Step::Removed, Step::Verified];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Person,
    Organisation,
}

/// An installation in which everything happened once.
struct Scene {
    installation: Installation,
    person: PersonId,
    subject: SubjectId,
    /// The track about the person, that of a visit to their organisation, and that of a visit to another.
    tracks: [TrackId; 3],
}

async fn visit(installation: &Installation, origin: &str, site_key: &str) -> TrackId {
    let now_ms = installation.now().unix_millis() as i64;
    let visit = Visit::start(installation.recorder(origin), site_key, now_ms).await;
    for number in 0..2 {
        let at = installation.now().unix_millis() as i64;
        visit.send(number, &snapshot(at, 2, "somebody's words")).await.ok();
        installation.wait(Duration::from_secs(20));
        if number == 0 {
            // Half of it lies in a part, half in the ingest log.
            installation.app.settle_now().await.unwrap();
        }
    }
    visit.track.parse().unwrap()
}

async fn scene() -> Scene {
    let Inhabited { installation, person, subject, about, site_key, .. } =
        Inhabited::over(Installation::new().await).await;
    let ours = visit(&installation, "https://shop.example", &site_key).await;
    let asked = json!({ "name": "Harbour", "origins": ["https://harbour.example"] });
    let site = installation.person("stranger").await.post("/api/v1/sites", asked).await.ok();
    let theirs = visit(&installation, "https://harbour.example", site["site_key"].as_str().unwrap()).await;
    let facts = installation.person("admin").await.get(&format!("/api/v1/recordings/{about}")).await.ok();
    let about = facts["tracks"][0]["id"].as_str().unwrap().parse().unwrap();
    Scene { installation, person, subject, tracks: [about, ours, theirs] }
}

/// Where an erasure is stopped.
#[derive(Clone, Copy, Debug)]
enum Stopped {
    /// After each step, again and again: nothing in memory is left from one to the next.
    AfterEach,
    /// Within the step at this place: all of it is done but the last change of its transaction.
    Within(usize),
}

impl Stopped {
    async fn stop(self, mut installation: Installation) -> Installation {
        let before = match self {
            Self::AfterEach => STEPS.len() - 1,
            Self::Within(at) => at,
        };
        for step in &STEPS[..before] {
            installation.app.settle_now().await.unwrap();
            assert_eq!(installation.carry_on_at(*step).await, 1, "{step:?}");
            if matches!(self, Self::AfterEach) {
                installation = installation.restarted().await;
            }
        }
        let Self::Within(at) = self else { return installation };
        let next = STEPS[at + 1] as i64;
        installation.refuse("UPDATE ON erasures", &format!("NEW.step = {next}")).await;
        installation.app.settle_now().await.unwrap();
        assert_eq!(installation.carry_on_at(STEPS[at]).await, 0, "{:?}", STEPS[at]);
        let installation = installation.restarted().await;
        installation.refuse_no_more().await;
        installation
    }
}

async fn goes_on_wherever_it_is_stopped(kind: Kind) {
    let within = (0..STEPS.len() - 1).map(Stopped::Within);
    for stopped in [Stopped::AfterEach].into_iter().chain(within) {
        eprintln!("stopped {stopped:?}");
        let Scene { installation, person, subject, tracks } = scene().await;
        let (target, erased) = match kind {
            Kind::Person => (Target::Subject(subject), 1),
            Kind::Organisation => (Target::Organisation, 2),
        };
        let (erased, stays) = tracks.split_at(erased);
        for track in tracks {
            assert!(ended::opens(&installation, track).await > 0, "{track} opens before");
        }
        installation.erase_at_command(installation.organisation, target).await;
        let installation = stopped.stop(installation).await;
        ended::left_to_itself(&installation).await;
        ended::is_whole(&installation).await;
        for track in erased {
            assert_eq!(ended::opens(&installation, *track).await, 0, "{track} opens");
        }
        for track in stays {
            assert_eq!(ended::opens(&installation, *track).await, 2, "{track} stays");
        }
        let named = names::naming(&installation, person, subject).await;
        match kind {
            Kind::Person => assert_eq!(named, names::left()),
            Kind::Organisation => assert!(!named.contains("people.person_id"), "{named:?}"),
        }
    }
}

#[tokio::test]
async fn the_erasure_of_a_person_goes_on_wherever_it_is_stopped() {
    goes_on_wherever_it_is_stopped(Kind::Person).await;
}

#[tokio::test]
async fn the_erasure_of_an_organisation_goes_on_wherever_it_is_stopped() {
    goes_on_wherever_it_is_stopped(Kind::Organisation).await;
}
