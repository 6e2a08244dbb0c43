//! The commands that care for what is stored: `fsck`, its repair and its rebuild, `admin erase` and `restore`; on SQLite
//! and on PostgreSQL.

use std::path::PathBuf;
use std::time::Duration;

use clerestory::Postgres;
use clerestory_testkit::postgres::{AnyServer, Dump, new_schema};
use serde_json::Value;

use crate::rig::{Rig, Served};

/// The exit statuses of `fsck`.
const CLEAN: Option<i32> = Some(0);
const FINDINGS: Option<i32> = Some(1);
const NOT_CHECKED: Option<i32> = Some(2);

/// A database of each kind.
async fn databases(server: &AnyServer) -> [Option<Postgres>; 2] {
    [None, Some(new_schema(server.address()).await)]
}

impl Rig {
    /// What `fsck` says as JSON, and its exit status.
    fn fsck(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let said = self.run(&[&["fsck", "--json"][..], arguments].concat());
        (said.status, serde_json::from_str(&said.out).unwrap_or(Value::Null))
    }

    /// The faults that `fsck` finds.
    fn faults(&self, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
        let (status, told) = self.fsck(arguments);
        let findings = told["report"]["findings"].as_array().unwrap();
        (status, findings.iter().map(|found| found["fault"].as_str().unwrap().to_owned()).collect())
    }

    fn erasures(&self) -> String {
        self.run(&["admin", "erasures", "--organisation", &self.organisation]).ok()
    }

