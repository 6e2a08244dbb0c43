//! Rolling over: every crash, failed places, a month off, clocks that jump, backups that need an epoch.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use clerestory_keys::{Finding, KeyError};
use clerestory_model::{Clock, Timestamp};
use rig::{DAY, Fuse, HOUR, Hands, Node, Rig, START};

fn whole() -> [Fuse; 2] {
    [Fuse::whole(), Fuse::whole()]
}

async fn confirm_time(node: &Node) {
    node.write(|keys, tx| Box::pin(async move { keys.confirm_time(tx).await })).await.unwrap();
}

async fn epochs_of_pages(node: &Node) -> Vec<i64> {
    let rows = node.rows("SELECT DISTINCT epoch FROM key_pages ORDER BY epoch").await;
    rows.iter().map(|row| row.get(0).unwrap()).collect()
}

#[tokio::test]
async fn each_day_has_an_epoch_and_those_older_than_seven_days_are_gone_from_every_place() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    let before = node.secret(key).await.unwrap();
    let first = clock.now().utc_day();
    for day in 1..=12 {
        clock.pass(DAY);
        let rolled = node.keys.roll_over().await.unwrap();
        assert_eq!(rolled.epoch, first + day);
        assert_eq!(node.keys.roll_over().await.unwrap().pages, 0, "a second round finds nothing to do");
        assert_eq!(epochs_of_pages(&node).await, [first + day]);
        let expected: Vec<_> = (first.max(first + day - 6)..=first + day).collect();
        assert_eq!(rig.held(), [expected.clone(), expected], "on day {day}");
        assert_eq!(node.secret(key).await.unwrap(), before);
    }
    assert_eq!(node.keys.findings(), []);
}

/// Runs ten days with a fuse that burns at the given step, then again with whole ones.
async fn crash_at(step: i64, done_first: bool, first_place_too: bool) -> bool {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let keys = [node.make(None).await, node.make(None).await];
    let before = node.secrets(&keys).await;
    drop(node);
    clock.pass(9 * DAY);
    let fuse = Fuse::after(step, done_first);
    let first = if first_place_too { fuse.clone() } else { Fuse::whole() };
    let crashed = rig.open_with(&clock, [first, fuse.clone()]).await;
    let burnt = fuse.burnt();
    if let Ok(node) = crashed {
        assert_eq!(node.secrets(&keys).await, before, "step {step}: a node with a failed place goes on");
        drop(node);
    }
    let node = rig.open_with(&clock, whole()).await.unwrap();
    assert_eq!(node.secrets(&keys).await, before, "step {step}");
    let rolled = node.keys.roll_over().await.unwrap();
    assert_eq!(epochs_of_pages(&node).await, [rolled.epoch], "step {step}");
    assert_eq!(rig.held(), [vec![rolled.epoch], vec![rolled.epoch]], "step {step}");
    assert_eq!(node.keys.findings(), [], "step {step}");
    burnt
}

#[tokio::test]
async fn a_crash_at_any_step_at_the_places_loses_nothing() {
    for (done_first, first_place_too) in [(false, true), (true, true), (false, false), (true, false)] {
        let mut step = 0;
        while crash_at(step, done_first, first_place_too).await {
            step += 1;
        }
        assert!(step >= 6, "only {step} steps were seen");
    }
}

#[tokio::test]
async fn a_crash_between_any_two_writes_of_the_database_loses_nothing() {
    // Each statement of a roll-over fails in turn, by a trigger, and with it the round.
    let cuts = [
        ("key_epochs", "INSERT", "NEW.state = 1"),
        ("key_pages", "UPDATE", "NEW.epoch <> OLD.epoch"),
        ("key_pages", "UPDATE", "NEW.epoch <> OLD.epoch AND NEW.page_id = LAST"),
        ("key_epochs", "UPDATE", "NEW.state = 2"),
        ("key_epochs", "UPDATE", "NEW.state = 3"),
        ("key_rollover", "UPDATE", "NEW.one = 1"),
    ];
    for (table, verb, when) in cuts {
        let (rig, clock) = (Rig::new(), Hands::at(START));
        let node = rig.open(&clock).await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(node.make(None).await);
            // A page of its own for each shard.
            node.execute("UPDATE key_pages SET shards = 256", Vec::new()).await;
            clock.pass(HOUR * 24);
            node.keys.roll_over().await.unwrap();
        }
        let before = node.secrets(&keys).await;
        let last: Vec<u8> =
            node.rows("SELECT page_id FROM key_pages ORDER BY page_id DESC LIMIT 1").await[0].get(0).unwrap();
        let on_postgres = std::env::var("CLERESTORY_TEST_POSTGRES").is_ok_and(|server| !server.is_empty());
        let last = hex::encode(last);
        let last = if on_postgres { format!("decode('{last}', 'hex')") } else { format!("x'{last}'") };
        node.cut(Some((table, verb, &when.replace("LAST", &last)))).await;
        clock.pass(9 * DAY);
        assert!(node.keys.roll_over().await.is_err(), "{table} {verb} {when}");
        clock.pass(5_000_000);
        assert_eq!(node.secrets(&keys).await, before, "{table} {verb} {when}");
        node.cut(None).await;
        drop(node);
        let node = rig.open(&clock).await;
        assert_eq!(node.secrets(&keys).await, before, "{table} {verb} {when}");
        let today = clock.now().utc_day();
        assert_eq!(epochs_of_pages(&node).await, [today], "{table} {verb} {when}");
        assert_eq!(rig.held(), [vec![today], vec![today]], "{table} {verb} {when}");
    }
}

