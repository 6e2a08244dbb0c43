//! The scrub: all objects are read over some days, a little at a time, and what is damaged is noted; and what a play or a
//! check met is noted in the same place.

use std::collections::BTreeSet;
use std::time::Duration;

use clerestory_access::Access;
use clerestory_model::{OrganisationId, Timestamp, TrackId};
use clerestory_sql::{Lane, SqlError};
use clerestory_store::damage::{self, Damage, Scrubbing};
use clerestory_store::parts::{self, Part};
use clerestory_store::segments::{self, Segment, Tail};
use clerestory_store::tracks::Track;

use super::compare::Leaves;
use super::{Depth, Fault, Finding, FsckError, Report};
use crate::{OpenError, StoreError, Vault};

/// A node that is silent for so long has the reading no more.
const HELD: Duration = Duration::from_secs(5 * 60);
/// Damage told of an organisation at most.
const TOLD: u32 = 100;
/// Damage looked at in one go.
const PAGE: u32 = 500;

/// How fast the scrub reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubPace {
    /// From one beginning to the next.
    pub pass: Duration,
    /// Bytes a second at least, while there is something to read: the first pass knows not how much there is.
    pub least: u64,
    /// Bytes a second at most, however much there is.
    pub most: u64,
}

impl Default for ScrubPace {
    /// A week; between 256 KiB and 8 MiB a second.
    fn default() -> Self {
        Self { pass: Duration::from_secs(7 * 24 * 3600), least: 256 * 1024, most: 8 * 1024 * 1024 }
    }
}

impl ScrubPace {
    /// Bytes to read in `span`, where the pass before read `last` bytes: a fifth of the time is left in hand.
    fn budget(&self, last: u64, span: Duration) -> u64 {
        let seconds = (self.pass.as_secs() * 4 / 5).max(1);
        (last / seconds).clamp(self.least, self.most).saturating_mul(span.as_secs().max(1))
    }
}

/// What one step of the scrub came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrubStep {
    /// Another node has it.
    Elsewhere,
    /// All was read, and the next pass is not due yet.
    Waiting {
        /// When the last byte was read.
        since: Timestamp,
    },
    /// So many bytes were read since the pass began.
    Reading {
        /// Bytes.
        bytes: u64,
        /// When the pass began.
        began_at: Timestamp,
    },
}

