//! The root key: rotating it through every crash, its passphrase, its shares, and the drill with them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use clerestory_keys::{
    EpochPlace, FilePlace, KeyError, Protection, RootFile, RootShare, ShareError, change_root,
};
use rig::{DAY, Fuse, Fused, Hands, Rig, START};

fn places(rig: &Rig, fuse: &Fuse) -> Vec<Box<dyn EpochPlace>> {
    let fused = |path| -> Box<dyn EpochPlace> {
        Box::new(Fused { place: FilePlace::create(path).unwrap(), fuse: fuse.clone() })
    };
    rig.places().map(fused).into()
}

#[tokio::test]
async fn a_rotation_of_the_root_that_is_cut_off_anywhere_loses_nothing_and_is_finished_later() {
    for done_first in [false, true] {
        for step in 0.. {
            let (rig, clock) = (Rig::new(), Hands::at(START));
            let path = rig.path().join("root.key");
            let node = rig.open(&clock).await;
            let key = node.make(None).await;
            clock.pass(DAY);
            node.keys.roll_over().await.unwrap();
            let before = node.secret(key).await.unwrap();
            drop(node);
            let old = std::fs::read(&path).unwrap();
            let fuse = Fuse::after(step, done_first);
            let cut_off = change_root(&path, &Protection::Plain, &places(&rig, &fuse));
            assert_eq!(cut_off.is_err(), fuse.burnt(), "step {step}");
            // An installation whose rotation was cut off goes on, a day later too.
            clock.pass(DAY);
            let node = rig.open(&clock).await;
            assert_eq!(node.secret(key).await.unwrap(), before, "step {step}");
            assert_eq!(node.keys.findings(), []);
            drop(node);
            if fuse.burnt() {
                change_root(&path, &Protection::Plain, &places(&rig, &Fuse::whole())).unwrap();
            }
            assert!(!rig.path().join("root.key.next").exists());
            assert_eq!(rig.open(&clock).await.secret(key).await.unwrap(), before, "step {step}");
            std::fs::write(&path, old).unwrap();
            let with_old = rig.open_with(&clock, [Fuse::whole(), Fuse::whole()]).await;
            assert!(matches!(with_old, Err(KeyError::WrongRoot)), "the old root opens nothing");
            if !fuse.burnt() {
                assert!(step > 10, "only {step} steps were seen");
                break;
            }
        }
    }
}

#[test]
fn the_passphrase_can_be_changed_and_the_key_stays() {
    let rig = Rig::new();
    let path = rig.path().join("root.key");
    let phrase = |text: &str| Protection::Passphrase(text.to_owned().into());
    let before: Vec<String> =
        rig.root().shares(2, 2).unwrap().iter().map(|share| share.to_string()[..80].to_owned()).collect();
    RootFile::protect_anew(&path, &Protection::Plain, &phrase("high windows")).unwrap();
    assert!(RootFile::open(&path, &Protection::Plain).is_err());
    assert!(RootFile::protect_anew(&path, &phrase("low windows"), &Protection::Plain).is_err());
    RootFile::protect_anew(&path, &phrase("high windows"), &Protection::Plain).unwrap();
    // Numbers, environment and mark: the same key.
    let after: Vec<String> =
        rig.root().shares(2, 2).unwrap().iter().map(|share| share.to_string()[..70].to_owned()).collect();
    assert!(before.iter().zip(&after).all(|(before, after)| before.starts_with(after.as_str())));
}

#[tokio::test]
async fn shares_the_second_place_and_a_copy_of_the_database_bring_an_installation_back() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    let before = node.secret(key).await.unwrap();
    let lines: Vec<String> = rig.root().shares(3, 5).unwrap().iter().map(ToString::to_string).collect();
    drop(node);
    let path = rig.path().join("root.key");
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_dir_all(&rig.places()[0]).unwrap();
    let read =
        |lines: &[&String]| -> Vec<RootShare> { lines.iter().map(|line| line.parse().unwrap()).collect() };
    let two = RootFile::restore(&path, &read(&[&lines[0], &lines[4]]), &Protection::Plain);
    assert!(matches!(two.err(), Some(ShareError::Numbers(_))));
    RootFile::restore(&path, &read(&[&lines[4], &lines[1], &lines[2]]), &Protection::Plain).unwrap();
    let node = rig.open(&clock).await;
    assert_eq!(node.secret(key).await.unwrap(), before);
    assert_eq!(rig.held()[0], rig.held()[1], "and the first place is complete again");
}

#[test]
fn a_mistyped_or_foreign_share_is_told() {
    let (rig, other) = (Rig::new(), Rig::new());
    let shares = rig.root().shares(2, 3).unwrap();
    let line = shares[0].to_string();
    for at in 0..line.len() {
        let mut typed = line.clone().into_bytes();
        typed[at] = if typed[at] == b'7' { b'8' } else { b'7' };
        let typed = String::from_utf8(typed).unwrap();
        assert!(matches!(typed.parse::<RootShare>(), Err(ShareError::Mistyped)), "at {at}");
    }
    assert_eq!((shares[0].number(), shares[0].needed()), (1, 2));
    let path = rig.path().join("again.key");
    let mixed = [shares[0].clone(), other.root().shares(2, 3).unwrap()[1].clone()];
    assert!(matches!(RootFile::restore(&path, &mixed, &Protection::Plain), Err(ShareError::Mixed)));
    let twice = [shares[0].clone(), shares[0].clone()];
    assert!(matches!(RootFile::restore(&path, &twice, &Protection::Plain), Err(ShareError::Numbers(_))));
    // Of one key, but of another splitting of it: they do not belong together, and that is noticed.
    let split_again = [shares[0].clone(), rig.root().shares(2, 3).unwrap()[1].clone()];
    assert!(matches!(RootFile::restore(&path, &split_again, &Protection::Plain), Err(ShareError::Mixed)));
    assert!(!path.exists());
    assert!(matches!(
        RootFile::restore(&rig.path().join("root.key"), &shares, &Protection::Plain),
        Err(ShareError::Keys(KeyError::RootFile { .. }))
    ));
}
