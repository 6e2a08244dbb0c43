//! Intake: how many bytes of events are taken, checked, sealed and durable a second, and how long the acknowledgement
//! takes.
//!
//! A recording may send fifty segments a second after a burst of two hundred. Each connection therefore sends for
//! several visits in turn, each with its own token, so that the rate of none is reached: what would be measured
//! otherwise is the limit. Segments are packed before anything is measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clerestory_testkit::load::{Console, NotSent, Recorder, client};
use serde_json::{Value, json};

use crate::Bench;
use crate::machine::{Cores, Since, load_average, status_kib};
use crate::segments::{self, Piece};
use crate::server::{Counts, Server};
use crate::table::{self, mb_per_s, ms, quantile, sorted};

const PAGE: &str = "https://shop.example";
const CONNECTIONS: [usize; 3] = [1, 16, 128];
/// Connections of the paced load: more than enough that none waits for its turn.
const PACED_CONNECTIONS: usize = 32;
/// Visits a minute, and segments a second, where it is watched whether memory grows.
const STEADY_VISITS: usize = 16;
const STEADY_RATE: f64 = 100.0;
/// Not counted: connections open, caches fill.
const WARM_UP: Duration = Duration::from_secs(1);
/// Name, bytes of events at least, rounds over the sessions, visits.
const SIZES: [(&str, usize, usize, usize); 2] = [("20 KB", 20_000, 1, 256), ("1 MB", 1_000_000, 12, 128)];

const HEAD: [&str; 16] = [
    "segments",
    "connections",
    "MB/s",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "max ms",
    "commits/s",
    "flushes/s",
    "cores: server",
    "writer",
    "log",
    "generator",
    "others",
    "429",
    "load",
];

/// A visit that sends.
struct Tab {
    recorder: Recorder,
    next: u64,
}

/// One connection, and the visits it sends for.
struct Lane {
    http: reqwest::Client,
    tabs: Vec<Tab>,
    turn: usize,
}

/// What a lane or a whole cell of the table came to.
#[derive(Default)]
struct Tally {
    acknowledgements_ms: Vec<f64>,
    events_bytes: u64,
    packed_bytes: u64,
    limited: u64,
}

/// A cell of the table.
struct Cell {
    tally: Tally,
    elapsed: Duration,
    cores: Cores,
    counts: [Counts; 2],
}

/// Every size over every number of connections, then each size at half of its best throughput.
pub(crate) async fn measure(bench: &Bench, server: &Server) -> Result<Value, String> {
    let console = server.sign_in().await?;
    let sessions = segments::sessions()?;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    let mut paced = Vec::new();
    for (name, bytes, rounds, visits) in SIZES {
        let pieces: Arc<[Piece]> = segments::by_size(&sessions, bytes, rounds)?.into();
        let mut tabs = start(server, &console, visits).await?;
        let mut best = 0.0_f64;
        for connections in CONNECTIONS {
            let lanes = deal(tabs, connections)?;
            let (lanes, cell) = full(server, lanes, &pieces, Duration::from_secs(bench.seconds)).await?;
            tabs = park(lanes)?;
            best = best.max(cell.tally.acknowledgements_ms.len() as f64 / cell.elapsed.as_secs_f64());
            rows.push(row(name, &connections.to_string(), &cell));
            told.push(tell(name, connections, None, &cell));
        }
        paced.push((name, best / 2.0, pieces, tabs));
    }
    for (name, rate, pieces, tabs) in paced {
        let lanes = deal(tabs, PACED_CONNECTIONS)?;
        let cell = at_rate(server, lanes, &pieces, rate, Duration::from_secs(bench.seconds * 2)).await?;
        rows.push(row(name, &format!("half: {rate:.0}/s"), &cell));
        told.push(tell(name, PACED_CONNECTIONS, Some(rate), &cell));
    }
    table::print(&HEAD, &rows);
    let most = status_kib(server.id(), "VmHWM");
    table::print(
        &["", ""],
        &[vec!["resident at most".to_owned(), format!("{:.1} MiB", most as f64 / 1024.0)]],
    );
    Ok(json!({ "cells": told, "rss_most_kib": most }))
}

