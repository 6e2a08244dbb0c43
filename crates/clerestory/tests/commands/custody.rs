//! The commands that care for the keys: shares, the drill, a rotation, and what stands in their arguments, outputs and
//! logs.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clerestory::{Places, Postgres};
use clerestory_testkit::custodians::{FakeVault, TOKEN};
use clerestory_testkit::postgres::AnyServer;

use crate::rig::{Rig, Said, Served, WORDS, arguments};

/// Names and contents of everything below.
fn everything(below: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path))
        } else {
            found.push((path.clone(), std::fs::read(path).unwrap()))
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn any_three_of_five_shares_are_told_to_open_and_two_or_a_mistyped_one_are_named() {
    let rig = Rig::over(None).await;
    let (files, lines) = rig.shares("shares");
    for some in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
        let some = some.map(|at: usize| &files[at]);
        let said = rig.run(&arguments(&["admin", "shares", "check"], &some)).ok();
        assert!(said.contains("They open the root of this installation"), "{said}");
    }
    let two = rig.run(&arguments(&["admin", "shares", "check"], &[&files[0], &files[3]]));
    two.refused("2 different shares were given and 3 are needed");
    let twice = rig.run(&arguments(&["admin", "shares", "check"], &[&files[0], &files[0], &files[3]]));
    twice.refused("2 different shares were given and 3 are needed");
    // By standard input, one mistyped: it is named, and its digits are not repeated.
    let mut mistyped = lines[1].clone().into_bytes();
    mistyped[60] = if mistyped[60] == b'7' { b'8' } else { b'7' };
    let typed = String::from_utf8(mistyped).unwrap();
    let said = rig.run_with(&["admin", "shares", "check"], &format!("{}{typed}{}", lines[0], lines[2]));
    assert!(said.out.contains("share 2: this is no share of a root key, or it is mistyped"), "{}", said.out);
    assert!(!said.out.contains(&typed[30..]) && !said.err.contains(&typed[30..]));
    said.refused("1 of the shares cannot be used");
    // Once more, into the same files: nothing is written over.
    let to = rig.path("shares").display().to_string();
    rig.run(&["admin", "shares", "make", "--needed", "3", "--of", "5", "--to-files", &to])
        .refused("share-1.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_shown_one_by_one_and_typed_back() {
    let rig = Rig::over(None).await;
    let make = ["admin", "shares", "make", "--needed", "2", "--of", "3"];
    rig.run(&make).refused("this is no terminal");
    let make = [&make[..], &["--without-terminal"]].concat();
    let mut child = rig.command(&make).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut said = BufReader::new(stdout).lines().map(Result::unwrap);
    let mut shares = Vec::new();
    for number in 1..=3 {
        assert!(said.next().unwrap().starts_with(&format!("Share {number} of 3.")));
        let share = said.next().unwrap();
        stdin.write_all(b"\n").unwrap();
        assert!(said.next().unwrap().starts_with(&format!("Type share {number}")));
        stdin.write_all(format!("{}\n", share.replacen("clerestory", "clerestorv", 1)).as_bytes()).unwrap();
        assert!(said.next().unwrap().starts_with("That is not what was shown"));
        stdin.write_all(format!("  {share}\n").as_bytes()).unwrap();
        shares.push(share);
    }
    assert!(said.next().unwrap().contains("any 2 of them open the root"));
    drop((stdin, said));
    assert!(child.wait().unwrap().success());
    let given = format!("{}\n{}\n", shares[2], shares[0]);
    rig.run_with(&["admin", "shares", "check"], &given).ok();
    // Broken off before the last: they do not count.
    let broken_off = rig.run_with(&make, "\n");
    broken_off.refused("count as not made");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drill_opens_a_recording_from_shares_second_place_and_copy_and_changes_nothing() {
    let rig = Rig::over(None).await;
    let (files, lines) = rig.shares("shares");
    let copy = rig.copy("copy.db").await;
    let three = [&files[4], &files[1], &files[2]];
    let scratch = rig.path("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let scratch_path = scratch.display().to_string();
    let drill = ["admin", "drill", "--copy", copy.as_str(), "--scratch", scratch_path.as_str()];
    // As if this machine's root and epochs were lost.
    let away = rig.path("away");
    std::fs::rename(&rig.places.keys, &away).unwrap();
    let before = everything(rig.directory.path());
    let said = rig.run(&arguments(&drill, &three));
    assert!(!said.err.contains(WORDS) && !said.out.contains(WORDS));
    for line in &lines {
        assert!(!said.out.contains(line.trim()) && !said.err.contains(line.trim()));
    }
    let told = said.ok();
    assert!(told.contains("1 segments of as many tracks opened"), "{told}");
    assert_eq!(everything(rig.directory.path()), before, "the drill changes nothing and leaves nothing");
    rig.run(&arguments(&drill, &three[..2])).refused("2 different shares were given and 3 are needed");
    // Without the bytes of the object nothing is proven.
    let objects = rig.places.data.join("objects");
    std::fs::rename(&objects, rig.path("objects")).unwrap();
    assert!(!rig.run(&arguments(&drill, &three)).success);
    std::fs::rename(rig.path("objects"), &objects).unwrap();
    // Nor without the epoch.
    let second = rig.path("second");
    std::fs::rename(&second, rig.path("elsewhere")).unwrap();
    std::fs::create_dir(&second).unwrap();
    rig.run(&arguments(&drill, &three)).refused("which the place does not hold");
    std::fs::remove_dir(&second).unwrap();
    std::fs::rename(rig.path("elsewhere"), &second).unwrap();
    // Written down it is asked for no more, until the root is another.
    std::fs::rename(&away, &rig.places.keys).unwrap();
    let recorded = [&drill[..], &["--record"]].concat();
    let told = rig.run(&arguments(&recorded, &three)).ok();
    assert!(told.contains("It is written down"), "{told}");
    rig.run(&["admin", "root", "rotate"]).ok();
    rig.run(&arguments(&drill, &three)).refused("was replaced");
    rig.run(&arguments(&["admin", "shares", "check"], &three)).refused("before the root was replaced");
    // Moved into parts of their tracks, segments open all the same.
    let (files, _) = rig.shares("newer");
    rig.run(&["admin", "settle"]).ok();
    let copy = rig.copy("newer.db").await;
    let drill = ["admin", "drill", "--record", "--copy", copy.as_str()];
    rig.run(&arguments(&drill, &[&files[0], &files[1], &files[2]])).ok();
}

/// On PostgreSQL the copy is a database that was restored; one that is in use is refused by the server itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_drill_opens_a_restored_postgresql_database_and_leaves_it_as_it_is() {
    let server = AnyServer::get().await;
    let name = format!("drill_{}", hex::encode(clerestory_seal::random::<6>()));
    let (client, connection) =
        tokio_postgres::connect(server.address(), tokio_postgres::NoTls).await.unwrap();
    let running = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (before, _) = server.address().rsplit_once('/').unwrap();
    let live = Postgres { address: format!("{before}/{name}"), roots: None };
    let rig = Rig::over(Some(live)).await;
    let (files, _) = rig.shares("shares");
    // As a restore of a backup makes it: connections of the test are closed.
    let copy = format!("{name}_copy");
    client.batch_execute(&format!("CREATE DATABASE {copy} TEMPLATE {name}")).await.unwrap();
    let address = format!("{before}/{copy}");
    let sizes = "SELECT (SELECT count(*) FROM audit_entries) * 1000000 + (SELECT count(*) FROM key_rows)";
    let counted = || async {
        let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        let rows: i64 = client.query_one(sizes, &[]).await.unwrap().get(0);
        drop(client);
        running.await.unwrap().unwrap();
        rows
    };
    let rows = counted().await;
    let drill = ["admin", "drill", "--record", "--copy", address.as_str()];
    let said = rig.run(&arguments(&drill, &[&files[0], &files[1], &files[2]])).ok();
    assert!(said.contains("1 segments of as many tracks opened") && said.contains("written down"), "{said}");
    assert_eq!(counted().await, rows);
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'clerestory_drill_%'";
    assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    let (user, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
    let used = tokio::spawn(connection);
    rig.run(&arguments(&drill, &[&files[0], &files[1], &files[2]])).refused("did not copy the database");
    drop(user);
    used.await.unwrap().unwrap();
    client.batch_execute(&format!("DROP DATABASE {copy}")).await.unwrap();
    client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    drop(client);
    running.await.unwrap().unwrap();
}

/// The real program over a Vault: made, served, started again, its root moved away; and no secret is told to anybody.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_lives_on_a_vault_and_tells_its_secrets_to_nobody() {
    let vault = FakeVault::start();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("token"), format!("{TOKEN}\n")).unwrap();
    let environment = vec![
        ("CLERESTORY_DATA", path("data")),
        ("CLERESTORY_VAULT_ADDRESS", vault.address()),
        ("CLERESTORY_VAULT_TOKEN_FILE", path("token")),
        ("CLERESTORY_SECOND_EPOCHS", "vault:secret/clerestory".to_owned()),
        ("CLERESTORY_LOG", "trace".to_owned()),
    ];
    let rig = Rig::empty(directory, environment);
    let init = rig.run(&["init", "--throw-away", "--root", "vault:transit/clerestory"]);
    let mut heard = format!("{}{}", init.out, init.err);
    init.ok();
    assert!(heard.contains("The root is vault:transit/clerestory"), "{heard}");
    rig.run(&["init", "--throw-away"]).refused("never writes over");
    rig.run(&["admin", "shares", "make", "--needed", "2", "--of", "3", "--to-files", "."])
        .refused("its keeper never gives out");
    heard += &serve_for_a_moment(&rig).await;
    // Sealed it does not start, and says so in one line.
    vault.seal(true);
    let refused = rig.run(&["admin", "confirm-time"]).refused("unseal it");
    assert_eq!(refused.lines().filter(|line| line.starts_with("clerestory:")).count(), 1, "{refused}");
    vault.seal(false);
    let rotated = rig.run(&["admin", "root", "rotate", "--to", "file"]);
    heard += &format!("{}{}", rotated.out, rotated.err);
    rotated.ok();
    heard += &serve_for_a_moment(&rig).await;
    // A transit key that is gone does not matter any more; a place that lets nobody in is said so.
    drop(vault.take_key("clerestory"));
    std::fs::write(rig.path("token"), "hvs.wrong").unwrap();
    let log = serve_for_a_moment(&rig).await;
    assert!(log.contains("it does not allow secret/metadata/clerestory"), "{log}");
    heard += &log;
    let root_key = std::fs::read_to_string(rig.places.root_key()).unwrap();
    let secret = root_key.split('"').find(|part| part.len() == 64).unwrap();
    for secret in [TOKEN, "hvs.", secret] {
        assert!(!heard.contains(secret), "a secret was told");
    }
}

/// Serves until it is well, looks at its arguments, and ends it; what it logged.
async fn serve_for_a_moment(rig: &Rig) -> String {
    let mut served = Served::start(rig).await;
    let arguments = std::fs::read(format!("/proc/{}/cmdline", served.child.id())).unwrap();
    served.end();
    format!("{}{}", String::from_utf8_lossy(&arguments), std::fs::read_to_string(rig.path("log")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_for_shares_and_a_drill_until_they_are_done_and_again_for_a_new_root() {
    let rig = Rig::over(None).await;
    let mut served = Served::start(&rig).await;
    assert_eq!(served.says(&rig, "root-shares").await.0, "attention");
    assert_eq!(served.says(&rig, "recovery-drill").await.0, "attention");
    // Two places on one disk are one.
    let (level, sentence) = served.says(&rig, "epoch-places").await;
    assert!(level == "attention" && sentence.contains("on one disk"), "{sentence}");
    rig.run(&["admin", "root", "rotate"]).refused("another process serves");
    served.end();
    let (files, _) = rig.shares("shares");
    let copy = rig.copy("copy.db").await;
    let drill = ["admin", "drill", "--record", "--copy", copy.as_str()];
    rig.run(&arguments(&drill, &[&files[0], &files[1], &files[2]])).ok();
    let mut served = Served::start(&rig).await;
    assert_eq!(served.says(&rig, "root-shares").await.0, "ok");
    let (level, sentence) = served.says(&rig, "recovery-drill").await;
    assert!(level == "ok" && sentence.contains("went well at 20"), "{sentence}");
    served.end();
    rig.run(&["admin", "root", "rotate"]).ok();
    let served = Served::start(&rig).await;
    assert_eq!(served.says(&rig, "root-shares").await.0, "attention");
    assert_eq!(served.says(&rig, "recovery-drill").await.0, "attention");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drill_with_a_root_in_a_vault_needs_its_address_and_no_shares() {
    let vault = FakeVault::start();
    let rig = Rig::in_vault(&vault).await;
    let (copy, kept) = (rig.copy("copy.db").await, rig.path("kept-root.key").display().to_string());
    std::fs::copy(rig.places.root_key(), &kept).unwrap();
    let drill = ["admin", "drill", "--copy", copy.as_str(), "--root-file", kept.as_str()];
    let before = vault.secrets();
    let told = rig.run(&drill).ok();
    assert!(told.contains("1 segments of as many tracks opened"), "{told}");
    let asked =
        |vault: &FakeVault| vault.asked().into_iter().filter(|asked| !asked.starts_with("GET")).collect();
    let calls: std::collections::BTreeSet<String> = asked(&vault);
    assert!(calls.iter().any(|call| call.contains("decrypt")), "{calls:?}");
    assert_eq!(vault.secrets(), before, "the place is only read");
    rig.run(&[&drill[..], &["--record"]].concat()).ok();
    let served = Served::start(&rig).await;
    assert_eq!(served.says(&rig, "recovery-drill").await.0, "ok");
    assert!(served.says(&rig, "root-shares").await.1.contains("vault:transit/clerestory"));
    assert!(served.says(&rig, "epoch-places").await.1.contains("vault:secret/clerestory"));
    vault.seal(true);
    rig.run(&drill).refused("unseal it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passphrase_of_the_root_is_changed_and_taken_away() {
    let rig = Rig::over(None).await;
    let (files, _) = rig.shares("shares");
    let write = |name: &str, text: &str| {
        std::fs::write(rig.path(name), text).unwrap();
        rig.path(name).display().to_string()
    };
    let (one, two) = (write("one", "high windows\n"), write("two", "lower ones\n"));
    let change = ["admin", "root", "passphrase"];
    rig.run(&[&change[..], &["--new-passphrase-file", &one]].concat()).ok();
    rig.run(&["admin", "confirm-time"]).refused("sealed under a passphrase");
    rig.run(&["admin", "confirm-time", "--passphrase-file", &two]).refused("the passphrase does not open it");
    rig.run(&[&change[..], &["--passphrase-file", &one, "--new-passphrase-file", &two]].concat()).ok();
    let check = ["admin", "shares", "check", "--passphrase-file", two.as_str()];
    let said = rig.run(&arguments(&check, &[&files[0], &files[1], &files[2]])).ok();
    assert!(said.contains("They open the root of this installation"), "{said}");
    rig.run(&[&change[..], &["--passphrase-file", &two, "--none"]].concat()).ok();
    rig.run(&["admin", "confirm-time"]).ok();
}

/// Nobody says who asks KMS: that is said soon, before anything is made.
#[test]
fn without_credentials_for_kms_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let began = std::time::Instant::now();
    let mut init = Command::new(Path::new(env!("CARGO_BIN_EXE_clerestory")));
    init.args(["init", "--throw-away", "--root", "kms:eu-central-1/alias/clerestory", "--data"]).arg(&data);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        init.env_remove(name);
    }
    // Where nobody listens.
    init.env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9");
    let said = Said::from(init.output().unwrap());
    said.refused("there are no credentials for KMS");
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(!Places::beside(&data, None).root_key().exists());
}
