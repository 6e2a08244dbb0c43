//! Runs in which the power fails, at moments a seed decides, while tabs send segments to the real server.
//!
//! What must hold on what is left: the server starts; a session goes on; every site that was added is there; every
//! acknowledged segment opens and says what was sent; whatever is listed opens, so that nothing half-made is; the chain
//! of the audit log is whole and has every entry that was told of; `clerestory verify` finds nothing; and the tabs go on.
//!
//! On SQLite the whole run is recorded once, and the power fails at many moments of it: right after acknowledgements,
//! and right before and after flushes, half of the time once more while the server recovers from the first time. On
//! PostgreSQL, whose own files are not ours to record, it fails once per round: the server is killed, the database
//! is crashed, and of the objects and keys only what was flushed is left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tabs::{Listed, PAGE};
use super::{Console, Machine, NotSent, Random, Running, Tab};
use crate::disk::Loss;
use crate::postgres::{Server, new_schema};

/// What the rows lie in.
pub enum Engine<'s> {
    /// A file on the recorded disk. The power fails at so many moments of a run.
    Sqlite {
        /// How many.
        moments: u64,
        /// The end of a path that the disk does not flush, although it says so: the run must fail.
        deaf_to: Option<&'s str>,
    },
    /// This server, which is crashed so many times in a run.
    Postgres {
        /// The server. It serves one run at a time.
        server: &'s mut Server,
        /// How often.
        rounds: u64,
    },
}

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// What happened in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PowerReport {
    /// The seed that repeats it.
    pub seed: u64,
    /// How often the power failed.
    pub losses: u64,
    /// How many of them came while the server recovered from the one before.
    pub while_recovering: u64,
    /// Segments that were acknowledged before.
    pub acknowledged: u64,
    /// How often an acknowledged segment was opened after a loss, and said what was sent.
    pub opened: u64,
    /// Segments without an acknowledgement, which were taken when they were sent again.
    pub sent_again: u64,
}

impl PowerReport {
    /// Counts another run in.
    pub fn add(&mut self, other: &Self) {
        self.losses += other.losses;
        self.while_recovering += other.while_recovering;
        self.acknowledged += other.acknowledged;
        self.opened += other.opened;
        self.sent_again += other.sent_again;
    }
}

/// Runs the server at `binary` in the empty directory `directory`, and lets the power fail as `seed` says.
///
/// The seed decides what is sent, what of the unflushed is left, and by which of the run's flushes and acknowledgements
/// the power fails. It cannot decide how the machine schedules threads: a seed that failed once may need several runs.
///
/// # Errors
/// The first promise that was broken, with the seed.
pub async fn power_run(
    binary: &Path,
    directory: &Path,
    engine: Engine<'_>,
    seed: u64,
) -> Result<PowerReport, String> {
    let run = async {
        // In every other run the server settles all the time.
        let settle_after = if seed.is_multiple_of(2) { "0s" } else { "1h" };
        let mut environment = vec![("CLERESTORY_SETTLE_AFTER".to_owned(), settle_after.to_owned())];
        if let Engine::Postgres { server, .. } = &engine {
            let database = new_schema(server.address()).await;
            environment.push(("CLERESTORY_DATABASE".to_owned(), database.address));
        }
        let mut run = Run::begin(binary, directory, environment, seed).await?;
        match engine {
            Engine::Sqlite { moments, deaf_to } => {
                deaf_to.into_iter().for_each(|end| run.machine.be_deaf_to(end));
                run.on_sqlite(moments).await?;
            }
            Engine::Postgres { server, rounds } => run.on_postgres(server, rounds).await?,
        }
        Ok(run.report)
    };
    run.await.map_err(|error: String| format!("seed {seed}: {error}"))
}

/// What somebody was told had happened, and by when.
#[derive(Clone)]
struct Told {
    /// The moment of the disk's record.
    at: u64,
    site: String,
    /// The audit log's entries by then.
    entries: u64,
}

