//! Tabs that send segments and remember at which moment of the disk's record each was acknowledged.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::kill::{patiently, read_segment, segment};
use super::{Console, NotSent, Random, Recorder, client};
use crate::disk::Disk;

/// The page every tab is on.
pub(super) const PAGE: &str = "https://shop.example";

/// A segment as it was sent.
#[derive(Clone)]
struct Piece {
    packed: Bytes,
    mark: Value,
    /// The moment of the disk's record after the acknowledgement came.
    acknowledged: Option<u64>,
}

/// One tab of a visit.
#[derive(Clone)]
pub struct Tab {
    number: u64,
    writer: String,
    started: Option<(u64, Recorder)>,
    sent: BTreeMap<u64, Piece>,
    random: Random,
}

impl Tab {
    /// A tab that has sent nothing.
    #[must_use]
    pub fn new(number: u64, random: Random) -> Self {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        Self { number, writer, started: None, sent: BTreeMap::new(), random }
    }

    /// Segments that were acknowledged before the moment `before`.
    #[must_use]
    pub fn acknowledged(&self, before: u64) -> u64 {
        self.sent.values().filter(|piece| piece.acknowledged.is_some_and(|at| at <= before)).count() as u64
    }

    /// The moments at which something was acknowledged.
    pub fn moments(&self) -> impl Iterator<Item = u64> + '_ {
        let started = self.started.iter().map(|(at, _)| *at);
        started.chain(self.sent.values().filter_map(|piece| piece.acknowledged))
    }

    /// Starts, or goes on where the visit stands; what the server expects next must fit what was acknowledged.
    ///
    /// # Errors
    /// [`NotSent`]; [`NotSent::Refused`] also where the server has forgotten something.
    pub async fn start(&mut self, disk: &Disk, origin: &str, site_key: &str) -> Result<(), NotSent> {
        let http = client().map_err(NotSent::Refused)?;
        let resume = self.started.as_ref().map(|(_, recorder)| recorder.token.as_str());
        let recorder = Recorder::start(http, origin, (site_key, PAGE), &self.writer, resume).await?;
        if let Some((_, before)) = &self.started {
            let same = recorder.continued
                && (&recorder.recording, &recorder.track) == (&before.recording, &before.track);
            let last = self.sent.iter().rev().find(|(_, piece)| piece.acknowledged.is_some());
            let last = last.map(|(sequence, _)| *sequence);
            if !same || last.is_some_and(|last| recorder.next_sequence <= last) {
                return Err(NotSent::Refused(format!(
                    "tab {} with {last:?} acknowledged does not go on: continued {}, expects {}",
                    self.number, recorder.continued, recorder.next_sequence
                )));
            }
        }
        let at = self.started.as_ref().map(|(at, _)| *at);
        let at = at.map_or_else(|| moment(disk), Ok)?;
        self.started = Some((at, recorder));
        Ok(())
    }

    /// Sends `count` further segments.
    ///
    /// # Errors
    /// [`NotSent`]; the segment that was not acknowledged is sent again by [`Self::send_again`].
    pub async fn send(&mut self, disk: &Disk, count: u64) -> Result<(), NotSent> {
        let Some((_, recorder)) = self.started.clone() else {
            return Err(NotSent::Refused("the tab has not started".to_owned()));
        };
        let next = self.sent.last_key_value().map_or(0, |(last, _)| last + 1);
        for sequence in next..next + count {
            let (packed, mark) = segment(self.number, sequence, &mut self.random);
            let piece = Piece { packed: packed.clone(), mark, acknowledged: None };
            self.sent.insert(sequence, piece);
            patiently(&recorder, sequence, packed).await?;
            self.acknowledge(disk, sequence)?;
        }
        Ok(())
    }

    /// Sends what was not acknowledged once more, in order, as a recorder does; how many there were.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn send_again(&mut self, disk: &Disk) -> Result<u64, NotSent> {
        let Some((_, recorder)) = self.started.clone() else { return Ok(0) };
        let waiting: Vec<(u64, Bytes)> = self
            .sent
            .iter()
            .filter(|(_, piece)| piece.acknowledged.is_none())
            .map(|(sequence, piece)| (*sequence, piece.packed.clone()))
            .collect();
        let count = waiting.len() as u64;
        for (sequence, packed) in waiting {
            patiently(&recorder, sequence, packed).await?;
            self.acknowledge(disk, sequence)?;
        }
        Ok(count)
    }

    fn acknowledge(&mut self, disk: &Disk, sequence: u64) -> Result<(), NotSent> {
        let at = moment(disk)?;
        if let Some(piece) = self.sent.get_mut(&sequence) {
            piece.acknowledged = Some(at);
        }
        Ok(())
    }

    /// The tab as it would have been at the moment `before`: what was acknowledged later, was not.
    #[must_use]
    pub fn at(&self, before: u64) -> Self {
        let mut then = self.clone();
        for piece in then.sent.values_mut() {
            piece.acknowledged = piece.acknowledged.filter(|at| *at <= before);
        }
        then.started = then.started.filter(|(at, _)| *at <= before);
        then
    }

    /// Another record of the disk begins: what was acknowledged was so before its first moment.
    pub fn keep(&mut self) {
        for piece in self.sent.values_mut() {
            piece.acknowledged = piece.acknowledged.map(|_| 0);
        }
        if let Some((at, _)) = &mut self.started {
            *at = 0;
        }
    }

    /// Whether it has started.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.started.is_some()
    }

    /// Finds every acknowledged segment in what is listed; how many there were.
    ///
    /// # Errors
    /// The first that is not listed, or says something else than what was sent.
    pub fn look(&self, listed: &Listed) -> Result<u64, String> {
        let mut found = 0;
        for (sequence, piece) in self.sent.iter().filter(|(_, piece)| piece.acknowledged.is_some()) {
            let Some((_, recorder)) = &self.started else {
                return Err(format!("tab {} has sent and never started", self.number));
            };
            let what = format!("segment {sequence} of tab {} ({})", self.number, recorder.recording);
            match listed.segments.get(&(recorder.track.clone(), *sequence)) {
                None => return Err(format!("{what} was acknowledged and is gone")),
                Some(last) if *last != piece.mark => {
                    return Err(format!("{what} ends with {last} and not with {}", piece.mark));
                }
                Some(_) => found += 1,
            }
        }
        Ok(found)
    }
}