/// The table of [`measure`], without its paced rows, on servers that leave something out beside one that leaves out nothing.
pub(crate) async fn costs(servers: &[(&str, Server)], seconds: u64) -> Result<Value, String> {
    let sessions = segments::sessions()?;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    // Once each: the link works once.
    let mut signed_in = Vec::with_capacity(servers.len());
    for (name, server) in servers {
        signed_in.push((name, server, server.sign_in().await?));
    }
    for (size, bytes, rounds, visits) in SIZES {
        let pieces: Arc<[Piece]> = segments::by_size(&sessions, bytes, rounds)?.into();
        let mut tabs = Vec::with_capacity(servers.len());
        for (_, server, console) in &signed_in {
            tabs.push(start(server, console, visits).await?);
        }
        for connections in CONNECTIONS {
            // The servers take turns, so that an hour's noise falls on all of them.
            for ((name, server, _), tabs) in signed_in.iter().zip(&mut tabs) {
                let lanes = deal(std::mem::take(tabs), connections)?;
                let (lanes, cell) = full(server, lanes, &pieces, Duration::from_secs(seconds)).await?;
                *tabs = park(lanes)?;
                let name = format!("{size}, {name}");
                rows.push(row(&name, &connections.to_string(), &cell));
                told.push(tell(&name, connections, None, &cell));
            }
        }
    }
    table::print(&HEAD, &rows);
    Ok(Value::Array(told))
}

/// What the server holds in memory while it takes 100 segments a second and new visits every minute, told every minute.
pub(crate) async fn steady(server: &Server, minutes: u64) -> Result<Value, String> {
    let [(size, bytes, rounds, _), _] = SIZES;
    let pieces: Arc<[Piece]> = segments::by_size(&segments::sessions()?, bytes, rounds)?.into();
    let (console, began, mut told) = (server.sign_in().await?, Instant::now(), Vec::new());
    let (mut segments, mut rows) = (0, Vec::new());
    for minute in 1..=minutes {
        let lanes = deal(start(server, &console, STEADY_VISITS).await?, STEADY_VISITS)?;
        let left = Duration::from_secs(60 * minute).saturating_sub(began.elapsed() + WARM_UP);
        let cell = at_rate(server, lanes, &pieces, STEADY_RATE, left).await?;
        segments += cell.tally.acknowledgements_ms.len();
        let (resident, times) = (status_kib(server.id(), "VmRSS"), sorted(cell.tally.acknowledgements_ms));
        let mib = resident as f64 / 1024.0;
        told.push(json!({ "minute": minute, "segments": segments, "rss_kib": resident,
            "p99_ms": quantile(&times, 0.99) }));
        if minute == 1 || minute % 5 == 0 {
            let p99 = format!("{:.1}", quantile(&times, 0.99));
            rows.push(vec![
                minute.to_string(),
                size.to_owned(),
                segments.to_string(),
                format!("{mib:.1}"),
                p99,
            ]);
        }
    }
    table::print(&["minute", "segments of", "so far", "resident MiB", "p99 ms"], &rows);
    Ok(Value::Array(told))
}

/// Starts visits, no faster than one network may.
async fn start(server: &Server, console: &Console, visits: usize) -> Result<Vec<Tab>, String> {
    let site_key = console.add_site("Load", PAGE).await?;
    let (http, mut tabs) = (client()?, Vec::with_capacity(visits));
    for number in 0..visits {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        let started =
            Recorder::start_in_turn(http.clone(), server.origin(), (&site_key, PAGE), &writer).await;
        let recorder = started.map_err(|error| format!("a visit did not start: {error:?}"))?;
        tabs.push(Tab { recorder, next: 0 });
    }
    Ok(tabs)
}