/// What has to be there after a loss.
struct Promised {
    /// Somebody's session, and since which moment it has been running.
    session: (u64, Console),
    site_key: String,
    tabs: Vec<Tab>,
    /// Tabs of an earlier day, whose recordings are over.
    earlier: Vec<Tab>,
    told: Vec<Told>,
}

impl Promised {
    /// What had been promised at the moment `at`.
    fn at(&self, at: u64) -> Self {
        Self {
            session: (self.session.0, self.session.1.at("")),
            site_key: self.site_key.clone(),
            tabs: self.tabs.iter().map(|tab| tab.at(at)).collect(),
            earlier: self.earlier.clone(),
            told: self.told.iter().filter(|told| told.at <= at).cloned().collect(),
        }
    }

    /// Starts the server on what the moment `at` left, and looks for all of it; the server, and how many segments were
    /// opened.
    async fn look(&self, machine: &Machine, at: u64) -> Result<(Running, u64), String> {
        let running = machine.serve().await?;
        let opened = self.look_at(machine, &running, at).await;
        let opened = opened.map_err(|error| format!("{error}\n{}", machine.log()))?;
        Ok((running, opened))
    }

    async fn look_at(&self, machine: &Machine, running: &Running, at: u64) -> Result<u64, String> {
        let console = match &self.session {
            (since, session) if *since <= at => session.at(&running.origin),
            _ => running.console(&machine.link()?).await?,
        };
        let chain = console.get("/audit/verify").await?;
        let entries = self.told.iter().map(|told| told.entries).max().unwrap_or_default();
        if chain["intact"] != true || chain["checked"].as_u64().is_none_or(|checked| checked < entries) {
            return Err(format!("the audit log had {entries} entries, and now: {chain}"));
        }
        let sites = console.get("/sites").await?;
        for told in &self.told {
            let mut items = sites["items"].as_array().into_iter().flatten();
            if !items.any(|site| site["name"] == told.site.as_str()) {
                return Err(format!("{} was added and is gone: {sites}", told.site));
            }
        }
        let listed = Listed::of(&console).await?;
        let mut opened = 0;
        for tab in self.earlier.iter().chain(&self.tabs) {
            opened += tab.look(&listed)?;
        }
        machine.verify()?;
        Ok(opened)
    }

    /// The tabs go on and send what was not acknowledged; how many segments that were.
    async fn go_on(&mut self, machine: &Machine, running: &Running) -> Result<u64, String> {
        let mut again = 0;
        for tab in &mut self.tabs {
            let disk = machine.disk();
            let outcome = async {
                tab.start(disk, &running.origin, &self.site_key).await?;
                tab.send_again(disk).await
            };
            again += outcome.await.map_err(|error| format!("going on: {error:?}\n{}", machine.log()))?;
        }
        Ok(again)
    }
}

struct Run<'d> {
    directory: &'d Path,
    binary: &'d Path,
    environment: Vec<(String, String)>,
    machine: Machine,
    running: Option<Running>,
    /// The first moment at which the power may fail.
    from: u64,
    promised: Promised,
    random: Random,
    report: PowerReport,
}

