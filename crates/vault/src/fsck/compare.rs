//! The check itself: rows against objects, and objects against rows.

use std::collections::{BTreeMap, HashMap};

use clerestory_access::{Access, CheckObjects, Grant};
use clerestory_model::{OrganisationId, TrackId};
use clerestory_sql::SqlError;
use clerestory_store::damage;
use clerestory_store::tracks::{self, Track};

use super::listing::Found;
use super::named::{Named, Need};
use super::read::Look;
use super::{Depth, Fault, Finding, FsckError, Progress, Report};
use crate::Vault;

/// Objects between two words about how far a check has come.
const STEP: u64 = 100;

/// Leave to open manifests, for each organisation asked for once.
pub(super) struct Leaves<'a> {
    access: &'a Access,
    held: HashMap<OrganisationId, Option<Grant<CheckObjects>>>,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(access: &'a Access) -> Self {
        Self { access, held: HashMap::new() }
    }

    /// `None` for an organisation that is not there: whoever names an object must not make entries in the audit log.
    pub(super) async fn of(
        &mut self,
        vault: &Vault,
        organisation: OrganisationId,
    ) -> Result<Option<&Grant<CheckObjects>>, FsckError> {
        let held = match self.held.remove(&organisation) {
            Some(held) => held,
            None if vault.has_organisation(organisation).await? => {
                Some(vault.leave(self.access, organisation, None).await?)
            }
            None => None,
        };
        Ok(self.held.entry(organisation).or_insert(held).as_ref())
    }
}

impl Vault {
    /// Compares everything that rows name with everything that lies in the store. Safe beside running servers: what
    /// looks wrong is looked at again before it is told. Changes nothing but what is known of damage: what is found
    /// damaged is noted for the health page, and what is found whole again is forgotten there.
    ///
    /// Holds the names of all objects in memory: some 300 bytes for each.
    ///
    /// # Errors
    /// [`FsckError`]: the store was not checked.
    pub async fn check_store(
        &self,
        access: &Access,
        depth: Depth,
        progress: Progress<'_>,
    ) -> Result<Report, FsckError> {
        let named = self.named(progress).await?;
        let listed = self.objects().everything().await?;
        progress("objects listed", listed.len() as u64, listed.len() as u64);
        let lost: Result<Vec<damage::Damage>, SqlError> =
            self.database.read(|tx| Box::pin(async move { damage::lost(tx).await })).await;
        let lost = lost?;
        let mut report = Report {
            store: self.objects().shown(),
            deep: depth == Depth::Deep,
            objects: listed.len() as u64,
            bytes: listed.iter().map(|found| found.bytes).sum(),
            named: named.objects.len() as u64,
            segments: named.segments,
            parts: named.parts,
            lost: lost.len() as u64,
            ..Report::default()
        };
        let mut leaves = Leaves::new(access);
        self.check_named(&named, &listed, depth, &mut leaves, progress, &mut report).await?;
        self.check_unnamed(&named, &listed, &lost, &mut leaves, progress, &mut report).await?;
        self.check_intents(&mut report).await?;
        report.findings.sort_by(|a, b| (a.fault, &a.object).cmp(&(b.fault, &b.object)));
        self.note_findings(&report).await?;
        Ok(report)
    }

    async fn check_named(
        &self,
        named: &Named,
        listed: &[Found],
        depth: Depth,
        leaves: &mut Leaves<'_>,
        progress: Progress<'_>,
        report: &mut Report,
    ) -> Result<(), FsckError> {
        let lengths: BTreeMap<&str, u64> =
            listed.iter().map(|found| (found.object.as_str(), found.bytes)).collect();
        let all = named.objects.len() as u64;
        for (done, (object, need)) in (0..).zip(&named.objects) {
            let length = lengths.get(object.as_str()).copied();
            if depth == Depth::Quick && fits(need, length) {
                continue;
            }
            if done % STEP == 0 {
                progress("objects compared", done, all);
            }
            let mut missing = false;
            for track in &need.tracks {
                let look = self.look_twice(object, *track, depth, leaves).await?;
                report.bytes_read += look.bytes_read;
                missing |= look.wrong.iter().any(|wrong| wrong.fault == Fault::Missing);
                let Some(found) = self.track(*track).await? else { continue };
                report.findings.extend(look.wrong.into_iter().map(|wrong| Finding {
                    organisation: Some(found.organisation),
                    recording: Some(found.recording),
                    track: Some(found.id),
                    segments: wrong.segments,
                    ..Finding::of(wrong.fault, object).saying(wrong.detail)
                }));
            }
            report.missing += u64::from(missing);
        }
        progress("objects compared", all, all);
        Ok(())
    }

    /// What looks wrong is looked at again: it may have been settled, or erased, between the rows and the object.
    pub(super) async fn look_twice(
        &self,
        object: &str,
        track: TrackId,
        depth: Depth,
        leaves: &mut Leaves<'_>,
    ) -> Result<Look, FsckError> {
        let Some(found) = self.track(track).await? else { return Ok(Look::default()) };
        let mut read = 0;
        for last in [false, true] {
            let naming = self.naming(object, track).await?;
            if naming.segments.is_empty() && naming.part.is_none() {
                break;
            }
            let grant = match (&naming.part, depth) {
                (Some(_), Depth::Deep) => leaves.of(self, found.organisation).await?,
                _ => None,
            };
            let look = self.look(object, &naming, depth, grant).await?;
            read += look.bytes_read;
            if last || look.wrong.is_empty() {
                return Ok(Look { bytes_read: read, ..look });
            }
        }
        Ok(Look { bytes_read: read, ..Look::default() })
    }

    pub(super) async fn track(&self, id: TrackId) -> Result<Option<Track>, SqlError> {
        self.database.read(move |tx| Box::pin(async move { tracks::find(tx, id).await })).await
    }
}

/// Whether an object is as long as rows say.
fn fits(need: &Need, length: Option<u64>) -> bool {
    length.is_some_and(|length| match need.exactly {
        Some(exactly) => length == exactly,
        None => length >= need.end,
    })
}