/// Deals the visits out to new connections.
fn deal(tabs: Vec<Tab>, connections: usize) -> Result<Vec<Lane>, String> {
    let mut lanes = Vec::with_capacity(connections);
    for _ in 0..connections {
        lanes.push(Lane { http: client()?, tabs: Vec::new(), turn: 0 });
    }
    for (number, tab) in tabs.into_iter().enumerate() {
        if let Some(lane) = lanes.get_mut(number % connections) {
            let recorder = tab.recorder.over(lane.http.clone());
            lane.tabs.push(Tab { recorder, next: tab.next });
        }
    }
    Ok(lanes)
}

/// Takes the visits off their connections, which close: one address may hold so many at once.
fn park(lanes: Vec<Lane>) -> Result<Vec<Tab>, String> {
    let http = client()?;
    let tabs = lanes.into_iter().flat_map(|lane| lane.tabs);
    Ok(tabs.map(|tab| Tab { recorder: tab.recorder.over(http.clone()), next: tab.next }).collect())
}

impl Lane {
    /// Sends the next segment of the visit whose turn it is; its bytes of events, and packed. `None` where the visit
    /// was told to wait.
    async fn send_next(&mut self, pieces: &[Piece]) -> Result<Option<(u64, u64)>, String> {
        let turn = self.turn % self.tabs.len().max(1);
        self.turn = turn + 1;
        let tab = self.tabs.get_mut(turn).ok_or("a connection without visits")?;
        let at = usize::try_from(tab.next).unwrap_or_default() % pieces.len().max(1);
        let piece = pieces.get(at).ok_or("no segments to send")?;
        match tab.recorder.send(tab.next, piece.packed.clone()).await {
            Ok(_) => {
                tab.next += 1;
                Ok(Some((piece.events_bytes, piece.packed.len() as u64)))
            }
            Err(NotSent::TooMany) => Ok(None),
            Err(other) => Err(format!("a segment was not taken: {other:?}")),
        }
    }