    /// What is told of the erasures as soon as a server has carried one on to its receipt, which is when no opened key can
    /// be left anywhere.
    pub(crate) async fn verified(&self) -> String {
        let began = std::time::Instant::now();
        loop {
            let told = self.erasures();
            if told.contains("verified") {
                return told;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "{told}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// One byte of what it recorded is another.
    pub(crate) fn flip(&self) {
        let (log, mut bytes) = (self.log_file(), std::fs::read(self.log_file()).unwrap());
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(log, bytes).unwrap();
    }

    /// The only file of the ingest log.
    fn log_file(&self) -> PathBuf {
        let below = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let runs = below(self.places.data.join("objects/log")).filter(|path| path.is_dir());
        let mut files: Vec<_> = runs.flat_map(below).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fsck_says_by_its_exit_status_what_it_found_and_repairs_only_what_it_may() {
    let server = AnyServer::get().await;
    for database in databases(&server).await {
        let rig = Rig::over(database).await;
        assert_eq!(rig.faults(&[]), (CLEAN, vec![]));
        assert_eq!(rig.faults(&["--deep"]), (CLEAN, vec![]));
        rig.run(&["fsck"]).ok();

        // One byte is another: only reading finds it, and it is told by recording.
        let (log, whole) = (rig.log_file(), std::fs::read(rig.log_file()).unwrap());
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&log, flipped).unwrap();
        assert_eq!(rig.faults(&[]).0, CLEAN);
        let (status, told) = rig.fsck(&["--deep"]);
        assert_eq!(status, FINDINGS);
        assert_eq!(told["report"]["findings"][0]["recording"], rig.recording.as_str(), "{told}");
        let said = rig.run(&["fsck", "--deep"]);
        assert!(said.status == FINDINGS && said.out.contains(&rig.recording), "{}", said.out);
        std::fs::write(&log, &whole).unwrap();
        assert_eq!(rig.faults(&["--deep"]).0, CLEAN);

        // Everything that rows name is gone: that is a disk that is not mounted, and not a loss to record.
        let aside = rig.path("aside.log");
        std::fs::rename(&log, &aside).unwrap();
        assert_eq!(rig.faults(&[]), (FINDINGS, vec!["missing".to_owned()]));
        let said = rig.run(&["fsck", "--repair"]);
        assert_eq!(said.status, NOT_CHECKED);
        assert!(said.err.contains("--accept-loss"), "{}", said.err);
        let said = rig.run(&["fsck", "--repair", "--dry-run", "--accept-loss"]);
        assert!(said.status == FINDINGS && said.out.contains("none of them taken"), "{}", said.out);
        assert_eq!(rig.faults(&[]).0, FINDINGS, "nothing was done");
        std::fs::rename(&aside, &log).unwrap();
        assert_eq!(rig.faults(&["--deep"]).0, CLEAN, "it is mounted again");

        // It is not: the loss is recorded, and then nothing is wrong any more.
        std::fs::remove_file(&log).unwrap();
        let (status, told) = rig.fsck(&["--repair", "--accept-loss"]);
        assert_eq!(status, CLEAN, "{told}");
        let (status, told) = rig.fsck(&[]);
        assert_eq!((status, &told["report"]["lost"]), (CLEAN, &Value::from(1)), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_checked_is_no_finding() {
    let rig = Rig::over(None).await;
    let nothing = rig.run(&["fsck", "--dry-run"]);
    assert!(nothing.status == NOT_CHECKED && nothing.err.contains("add one of them"), "{}", nothing.err);
    let elsewhere = rig.path("nowhere").display().to_string();
    let said = rig.run(&["fsck", "--data", &elsewhere]);
    assert!(said.status == NOT_CHECKED && said.err.contains("not checked"), "{}", said.err);
    // Whoever mistypes an option has not checked anything either.
    assert_eq!(rig.run(&["fsck", "--depe"]).status, NOT_CHECKED);
    assert_eq!(rig.run(&["fsck", "--repair", "--rebuild"]).status, NOT_CHECKED);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_store_and_a_later_generation_are_not_checked_nor_repaired() {
    let server = AnyServer::get().await;
    for database in databases(&server).await {
        let rig = Rig::over(database).await;
        let objects = rig.places.data.join("objects");
        let not_checked = |because: &str| {
            for arguments in [&["fsck"][..], &["fsck", "--repair", "--accept-loss"], &["fsck", "--rebuild"]] {
                let said = rig.run(arguments);
                assert!(said.status == NOT_CHECKED && said.err.contains(because), "{}", said.err);
            }
        };
        // A restore has begun a later generation over these objects: this is the copy that was put away.
        let later = objects.join("instances/0000000002");
        std::fs::write(&later, [7; 16]).unwrap();
        not_checked("a restore has begun a later one");
        std::fs::remove_file(&later).unwrap();
        assert_eq!(rig.faults(&["--deep"]), (CLEAN, vec![]));
        // The disk is not mounted.
        let aside = rig.path("objects-aside");
        std::fs::rename(&objects, &aside).unwrap();
        std::fs::create_dir(&objects).unwrap();
        not_checked("which names the store");
        // Another one is, where it should be.
        let mark = std::fs::read_to_string(aside.join("clerestory-store.json")).unwrap();
        let (before, after) = mark.split_once("\"store\":\"").unwrap();
        let other = format!("{before}\"store\":\"{}{}", "0".repeat(32), &after[32..]);
        std::fs::write(objects.join("clerestory-store.json"), other).unwrap();
        not_checked("is not the store that this installation has its objects in");
        std::fs::remove_dir_all(&objects).unwrap();
        std::fs::rename(&aside, &objects).unwrap();
        assert_eq!(rig.faults(&["--deep"]), (CLEAN, vec![]), "nothing was changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_again_from_the_store_and_only_once() {
    let server = AnyServer::get().await;
    for database in databases(&server).await {
        let rig = Rig::prepared(database, async |installation| {
            for table in ["segments", "gaps", "tracks", "recordings"] {
                installation.execute(format!("DELETE FROM {table}"), Vec::new()).await;
            }
        })
        .await;
        let (status, told) = rig.fsck(&[]);
        assert_eq!((status, &told["report"]["young"]), (CLEAN, &Value::from(1)), "too young to judge");
        let log = std::fs::File::options().write(true).open(rig.log_file()).unwrap();
        let days_ago = log.metadata().unwrap().modified().unwrap() - Duration::from_secs(2 * 24 * 3600);
        log.set_modified(days_ago).unwrap();
        assert_eq!(rig.faults(&[]), (FINDINGS, vec!["unlisted".to_owned()]));
        let dry = rig.run(&["fsck", "--rebuild", "--dry-run"]).ok();
        assert!(dry.contains("1 would be made") && dry.contains("1 segments"), "{dry}");
        assert_eq!(rig.fsck(&[]).0, FINDINGS, "nothing was done");
        let (status, told) = rig.fsck(&["--rebuild"]);
        assert_eq!((status, &told["rebuilt"]["segments"]), (CLEAN, &Value::from(1)), "{told}");
        assert_eq!(rig.faults(&["--deep"]), (CLEAN, vec![]));
        let (status, told) = rig.fsck(&["--rebuild"]);
        assert_eq!((status, &told["rebuilt"]["segments"]), (CLEAN, &Value::from(0)), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_by_command_stays_erased_when_a_copy_is_restored() {
    let server = AnyServer::get().await;
    for database in databases(&server).await {
        let rig = Rig::over(database).await;
        let copy = rig.copy("copy.db").await;
        let (organisation, recording) = (rig.organisation.as_str(), rig.recording.as_str());
        let erase = ["admin", "erase", "--organisation", organisation];
        let with = |more: &[&'static str]| [&erase[..], more].concat();
        rig.run(&erase).refused("say what to erase: --recording, --subject, --recordings-of or --everything");
        rig.run(&with(&["--recording", "somewhere"])).refused("--recording");
        rig.run(&with(&["--recording", "rec_00000000000070008000000000000001"]))
            .refused("there is no such recording");
        rig.run(&with(&["--everything", "org_00000000000070008000000000000001"]))
            .refused("names another organisation");
        let said = rig.run(&[&erase[..], &["--recording", recording, "--reason", "a letter"]].concat()).ok();
        assert!(said.contains("The server carries it on"), "{said}");

        let mut served = Served::start(&rig).await;
        let told = rig.verified().await;
        assert!(told.contains(recording) && told.contains("signature"), "{told}");
        rig.run(&["restore", "--at", &copy]).refused("another process serves");
        served.end();
        assert_eq!(rig.faults(&["--deep"]), (CLEAN, vec![]));
        let nothing = rig.path("no-copy.db").display().to_string();
        match &rig.places.postgres {
            None => rig.run(&["restore", "--at", &nothing]).refused("no-copy.db"),
            Some(_) => {
                rig.run(&["restore", "--at", &nothing]).refused("not of the kind");
                let empty = new_schema(server.address()).await.address;
                rig.run(&["restore", "--at", &empty]).refused("the copy cannot be opened")
            }
        };
        let said = rig.run(&["restore", "--at", &copy]).ok();
        assert!(said.contains("Tracks that are erased and stay so: 1"), "{said}");
        assert!(said.contains("Generation 2"), "{said}");
        assert_eq!(rig.faults(&["--deep"]), (CLEAN, vec![]));
        rig.run(&["verify"]).ok();
        assert!(rig.erasures().contains("verified"), "the receipt is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_the_place_of_a_lost_database_is_served_when_it_is_restored_and_not_before() {
    let rig = Rig::over(None).await;
    let copy = rig.copy("copy.db").await;
    let (organisation, recording) = (rig.organisation.as_str(), rig.recording.as_str());
    rig.run(&["admin", "erase", "--organisation", organisation, "--recording", recording]).ok();
    let mut served = Served::start(&rig).await;
    rig.verified().await;
    served.end();

    let empty = rig.path("empty.db");
    std::fs::write(&empty, b"").unwrap();
    let empty = empty.display().to_string();
    rig.run(&["restore", "--at", &empty]).refused("no entry in any audit log");
    rig.run(&["verify"]).ok();

    // The file is lost, and what lay beside it is not: that would be taken for the end of the copy.
    let database = rig.places.database();
    std::fs::remove_file(&database).unwrap();
    rig.run(&["restore", "--in-place"]).refused("is not there: put a copy in its place");
    if rig.places.data.join("clerestory.db-wal").exists() {
        rig.run(&["restore", "--at", &copy]).refused("without its database");
    }
    for suffix in ["-wal", "-shm"] {
        let beside = rig.places.data.join(format!("clerestory.db{suffix}"));
        assert!(!beside.exists() || std::fs::remove_file(beside).is_ok());
    }
    rig.run(&["restore", "--at", &empty]).refused("no entry in any audit log");
    assert!(!database.exists(), "an empty file is no database");

    // Cut off after the copy is in its place: nobody serves it.
    rig.places.put_copy(std::path::Path::new(&copy)).await.unwrap();
    rig.run(&["admin", "confirm-time"]).refused("closed");
    let said = rig.run(&["restore", "--in-place"]).ok();
    assert!(said.contains("Tracks that are erased and stay so: 1"), "{said}");
    let mut served = Served::start(&rig).await;
    served.end();
    rig.run(&["verify"]).ok();
}

/// Nobody of ours puts a backup of PostgreSQL in its place, and nobody can close it for that. What was erased since tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_brought_back_is_not_served_before_it_is_restored_in_place() {
    let server = AnyServer::get().await;
    let rig = Rig::over(Some(new_schema(server.address()).await)).await;
    let backup = Dump::of(rig.places.postgres.as_ref().unwrap());
    let (organisation, recording) = (rig.organisation.as_str(), rig.recording.as_str());
    rig.run(&["admin", "erase", "--organisation", organisation, "--recording", recording]).ok();
    let mut served = Served::start(&rig).await;
    rig.verified().await;
    served.end();

    backup.bring_back().await;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--console-origin", "http://localhost:1"];
    let serve = [&serve[..], &["--content-origin", "http://127.0.0.1:1"]].concat();
    rig.run(&serve).refused("Where it was put back from a copy, run `clerestory restore --in-place`");
    assert_eq!(rig.run(&["fsck"]).status, NOT_CHECKED);
    let said = rig.run(&["restore", "--in-place"]).ok();
    assert!(said.contains("Tracks that are erased and stay so: 1"), "{said}");
    assert!(said.contains("Generation 2"), "{said}");
    let mut served = Served::start(&rig).await;
    served.end();
    rig.run(&["verify"]).ok();
    let (status, told) = rig.fsck(&["--deep"]);
    assert_eq!(status, CLEAN, "{told}");
}