impl<'d> Run<'d> {
    async fn begin(
        binary: &'d Path,
        directory: &'d Path,
        environment: Vec<(String, String)>,
        seed: u64,
    ) -> Result<Self, String> {
        let mut random = Random::new(seed);
        let machine = Machine::new(binary, &made(directory.join("run"))?, &environment)?;
        let pause = Duration::from_micros(random.below(3000));
        machine.disk().control().set_sync_pause(pause).map_err(text)?;
        // Half of the runs begin some days earlier: their keys roll over while the power fails, and old epochs end.
        let days = if random.once_in(2) { 1 + random.below(9) } else { 0 };
        let offset = i64::try_from(days).map_err(text)? * DAY_US;
        machine.disk().control().set_clock_offset_us(-offset).map_err(text)?;
        let link = machine.set_up()?;
        let mut running = machine.serve().await?;
        let mut console = running.console(&link).await?;
        let site_key = console.add_site("Shop", PAGE).await?;
        let tabs = (0..2 + random.below(3)).map(|number| Tab::new(number, random.fork())).collect();
        let mut earlier = Vec::new();
        let mut from = machine.disk().now().map_err(text)?;
        if days > 0 {
            let mut tab = Tab::new(9, random.fork());
            let sent = async {
                tab.start(machine.disk(), &running.origin, &site_key).await?;
                tab.send(machine.disk(), 3).await
            };
            sent.await.map_err(|error| format!("a tab of an earlier day: {error:?}"))?;
            earlier.push(tab);
            running.kill();
            from = machine.disk().now().map_err(text)?;
            machine.disk().control().set_clock_offset_us(0).map_err(text)?;
            running = machine.serve().await?;
            console = running.console(&machine.link()?).await?;
        }
        let session = (machine.disk().now().map_err(text)?, console);
        let promised = Promised { session, site_key, tabs, earlier, told: Vec::new() };
        let report = PowerReport { seed, ..PowerReport::default() };
        let running = Some(running);
        let mut run =
            Self { directory, binary, environment, machine, running, from, promised, random, report };
        run.tell("Shop").await?;
        Ok(run)
    }

    /// Remembers that the site is there, and how long the audit log is.
    async fn tell(&mut self, site: &str) -> Result<(), String> {
        let entries = self.promised.session.1.get("/audit/verify").await?["checked"].as_u64();
        let at = self.machine.disk().now().map_err(text)?;
        let entries = entries.ok_or("the audit log does not say how long it is")?;
        self.promised.told.push(Told { at, site: site.to_owned(), entries });
        Ok(())
    }

    async fn on_sqlite(&mut self, moments: u64) -> Result<(), String> {
        let most = 4 + self.random.below(10);
        self.work(most).await?;
        self.running = None;
        self.machine.check_record()?;
        let promised = &self.promised;
        self.report.acknowledged = promised.tabs.iter().map(|tab| tab.acknowledged(u64::MAX)).sum();
        let mut acknowledged: Vec<u64> = promised.tabs.iter().flat_map(Tab::moments).collect();
        acknowledged.extend(promised.told.iter().map(|told| told.at));
        let flushes = self.machine.disk().flushes(self.from).map_err(text)?;
        for number in 0..moments {
            let near = if self.random.once_in(2) { &acknowledged } else { &flushes };
            let at = any_of(near, &mut self.random)?;
            let failed = self.fail_at(number, at).await;
            failed.map_err(|error| format!("the power failed at {at} of the record: {error}"))?;
        }
        Ok(())
    }

    /// Every tab sends some segments, and a site is added meanwhile.
    async fn work(&mut self, most: u64) -> Result<(), String> {
        let origin = self.origin()?;
        let name = format!("Site {}", self.promised.told.len());
        let Promised { session: (_, console), site_key, tabs, .. } = &mut self.promised;
        let disk = self.machine.disk();
        let sending = tabs.iter_mut().map(|tab| async {
            tab.start(disk, &origin, site_key).await?;
            tab.send(disk, most).await
        });
        let sent = futures_util::future::join_all(sending);
        let (sent, added) = futures_util::join!(sent, console.add_site(&name, "https://other.example"));
        for outcome in sent {
            outcome.map_err(|error| format!("a tab that nobody disturbs: {error:?}"))?;
        }
        added?;
        self.tell(&name).await
    }

