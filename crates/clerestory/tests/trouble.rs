//! The real server in trouble: a full disk, flushes that fail, a clock that jumps, a bucket that fails and lies. Nothing
//! acknowledged is lost, the server says what is wrong, and goes on when it is over.
//!
//! With PostgreSQL the disk in trouble is the node's own, where ingest log, objects and keys lie. PostgreSQL's files are not
//! ours to record (decision 0017): its own full disk and its own failed flushes are not tried.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;
use std::time::{Duration, Instant};

use clerestory_testkit::bucket::{self, Fault, Faults, LocalS3};
use clerestory_testkit::disk::Loss;
use clerestory_testkit::load::{Console, Listed, Machine, NotSent, Random, Running, Tab};
use clerestory_testkit::postgres::{AnyServer, new_schema};

const PAGE: &str = "https://shop.example";
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// A server on a machine of its own, somebody signed in, and a site.
struct Scene {
    machine: Machine,
    running: Running,
    console: Console,
    site_key: String,
    /// Whether its rows are elsewhere: then there is no reserve for the log.
    postgres: Option<AnyServer>,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With its rows in a PostgreSQL, which has no part in the trouble.
    async fn on_postgres() -> Self {
        let server = AnyServer::get().await;
        let database = new_schema(server.address()).await;
        let scene = Self::with(&[("CLERESTORY_DATABASE".to_owned(), database.address)]).await;
        Self { postgres: Some(server), ..scene }
    }

