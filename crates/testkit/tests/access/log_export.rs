//! The audit log, taken along: whole, as its readers elsewhere read it, and with what holds a later one against it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::Write;

use axum::http::StatusCode;
use clerestory_audit::ledger::SignedCheckpoint;
use clerestory_testkit::{Answer, Caller};
use serde_json::{Value, json};

use super::{Scene, integrate, scene};

const EXPORT: &str = "/api/v1/audit/export";
/// Reads the archive as somebody would who has never seen it: zip, lines of JSON and CSV by other hands than ours.
const READER: &str = r#"
import csv, io, json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
text = lambda name: archive.read(name).decode() if name in archive.namelist() else None
json.dump({
    "about": json.loads(text("about.json")), "checkpoint": text("checkpoint.txt"),
    "json": [json.loads(line) for line in text("entries.jsonl").splitlines()],
    "csv": list(csv.DictReader(io.StringIO(text("entries.csv"), newline=""))),
}, sys.stdout)
"#;

fn opened(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&answer.bytes).unwrap();
    let python = std::env::var("CLERESTORY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let read = std::process::Command::new(python).args(["-c", READER]).arg(file.path()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    serde_json::from_slice(&read.stdout).unwrap()
}

/// The member, who is made an auditor.
async fn auditor(scene: &Scene) -> Caller {
    let admin = scene.beside("admin").await;
    let also = json!({ "role": "member", "also": ["auditor"] }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{}/roles", scene.member), also).await.ok();
    scene.installation.person("member").await
}

#[tokio::test]
async fn the_log_is_taken_along_whole_and_with_what_proves_it() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    let reason = "=HYPERLINK(\"https://evil.example\"), \"or so\"\nand more";
    let play = format!("/api/v1/recordings/{}/plays", scene.recording);
    admin.post(&play, json!({ "reason": reason })).await.ok();
    for _ in 0..250 {
        admin.get("/api/v1/sites").await.ok();
    }
    let auditor = auditor(&scene).await;
    let early = opened(&auditor.get(EXPORT).await);
    assert_eq!((&early["checkpoint"], &early["about"]["tree"]), (&Value::Null, &Value::Null), "none yet");
    integrate(&scene.installation).await;
    let files = opened(&auditor.get(EXPORT).await);
    let (about, entries) = (&files["about"], files["json"].as_array().unwrap());
    let own = about["entry"].as_u64().unwrap();
    assert_eq!(about["organisation"], scene.installation.organisation.to_string());
    let numbers: Vec<u64> = entries.iter().map(|entry| entry["number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq((1..=own).rev()), "every entry up to its own: {numbers:?}");
    assert_eq!(
        (&entries[0]["action"], &entries[0]["detail"]),
        (&json!("audit.export"), &json!("the audit log"))
    );
    for pair in entries.windows(2) {
        assert_eq!(pair[0]["previous_hash"], pair[1]["hash"], "the chain stands in it");
    }

    // The same in a spreadsheet, in which nothing is calculated.
    let rows = files["csv"].as_array().unwrap();
    assert_eq!(rows.len(), entries.len());
    for (row, entry) in rows.iter().zip(entries) {
        assert_eq!(row["number"], entry["number"].to_string());
        assert_eq!((&row["action"], &row["hash"]), (&entry["action"], &entry["hash"]));
        assert_eq!(row["actor_id"], entry["actor"]["id"].as_str().unwrap_or_default());
    }
    let watched = entries.iter().position(|entry| entry["reason"] == reason).unwrap();
    assert_eq!(rows[watched]["reason"], format!("'{reason}"));

    let note: SignedCheckpoint = files["checkpoint"].as_str().unwrap().parse().unwrap();
    assert_eq!(about["tree"]["size"], note.checkpoint.size);
    assert_eq!(about["tree"]["root"], hex::encode(note.checkpoint.root));
    let period = format!("{EXPORT}?from=2030-01-01T00:00:00Z");
    assert_eq!(opened(&auditor.get(&period).await)["json"], json!([]), "nothing of the future");
}

#[tokio::test]
async fn nobody_else_takes_the_log_along_and_an_administrator_proves_who_they_are() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    assert_eq!(admin.get(EXPORT).await.problem(), "step-up-required");
    for who in ["manager", "member"] {
        assert_eq!(
            scene.installation.proven(who).await.get(EXPORT).await.status,
            StatusCode::FORBIDDEN,
            "{who}"
        );
    }
    let theirs = opened(&scene.installation.proven("stranger").await.get(EXPORT).await);
    let entries = theirs["json"].as_array().unwrap();
    assert!(entries.iter().all(|entry| !entry.to_string().contains(&scene.recording)), "their own log alone");
}