    /// The power fails at one moment of the recorded run. What is left is looked at on a machine of its own.
    async fn fail_at(&mut self, number: u64, at: u64) -> Result<(), String> {
        let directory = made(self.directory.join(format!("moment-{number}")))?;
        let mut machine = Machine::new(self.binary, &directory, &self.environment)?;
        let loss = any_loss(&mut self.random);
        let left = self.machine.disk().at(at).map_err(text)?.lose(loss, &mut self.random);
        machine.come_back(&left)?;
        let mut promised = self.promised.at(at);
        let (mut running, opened) =
            promised.look(&machine, at).await.map_err(|error| format!("{loss:?}: {error}"))?;
        self.report.losses += 1;
        self.report.opened += opened;
        if self.random.once_in(2) {
            // What had been acknowledged before the first time has to survive the second one as well.
            running.kill();
            let again = any_of(&machine.disk().flushes(0).map_err(text)?, &mut self.random)?;
            let second = any_loss(&mut self.random);
            machine.lose_power(again, second, &mut self.random)?;
            self.report.losses += 1;
            self.report.while_recovering += 1;
            let looked = promised.look(&machine, at).await;
            let (restarted, opened) = looked.map_err(|error| {
                format!("{loss:?}, and again at {again} of the recovery, {second:?}: {error}")
            })?;
            running = restarted;
            self.report.opened += opened;
        }
        self.report.sent_again += promised.go_on(&machine, &running).await?;
        drop(running);
        std::fs::remove_dir_all(&directory).map_err(text)
    }

    async fn on_postgres(&mut self, server: &mut Server, rounds: u64) -> Result<(), String> {
        for _ in 0..rounds {
            let some = 1 + self.random.below(4);
            self.work(some).await?;
            self.crash_round(server).await?;
        }
        let tabs = &self.promised.tabs;
        self.report.acknowledged = tabs.iter().map(|tab| tab.acknowledged(u64::MAX)).sum();
        Ok(())
    }

    /// Tabs send; the server is killed, or loses its database first; the disk loses what was not flushed.
    async fn crash_round(&mut self, server: &mut Server) -> Result<(), String> {
        let origin = self.origin()?;
        let delay = Duration::from_millis(20 + self.random.below(400));
        let database_first = self.random.once_in(2);
        let mut running = self.running.take().ok_or("nothing runs")?;
        let Promised { site_key, tabs, .. } = &mut self.promised;
        let disk = self.machine.disk();
        let sending = futures_util::future::join_all(tabs.iter_mut().map(|tab| async {
            tab.start(disk, &origin, site_key).await?;
            tab.send(disk, 50).await
        }));
        let crash = async {
            tokio::time::sleep(delay).await;
            if database_first {
                server.crash();
                running.kill();
            } else {
                running.kill();
                server.crash();
            }
        };
        let (sent, ()) = futures_util::join!(sending, crash);
        for outcome in sent {
            match outcome {
                // Where the database goes first, the server may still say that it cannot take it.
                Ok(()) | Err(NotSent::Unanswered(_)) => {}
                Err(NotSent::Refused(said)) if said.starts_with('5') => {}
                Err(other) => return Err(format!("a tab that lost its server: {other:?}")),
            }
        }
        server.recover().await?;
        let loss = any_loss(&mut self.random);
        self.machine.check_record()?;
        let now = self.machine.disk().now().map_err(text)?;
        self.machine.lose_power(now, loss, &mut self.random)?;
        self.promised.tabs.iter_mut().for_each(Tab::keep);
        self.promised.told.iter_mut().for_each(|told| told.at = 0);
        let looked = self.promised.look(&self.machine, u64::MAX).await;
        let (running, opened) = looked.map_err(|error| format!("{loss:?}: {error}"))?;
        self.report.losses += 1;
        self.report.opened += opened;
        self.report.sent_again += self.promised.go_on(&self.machine, &running).await?;
        self.promised.session.1 = self.promised.session.1.at(&running.origin);
        self.running = Some(running);
        Ok(())
    }

    fn origin(&self) -> Result<String, String> {
        Ok(self.running.as_ref().ok_or("nothing runs")?.origin.clone())
    }
}

fn any_loss(random: &mut Random) -> Loss {
    if random.once_in(2) { Loss::Everything } else { Loss::Some }
}

fn any_of(moments: &[u64], random: &mut Random) -> Result<u64, String> {
    let which = usize::try_from(random.below(moments.len() as u64)).map_err(text)?;
    moments.get(which).copied().ok_or_else(|| "nothing was flushed or acknowledged".to_owned())
}

fn made(directory: PathBuf) -> Result<PathBuf, String> {
    std::fs::create_dir(&directory).map_err(text)?;
    Ok(directory)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
