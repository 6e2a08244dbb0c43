//! Objects that no row names: in flight, left over, erased, orphaned, or all that is left of rows that are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clerestory_keys::KeyError;
use clerestory_model::{OrganisationId, RecordingState, Timestamp, TrackId};
use clerestory_sql::SqlError;
use clerestory_store::damage::Damage;
use clerestory_store::parts::spent;
use clerestory_store::segments::{self, Extent};
use clerestory_store::tracks;

use super::compare::Leaves;
use super::erased::{Erasures, KeyStanding};
use super::listing::{Found, Kind, is_ours};
use super::named::Named;
use super::{Fault, Finding, FsckError, InFlight, Progress, Report};
use crate::error::chain;
use crate::log::entry::{self, Frame, Frames};
use crate::parts::{CLAIM_LASTS, key_of_end};
use crate::{ManifestError, OpenError, PartName, StoreError, Vault};

/// No intent is older: after a day its writer is gone. An hour more, for clocks that differ.
pub(super) const UNDER_WAY: Duration = Duration::from_secs(25 * 3600);
/// Whoever takes rows away removes their objects within this time.
const REMOVED_WITHIN: Duration = Duration::from_secs(3600);
/// A single object's intent stands as long at most.
const INTENT_STANDS: Duration = Duration::from_secs(24 * 3600);
/// Bytes of the end of a part that are read to see under which key it is.
const END: u64 = 40;
/// What is said of an object in which an organisation is named that has no row.
pub(super) const NO_ORGANISATION: &str = "it names an organisation that this installation does not have";
/// What is said of an object that is larger than any that is written.
pub(super) const TOO_LARGE: &str = "it is larger than any that Clerestory writes";
/// What is said of a part under another key than its track's.
const OTHER_KEY: &str =
    "under another key than its track has: the database is older than it, so restore the newest copy";

/// What the rows say is under way, or on its way out; and of what else they cannot be believed.
struct Loose {
    intents: Vec<(String, Timestamp)>,
    spent: BTreeMap<String, Timestamp>,
    lost: BTreeSet<String>,
    erasures: Erasures,
    /// Segments whose rows name bytes that this check found missing, cut or altered.
    damaged: BTreeSet<(TrackId, u64)>,
}

