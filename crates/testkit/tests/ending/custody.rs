//! Root and epoch secrets at custodians: a Vault (a small one of our own) and KMS (on Moto), as root and as place, with
//! what goes wrong there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clerestory::{App, AppError, Places, PlacesError, SecondPlace};
use clerestory_custody::Custody;
use clerestory_http::TlsIdentity;
use clerestory_keys::{
    EpochPlace, Finding, KeyError, NewRoot, Owner, Protection, Root, RootAddress, RootError, Tombstone,
    TombstonePlace, WrappedAs, change_root_to,
};
use clerestory_model::{Deployment, KeyId, OrganisationId, SubjectId};
use clerestory_seal::SecretKey;
use clerestory_testkit::bucket::Moto;
use clerestory_testkit::custodians::{FakeVault, TOKEN, by_role, by_token, on_moto};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Hands, Installation};
use serde_json::json;

const DAY: Duration = Duration::from_secs(24 * 3600);
const ORIGIN: &str = "https://shop.example";
const TRANSIT: &str = "vault:transit/clerestory";
const KV: &str = "vault:secret/clerestory/eu-1";

fn root() -> RootAddress {
    TRANSIT.parse().unwrap()
}

fn second(address: &str) -> Option<SecondPlace> {
    Some(address.parse().unwrap())
}

/// Records a visit and says which recording it is.
async fn record(installation: &Installation) -> String {
    let site = installation.site(&installation.person("admin").await).await;
    let now = i64::try_from(installation.now().unix_millis()).unwrap();
    let visit = Visit::start(installation.recorder(ORIGIN), site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 3, "words that were on the page")).await.ok();
    visit.recording
}

/// Plays the recording from its first segment.
async fn plays(installation: &Installation, recording: &str) -> bool {
    let admin = installation.person("admin").await;
    let play = admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
    let (play, track) = (play["id"].as_str().unwrap(), play["tracks"][0]["id"].as_str().unwrap());
    let path = format!("/api/v1/plays/{play}/tracks/{track}/segments/0");
    admin.get(&path).await.status.is_success()
}

async fn reopen(installation: &Installation, places: Places) -> Result<App, AppError> {
    let root = places.open(&Protection::Plain)?;
    App::build(places, root, Arc::new(Hands::at(installation.now()))).await
}

/// A recording survives a restart, a rollover and a month off, and old epochs are gone from every place.
async fn lives(mut installation: Installation, held: impl Fn() -> Vec<i64>) -> Installation {
    let recording = record(&installation).await;
    let first = installation.now().utc_day();
    assert_eq!(held(), [first]);
    installation = installation.restarted().await;
    assert!(plays(&installation, &recording).await);
    installation.wait(DAY);
    installation.app.vault.keys().roll_over().await.unwrap();
    assert_eq!(held(), [first, first + 1]);
    // Off for a month.
    installation.wait(30 * DAY);
    installation = installation.restarted().await;
    assert_eq!(installation.app.vault.keys().findings(), []);
    assert_eq!(held(), [first + 31]);
    assert!(plays(&installation, &recording).await);
    installation
}

fn in_file(places: &Places) -> Vec<i64> {
    let mut held = places.epochs().unwrap()[0].list().unwrap();
    held.sort_unstable();
    held
}