#[tokio::test]
async fn a_server_that_was_off_for_a_month_starts_and_rolls_over() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    let before = node.secret(key).await.unwrap();
    drop(node);
    clock.pass(31 * DAY);
    let node = rig.open(&clock).await;
    assert_eq!(node.secret(key).await.unwrap(), before);
    assert_eq!(rig.held()[1], [clock.now().utc_day()]);
    assert_eq!(node.keys.findings(), []);
}

#[tokio::test]
async fn a_place_that_fails_holds_everything_up_and_is_named() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let fuse = Fuse::whole();
    let node = rig.open_with(&clock, [Fuse::whole(), fuse.clone()]).await.unwrap();
    let key = node.make(None).await;
    let first = clock.now().utc_day();
    fuse.set(0);
    clock.pass(9 * DAY);
    assert!(matches!(node.keys.roll_over().await, Err(KeyError::Place { .. })));
    let findings = node.keys.findings();
    assert!(
        matches!(&findings[..], [Finding::PlaceFailed { place, .. }] if place.ends_with("second")),
        "{findings:?}"
    );
    assert_eq!(rig.held(), [vec![first], vec![first]], "no epoch begins and none ends");
    assert!(
        node.secret(key).await.is_ok() && node.make_as(clerestory_keys::Purpose::Track, None).await.is_ok()
    );
    fuse.set(i64::MAX);
    let rolled = node.keys.roll_over().await.unwrap();
    assert_eq!(rolled.ended, [first]);
    assert_eq!(node.keys.findings(), []);
}

#[tokio::test]
async fn a_first_epoch_needs_every_place() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let opened = rig.open_with(&clock, [Fuse::whole(), Fuse::after(0, false)]).await;
    assert!(matches!(opened, Err(KeyError::Place { .. })));
    assert!(rig.open_with(&clock, whole()).await.is_ok());
}

#[tokio::test]
async fn a_place_that_was_away_loses_what_ended_meanwhile_and_gives_none_of_it_back() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let first = clock.now().utc_day();
    let kept = std::fs::read(rig.places()[1].join(format!("{first}.epoch"))).unwrap();
    clock.pass(9 * DAY);
    node.keys.roll_over().await.unwrap();
    let today = clock.now().utc_day();
    assert_eq!(rig.held(), [vec![today], vec![today]]);
    std::fs::write(rig.places()[1].join(format!("{first}.epoch")), kept).unwrap();
    node.keys.roll_over().await.unwrap();
    assert_eq!(rig.held(), [vec![today], vec![today]]);
}

#[tokio::test]
async fn a_damaged_or_missing_copy_is_made_again_from_the_sound_one() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    let before = node.secret(key).await.unwrap();
    drop(node);
    let name = format!("{}.epoch", clock.now().utc_day());
    for (damaged, sound) in [(0, 1), (1, 0)] {
        let [damaged, sound] = [damaged, sound].map(|place: usize| rig.places()[place].join(&name));
        for bytes in [Some([7; 90].as_slice()), Some(b"".as_slice()), None] {
            match bytes {
                Some(bytes) => std::fs::write(&damaged, bytes).unwrap(),
                None => std::fs::remove_file(&damaged).unwrap(),
            }
            let node = rig.open(&clock).await;
            assert_eq!(node.secret(key).await.unwrap(), before);
            assert_eq!(std::fs::read(&damaged).unwrap(), std::fs::read(&sound).unwrap());
        }
    }
}

#[tokio::test]
async fn an_epoch_that_the_newest_backup_needs_is_kept_and_said_so() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    node.make(None).await;
    let first = clock.now().utc_day();
    let backup = |node: &Node| {
        let (keys, database) = (node.keys.clone(), node.database.clone());
        async move {
            let write = database.write(clerestory_sql::Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let floor = keys.oldest_epoch_named(tx).await?;
                    keys.keep_for_backup(tx, floor).await
                })
            });
            write.await.unwrap();
        }
    };
    backup(&node).await;
    clock.pass(9 * DAY);
    node.keys.roll_over().await.unwrap();
    assert_eq!(node.keys.findings(), [Finding::BackupNeeds { epoch: first }]);
    assert_eq!(rig.held()[0], [first, first + 9]);
    backup(&node).await;
    assert_eq!(node.keys.roll_over().await.unwrap().ended, [first]);
    assert_eq!(node.keys.findings(), []);
}

