//! Objects that no row names: in flight, left over, erased, orphaned, or all that is left of rows that are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clerestory_keys::{KeyError, Purpose};
use clerestory_model::{KeyId, OrganisationId, RecordingState, Timestamp, TrackId};
use clerestory_sql::SqlError;
use clerestory_store::damage::Damage;
use clerestory_store::parts::spent;
use clerestory_store::segments::{self, Extent};
use clerestory_store::tracks;

use super::compare::Leaves;
use super::listing::{Found, Kind, is_ours};
use super::named::Named;
use super::{Fault, Finding, FsckError, InFlight, Progress, Report};
use crate::error::chain;
use crate::log::entry::{self, Frame};
use crate::parts::{CLAIM_LASTS, key_of_end};
use crate::{ManifestError, OpenError, PartName, StoreError, Vault};

/// No intent is older: after a day its writer is gone. An hour more, for clocks that differ.
pub(super) const UNDER_WAY: Duration = Duration::from_secs(25 * 3600);
/// Whoever takes rows away removes their objects within this time.
const REMOVED_WITHIN: Duration = Duration::from_secs(3600);
/// A single object's intent stands as long at most.
const INTENT_STANDS: Duration = Duration::from_secs(24 * 3600);
/// Names of the end of a part that are read to see under which key it is.
const END: u64 = 40;

/// What the rows say is under way, or on its way out.
struct Loose {
    intents: Vec<(String, Timestamp)>,
    spent: BTreeMap<String, Timestamp>,
    lost: BTreeSet<String>,
}

impl Vault {
    pub(super) async fn check_unnamed(
        &self,
        named: &Named,
        listed: &[Found],
        lost: &[Damage],
        leaves: &mut Leaves<'_>,
        progress: Progress<'_>,
        report: &mut Report,
    ) -> Result<(), FsckError> {
        let lost = lost.iter().map(|damage| damage.object.clone()).collect();
        let loose = Loose { intents: self.objects_under_way().await?, spent: self.spent().await?, lost };
        let unnamed = listed.iter().filter(|found| !named.objects.contains_key(&found.object));
        let unnamed: Vec<&Found> = unnamed.collect();
        for (done, found) in (0..).zip(&unnamed) {
            progress("unnamed objects looked at", done, unnamed.len() as u64);
            if let Some(finding) = self.judge(found, &loose, leaves, report).await? {
                report.findings.push(finding);
            }
        }
        Ok(())
    }

    async fn spent(&self) -> Result<BTreeMap<String, Timestamp>, SqlError> {
        let read = self.database.read(|tx| {
            Box::pin(async move {
                let (mut all, mut after) = (BTreeMap::new(), String::new());
                loop {
                    let page = spent::unnamed(tx, &after, 500).await?;
                    let Some(last) = page.last() else { return Ok::<_, SqlError>(all) };
                    after.clone_from(&last.object);
                    all.extend(page.into_iter().map(|spent| (spent.object, spent.at)));
                }
            })
        });
        read.await
    }

    async fn judge(
        &self,
        found: &Found,
        loose: &Loose,
        leaves: &mut Leaves<'_>,
        report: &mut Report,
    ) -> Result<Option<Finding>, FsckError> {
        let (object, now) = (found.object.as_str(), self.log.intents().now());
        if found.kind == Kind::Elsewhere {
            return Ok(None);
        }
        if let Some(since) = self.in_flight(object, loose)? {
            report.in_flight.push(InFlight { object: object.to_owned(), since: since.to_string() });
            return Ok(None);
        }
        let young = found.modified > now.minus(UNDER_WAY);
        let spent = loose.spent.get(object).copied();
        if spent.map_or(young, |at| at > now.minus(REMOVED_WITHIN)) {
            report.young += 1;
            return Ok(None);
        }
        // By now a row may name it.
        if self.is_named(object).await? {
            return Ok(None);
        }
        let mut finding = match found.kind {
            Kind::Part(name) => self.judge_part(found, name, leaves).await?,
            Kind::Log | Kind::Single(..) => self.judge_entries(found, leaves).await?,
            Kind::LeftOver => Some(Finding::of(Fault::LeftOver, object)),
            Kind::Elsewhere => None,
            Kind::Strange if is_ours(object) => Some(Finding::of(Fault::Strange, object)),
            Kind::Strange => {
                Some(Finding::of(Fault::Strange, object).saying("nor does it lie where objects lie"))
            }
        };
        if let Some(finding) = &mut finding {
            finding.detail = said(&finding.detail, spent);
            if spent.is_some() && finding.fault == Fault::Orphaned {
                finding.fault = Fault::Erased;
            }
            // What is left of a segment that is recorded as lost is kept, as long as its key is.
            if loose.lost.contains(object) && finding.fault != Fault::Erased {
                return Ok(None);
            }
        }
        Ok(finding)
    }

