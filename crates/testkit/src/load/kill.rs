//! One run in which the server is killed at moments a seed decides, while visits send segments.
//!
//! What must hold, on SQLite and over a PostgreSQL that goes on: every acknowledged segment opens through the API, says
//! what was sent, and plays byte for byte as it did when it was read before a kill; and nothing is there twice. A segment
//! whose answer never came may be stored or not; sent again, it is acknowledged. The seed decides who sends what, who
//! reads, and when the server is killed; it cannot decide how the machine schedules threads, so a seed that failed once
//! may have to be run several times.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::CLIENT_TIME_MS;
use super::{Console, NotSent, Random, Recorder, client};
use crate::process::{Process, Program};
use crate::visit::{gzip, snapshot};

const PAGE: &str = "https://shop.example";
/// Segments a visit sends between two kills at most: fewer than the burst a recording may send at once.
const SEGMENTS: u64 = 60;
/// Longest time from the visits' beginning to the kill.
const LONGEST_MS: u64 = 700;

/// What happened in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KillReport {
    /// The seed that repeats it.
    pub seed: u64,
    /// How often the server was killed with visits under way.
    pub kills: u64,
    /// How often it was killed once more while it started again.
    pub kills_at_start: u64,
    /// Segments that were acknowledged, before a kill or when sent again after it.
    pub acknowledged: u64,
    /// Segments whose answer a kill had swallowed; all were sent again.
    pub in_doubt: u64,
    /// Acknowledged segments that were opened after the last kill, and said what was sent.
    pub opened: u64,
    /// How often a segment that had been read before a kill played the same bytes after it.
    pub compared: u64,
}

/// Runs the server on the empty directory `data`, kills it as `seed` says, and checks what is left.
///
/// # Errors
/// The first acknowledged segment that is lost or changed, or whatever else is not as promised, with the seed.
pub async fn kill_run(program: &Program, data: &Path, seed: u64) -> Result<KillReport, String> {
    let run = async {
        let mut run = Run::begin(program, data, seed).await?;
        for _ in 0..run.kills {
            run.round().await?;
        }
        run.end().await
    };
    run.await.map_err(|error: String| format!("seed {seed}: {error}"))
}

/// A segment as it was sent.
struct Sent {
    packed: Bytes,
    mark: Value,
    acknowledged: bool,
    /// What it played when it was first read.
    played: Option<String>,
}

/// One tab, over all kills.
struct Visit {
    number: u64,
    writer: String,
    recorder: Option<Recorder>,
    sent: BTreeMap<u64, Sent>,
    random: Random,
}

struct Run {
    program: Program,
    data: PathBuf,
    kills: u64,
    random: Random,
    process: Process,
    console: Arc<Console>,
    site_key: String,
    visits: Vec<Visit>,
    report: KillReport,
}

impl Run {
    async fn begin(program: &Program, data: &Path, seed: u64) -> Result<Self, String> {
        let mut random = Random::new(seed);
        let (process, console) = start(program, data).await?;
        let site_key = console.add_site("Killed shop", PAGE).await?;
        let visits = (0..3 + random.below(4)).map(|number| Visit::new(number, random.fork())).collect();
        Ok(Self {
            program: program.clone(),
            data: data.to_owned(),
            kills: 1 + random.below(3),
            random,
            process,
            console: Arc::new(console),
            site_key,
            visits,
            report: KillReport { seed, ..KillReport::default() },
        })
    }

    /// Visits send, the server is killed and started again, and everything is looked at.
    async fn round(&mut self) -> Result<(), String> {
        let acknowledgements = Arc::new(AtomicU64::new(0));
        let origin = self.process.origin("console");
        let mut tasks = Vec::new();
        for visit in self.visits.drain(..) {
            let (console, origin, site_key) =
                (Arc::clone(&self.console), origin.clone(), self.site_key.clone());
            let counted = Arc::clone(&acknowledgements);
            tasks.push(tokio::spawn(async move {
                visit.send_until_killed(&console, &origin, &site_key, &counted).await
            }));
        }
        self.wait_for_the_moment(&acknowledgements).await;
        self.process.kill();
        self.report.kills += 1;
        for task in tasks {
            self.visits.push(task.await.map_err(|error| format!("a visit stopped: {error}"))??);
        }
        if self.random.once_in(3) {
            kill_at_start(&self.program, &self.data, Duration::from_millis(self.random.below(400))).await?;
            self.report.kills_at_start += 1;
        }
        let (process, console) = start(&self.program, &self.data).await?;
        (self.process, self.console) = (process, Arc::new(console));
        let origin = self.process.origin("console");
        self.report.opened = 0;
        for visit in &mut self.visits {
            self.report.in_doubt += visit.send_again(&origin, &self.site_key).await?;
            let (opened, compared) = visit.look(&self.console).await?;
            self.report.opened += opened;
            self.report.compared += compared;
        }
        Ok(())
    }