#[tokio::test]
async fn an_epoch_that_a_page_names_is_kept_and_said_so() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    node.make(None).await;
    let first = clock.now().utc_day();
    let sealed: Vec<u8> = node.rows("SELECT sealed FROM key_pages").await[0].get(0).unwrap();
    let mut damaged = sealed.clone();
    damaged[40] ^= 1;
    node.execute("UPDATE key_pages SET sealed = $1", vec![damaged.into()]).await;
    clock.pass(9 * DAY);
    node.keys.roll_over().await.unwrap();
    let findings = node.keys.findings();
    assert!(
        matches!(&findings[..], [Finding::PageDoesNotOpen { epoch, .. }, Finding::PageNeeds { .. }] if *epoch == first),
        "{findings:?}"
    );
    assert_eq!(rig.held()[0], [first, first + 9]);
    node.execute("UPDATE key_pages SET sealed = $1", vec![sealed.into()]).await;
    assert_eq!(node.keys.roll_over().await.unwrap().ended, [first]);
}

#[tokio::test]
async fn a_clock_that_jumps_stops_everything_until_somebody_confirms_the_time() {
    for jump in [-2 * HOUR, 2 * HOUR, 400 * DAY, -400 * DAY] {
        let (rig, clock) = (Rig::new(), Hands::at(START));
        let node = rig.open(&clock).await;
        let key = node.make(None).await;
        let first = clock.now().utc_day();
        clock.pass(DAY);
        let expected = clock.now();
        clock.set(jump);
        let jumped = Finding::ClockJumped { from: expected, to: clock.now() };
        assert!(matches!(node.keys.roll_over().await, Err(KeyError::Stopped(finding)) if finding == jumped));
        assert_eq!(node.keys.findings(), std::slice::from_ref(&jumped));
        assert!(node.keys.sweeps_may_run().await.is_err());
        assert_eq!(rig.held(), [vec![first], vec![first]]);
        assert!(node.secret(key).await.is_ok(), "reading goes on");
        // Neither a restart nor a clock that is right again is somebody who confirms.
        drop(node);
        clock.set(-jump);
        let node = rig.open(&clock).await;
        assert_eq!(node.keys.findings(), [jumped]);
        confirm_time(&node).await;
        assert_eq!(node.keys.roll_over().await.unwrap().epoch, first + 1);
        assert_eq!(node.keys.findings(), []);
    }
}

#[tokio::test]
async fn a_clock_that_starts_behind_what_was_seen_stops_too_and_days_go_on_after_one_that_ran_ahead() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    let before = node.secret(key).await.unwrap();
    let first = clock.now().utc_day();
    drop(node);
    // Off, and started with a clock that is a year ahead: nothing tells that from a year on the shelf.
    clock.set(365 * DAY);
    let node = rig.open(&clock).await;
    assert_eq!(node.keys.findings(), []);
    drop(node);
    clock.set(-365 * DAY);
    let node = rig.open(&clock).await;
    assert!(matches!(node.keys.findings()[..], [Finding::ClockJumped { .. }]));
    confirm_time(&node).await;
    for day in 1..=9 {
        clock.pass(DAY);
        // The number goes on from the highest there was; a secret is new each day and ends after seven all the same.
        assert_eq!(node.keys.roll_over().await.unwrap().epoch, first + 365 + day);
    }
    assert_eq!(rig.held()[0].len(), 7);
    assert_eq!(node.secret(key).await.unwrap(), before);
}

#[tokio::test]
async fn one_who_confirms_the_time_on_one_node_does_so_for_all() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let (one, two) = (rig.open(&clock).await, rig.open(&clock).await);
    clock.set(3 * HOUR);
    assert!(two.keys.roll_over().await.is_err());
    assert!(one.keys.roll_over().await.is_err());
    confirm_time(&rig.open(&clock).await).await;
    one.keys.roll_over().await.unwrap();
    two.keys.roll_over().await.unwrap();
    clock.set(3 * HOUR);
    assert!(one.keys.roll_over().await.is_err(), "the next jump is one again");
}

#[tokio::test]
async fn an_hour_of_drift_is_no_jump() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    for _ in 0..2 {
        clock.set(HOUR);
        node.keys.roll_over().await.unwrap();
        clock.set(-HOUR);
        node.keys.roll_over().await.unwrap();
    }
    clock.set(HOUR + 1);
    assert!(node.keys.roll_over().await.is_err());
}

#[tokio::test]
async fn the_receipt_knows_since_when_no_copy_opens() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    node.destroy(&[key]).await.unwrap();
    let destroyed_at = clock.now();
    let since = |node: &Node| {
        let (keys, database) = (node.keys.clone(), node.database.clone());
        async move {
            let read = database
                .read(move |tx| Box::pin(async move { keys.unreadable_since(tx, destroyed_at).await }));
            let since: Result<Option<Timestamp>, KeyError> = read.await;
            since.unwrap()
        }
    };
    for _ in 0..6 {
        clock.pass(DAY);
        node.keys.roll_over().await.unwrap();
        assert_eq!(since(&node).await, None);
    }
    clock.pass(DAY);
    node.keys.roll_over().await.unwrap();
    assert_eq!(since(&node).await, Some(clock.now()));
}