impl Vault {
    /// Reads on where the scrub of this installation stands, as much as `span` allows, and notes what is damaged. One
    /// node at a time.
    ///
    /// # Errors
    /// [`FsckError`]: the next step goes on from the same place.
    pub async fn scrub(
        &self,
        access: &Access,
        node: [u8; 16],
        pace: ScrubPace,
        span: Duration,
    ) -> Result<ScrubStep, FsckError> {
        let now = self.log.intents().now();
        let taken = self.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { damage::take_scrubbing(tx, node, now, now.plus(HELD)).await })
        });
        let taken: Result<Option<Scrubbing>, SqlError> = taken.await;
        let Some(mut at) = taken? else { return Ok(ScrubStep::Elsewhere) };
        if let Some(since) = at.ended_at {
            // A pass that begins later than the next one will was begun by a clock that was ahead.
            if now.since(at.began_at) < pace.pass && at.began_at <= now.plus(pace.pass) {
                return Ok(ScrubStep::Waiting { since });
            }
            let bytes_last = at.bytes_read;
            at = Scrubbing {
                began_at: now,
                ended_at: None,
                after_track: None,
                after_part: None,
                bytes_read: 0,
                bytes_last,
            };
        }
        let mut budget = pace.budget(at.bytes_last, span);
        let mut leaves = Leaves::new(access);
        while budget > 0 && at.ended_at.is_none() {
            let read = self.scrub_one(&mut at, &mut leaves).await?;
            at.bytes_read += read;
            // What is empty costs a request all the same.
            budget = budget.saturating_sub(read.max(4096));
            let here = at.clone();
            let kept = self.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move { damage::keep_scrubbing(tx, node, &here).await })
            });
            let kept: Result<bool, SqlError> = kept.await;
            if !kept? {
                return Ok(ScrubStep::Elsewhere);
            }
        }
        match at.ended_at {
            Some(since) => Ok(ScrubStep::Waiting { since }),
            None => Ok(ScrubStep::Reading { bytes: at.bytes_read, began_at: at.began_at }),
        }
    }

    /// Reads the next part, or the next track's unsettled segments once the parts are through.
    async fn scrub_one(&self, at: &mut Scrubbing, leaves: &mut Leaves<'_>) -> Result<u64, FsckError> {
        let parts_done = at.after_track.is_some() && at.after_part.is_none();
        if !parts_done {
            let after = at.after_track.zip(at.after_part);
            let page = self.database.read(move |tx| Box::pin(async move { parts::page(tx, after, 1).await }));
            let page: Result<Vec<Part>, SqlError> = page.await;
            if let Some(part) = page?.pop() {
                (at.after_track, at.after_part) = (Some(part.track), Some(part.number));
                let mut objects: BTreeSet<String> =
                    part.segments.iter().map(|segment| segment.extent.object.clone()).collect();
                objects.insert(part.object.clone());
                let numbers = part.segments.iter().map(|segment| segment.sequence).collect();
                return self.read_and_note(part.track, objects, numbers, leaves).await;
            }
            (at.after_track, at.after_part) = (Some(TrackId::nil()), None);
        }
        let after = at.after_track.unwrap_or(TrackId::nil());
        let tail = self.database.read(move |tx| Box::pin(async move { segments::tails(tx, after, 1).await }));
        let tail: Result<Vec<Tail>, SqlError> = tail.await;
        let Some(tail) = tail?.pop() else {
            at.ended_at = Some(self.log.intents().now());
            return Ok(0);
        };
        at.after_track = Some(tail.track);
        let (mut objects, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        self.unsettled(tail.track, |segment| {
            objects.insert(segment.extent.object.clone());
            numbers.insert(segment.sequence);
        })
        .await?;
        self.read_and_note(tail.track, objects, numbers, leaves).await
    }

    async fn read_and_note(
        &self,
        track: TrackId,
        objects: BTreeSet<String>,
        numbers: BTreeSet<u64>,
        leaves: &mut Leaves<'_>,
    ) -> Result<u64, FsckError> {
        let Some(found) = self.track(track).await? else { return Ok(0) };
        let (mut read, mut damaged) = (0, Vec::new());
        for object in objects {
            let look = self.look_twice(&object, track, Depth::Deep, leaves).await?;
            read += look.bytes_read;
            for wrong in look.wrong {
                let detail = &wrong.detail;
                tracing::error!(%track, object, fault = wrong.fault.word(), segments = ?wrong.segments, detail, "an object is damaged");
                damaged
                    .extend(wrong.segments.into_iter().map(|number| (number, object.clone(), wrong.fault)));
            }
        }
        self.note_damage(&found, damaged, numbers).await?;
        Ok(read)
    }

    /// Notes which of these numbers of a track are damaged; the others are whole.
    pub(crate) async fn note_damage(
        &self,
        track: &Track,
        damaged: Vec<(u64, String, Fault)>,
        looked_at: BTreeSet<u64>,
    ) -> Result<(), SqlError> {
        let (track, at) = (track.clone(), self.log.intents().now());
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    for number in &looked_at {
                        if damaged.iter().all(|(damaged, ..)| damaged != number) {
                            damage::forget(tx, track.id, *number).await?;
                        }
                    }
                    for (sequence, object, fault) in damaged {
                        damage::note(tx, &of(&track, sequence, object, fault, at)).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Notes what a check found, and forgets what it found whole: a quick one cannot say that of what was altered.
    pub(super) async fn note_findings(&self, report: &Report) -> Result<(), FsckError> {
        let mut found: BTreeSet<(TrackId, u64)> = BTreeSet::new();
        for finding in report.findings.iter().filter(|finding| finding.fault.is_damage()) {
            let Finding { track: Some(id), segments, object, fault, .. } = finding else { continue };
            let Some(track) = self.track(*id).await? else { continue };
            found.extend(segments.iter().map(|number| (*id, *number)));
            let damaged = segments.iter().map(|number| (*number, object.clone(), *fault)).collect();
            self.note_damage(&track, damaged, BTreeSet::new()).await?;
        }
        let mut after = (TrackId::nil(), 0);
        loop {
            let page = self
                .database
                .read(move |tx| Box::pin(async move { damage::standing(tx, after, PAGE).await }));
            let page: Result<Vec<Damage>, SqlError> = page.await;
            let page = page?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.track, last.sequence);
            for known in page {
                let judged =
                    report.deep || matches!(known.fault.as_str(), "missing" | "truncated" | "beyond_end");
                if judged && !found.contains(&(known.track, known.sequence)) {
                    let Damage { track, sequence, .. } = known;
                    let gone = self.database.write(Lane::Maintenance, move |tx| {
                        Box::pin(async move { damage::forget(tx, track, sequence).await })
                    });
                    let gone: Result<(), SqlError> = gone.await;
                    gone?;
                }
            }
        }
    }

    /// Notes that a segment did not open in a play: it is not what was stored. One that is, as soon as it is read again, is
    /// not noted, because what is damaged does not settle. Other failures are passed over: they say nothing of the segment.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn note_damage_met(
        &self,
        track: &Track,
        segment: &Segment,
        error: &OpenError,
    ) -> Result<(), SqlError> {
        let fault = match error {
            OpenError::Segment { .. } => Fault::Altered,
            OpenError::Unreadable { source: StoreError::Missing, .. } => Fault::Missing,
            OpenError::Unreadable { source: StoreError::Truncated, .. } => Fault::Truncated,
            _ => return Ok(()),
        };
        if matches!(self.read_stored(segment).await, Ok(Ok(_))) {
            return Ok(());
        }
        let damaged = vec![(segment.sequence, segment.extent.object.clone(), fault)];
        self.note_damage(track, damaged, BTreeSet::new()).await
    }

    /// The damaged segments of an organisation that nobody has dealt with, oldest first, a hundred at most.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn damage(&self, organisation: OrganisationId) -> Result<Vec<Damage>, SqlError> {
        let read = self
            .database
            .read(move |tx| Box::pin(async move { damage::of_organisation(tx, organisation, TOLD).await }));
        read.await
    }
}

fn of(track: &Track, sequence: u64, object: String, fault: Fault, at: Timestamp) -> Damage {
    Damage {
        track: track.id,
        sequence,
        organisation: track.organisation,
        recording: track.recording,
        object,
        fault: fault.word().to_owned(),
        since: at,
        seen_at: at,
        lost: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_ends_in_its_time_and_no_disk_is_busy_with_it() {
        let (pace, minute) = (ScrubPace::default(), Duration::from_secs(60));
        assert_eq!(pace.budget(0, minute), 60 * 256 * 1024);
        let all = 1024 * 1024 * 1024 * 1024;
        let minutes = pace.pass.as_secs() / 60;
        assert!(pace.budget(all, minute) * minutes > all, "a tebibyte in a week");
        assert_eq!(pace.budget(u64::MAX, minute), 60 * 8 * 1024 * 1024);
    }
}