    async fn with(environment: &[(String, String)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_clerestory"));
        let machine = Machine::new(binary, directory.path(), environment).unwrap();
        let link = machine.set_up().unwrap();
        let running = machine.serve().await.unwrap();
        let console = running.console(&link).await.unwrap();
        let site_key = console.add_site("Shop", PAGE).await.unwrap();
        Self { machine, running, console, site_key, postgres: None, _directory: directory }
    }

    async fn tab(&self, number: u64) -> Tab {
        let mut tab = Tab::new(number, Random::new(number));
        self.go_on(&mut tab).await;
        tab
    }

    async fn go_on(&self, tab: &mut Tab) {
        tab.start(self.machine.disk(), &self.running.origin, &self.site_key).await.unwrap();
    }

    async fn send(&self, tab: &mut Tab, count: u64) -> Result<(), NotSent> {
        tab.send(self.machine.disk(), count).await
    }

    /// What the health page says under this name: its level.
    async fn finding(&self, id: &str) -> Option<String> {
        let findings = self.console.get("/health/findings").await.unwrap();
        let items = findings["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["id"] == id);
        found.and_then(|item| item["level"].as_str()).map(str::to_owned)
    }

    async fn wait_for_finding(&self, id: &str, level: &str) {
        let began = Instant::now();
        while self.finding(id).await.as_deref() != Some(level) {
            assert!(began.elapsed() < Duration::from_secs(60), "{id} does not become {level}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the log has the reserve of disk that it keeps beside a database file.
    async fn wait_for_reserve(&self) {
        self.wait_for_finding(self.of_the_disk(), "ok").await;
    }

    /// What is said of the server's disk: where the rows are elsewhere there is no reserve of the log on it.
    const fn of_the_disk(&self) -> &'static str {
        if self.postgres.is_some() { "disk" } else { "disk-reserve" }
    }

    /// Kills the server, takes from the disk what was not flushed, and starts again.
    async fn lose_power(&mut self) {
        self.running.kill();
        self.machine.check_record().unwrap();
        let now = self.machine.disk().now().unwrap();
        self.machine.lose_power(now, Loss::Everything, &mut Random::new(1)).unwrap();
        self.start_again().await;
    }

    async fn start_again(&mut self) {
        self.running.kill();
        self.running = self.machine.serve().await.unwrap();
        self.console = self.console.at(&self.running.origin);
    }

    /// Starts on a disk that is full: with a reserve to give up it runs, and says that it is not well.
    async fn start_full(&mut self) {
        self.running = self.machine.start().unwrap();
        self.console = self.console.at(&self.running.origin);
        health(&self.running.origin, 503).await;
    }

    /// Starts on a disk that is full, with a reserve or without: then it ends, and says why.
    async fn try_start_full(&mut self) {
        let mut starting = self.machine.start().unwrap();
        if let Err(ended) = starting.ready(Duration::from_secs(3)).await {
            let said = format!("{ended} {}", self.machine.log());
            assert!(said.contains("503") || said.contains("the disk is full"), "{said}");
        }
    }

    /// Every acknowledged segment opens, and everything verifies.
    async fn is_whole(&self, tabs: &[&Tab]) -> u64 {
        let listed = Listed::of(&self.console).await.unwrap();
        let chain = self.console.get("/audit/verify").await.unwrap();
        assert_eq!(chain["intact"], true, "{chain}");
        self.machine.verify().unwrap();
        tabs.iter().map(|tab| tab.look(&listed).unwrap()).sum()
    }
}

/// What the server answered to a segment it could not take.
fn refused(outcome: Result<(), NotSent>) -> String {
    match outcome {
        Err(NotSent::Refused(said)) => said,
        other => panic!("a segment that cannot be stored was answered with {other:?}"),
    }
}

/// Waits until the server says how it is with this status.
async fn health(origin: &str, status: u16) {
    let (http, began) = (clerestory_testkit::load::client().unwrap(), Instant::now());
    loop {
        let answer = http.get(format!("{origin}/api/v1/health")).send().await;
        if answer.is_ok_and(|answer| answer.status().as_u16() == status) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "health does not become {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_full_disk_loses_nothing(mut scene: Scene) {
    scene.wait_for_reserve().await;
    let mut tab = scene.tab(1).await;
    scene.send(&mut tab, 5).await.unwrap();
    let control = scene.machine.disk().control();
    control.set_room(Some(control.used().unwrap() + 200_000)).unwrap();
    let mut outcome = Ok(());
    for _ in 0..2000 {
        outcome = scene.send(&mut tab, 1).await;
        if outcome.is_err() {
            break;
        }
    }
    let said = refused(outcome);
    assert!(said.starts_with("507") || said.starts_with("503"), "{said}");
    assert!(control.refused().unwrap() > 0, "the disk was never full");
    let before = scene.console.get("/audit/verify").await.unwrap()["checked"].as_u64().unwrap();
    // Somebody watches: that needs an entry, and the entry needs room.
    let acknowledged = scene.is_whole(&[&tab]).await;
    let after = scene.console.get("/audit/verify").await.unwrap()["checked"].as_u64().unwrap();
    assert!(after > before, "decisions on a full disk are recorded: {before}, {after}");
    if scene.postgres.is_none() {
        health(&scene.running.origin, 503).await;
    }
    scene.wait_for_finding(scene.of_the_disk(), "failed").await;
    let said = refused(scene.send(&mut tab, 1).await);
    assert!(said.starts_with("507") || said.starts_with("503"), "{said}");

    // The power fails while the disk is full, and it is still full when the server comes back.
    scene.running.kill();
    let (full, now) = (scene.machine.disk().control().used().unwrap(), scene.machine.disk().now().unwrap());
    scene.machine.lose_power(now, Loss::Everything, &mut Random::new(1)).unwrap();
    scene.machine.disk().control().set_room(Some(full)).unwrap();
    scene.try_start_full().await;
    scene.machine.disk().control().set_room(None).unwrap();
    scene.start_again().await;
    scene.wait_for_reserve().await;
    assert_eq!(scene.is_whole(&[&tab]).await, acknowledged);
    scene.go_on(&mut tab).await;
    assert!(tab.send_again(scene.machine.disk()).await.unwrap() > 0);
    scene.send(&mut tab, 5).await.unwrap();
    scene.lose_power().await;
    assert!(scene.is_whole(&[&tab]).await > acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_acknowledged_and_decisions_are_still_recorded() {
    a_full_disk_loses_nothing(Scene::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_acknowledged_on_postgresql() {
    a_full_disk_loses_nothing(Scene::on_postgres().await).await;
}

/// Something else has filled the disk while the server was off: its reserve is what it starts with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_on_a_full_disk_and_records_decisions() {
    let mut scene = Scene::new().await;
    scene.wait_for_finding("disk-reserve", "ok").await;
    let mut tab = scene.tab(1).await;
    scene.send(&mut tab, 3).await.unwrap();
    scene.running.kill();
    let control = scene.machine.disk().control();
    control.set_room(Some(control.used().unwrap())).unwrap();
    scene.start_full().await;
    scene.wait_for_finding("disk-reserve", "failed").await;
    assert_eq!(scene.is_whole(&[&tab]).await, 3);
    let said = refused(tab.start(scene.machine.disk(), &scene.running.origin, &scene.site_key).await);
    assert!(said.starts_with("507") || said.starts_with("503"), "{said}");
    scene.machine.disk().control().set_room(None).unwrap();
    health(&scene.running.origin, 200).await;
    scene.go_on(&mut tab).await;
    scene.send(&mut tab, 3).await.unwrap();
}

/// Commands run beside a server whose disk is full: the reserve is the server's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_leaves_the_reserve_of_a_running_server() {
    let scene = Scene::new().await;
    scene.wait_for_finding("disk-reserve", "ok").await;
    let reserve = scene.machine.disk().root().join("data/audit.reserve");
    let held = std::fs::metadata(&reserve).unwrap().len();
    let control = scene.machine.disk().control();
    control.set_room(Some(control.used().unwrap())).unwrap();
    let refused = control.refused().unwrap();
    // Whatever comes of it: it may well need room.
    drop(scene.machine.verify());
    assert!(control.refused().unwrap() > refused, "the command met no full disk");
    assert_eq!(std::fs::metadata(&reserve).unwrap().len(), held);
    // Where somebody takes it away, the server makes it again.
    control.set_room(None).unwrap();
    std::fs::remove_file(&reserve).unwrap();
    let began = Instant::now();
    while std::fs::metadata(&reserve).map_or(0, |found| found.len()) != held {
        assert!(began.elapsed() < Duration::from_secs(60), "the reserve does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A flush that failed does not count, and what it was for is never acknowledged: the next flush of the same file
/// succeeds and makes nothing durable of what the first one lost.
async fn a_failed_flush_acknowledges_nothing(mut scene: Scene) {
    scene.wait_for_reserve().await;
    let mut tab = scene.tab(1).await;
    let mut refusals = 0;
    for round in 1..=12 {
        scene.send(&mut tab, 2).await.unwrap();
        scene.machine.disk().control().fail_syncs(1 + round % 3).unwrap();
        while scene.machine.disk().control().syncs_to_fail().unwrap() > 0 {
            match scene.send(&mut tab, 1).await {
                Ok(()) => {}
                Err(NotSent::Refused(said)) if said.starts_with('5') => refusals += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        tab.send_again(scene.machine.disk()).await.unwrap();
        if round % 4 == 0 {
            scene.lose_power().await;
            scene.is_whole(&[&tab]).await;
            scene.go_on(&mut tab).await;
        }
    }
    assert!(refusals >= 12, "only {refusals} segments were refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_fails_acknowledges_nothing() {
    a_failed_flush_acknowledges_nothing(Scene::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_fails_acknowledges_nothing_on_postgresql() {
    a_failed_flush_acknowledges_nothing(Scene::on_postgres().await).await;
}

async fn a_jump_of_the_clock_loses_nothing(mut scene: Scene) {
    let (mut first, mut second) = (scene.tab(1).await, scene.tab(2).await);
    scene.send(&mut first, 5).await.unwrap();
    let clock = |scene: &Scene, days: i64| {
        scene.machine.disk().control().set_clock_offset_us(days * DAY_US).unwrap();
    };
    // A month on, in the middle of a visit. Sessions and tokens are over; people and tabs begin anew.
    clock(&scene, 31);
    let late = scene.send(&mut second, 1).await;
    assert!(
        late.is_ok() || matches!(&late, Err(NotSent::Refused(said)) if said.starts_with('4')),
        "{late:?}"
    );
    scene.console = scene.running.console(&scene.machine.link().unwrap()).await.unwrap();
    let mut month_on = scene.tab(3).await;
    scene.send(&mut month_on, 5).await.unwrap();
    scene.is_whole(&[&first, &month_on]).await;
    // It starts again, as after a month without power, and then the clock is set right by a day.
    scene.start_again().await;
    scene.send(&mut month_on, 0).await.unwrap();
    clock(&scene, 30);
    let mut day_back = scene.tab(4).await;
    scene.send(&mut day_back, 5).await.unwrap();
    scene.go_on(&mut month_on).await;
    scene.send(&mut month_on, 5).await.unwrap();
    scene.is_whole(&[&first, &month_on, &day_back]).await;
    // A server that starts in the past says so, takes what comes, and destroys nothing until somebody confirms the time.
    scene.start_again().await;
    scene.wait_for_finding("clock", "failed").await;
    scene.go_on(&mut day_back).await;
    scene.send(&mut day_back, 5).await.unwrap();
    scene.machine.say(&["admin", "confirm-time"]).unwrap();
    scene.lose_power().await;
    assert_eq!(scene.finding("clock").await, None);
    let whole = scene.is_whole(&[&first, &second, &month_on, &day_back]).await;
    assert!(whole >= 25, "{whole}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_loses_nothing_acknowledged() {
    a_jump_of_the_clock_loses_nothing(Scene::new().await).await;
}

/// The clock of the node jumps, that of PostgreSQL does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_loses_nothing_acknowledged_on_postgresql() {
    a_jump_of_the_clock_loses_nothing(Scene::on_postgres().await).await;
}

/// What a bucket can do to a request, and to a server that waits for it.
const TROUBLES: [(&str, Fault); 9] = [
    ("PUT", Fault::Drop),
    ("PUT", Fault::LoseAnswer),
    ("PUT", Fault::Answer(500)),
    ("PUT", Fault::Answer(503)),
    ("PUT", Fault::AnswerAfter(500)),
    ("PUT", Fault::Lie),
    ("HEAD", Fault::Answer(500)),
    ("GET", Fault::CutBody),
    ("GET", Fault::ShortBody),
];

/// One run with troubles, and a loss of power in the middle, as the seed decides; acknowledged segments, and refused.
async fn bucket_run(seed: u64) -> (u64, u64) {
    let mut random = Random::new(seed);
    let s3 = LocalS3::start();
    let faults = Faults::before(s3.address()).await;
    let environment = bucket::environment(faults.address(), "troubled");
    let environment: Vec<_> = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut scene = Scene::with(&environment).await;
    let mut tab = scene.tab(seed).await;
    let mut refusals = 0;
    for round in 0..7 {
        let (method, fault) = TROUBLES[usize::try_from(random.below(TROUBLES.len() as u64)).unwrap()];
        // More often than an object is sent at most, or less: then the server hides it.
        let times = if random.once_in(3) { 100 } else { 1 };
        faults.next(times, method.parse().unwrap(), "log/", fault);
        let outcome = scene.send(&mut tab, 1 + random.below(3)).await;
        // Who watches meanwhile may be told that it cannot be read, and never something else than was sent.
        if let Ok(listed) = Listed::of(&scene.console).await {
            tab.look(&listed).unwrap_or_else(|error| panic!("seed {seed}, {method} {fault:?}: {error}"));
        }
        if let Err(error) = outcome {
            let refused = matches!(&error, NotSent::Refused(said) if said.starts_with('5'));
            assert!(refused, "seed {seed}, {method} {fault:?}: {error:?}");
            refusals += 1;
        }
        faults.heal();
        if round == 3 {
            scene.lose_power().await;
            scene.go_on(&mut tab).await;
        }
        tab.send_again(scene.machine.disk()).await.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
    }
    scene.lose_power().await;
    (scene.is_whole(&[&tab]).await, refusals)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_fails_and_lies_loses_nothing_acknowledged() {
    let (mut acknowledged, mut refused) = (0, 0);
    for seed in 1..=3 {
        let (stored, refusals) = bucket_run(seed).await;
        acknowledged += stored;
        refused += refusals;
    }
    assert!(
        acknowledged > 20 && refused > 0,
        "{acknowledged} acknowledged, {refused} refused: it proves nothing"
    );
}