/// Everything that can be played: by track and number, the last event of each segment.
pub struct Listed {
    segments: BTreeMap<(String, u64), Value>,
}

impl Listed {
    /// Plays every recording that is listed, every segment of it.
    ///
    /// # Errors
    /// The first that is listed and does not play.
    pub async fn of(console: &Console) -> Result<Self, String> {
        let mut segments = BTreeMap::new();
        let list = console.get("/recordings?limit=100").await?;
        for item in list["items"].as_array().into_iter().flatten() {
            let recording = item["id"].as_str().unwrap_or_default();
            let asked = json!({ "reason": "a test" });
            let play = console.post(&format!("/recordings/{recording}/plays"), &asked).await?;
            let id = play["id"].as_str().ok_or("a play without an id")?;
            let mut number = 0;
            for track in play["tracks"].as_array().into_iter().flatten() {
                let named = track["id"].as_str().unwrap_or_default();
                for segment in track["segments"].as_array().into_iter().flatten() {
                    let sequence = segment["sequence"].as_u64().unwrap_or_default();
                    let what = format!("segment {sequence} of {recording}");
                    let text = read_segment(console, id, named, sequence).await;
                    let text =
                        text.map_err(|error| format!("{what} is listed and does not open: {error}"))?;
                    let told: Value = serde_json::from_str(&text)
                        .map_err(|error| format!("{what} is not JSON: {error}"))?;
                    let last = told.as_array().and_then(|events| events.last()).cloned();
                    segments.insert((named.to_owned(), sequence), last.unwrap_or_default());
                    number += 1;
                }
            }
            if item["segments"].as_u64() != Some(number) {
                return Err(format!(
                    "{recording} is listed with {} segments and has {number}",
                    item["segments"]
                ));
            }
        }
        Ok(Self { segments })
    }
}

fn moment(disk: &Disk) -> Result<u64, NotSent> {
    disk.now().map_err(|error| NotSent::Refused(format!("the record of the disk: {error}")))
}