fn in_vault(vault: &FakeVault) -> Vec<i64> {
    vault
        .secrets()
        .keys()
        .map(|path| path.strip_prefix("clerestory/eu-1/").unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_root_and_second_place_of_an_installation_that_lives() {
    let vault = FakeVault::start();
    let installation = Installation::kept(Some(root()), |directory, places| {
        places.custody = by_token(&vault, directory, TOKEN);
        places.second_epochs = second(KV);
    })
    .await;
    let descriptor = std::fs::read_to_string(installation.app.places.root_key()).unwrap();
    assert!(descriptor.contains("\"transit\"") && !descriptor.contains(TOKEN), "{descriptor}");
    let places = installation.app.places.clone();
    let installation = lives(installation, || {
        let held = in_vault(&vault);
        assert_eq!(in_file(&places), held);
        held
    })
    .await;
    // What is kept is not what opens: the place holds what only the root unwraps.
    let kept = format!("{:?}", vault.secrets());
    assert!(kept.contains("wrapped"), "{kept}");
    for asked in vault.asked() {
        assert!(!asked.contains(TOKEN), "{asked}");
    }
    drop(installation);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approle_logs_in_again_when_its_token_is_revoked() {
    let vault = FakeVault::start();
    vault.add_role("role-1", "secret-1");
    let installation = Installation::kept(Some(root()), |directory, places| {
        places.custody = by_role(&vault, directory, "role-1", "secret-1");
        places.second_epochs = second(KV);
    })
    .await;
    let logins = || vault.asked().iter().filter(|asked| asked.ends_with("/login")).count();
    let before = logins();
    vault.revoke_logins();
    installation.wait(DAY);
    installation.app.vault.keys().roll_over().await.unwrap();
    assert_eq!(in_vault(&vault).len(), 2);
    assert_eq!(logins(), before + 2, "root and place log in once more, each");
    std::fs::write(installation.directory().join("secret-id"), "another").unwrap();
    vault.revoke_logins();
    let finding = roll_over_finds(&installation).await;
    assert!(finding.contains("secret id"), "{finding}");
    assert!(!finding.contains("another") && !finding.contains("role-1"), "{finding}");
}

/// The one sentence of a roll-over a day later that went wrong.
async fn roll_over_finds(installation: &Installation) -> String {
    installation.wait(DAY);
    assert!(installation.app.vault.keys().roll_over().await.is_err());
    let findings = installation.app.vault.keys().findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings[0].sentence()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_sealed_away_or_lies_stops_the_rollover_and_loses_nothing() {
    let vault = FakeVault::start();
    let installation = Installation::kept(None, |directory, places| {
        places.custody = by_token(&vault, directory, TOKEN);
        places.second_epochs = second(KV);
    })
    .await;
    let (recording, first) = (record(&installation).await, installation.now().utc_day());
    type Break<'v> = (&'v str, Box<dyn Fn(bool) + 'v>, &'v str);
    let breaks: [Break<'_>; 4] = [
        ("sealed", Box::new(|on| vault.seal(on)), "it is sealed: unseal it"),
        ("away", Box::new(|on| vault.go_away(on)), "502"),
        ("lying", Box::new(|on| vault.lie(on)), "does not have it"),
        ("by timer", Box::new(|on| vault.delete_by_timer(on)), "delete_version_after"),
    ];
    for (day, (name, switch, says)) in (1..).zip(breaks) {
        let (before, file) = (in_vault(&vault), in_file(&installation.app.places));
        switch(true);
        let finding = roll_over_finds(&installation).await;
        assert!(finding.contains(says) && finding.contains(KV), "{name}: {finding}");
        assert_eq!(in_vault(&vault), before, "{name}");
        assert_eq!(in_file(&installation.app.places), file, "{name}: no epoch begins that is not everywhere");
        assert!(plays(&installation, &recording).await, "{name}: what is in memory goes on");
        switch(false);
        installation.app.vault.keys().roll_over().await.unwrap();
        assert_eq!(installation.app.vault.keys().findings(), []);
        assert_eq!(in_vault(&vault).len(), day + 1, "{name}");
    }
    // Old epochs stay while a place cannot confirm that they are gone.
    installation.wait(9 * DAY);
    vault.seal(true);
    assert!(installation.app.vault.keys().roll_over().await.is_err());
    assert!(in_file(&installation.app.places).contains(&first));
    vault.seal(false);
    installation.app.vault.keys().roll_over().await.unwrap();
    assert_eq!(in_vault(&vault), [installation.now().utc_day()]);
    assert!(plays(&installation, &recording).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_somebody_deleted_in_the_vault_is_made_again() {
    let vault = FakeVault::start();
    let installation = Installation::kept(None, |directory, places| {
        places.custody = by_token(&vault, directory, TOKEN);
        places.second_epochs = second(KV);
    })
    .await;
    let path = format!("clerestory/eu-1/{}", installation.now().utc_day());
    let before = vault.secrets()[&path][0].clone().unwrap();
    vault.delete_version(&path);
    installation.app.vault.keys().roll_over().await.unwrap();
    // And the version that was there before is none any more.
    assert_eq!(vault.secrets()[&path], [Some(before)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_cannot_be_asked_is_told_and_opens_nothing_new() {
    let vault = FakeVault::start();
    let installation = Installation::kept(Some(root()), |directory, places| {
        places.custody = by_token(&vault, directory, TOKEN);
    })
    .await;
    let recording = record(&installation).await;
    let first = installation.now().utc_day();
    let token = installation.directory().join("vault-token");
    let chain = |error: AppError| {
        let error = anyhow::Error::from(error);
        let text = format!("{error:#}");
        assert!(!text.contains(TOKEN) && !text.contains("hvs."), "{text}");
        text
    };
    // Sealed: what runs goes on, and nothing starts.
    vault.seal(true);
    installation.wait(DAY);
    assert!(installation.app.vault.keys().roll_over().await.is_err());
    assert!(matches!(installation.app.vault.keys().findings()[..], [Finding::RootFailed { .. }]));
    assert!(plays(&installation, &recording).await);
    let refused = chain(reopen(&installation, installation.app.places.clone()).await.err().unwrap());
    assert!(refused.contains(TRANSIT) && refused.contains("unseal it"), "{refused}");
    vault.seal(false);
    // A wrong token.
    std::fs::write(&token, "hvs.wrong").unwrap();
    let refused = chain(reopen(&installation, installation.app.places.clone()).await.err().unwrap());
    assert!(refused.contains("does not allow") && refused.contains("token"), "{refused}");
    std::fs::write(&token, TOKEN).unwrap();
    // The key was deleted: it is not made anew, and no sound copy is taken for a damaged one.
    let before = std::fs::read(installation.app.places.keys.join(format!("epochs/{first}.epoch"))).unwrap();
    let key = vault.take_key("clerestory").unwrap();
    let refused = chain(reopen(&installation, installation.app.places.clone()).await.err().unwrap());
    assert!(refused.contains("no transit key clerestory"), "{refused}");
    assert!(installation.app.vault.keys().roll_over().await.is_err());
    assert!(vault.take_key("clerestory").is_none(), "encrypting must not make a key");
    assert_eq!(
        std::fs::read(installation.app.places.keys.join(format!("epochs/{first}.epoch"))).unwrap(),
        before
    );
    // Another key under the same name opens nothing.
    vault.add_key("clerestory");
    assert!(matches!(
        reopen(&installation, installation.app.places.clone()).await.err().unwrap(),
        AppError::Keys(KeyError::WrongRoot)
    ));
    drop(vault.take_key("clerestory"));
    // A newer version of the right one does not matter.
    vault.put_key("clerestory", key);
    vault.rotate_key("clerestory");
    installation.app.vault.keys().roll_over().await.unwrap();
    assert_eq!(installation.app.vault.keys().findings(), []);
    let installation = installation.restarted().await;
    assert!(plays(&installation, &recording).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_does_not_start_without_a_place_that_keeps_its_epochs() {
    let vault = FakeVault::start();
    let installation = Installation::kept(None, |directory, places| {
        places.custody = by_token(&vault, directory, TOKEN);
        places.second_epochs = second(KV);
    })
    .await;
    let mut places = Places { second_epochs: None, ..installation.app.places.clone() };
    let refused = reopen(&installation, places.clone()).await.err().unwrap();
    assert!(matches!(&refused, AppError::Keys(KeyError::OtherPlaces(place)) if place == KV), "{refused}");
    places.epochs_given_up = true;
    assert!(reopen(&installation, places.clone()).await.is_ok());
    places.epochs_given_up = false;
    assert!(reopen(&installation, places).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_root_epoch_and_database_in_this_order_and_over_nothing() {
    let vault = FakeVault::start();
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let mut places = Places::beside(&directory.path().join(name), second(KV));
        places.custody = by_token(&vault, directory.path(), TOKEN);
        places
    };
    let now = "2026-11-22T09:00:00Z".parse().unwrap();
    let init = |places: Places| async move {
        let root = places.init("test", &Protection::Plain, Some(clerestory::ThrowAway))?;
        App::create(places, root, Arc::new(Hands::at(now))).await
    };
    // The epoch cannot be kept everywhere: there is a root, and no database.
    let cut_off = at("one");
    vault.lie(true);
    assert!(init(cut_off.clone()).await.is_err());
    assert!(cut_off.root_key().exists() && !cut_off.database().exists());
    vault.lie(false);
    assert!(matches!(cut_off.open(&Protection::Plain), Err(PlacesError::NoDatabase(..))));
    // The database cannot be made: the epoch is everywhere before it is tried.
    let no_database = at("two");
    std::fs::create_dir_all(no_database.database().join("in the way")).unwrap();
    std::fs::remove_dir(no_database.database().join("in the way")).unwrap();
    let root = clerestory_keys::RootFile::create(&directory.path().join("root"), "test", &Protection::Plain);
    assert!(App::create(no_database.clone(), root.unwrap(), Arc::new(Hands::at(now))).await.is_err());
    assert_eq!((in_file(&no_database).len(), in_vault(&vault).len()), (1, 1));
    // The place holds epochs of somebody else, and they stay.
    let another = at("three");
    let refused = init(another.clone()).await.err().unwrap();
    assert!(
        matches!(&refused, AppError::Places(PlacesError::EpochsExist(place)) if place.contains(KV)),
        "{refused}"
    );
    assert!(!another.root_key().exists());
    // A root that cannot be reached leaves nothing behind.
    vault.seal(true);
    let mut elsewhere = at("four");
    elsewhere.second_epochs = None;
    assert!(elsewhere.init_with_root_at("test", root_address(), Some(clerestory::ThrowAway)).is_err());
    assert!(!elsewhere.root_key().exists());
    vault.seal(false);
    elsewhere.init_with_root_at("test", root_address(), Some(clerestory::ThrowAway)).unwrap();
    assert!(matches!(
        elsewhere.init("test", &Protection::Plain, Some(clerestory::ThrowAway)),
        Err(PlacesError::Exists(_))
    ));
}

fn root_address() -> RootAddress {
    root()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_moves_from_a_file_to_a_vault_to_another_key_and_back() {
    let vault = FakeVault::start();
    vault.add_key("second");
    let mut installation = Installation::kept(None, |directory, places| {
        places.custody = by_token(&vault, directory, TOKEN);
        places.second_epochs = second(KV);
    })
    .await;
    let recording = record(&installation).await;
    let another: RootAddress = "vault:transit/second".parse().unwrap();
    for new in [Some(root()), Some(another), None] {
        let places = installation.app.places.clone();
        let path = places.root_key();
        let old = std::fs::read(&path).unwrap();
        let to = new.clone().map_or(NewRoot::Key, NewRoot::Elsewhere);
        let epochs = places.epochs().unwrap();
        // Cut off in the middle: it opens all the same, and is finished by running it again.
        vault.lie(true);
        assert!(change_root_to(&path, &Protection::Plain, &places.custody, to, &epochs).is_err());
        vault.lie(false);
        installation = installation.restarted().await;
        assert!(plays(&installation, &recording).await);
        let to = new.clone().map_or(NewRoot::Key, NewRoot::Elsewhere);
        change_root_to(&path, &Protection::Plain, &places.custody, to, &epochs).unwrap();
        installation = installation.restarted().await;
        assert_eq!(installation.app.vault.keys().root_address(), new.as_ref());
        assert!(plays(&installation, &recording).await);
        let now = std::fs::read(&path).unwrap();
        std::fs::write(&path, old).unwrap();
        let refused = reopen(&installation, places.clone()).await.err().unwrap();
        assert!(
            matches!(refused, AppError::Keys(KeyError::WrongRoot)),
            "the old root opens nothing: {refused}"
        );
        std::fs::write(&path, now).unwrap();
    }
    let places = installation.app.places.clone();
    change_root_to(
        &places.root_key(),
        &Protection::Plain,
        &places.custody,
        NewRoot::Elsewhere(root()),
        &places.epochs().unwrap(),
    )
    .unwrap();
    for (path, versions) in vault.secrets() {
        assert_eq!(versions.len(), 1, "{path}: nothing wrapped under the old root stays in the place");
    }
    let again = NewRoot::Elsewhere(root());
    let epochs = places.epochs().unwrap();
    let refused = change_root_to(&places.root_key(), &Protection::Plain, &places.custody, again, &epochs);
    assert!(matches!(refused, Err(KeyError::SameRoot(_))));
}

async fn moto() -> (Moto, Custody) {
    let moto = Moto::start().await;
    let custody = on_moto(&moto);
    (moto, custody)
}

#[tokio::test(flavor = "multi_thread")]
async fn kms_is_root_and_second_place_of_an_installation_that_lives() {
    let (moto, custody) = moto().await;
    let key = moto.kms("CreateKey", json!({})).await["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let root: RootAddress = format!("kms:eu-central-1/{key}").parse().unwrap();
    let installation = Installation::kept(Some(root.clone()), |_, places| {
        places.custody = custody.clone();
        places.second_epochs = second("kms:eu-central-1/eu-1");
    })
    .await;
    let places = installation.app.places.clone();
    let first = installation.now().utc_day();
    let installation = lives(installation, || {
        let mut held = places.epochs().unwrap()[1].list().unwrap();
        held.sort_unstable();
        assert_eq!(in_file(&places), held);
        held
    })
    .await;
    // Deleted there is deleted after seven days, and what counts on it counts from then.
    let keys = installation.app.vault.keys();
    assert_eq!(keys.waiting(), 7 * DAY);
    let since = |at: clerestory_model::Timestamp| {
        let (keys, database) = (Arc::clone(keys), installation.app.database.clone());
        async move {
            let read = database.read(move |tx| Box::pin(async move { keys.unreadable_since(tx, at).await }));
            let since: Result<_, KeyError> = read.await;
            since.unwrap()
        }
    };
    let destroyed_at = clerestory_model::Timestamp::from_micros((first + 2) * 86_400_000_000);
    assert_eq!(since(destroyed_at).await, None);
    let ended = installation.now();
    installation.wait(7 * DAY);
    assert_eq!(since(destroyed_at).await, Some(ended.plus(7 * DAY)));
    // The alias of an ended epoch is gone, and its key waits for its end.
    let aliases = moto.kms("ListAliases", json!({})).await.to_string();
    assert!(!aliases.contains(&format!("epoch/{first}\"")), "{aliases}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kms_says_what_is_wrong_with_a_key_or_a_ciphertext() {
    let (moto, custody) = moto().await;
    let key = moto.kms("CreateKey", json!({})).await["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let reach = |key: &str| -> Box<dyn Root> {
        use clerestory_keys::Connect;
        custody.root(&format!("kms:eu-central-1/{key}").parse().unwrap()).unwrap()
    };
    let deployment = Deployment { environment: [7; 16], region: "test".to_owned() };
    let place = |epoch| WrappedAs { deployment: &deployment, epoch };
    let (root, secret) = (reach(&key), SecretKey::generate());
    let wrapped = root.wrap(&place(1), &secret).unwrap();
    assert_eq!(root.unwrap(&place(1), &wrapped).unwrap().dangerous_bytes(), secret.dangerous_bytes());
    let other = Deployment { environment: [8; 16], region: "test".to_owned() };
    let elsewhere = WrappedAs { deployment: &other, epoch: 1 };
    for refused in [
        root.unwrap(&place(2), &wrapped),
        root.unwrap(&elsewhere, &wrapped),
        root.unwrap(&place(1), b"\x02\x02short"),
        root.unwrap(&place(1), b"\x02\x01vault:v1:x"),
    ] {
        assert!(matches!(refused, Err(RootError::DoesNotOpen)));
    }
    let missing = reach("00000000-0000-0000-0000-000000000000").wrap(&place(1), &secret);
    let Err(RootError::Failed(error)) = missing else { panic!("there is no such key") };
    assert!(error.to_string().contains("NotFoundException"), "{error}");
}

/// The same of every place: kept once, replaced, listed, removed.
fn is_a_place(place: &dyn EpochPlace) {
    use std::io::ErrorKind;
    assert_eq!(place.list().unwrap(), [0_i64; 0]);
    assert_eq!(place.read(1).unwrap_err().kind(), ErrorKind::NotFound);
    place.keep(1, b"one").unwrap();
    place.keep(1, b"one").unwrap();
    assert_eq!(place.keep(1, b"other").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(place.read(1).unwrap(), b"one");
    place.replace(1, b"two").unwrap();
    assert_eq!(place.read(1).unwrap(), b"two");
    place.replace(2, b"new").unwrap();
    let mut held = place.list().unwrap();
    held.sort_unstable();
    assert_eq!(held, [1, 2]);
    place.remove(1).unwrap();
    place.remove(1).unwrap();
    assert_eq!(place.list().unwrap(), [2]);
    assert_eq!(place.read(1).unwrap_err().kind(), ErrorKind::NotFound);
    place.keep(1, b"again").unwrap();
    assert_eq!(place.read(1).unwrap(), b"again");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_place_keeps_once_replaces_and_removes() {
    let (moto, custody) = moto().await;
    let vault = FakeVault::start();
    let directory = tempfile::tempdir().unwrap();
    let in_file: &Path = &directory.path().join("epochs");
    is_a_place(&clerestory_keys::FilePlace::create(in_file.to_owned()).unwrap());
    let of_vault = by_token(&vault, directory.path(), TOKEN);
    is_a_place(of_vault.place(&KV.parse().unwrap()).unwrap().as_ref());
    is_a_place(custody.place(&"kms:eu-central-1/one".parse().unwrap()).unwrap().as_ref());
    // Two that share an account do not see each other.
    is_a_place(custody.place(&"kms:eu-central-1/one-more".parse().unwrap()).unwrap().as_ref());
    drop(moto);
}

#[tokio::test(flavor = "multi_thread")]
async fn tombstones_lie_beside_the_epochs_and_are_made_once() {
    let vault = FakeVault::start();
    let directory = tempfile::tempdir().unwrap();
    let custody = by_token(&vault, directory.path(), TOKEN);
    let in_vault = custody.tombstones(&KV.parse().unwrap()).unwrap().unwrap();
    let in_file = clerestory_keys::FileTombstones::open(directory.path().to_owned()).unwrap();
    let at = "2026-11-22T09:00:00Z".parse().unwrap();
    let (organisation, key) = (OrganisationId::new(at, [1; 10]), KeyId::new(at, [2; 10]));
    let of = |owner| Tombstone { organisation, owner, key, at };
    let (one, two) = (of(Owner::Organisation), of(Owner::Subject(SubjectId::new(at, [3; 10]))));
    for place in [in_vault.as_ref(), &in_file as &dyn TombstonePlace] {
        assert_eq!(place.list().unwrap(), []);
        for tombstone in [&one, &two, &one] {
            place.lay(std::slice::from_ref(tombstone)).unwrap();
        }
        let (name, _) = clerestory_keys::tombstone_object(std::slice::from_ref(&one)).unwrap();
        assert_eq!(place.read(&name).unwrap(), std::slice::from_ref(&one));
        assert_eq!(place.read("00").unwrap_err().kind(), std::io::ErrorKind::NotFound);
        let mut held = place.list().unwrap();
        held.sort_by_key(Tombstone::id);
        let mut laid = vec![one.clone(), two.clone()];
        laid.sort_by_key(Tombstone::id);
        assert_eq!(held, laid);
    }
    // More than a secret takes are one object all the same.
    let many: Vec<Tombstone> = (0..8000_u64)
        .map(|n| of(Owner::Subject(SubjectId::new(at.plus(Duration::from_secs(n)), [4; 10]))))
        .collect();
    let (name, bytes) = clerestory_keys::tombstone_object(&many).unwrap();
    assert!(bytes.len() > 1 << 20, "a Vault would take {} bytes as they are", bytes.len());
    for _ in 0..2 {
        in_vault.lay(&many).unwrap();
    }
    assert_eq!(in_vault.read(&name).unwrap(), many);
    assert_eq!(in_vault.list().unwrap().len(), 2 + many.len());
    // They are no epochs, and one that somebody deleted is not passed over.
    assert_eq!(custody.place(&KV.parse().unwrap()).unwrap().list().unwrap(), [0_i64; 0]);
    let (name, _) = clerestory_keys::tombstone_object(&[one]).unwrap();
    vault.delete_version(&format!("clerestory/eu-1/tombstones/{name}"));
    assert_eq!(in_vault.list().unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert!(custody.tombstones(&"kms:eu-central-1/one".parse().unwrap()).unwrap().is_none());
}

/// The certificate of an authority, and one for `localhost` that it signed: files in PEM.
fn certificates(directory: &Path) -> (PathBuf, TlsIdentity) {
    let files = ["ca.pem", "chain.pem", "key.pem"].map(|name| directory.join(name));
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(&files[0], ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&files[1], leaf.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    std::fs::write(&files[2], key.serialize_pem()).unwrap();
    let [ca, chain, key] = files;
    (ca, TlsIdentity::from_files(chain, key).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_known_by_its_certificate() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let directory = tempfile::tempdir().unwrap();
    let (ca, identity) = certificates(directory.path());
    let vault = FakeVault::start_tls(identity);
    let mut custody = by_token(&vault, directory.path(), TOKEN);
    let place = |custody: &Custody| custody.place(&KV.parse().unwrap());
    let unknown = place(&custody).unwrap().list().unwrap_err().to_string();
    assert!(unknown.contains("certificate") && !unknown.contains(TOKEN), "{unknown}");
    assert_eq!(vault.asked(), [] as [&str; 0], "nothing is asked of somebody unknown");
    custody.vault.as_mut().unwrap().ca_file = Some(ca.clone());
    place(&custody).unwrap().keep(1, b"one").unwrap();
    assert_eq!(place(&custody).unwrap().read(1).unwrap(), b"one");
    custody.vault.as_mut().unwrap().ca_file = Some(directory.path().join("vault-token"));
    let wrong = place(&custody).err().unwrap().to_string();
    assert!(wrong.contains("vault-token") && !wrong.contains(TOKEN), "{wrong}");
}
