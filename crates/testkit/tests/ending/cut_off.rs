//! An erasure that is cut off at every write it makes.
//!
//! A process of its own asks for it and carries it to its end, with the recorder of decision 0017 before it. From the
//! record every state is made again that the disk could be in when it ended early: killed right before and after each file
//! that was made, moved or removed and before each flush, with all that was written; and without power after each flush,
//! with no more than was flushed. On each of them the installation is started anew and left to itself: the erasure ends
//! whole, or was never asked for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clerestory_model::{OrganisationId, Timestamp, TrackId};
use clerestory_testkit::disk::{Disk, Loss, Survivors};
use clerestory_testkit::load::Random;
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Inhabited, Installation};
use serde_json::json;
use tempfile::TempDir;

use crate::{ended, names};

/// What is erased, and how it is named to the program that does it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Track,
    Range,
    Person,
    RecordingsOf,
    Organisation,
}

/// What lies still, and what must be so after an erasure of it.
struct Scene {
    directory: TempDir,
    root: PathBuf,
    at: Timestamp,
    whose: (OrganisationId, OrganisationId),
    kind: Kind,
    asked: Vec<String>,
    inhabited: (clerestory_model::PersonId, clerestory_model::SubjectId),
    /// Tracks of which nothing may open afterwards, and tracks of which everything does, with how many segments.
    erased: Vec<TrackId>,
    stays: Vec<(TrackId, usize)>,
}

async fn visit(
    installation: &Installation,
    origin: &str,
    site_key: &str,
    writer: u8,
    resume: Option<&str>,
) -> Visit {
    let now_ms = installation.now().unix_millis() as i64;
    let writer = format!("0190a5e2-0000-7000-8000-0000000000{writer:02}");
    let recorder = installation.recorder(origin);
    let visit = Visit::start_as(recorder, site_key, now_ms, &writer, resume).await;
    for number in 0..3 {
        let at = installation.now().unix_millis() as i64;
        visit.send(number, &snapshot(at, 2, "somebody's words")).await.ok();
        installation.wait(Duration::from_secs(20));
    }
    visit
}

async fn scene(kind: Kind) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap().join("disk");
    std::fs::create_dir(&root).unwrap();
    let installation = Installation::kept_in(&root, None, None, |_| ()).await;
    let inhabited = Inhabited::over(installation).await;
    let installation = &inhabited.installation;
    let (shop, key) = ("https://shop.example", inhabited.site_key.as_str());
    let one = visit(installation, shop, key, 1, None).await;
    // Half of it lies in a part, half in the ingest log.
    installation.app.settle_now().await.unwrap();
    let two = visit(installation, shop, key, 2, Some(&one.token)).await;
    assert_eq!(one.recording, two.recording);
    let stranger = installation.person("stranger").await;
    let asked = json!({ "name": "Harbour", "origins": ["https://harbour.example"] });
    let site = stranger.post("/api/v1/sites", asked).await.ok();
    let harbour = site["site_key"].as_str().unwrap();
    let theirs = visit(installation, "https://harbour.example", harbour, 3, None).await;
    let admin = installation.person("admin").await;
    let facts = admin.get(&format!("/api/v1/recordings/{}", inhabited.about)).await.ok();
    let about: TrackId = facts["tracks"][0]["id"].as_str().unwrap().parse().unwrap();
    let id = |visit: &Visit| -> TrackId { visit.track.parse().unwrap() };
    let recording = one.recording.clone();
    let (asked, erased, stays) = match kind {
        Kind::Track => (
            vec!["track".to_owned(), recording, one.track.clone()],
            vec![id(&one)],
            vec![(id(&two), 3), (about, 1), (id(&theirs), 3)],
        ),
        // It touches the second segment of the first tab, and no other tab.
        Kind::Range => (
            ["range", recording.as_str(), "19000000", "21000000"].map(str::to_owned).to_vec(),
            vec![],
            vec![(id(&one), 2), (id(&two), 3), (about, 1), (id(&theirs), 3)],
        ),
        Kind::Person => (
            vec!["subject".to_owned(), inhabited.subject.to_string()],
            vec![about],
            vec![(id(&one), 3), (id(&two), 3), (id(&theirs), 3)],
        ),
        Kind::RecordingsOf => (
            vec!["recordings".to_owned(), inhabited.subject.to_string()],
            vec![about],
            vec![(id(&one), 3), (id(&two), 3), (id(&theirs), 3)],
        ),
        Kind::Organisation => {
            (vec!["organisation".to_owned()], vec![about, id(&one), id(&two)], vec![(id(&theirs), 3)])
        }
    };
    Scene {
        at: installation.now(),
        whose: (installation.organisation, installation.other),
        inhabited: (inhabited.person, inhabited.subject),
        directory,
        root,
        kind,
        asked,
        erased,
        stays,
    }
}