/// What one entry of an object that no row names comes to.
enum Judged {
    Erased,
    UnknownKey,
    /// It does not open, and nothing else has what it should hold.
    Broken,
    /// Something else has it.
    Known,
    /// Nothing else has it.
    Unlisted,
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
        let damaged = report.findings.iter().filter(|finding| finding.fault.is_damage());
        let damaged = damaged.filter_map(|finding| finding.track.map(|track| (track, &finding.segments)));
        let loose = Loose {
            intents: self.objects_under_way().await?,
            spent: self.spent().await?,
            lost: lost.iter().map(|damage| damage.object.clone()).collect(),
            erasures: self.erasures().await?,
            damaged: damaged.flat_map(|(track, numbers)| numbers.iter().map(move |n| (track, *n))).collect(),
        };
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
        let now = self.log.intents().now();
        let read = self.database.read(move |tx| {
            Box::pin(async move {
                let (mut all, mut after) = (BTreeMap::new(), String::new());
                loop {
                    let page = spent::unnamed(tx, &after, now, 500).await?;
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
            Kind::Part(name) => self.judge_part(found, name, loose, leaves).await?,
            Kind::Log | Kind::Single(..) => self.judge_entries(found, loose, leaves).await?,
            Kind::Closed => Some(Finding::of(Fault::Strange, object).saying("it cannot be read")),
            Kind::LeftOver => Some(Finding::of(Fault::LeftOver, object)),
            Kind::Elsewhere => None,
            Kind::Strange if is_ours(object) => Some(Finding::of(Fault::Strange, object)),
            Kind::Strange => {
                Some(Finding::of(Fault::Strange, object).saying("nor does it lie where objects lie"))
            }
        };
        if let Some(finding) = &mut finding {
            finding.detail = said(&finding.detail, spent);
            finding.spent = spent.is_some();
            // This database took its rows away itself.
            if finding.spent && matches!(finding.fault, Fault::Orphaned | Fault::UnknownKey) {
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
        loose: &Loose,
        leaves: &mut Leaves<'_>,
    ) -> Result<Option<Finding>, FsckError> {
        let whose = |fault| Finding {
            organisation: Some(name.organisation),
            recording: Some(name.recording),
            track: Some(name.track),
            ..Finding::of(fault, &found.object)
        };
        let Some(end) = self.end_of(found).await? else { return Ok(None) };
        // A put is all or nothing: a part that does not open was damaged, and what it held is not known.
        let Some(key) = key_of_end(&end) else {
            return Ok(Some(whose(Fault::Unopenable).saying("it does not end as parts do")));
        };
        match self.key_standing(&loose.erasures, (name.organisation, name.track), key).await? {
            KeyStanding::Held => {}
            KeyStanding::Erased => return Ok(Some(whose(Fault::Erased))),
            KeyStanding::Unknown => return Ok(Some(whose(Fault::UnknownKey))),
        }
        let Some(grant) = leaves.of(self, name.organisation).await? else {
            return Ok(Some(Finding::of(Fault::Unopenable, &found.object).saying(NO_ORGANISATION)));
        };
        let manifest = match self.read_manifest(grant, &found.listed()).await {
            Ok(manifest) => manifest,
            Err(ManifestError::Store(StoreError::Missing | StoreError::Truncated)) => return Ok(None),
            Err(ManifestError::Store(error)) => return Err(error.into()),
            // Destroyed since the look above: the next check tells why.
            Err(ManifestError::Open(OpenError::Erased)) => return Ok(None),
            Err(ManifestError::Open(error)) => return Err(error.into()),
            Err(error) => return Ok(Some(whose(Fault::Unopenable).saying(chain(&error)))),
        };
        let numbers: Vec<u64> = manifest.part.segments.iter().map(|segment| segment.sequence).collect();
        let only = self.only_here(loose, name.track, numbers).await?;
        if only.is_empty() {
            return Ok(Some(whose(Fault::Orphaned)));
        }
        let row = self.track(name.track).await?;
        let detail = if row.is_none_or(|row| row.key == key) { "" } else { OTHER_KEY };
        Ok(Some(Finding { segments: only, ..whose(Fault::Unlisted) }.saying(detail)))
    }

    /// The last bytes of an object that may be a part; `None` when it is gone by now.
    pub(super) async fn end_of(&self, found: &Found) -> Result<Option<Vec<u8>>, StoreError> {
        let whole = Extent { object: found.object.clone(), offset: 0, length: found.bytes };
        match self.objects().read_range(&whole, found.bytes.saturating_sub(END)..found.bytes).await {
            Ok(end) => Ok(Some(end)),
            Err(StoreError::Missing | StoreError::Truncated) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn judge_entries(
        &self,
        found: &Found,
        loose: &Loose,
        leaves: &mut Leaves<'_>,
    ) -> Result<Option<Finding>, FsckError> {
        if found.is_too_large() {
            return Ok(Some(Finding::of(Fault::Unopenable, &found.object).saying(TOO_LARGE)));
        }
        let whole = Extent { object: found.object.clone(), offset: 0, length: found.bytes };
        let bytes = match self.objects().read(&whole).await {
            Ok(bytes) => bytes,
            Err(StoreError::Missing | StoreError::Truncated) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut frames = Frames::of(&bytes);
        let (mut erased, mut unknown, mut broken, mut known) = (0, 0, 0, 0);
        let mut unlisted = BTreeMap::<TrackId, (OrganisationId, Vec<u64>)>::new();
        while let Some(frame) = frames.next() {
            let entry = self.open_frame(found, &bytes, &frame).await?;
            if entry.is_none() {
                frames.look_into(&frame);
            }
            let place = frame.place;
            match self.judge_entry(&frame, entry.is_some(), loose, leaves).await? {
                Judged::Erased => erased += 1,
                Judged::UnknownKey => unknown += 1,
                Judged::Broken => broken += 1,
                Judged::Known => known += 1,
                Judged::Unlisted => {
                    let of = unlisted.entry(place.track).or_insert((place.organisation, Vec::new()));
                    of.1.push(place.sequence);
                }
            }
        }
        let none = erased + unknown + broken + known == 0 && bytes.iter().any(|byte| *byte != 0);
        let told = |fault| Finding::of(fault, &found.object);
        Ok(Some(match unlisted.first_key_value() {
            Some((track, (organisation, numbers))) => Finding {
                organisation: Some(*organisation),
                track: Some(*track),
                segments: numbers.clone(),
                ..told(Fault::Unlisted).saying(format!("segments of {} tracks", unlisted.len()))
            },
            None if unknown > 0 => told(Fault::UnknownKey).saying(format!("{unknown} of its entries")),
            None if broken > 0 => told(Fault::Unopenable).saying(format!("{broken} of its entries")),
            None if none => told(Fault::Unopenable).saying("no entry of the log is in it"),
            None if erased > 0 && known == 0 => told(Fault::Erased),
            None => told(Fault::Orphaned),
        }))
    }

    async fn judge_entry(
        &self,
        frame: &Frame,
        opens: bool,
        loose: &Loose,
        leaves: &mut Leaves<'_>,
    ) -> Result<Judged, FsckError> {
        let place = frame.place;
        match self.key_standing(&loose.erasures, (place.organisation, place.track), place.key).await? {
            KeyStanding::Held => {}
            KeyStanding::Erased => return Ok(Judged::Erased),
            KeyStanding::Unknown => return Ok(Judged::UnknownKey),
        }
        if leaves.of(self, place.organisation).await?.is_none() {
            return Ok(Judged::Broken);
        }
        let only = self.only_here(loose, place.track, vec![place.sequence]).await?;
        Ok(match (only.is_empty(), opens) {
            (true, _) => Judged::Known,
            (false, true) => Judged::Unlisted,
            (false, false) => Judged::Broken,
        })
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

    /// Of these numbers of a track, those that nothing else has: no row knows them, or what their rows name is damaged,
    /// as it is where an older database came back and settling had moved them since. What was erased is nobody's loss.
    async fn only_here(
        &self,
        loose: &Loose,
        track: TrackId,
        numbers: Vec<u64>,
    ) -> Result<Vec<u64>, SqlError> {
        let damaged: BTreeSet<u64> =
            numbers.iter().copied().filter(|number| loose.damaged.contains(&(track, *number))).collect();
        let read = self.database.read(move |tx| {
            Box::pin(async move {
                let row = tracks::find(tx, track).await?;
                if row.is_some_and(|row| row.state >= RecordingState::Shredded) {
                    return Ok::<_, SqlError>(Vec::new());
                }
                let mut only = Vec::new();
                for number in numbers {
                    let known = segments::find(tx, track, number).await?.is_some();
                    if (!known || damaged.contains(&number)) && !tracks::is_erased(tx, track, number).await? {
                        only.push(number);
                    }
                }
                Ok(only)
            })
        });
        read.await
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