    /// Sends one segment and adds it to the tally, timed from `since`.
    async fn count_next(
        &mut self,
        pieces: &[Piece],
        since: Instant,
        tally: &mut Tally,
    ) -> Result<(), String> {
        match self.send_next(pieces).await? {
            Some((events, packed)) => {
                tally.acknowledgements_ms.push(ms(since.elapsed()));
                tally.events_bytes += events;
                tally.packed_bytes += packed;
            }
            None => {
                tally.limited += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        Ok(())
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.acknowledgements_ms.extend(other.acknowledgements_ms);
        self.events_bytes += other.events_bytes;
        self.packed_bytes += other.packed_bytes;
        self.limited += other.limited;
    }
}

/// Every connection sends the next segment as soon as the last is acknowledged.
async fn full(
    server: &Server,
    lanes: Vec<Lane>,
    pieces: &Arc<[Piece]>,
    during: Duration,
) -> Result<(Vec<Lane>, Cell), String> {
    let begin = Instant::now() + WARM_UP;
    let end = begin + during;
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|mut lane| {
            let pieces = Arc::clone(pieces);
            tokio::spawn(async move {
                let (mut warm_up, mut tally) = (Tally::default(), Tally::default());
                loop {
                    let now = Instant::now();
                    if now >= end {
                        return Ok::<_, String>((lane, tally));
                    }
                    let tally = if now < begin { &mut warm_up } else { &mut tally };
                    lane.count_next(&pieces, now, tally).await?;
                }
            })
        })
        .collect();
    tokio::time::sleep_until(begin.into()).await;
    let (since, before) = (Since::now(server.id()), server.counts()?);
    tokio::time::sleep_until(end.into()).await;
    let (cores, after) = (since.cores(), server.counts()?);
    let (mut lanes, mut tally) = (Vec::new(), Tally::default());
    for task in tasks {
        let (lane, of_lane) = task.await.map_err(|error| format!("a connection stopped: {error}"))??;
        lanes.push(lane);
        tally.add(of_lane);
    }
    Ok((lanes, Cell { tally, elapsed: begin.elapsed(), cores, counts: [before, after] }))
}

/// `rate` segments a second, sent when it is their time; an acknowledgement is timed from then, so that waiting for a
/// slow one before it counts.
async fn at_rate(
    server: &Server,
    lanes: Vec<Lane>,
    pieces: &Arc<[Piece]>,
    rate: f64,
    during: Duration,
) -> Result<Cell, String> {
    let begin = Instant::now() + WARM_UP;
    let between = Duration::from_secs_f64(lanes.len() as f64 / rate);
    let shift = between.div_f64(lanes.len() as f64);
    let (since, before) = (Since::now(server.id()), server.counts()?);
    let tasks: Vec<_> = (0_u32..)
        .zip(lanes)
        .map(|(number, mut lane)| {
            let pieces = Arc::clone(pieces);
            tokio::spawn(async move {
                let (mut tally, mut due) = (Tally::default(), begin + shift * number);
                while due < begin + during {
                    tokio::time::sleep_until(due.into()).await;
                    lane.count_next(&pieces, due, &mut tally).await?;
                    due += between;
                }
                Ok::<_, String>(tally)
            })
        })
        .collect();
    let mut tally = Tally::default();
    for task in tasks {
        tally.add(task.await.map_err(|error| format!("a connection stopped: {error}"))??);
    }
    Ok(Cell { tally, elapsed: begin.elapsed(), cores: since.cores(), counts: [before, server.counts()?] })
}

impl Cell {
    fn per_second(&self, of: impl Fn(&Counts) -> f64) -> f64 {
        let [before, after] = &self.counts;
        (of(after) - of(before)) / self.elapsed.as_secs_f64()
    }
}

fn row(size: &str, connections: &str, cell: &Cell) -> Vec<String> {
    let times = sorted(cell.tally.acknowledgements_ms.clone());
    let cores = cell.cores;
    let (seconds, times_count) = (cell.elapsed.as_secs_f64(), times.len() as f64);
    let mut row = vec![size.to_owned(), connections.to_owned()];
    row.push(format!("{:.1}", mb_per_s(cell.tally.events_bytes, cell.elapsed)));
    row.push(format!("{:.0}", times_count / seconds));
    row.extend([0.5, 0.99, 1.0].map(|share| format!("{:.1}", quantile(&times, share))));
    row.push(format!("{:.0}", cell.per_second(|counts| counts.commits)));
    row.push(format!("{:.0}", cell.per_second(|counts| counts.flushes)));
    row.extend(
        [cores.server, cores.writer, cores.log, cores.generator, cores.others]
            .map(|used| format!("{used:.2}")),
    );
    row.push(cell.tally.limited.to_string());
    row.push(load_average().split(' ').next().unwrap_or_default().to_owned());
    row
}

fn tell(size: &str, connections: usize, rate: Option<f64>, cell: &Cell) -> Value {
    let times = sorted(cell.tally.acknowledgements_ms.clone());
    let cores = cell.cores;
    json!({
        "size": size, "connections": connections, "rate_per_s": rate,
        "mb_per_s": mb_per_s(cell.tally.events_bytes, cell.elapsed),
        "packed_mb_per_s": mb_per_s(cell.tally.packed_bytes, cell.elapsed),
        "requests_per_s": times.len() as f64 / cell.elapsed.as_secs_f64(),
        "p50_ms": quantile(&times, 0.5), "p99_ms": quantile(&times, 0.99), "max_ms": quantile(&times, 1.0),
        "commits_per_s": cell.per_second(|counts| counts.commits),
        "bodies_per_s": cell.per_second(|counts| counts.bodies),
        "flushes_per_s": cell.per_second(|counts| counts.flushes),
        "segments_per_s": cell.per_second(|counts| counts.segments),
        "cores": { "server": cores.server, "writer": cores.writer, "log": cores.log,
            "generator": cores.generator, "others": cores.others },
        "limited": cell.tally.limited,
    })
}
