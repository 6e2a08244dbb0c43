//! Canaries: words of names, addresses, reasons and pages, looked for in every file that an installation has anywhere.
//!
//! The scanner of the stories in the browser looks through a real server's files, logs and core dumps, and into what is
//! compressed; this one knows every place where the program keeps words, and runs on PostgreSQL and on a bucket too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clerestory_testkit::postgres::{Server, new_schema};
use clerestory_testkit::{Inhabited, Installation};

/// A word as it may stand in a file: as it is, in two bytes a letter, in hex, and in base64 wherever it begins in a group
/// of three.
fn written(word: &str) -> Vec<Vec<u8>> {
    let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![word.as_bytes().to_vec(), wide];
    forms.push(hex::encode(word).into_bytes());
    forms.push(hex::encode_upper(word).into_bytes());
    for before in 0..3 {
        let all = STANDARD_NO_PAD.encode([vec![0; before], word.as_bytes().to_vec()].concat());
        // The first and the last letters are made of bits of the neighbours too.
        let (from, to) = ((before * 8).div_ceil(6), (before + word.len()) * 8 / 6);
        forms.push(all.as_bytes()[from..to].to_vec());
    }
    forms
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

/// Words and the files in which they can be read.
fn read(directories: &[PathBuf]) -> BTreeSet<(&'static str, PathBuf)> {
    let mut all = Vec::new();
    directories.iter().for_each(|directory| files(directory, &mut all));
    // By their first two bytes: most of what is read begins no word.
    let mut forms: BTreeMap<[u8; 2], Vec<(&str, Vec<u8>)>> = BTreeMap::new();
    let mut begins = vec![false; 1 << 16];
    for word in Inhabited::words() {
        for form in written(word) {
            let first = [form[0], form[1]];
            begins[usize::from(u16::from_be_bytes(first))] = true;
            forms.entry(first).or_default().push((word, form));
        }
    }
    let mut found = BTreeSet::new();
    for file in all {
        // A server at work removes files.
        let Ok(bytes) = std::fs::read(&file) else { continue };
        for (at, pair) in bytes.windows(2).enumerate() {
            let first = [pair[0], pair[1]];
            if !begins[usize::from(u16::from_be_bytes(first))] {
                continue;
            }
            for (word, form) in &forms[&first] {
                if bytes[at..].starts_with(form) {
                    found.insert((*word, file.clone()));
                }
            }
        }
    }
    found
}

/// Everything happens, and no word of it can be read.
async fn nothing_can_be_read(installation: Installation, more: &[PathBuf]) {
    let Inhabited { installation, .. } = Inhabited::over(installation).await;
    let ledger = installation.app.access.audit().ledger();
    let at = installation.now();
    ledger.integrate(&installation.app.database, [1; 16], at).await.unwrap();
    let look = || read(&[vec![installation.directory().to_owned()], more.to_vec()].concat());
    assert_eq!(look(), BTreeSet::new());
    // What came in last moves into parts, and the log it lay in goes.
    installation.app.settle_now().await.unwrap();
    assert_eq!(look(), BTreeSet::new());
    let object = installation.objects().await.into_iter().next().unwrap();
    assert!(installation.object_file(&object).exists(), "it looks where objects are");

    // It would be found, in whatever way it were written.
    for form in written("Lanternshop") {
        let planted = installation.directory().join("planted");
        std::fs::write(&planted, [b"xy".to_vec(), form, b"z".to_vec()].concat()).unwrap();
        assert_eq!(look(), BTreeSet::from([("Lanternshop", planted.clone())]));
        std::fs::remove_file(planted).unwrap();
    }
}

#[tokio::test]
async fn no_word_can_be_read_in_a_database_file_or_beside_it() {
    nothing_can_be_read(Installation::over(None).await, &[]).await;
}

#[tokio::test]
async fn no_word_can_be_read_in_the_files_of_postgresql_or_in_a_bucket() {
    let server = Server::start().await.unwrap();
    let installation = Installation::on_bucket_over(Some(new_schema(server.address()).await)).await;
    let bucket = installation.object_file("");
    nothing_can_be_read(installation, &[server.data(), bucket]).await;
}