    /// Since when somebody is writing the object, or may be.
    fn in_flight(&self, object: &str, loose: &Loose) -> Result<Option<Timestamp>, FsckError> {
        let now = self.log.intents().now();
        for (name, since) in &loose.intents {
            if name == object && *since > now.minus(stands(name)) {
                return Ok(Some(*since));
            }
            let run = name.ends_with('/') && object.starts_with(name.as_str());
            // The kernel ends the locks of a run with its process.
            if run && self.hold_file(object)?.is_none() {
                return Ok(Some(*since));
            }
        }
        Ok(None)
    }

    async fn is_named(&self, object: &str) -> Result<bool, SqlError> {
        let object = object.to_owned();
        self.database.read(move |tx| Box::pin(async move { segments::any_in(tx, &object).await })).await
    }

    async fn judge_part(
        &self,
        found: &Found,
        name: PartName,
        leaves: &mut Leaves<'_>,
    ) -> Result<Option<Finding>, FsckError> {
        let whose = |fault| Finding {
            organisation: Some(name.organisation),
            recording: Some(name.recording),
            track: Some(name.track),
            ..Finding::of(fault, &found.object)
        };
        let whole = Extent { object: found.object.clone(), offset: 0, length: found.bytes };
        let end = self.objects().read_range(&whole, found.bytes.saturating_sub(END)..found.bytes).await;
        let end = match end {
            Ok(end) => end,
            Err(StoreError::Missing | StoreError::Truncated) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(key) = key_of_end(&end) else {
            return Ok(Some(whose(Fault::Orphaned).saying("it is cut off: nothing of it can be told apart")));
        };
        if !self.is_track_key(key).await? {
            return Ok(Some(whose(Fault::Erased)));
        }
        let grant = leaves.of(self, name.organisation).await?;
        let manifest = match self.read_manifest(grant, &found.listed()).await {
            Ok(manifest) => manifest,
            Err(ManifestError::Store(error)) => return Err(error.into()),
            Err(ManifestError::Open(OpenError::Erased)) => return Ok(Some(whose(Fault::Erased))),
            Err(ManifestError::Open(error)) => return Err(error.into()),
            Err(error) => return Ok(Some(whose(Fault::Orphaned).saying(chain(&error)))),
        };
        let numbers: Vec<u64> = manifest.part.segments.iter().map(|segment| segment.sequence).collect();
        let unknown = self.unknown(name.track, key, numbers).await?;
        let fault = if unknown.is_empty() { Fault::Orphaned } else { Fault::Unlisted };
        Ok(Some(Finding { segments: unknown, ..whose(fault) }))
    }

    async fn judge_entries(
        &self,
        found: &Found,
        leaves: &mut Leaves<'_>,
    ) -> Result<Option<Finding>, FsckError> {
        let whole = Extent { object: found.object.clone(), offset: 0, length: found.bytes };
        let bytes = match self.objects().read(&whole).await {
            Ok(bytes) => bytes,
            Err(StoreError::Missing | StoreError::Truncated) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let frames = entry::frames(&bytes);
        let (mut gone, mut unlisted) = (0, BTreeMap::<TrackId, (OrganisationId, Vec<u64>)>::new());
        for frame in &frames {
            let place = frame.place;
            if !self.is_track_key(place.key).await? {
                gone += 1;
                continue;
            }
            let grant = leaves.of(self, place.organisation).await?;
            if !grant.covers_manifests(place.organisation, place.recording)
                || self.open_frame(found, &bytes, frame).await?.is_none()
            {
                continue;
            }
            if !self.unknown(place.track, place.key, vec![place.sequence]).await?.is_empty() {
                unlisted
                    .entry(place.track)
                    .or_insert_with(|| (place.organisation, Vec::new()))
                    .1
                    .push(place.sequence);
            }
        }
        let finding = match unlisted.first_key_value() {
            Some((track, (organisation, numbers))) => Finding {
                organisation: Some(*organisation),
                track: Some(*track),
                segments: numbers.clone(),
                ..Finding::of(Fault::Unlisted, &found.object)
                    .saying(format!("segments of {} tracks", unlisted.len()))
            },
            None if !frames.is_empty() && gone == frames.len() => Finding::of(Fault::Erased, &found.object),
            None => Finding::of(Fault::Orphaned, &found.object),
        };
        Ok(Some(finding))
    }

    /// Whether the entry is what was sealed for its place.
    async fn open_frame(
        &self,
        found: &Found,
        bytes: &[u8],
        frame: &Frame,
    ) -> Result<Option<entry::Entry>, FsckError> {
        match self.secret(frame.place.key).await {
            Ok(key) => Ok(entry::open(&key, self.keys().deployment(), &found.object, bytes, frame).ok()),
            Err(KeyError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Of these numbers of a track sealed under `key`, those that no row knows. None of a track that has another key by
    /// now, or that was erased.
    async fn unknown(&self, track: TrackId, key: KeyId, numbers: Vec<u64>) -> Result<Vec<u64>, SqlError> {
        let read = self.database.read(move |tx| {
            Box::pin(async move {
                if let Some(found) = tracks::find(tx, track).await?
                    && (found.key != key || found.state >= RecordingState::Shredded)
                {
                    return Ok::<_, SqlError>(Vec::new());
                }
                let mut unknown = Vec::new();
                for number in numbers {
                    if segments::find(tx, track, number).await?.is_none() {
                        unknown.push(number);
                    }
                }
                Ok(unknown)
            })
        });
        read.await
    }

    /// Whether the registry has such a key of a track. The id comes from outside: it must not lead to another use.
    pub(super) async fn is_track_key(&self, key: KeyId) -> Result<bool, FsckError> {
        let keys = std::sync::Arc::clone(self.keys());
        let found = self.database.read(move |tx| Box::pin(async move { keys.locate(tx, key).await })).await;
        match found {
            Ok(found) => Ok(found.purpose == Purpose::Track),
            Err(KeyError::Unknown(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Intents whose time is over.
    pub(super) async fn check_intents(&self, report: &mut Report) -> Result<(), FsckError> {
        let now = self.log.intents().now();
        for (object, since) in self.objects_under_way().await? {
            if object.ends_with('/') {
                continue;
            }
            if since > now.minus(stands(&object)) {
                if report.in_flight.iter().all(|known| known.object != object) {
                    report.in_flight.push(InFlight { object, since: since.to_string() });
                }
            } else {
                report
                    .findings
                    .push(Finding::of(Fault::StaleIntent, &object).saying(format!("since {since}")));
            }
        }
        Ok(())
    }
}

/// How long an intent stands at most.
fn stands(object: &str) -> Duration {
    if object.parse::<PartName>().is_ok() { CLAIM_LASTS * 2 } else { INTENT_STANDS }
}

fn said(detail: &str, spent: Option<Timestamp>) -> String {
    match spent {
        Some(at) if detail.is_empty() => format!("its rows were taken away at {at}"),
        Some(at) => format!("its rows were taken away at {at}; {detail}"),
        None => detail.to_owned(),
    }
}