/// Every state that is left where the process ends early, and when that was.
fn states(disk: &Disk) -> Vec<(String, Survivors)> {
    let flushes = disk.flushes(0).unwrap();
    let (before, after): (Vec<_>, Vec<_>) = flushes.chunks(2).map(|both| (both[0], both[1])).unzip();
    let killed = before.into_iter().chain(disk.moves().unwrap()).map(|at| (at, true));
    let mut moments: Vec<(u64, bool)> = killed.chain(after.into_iter().map(|at| (at, false))).collect();
    moments.sort_unstable();
    moments.dedup();
    let mut found: Vec<(String, Survivors)> = Vec::new();
    let mut last = [Survivors::default(), Survivors::default()];
    for (at, killed) in moments {
        let model = disk.at(at).unwrap();
        let mut left = match killed {
            true => model.seen(),
            false => model.lose(Loss::Everything, &mut Random::new(0)),
        };
        // SQLite makes it anew.
        left.files.retain(|path, _| !path.ends_with("-shm"));
        if last[usize::from(killed)] != left {
            last[usize::from(killed)] = left.clone();
            let how = if killed { "killed" } else { "without power" };
            found.push((format!("{how} at {at}"), left));
        }
    }
    found
}

impl Scene {
    /// Erases on a recorded disk; the disk, and what the clock showed at the end.
    fn erase(&self) -> (Disk, Timestamp) {
        let disk = Disk::begin(&self.root, self.directory.path()).unwrap();
        let built = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("test-erasing");
        let output = Command::new(built)
            .arg(&self.root)
            .arg(self.at.micros().to_string())
            .args([self.whose.0.to_string(), self.whose.1.to_string()])
            .args(&self.asked)
            .envs(disk.environment())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let now = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let mut seen = disk.at(disk.now().unwrap()).unwrap().seen();
        seen.files.retain(|path, _| !path.ends_with("-shm"));
        let is = Survivors::read(&self.root).unwrap();
        assert_eq!(seen.differences(&is), Vec::<String>::new(), "something writes past the recorder");
        (disk, Timestamp::from_micros(now))
    }

    /// The installation is started on what is left, and left to itself.
    async fn goes_on(&self, left: &Survivors, now: Timestamp) {
        left.write(&self.root).unwrap();
        let now = now.plus(Duration::from_secs(60));
        let installation = Installation::found_in(&self.root, now, self.whose).await.unwrap();
        let asked = installation.rows("SELECT erasure_id FROM erasures", Vec::new()).await;
        if asked.is_empty() {
            for track in &self.erased {
                assert!(ended::opens(&installation, *track).await > 0, "nobody asked");
            }
            return;
        }
        ended::left_to_itself(&installation).await;
        self.is_whole(&installation).await;
    }

    async fn is_whole(&self, installation: &Installation) {
        ended::is_whole(installation).await;
        for track in &self.erased {
            assert_eq!(ended::opens(installation, *track).await, 0, "{track} opens");
        }
        for (track, segments) in &self.stays {
            assert_eq!(ended::opens(installation, *track).await, *segments, "{track} stays");
        }
        let (person, subject) = self.inhabited;
        let named = names::naming(installation, person, subject).await;
        match self.kind {
            Kind::Person => assert_eq!(named, names::left()),
            Kind::Organisation => assert!(!named.contains("people.person_id"), "{named:?}"),
            Kind::Track | Kind::Range | Kind::RecordingsOf => assert!(named.contains("people.person_id")),
        }
        let own = "SELECT 1 FROM key_rows k JOIN subjects s ON s.key_id = k.key_id WHERE s.subject_id = $1";
        let own = installation.rows(own, vec![subject.into()]).await.len();
        assert_eq!(
            own,
            usize::from(!matches!(self.kind, Kind::Person | Kind::Organisation)),
            "their own key"
        );
    }
}

async fn is_cut_off_everywhere(kind: Kind) {
    let scene = scene(kind).await;
    let (disk, now) = scene.erase();
    let states = states(&disk);
    assert!(states.len() > 30, "{} states", states.len());
    for (number, (when, left)) in states.iter().enumerate() {
        eprintln!("state {number} of {}: {when}", states.len());
        scene.goes_on(left, now).await;
    }
}

#[tokio::test]
async fn the_erasure_of_a_track_ends_whole_wherever_it_is_cut_off() {
    is_cut_off_everywhere(Kind::Track).await;
}

#[tokio::test]
async fn the_erasure_of_a_range_ends_whole_wherever_it_is_cut_off() {
    is_cut_off_everywhere(Kind::Range).await;
}

#[tokio::test]
async fn the_erasure_of_a_person_ends_whole_wherever_it_is_cut_off() {
    is_cut_off_everywhere(Kind::Person).await;
}

#[tokio::test]
async fn the_erasure_of_somebodys_recordings_ends_whole_wherever_it_is_cut_off() {
    is_cut_off_everywhere(Kind::RecordingsOf).await;
}

#[tokio::test]
async fn the_erasure_of_an_organisation_ends_whole_wherever_it_is_cut_off() {
    is_cut_off_everywhere(Kind::Organisation).await;
}