    /// Half of the kills come after some time, half after some acknowledgement: then the next one is being prepared.
    async fn wait_for_the_moment(&mut self, acknowledgements: &AtomicU64) {
        let by_count = self.random.once_in(2);
        let (delay, count) = (self.random.below(LONGEST_MS), 1 + self.random.below(80));
        let (began, delay) = (Instant::now(), Duration::from_millis(delay));
        let longest = Duration::from_millis(4 * LONGEST_MS);
        loop {
            let (elapsed, heard) = (began.elapsed(), acknowledgements.load(Ordering::Relaxed));
            if elapsed >= longest || (by_count && heard >= count) || (!by_count && elapsed >= delay) {
                return;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    /// Whether the log's chain is whole after all this, and what happened.
    async fn end(mut self) -> Result<KillReport, String> {
        let sent = self.visits.iter().flat_map(|visit| visit.sent.values());
        self.report.acknowledged = sent.filter(|sent| sent.acknowledged).count() as u64;
        let chain = self.console.get("/audit/verify").await?;
        if chain["intact"] != true {
            return Err(format!("the chain of the audit log is broken: {chain}"));
        }
        Ok(self.report)
    }
}

impl Visit {
    fn new(number: u64, random: Random) -> Self {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        Self { number, writer, recorder: None, sent: BTreeMap::new(), random }
    }

    /// Sends one segment after the other until the server is gone, or enough are sent. Reads some of them at once.
    async fn send_until_killed(
        mut self,
        console: &Console,
        origin: &str,
        site_key: &str,
        acknowledgements: &AtomicU64,
    ) -> Result<Self, String> {
        let recorder = match self.start(origin, site_key).await {
            Ok(recorder) => recorder,
            Err(NotSent::Unanswered(_)) => return Ok(self),
            Err(other) => return Err(format!("visit {} did not start: {other:?}", self.number)),
        };
        let first = recorder.next_sequence;
        for sequence in first..first + SEGMENTS {
            let (packed, mark) = segment(self.number, sequence, &mut self.random);
            let sent = Sent { packed: packed.clone(), mark, acknowledged: false, played: None };
            self.sent.insert(sequence, sent);
            match patiently(&recorder, sequence, packed).await {
                Ok(_) => {}
                Err(NotSent::Unanswered(_)) => return Ok(self),
                Err(other) => return Err(format!("segment {sequence} of visit {}: {other:?}", self.number)),
            }
            acknowledgements.fetch_add(1, Ordering::Relaxed);
            let read = self.random.once_in(4);
            let Some(sent) = self.sent.get_mut(&sequence) else { continue };
            sent.acknowledged = true;
            // A reader may meet the kill; what was read before it has to play the same afterwards.
            if read && let Ok(play) = begin_play(console, &recorder.recording).await {
                sent.played = read_segment(console, &play, &recorder.track, sequence).await.ok();
            }
        }
        Ok(self)
    }

    /// Starts, or goes on where the visit stands; what the server expects next must fit what it acknowledged.
    async fn start(&mut self, origin: &str, site_key: &str) -> Result<Recorder, NotSent> {
        let http = client().map_err(NotSent::Refused)?;
        let resume = self.recorder.as_ref().map(|recorder| recorder.token.as_str());
        let started = Recorder::start(http, origin, (site_key, PAGE), &self.writer, resume).await?;
        if let Some(before) = &self.recorder {
            let same = started.continued
                && (&started.recording, &started.track) == (&before.recording, &before.track);
            let acknowledged =
                self.sent.iter().rev().find(|(_, sent)| sent.acknowledged).map(|(number, _)| *number);
            if !same || acknowledged.is_some_and(|last| started.next_sequence <= last) {
                return Err(NotSent::Refused(format!(
                    "the visit with {acknowledged:?} acknowledged does not go on: continued {}, expects {}",
                    started.continued, started.next_sequence
                )));
            }
        }
        self.recorder = Some(started.clone());
        Ok(started)
    }

    /// Sends what was not acknowledged once more, as a recorder does; how many there were.
    async fn send_again(&mut self, origin: &str, site_key: &str) -> Result<u64, String> {
        if self.recorder.is_none() {
            return Ok(0);
        }
        let recorder = self.start(origin, site_key).await;
        let recorder =
            recorder.map_err(|error| format!("visit {} after the kill: {error:?}", self.number))?;
        let mut again = 0;
        for (sequence, sent) in self.sent.iter_mut().filter(|(_, sent)| !sent.acknowledged) {
            let answer = patiently(&recorder, *sequence, sent.packed.clone()).await;
            answer.map_err(|error| {
                format!("segment {sequence} of visit {}, sent again: {error:?}", self.number)
            })?;
            sent.acknowledged = true;
            again += 1;
        }
        Ok(again)
    }

    /// Opens every acknowledged segment; how many opened, and how many of them had been read before.
    async fn look(&mut self, console: &Console) -> Result<(u64, u64), String> {
        let Some(recorder) = &self.recorder else { return Ok((0, 0)) };
        let stored = console.get(&format!("/recordings/{}", recorder.recording)).await?["segments"].as_u64();
        if stored != Some(self.sent.len() as u64) {
            return Err(format!("{} segments were sent, and the recording has {stored:?}", self.sent.len()));
        }
        let play = begin_play(console, &recorder.recording).await?;
        let (mut opened, mut compared) = (0, 0);
        for (sequence, sent) in self.sent.iter_mut().filter(|(_, sent)| sent.acknowledged) {
            let what = format!("segment {sequence} of visit {} ({})", self.number, recorder.recording);
            let text = read_segment(console, &play, &recorder.track, *sequence).await;
            let text = text.map_err(|error| format!("{what} was acknowledged and does not open: {error}"))?;
            let told: Value =
                serde_json::from_str(&text).map_err(|error| format!("{what} is not JSON: {error}"))?;
            let last = told.as_array().and_then(|events| events.last()).cloned().unwrap_or_default();
            if last != sent.mark {
                return Err(format!("{what} ends with {last} and not with {}", sent.mark));
            }
            match &sent.played {
                Some(before) if *before != text => {
                    return Err(format!("{what} plays other bytes than before the kill"));
                }
                Some(_) => compared += 1,
                None => sent.played = Some(text),
            }
            opened += 1;
        }
        Ok((opened, compared))
    }
}

/// Events that end with one no other segment has: a pointer on its way over places made from the visit's number and the
/// segment's. Packed, and that last event.
pub(super) fn segment(visit: u64, sequence: u64, random: &mut Random) -> (Bytes, Value) {
    let at = CLIENT_TIME_MS + i64::try_from(sequence).unwrap_or_default() * 1000;
    let keyframe = sequence == 0 || random.once_in(8);
    let mut events = if keyframe {
        let most = if random.once_in(4) { 4000 } else { 40 };
        let paragraphs = 1 + random.below(most);
        snapshot(at, paragraphs, "What somebody read")
    } else {
        json!([])
    };
    if keyframe && random.once_in(12) {
        make_incompressible(&mut events, random);
    }
    let steps = 1 + random.below(30);
    let positions: Vec<Value> = (0..steps)
        .map(|step| json!({ "x": sequence, "y": 100 * visit + step, "id": 5, "timeOffset": 0 }))
        .collect();
    let mark = json!({ "type": 3, "timestamp": at + 10, "data": { "source": 1, "positions": positions } });
    if let Some(events) = events.as_array_mut() {
        events.push(mark.clone());
    }
    (Bytes::from(gzip(events.to_string().as_bytes())), mark)
}

/// Gives a snapshot's root two and a half million random digits: packed, it is more than the ingest log takes, and becomes an
/// object of its own.
fn make_incompressible(events: &mut Value, random: &mut Random) {
    let digits: String = (0..160_000).map(|_| format!("{:016x}", random.next())).collect();
    if let Some(attributes) = events.pointer_mut("/1/data/node/childNodes/1/childNodes/1/attributes") {
        attributes["class"] = Value::String(digits);
    }
}

/// Sends, and waits where a recording's rate is used up: that is no loss.
pub(super) async fn patiently(recorder: &Recorder, sequence: u64, packed: Bytes) -> Result<u64, NotSent> {
    loop {
        match recorder.send(sequence, packed.clone()).await {
            Err(NotSent::TooMany) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => return other,
        }
    }
}

pub(super) async fn begin_play(console: &Console, recording: &str) -> Result<String, String> {
    let play = console.post(&format!("/recordings/{recording}/plays"), &json!({ "reason": "soak" })).await?;
    play["id"].as_str().map(str::to_owned).ok_or_else(|| format!("a play without id: {play}"))
}

pub(super) async fn read_segment(
    console: &Console,
    play: &str,
    track: &str,
    sequence: u64,
) -> Result<String, String> {
    console.text(Method::GET, &format!("/plays/{play}/tracks/{track}/segments/{sequence}"), None).await
}

async fn start(program: &Program, data: &Path) -> Result<(Process, Console), String> {
    let (program, data) = (program.clone(), data.to_owned());
    let started = tokio::task::spawn_blocking(move || Process::start(&program, &data)).await;
    let process = started.map_err(|error| format!("the server did not start: {error}"))?;
    let console = Console::sign_in(&process.origin("console"), &process.origin("sign_in")).await?;
    Ok((process, console))
}

/// Starts the server and kills it `after` that, ready or not: it may be in the middle of recovering.
async fn kill_at_start(program: &Program, data: &Path, after: Duration) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("killing the server while it starts: {error}");
    let mut child =
        program.starting(data).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(failed)?;
    tokio::time::sleep(after).await;
    child.kill().map_err(failed)?;
    child.wait().map_err(failed)?;
    Ok(())
}
