//! Which objects rows name, and how long each has to be.

use std::collections::BTreeMap;

use clerestory_model::TrackId;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::parts::{self, Part};
use clerestory_store::segments::{self, Segment, Tail};

use super::{FsckError, Progress};
use crate::Vault;

/// Rows read in one go.
const PAGE: u32 = 500;

/// Everything that rows name.
#[derive(Default)]
pub(super) struct Named {
    pub(super) objects: BTreeMap<String, Need>,
    pub(super) segments: u64,
    pub(super) parts: u64,
}

/// What rows say of an object.
#[derive(Default)]
pub(super) struct Need {
    /// It is at least so long.
    pub(super) end: u64,
    /// It is exactly so long: it is a part's.
    pub(super) exactly: Option<u64>,
    /// The tracks whose rows name it.
    pub(super) tracks: Vec<TrackId>,
}

/// The rows of one track that name one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Naming {
    pub(super) part: Option<Part>,
    /// The segments that lie in it.
    pub(super) segments: Vec<Segment>,
}

impl Named {
    fn note(&mut self, segment: &Segment) {
        self.segments += 1;
        let need = self.objects.entry(segment.extent.object.clone()).or_default();
        need.end = need.end.max(segment.extent.offset.saturating_add(segment.extent.length));
        if need.tracks.last() != Some(&segment.track) {
            need.tracks.push(segment.track);
        }
    }
}

impl Vault {
    /// Reads all rows that name objects, page by page: what is settled meanwhile is seen in either place.
    pub(super) async fn named(&self, progress: Progress<'_>) -> Result<Named, FsckError> {
        let mut named = Named::default();
        let mut after = TrackId::nil();
        loop {
            let tails =
                self.database.read(move |tx| Box::pin(async move { segments::tails(tx, after, PAGE).await }));
            let tails: Result<Vec<Tail>, SqlError> = tails.await;
            let tails = tails?;
            let Some(last) = tails.last() else { break };
            after = last.track;
            for tail in tails {
                self.unsettled(tail.track, |segment| named.note(segment)).await?;
            }
            progress("rows read", named.segments, 0);
        }
        let mut after = None;
        loop {
            let page =
                self.database.read(move |tx| Box::pin(async move { parts::page(tx, after, PAGE).await }));
            let page: Result<Vec<Part>, SqlError> = page.await;
            let page = page?;
            let Some(last) = page.last() else { return Ok(named) };
            after = Some((last.track, last.number));
            for part in page {
                part.segments.iter().for_each(|segment| named.note(segment));
                named.parts += 1;
                let need = named.objects.entry(part.object).or_default();
                need.exactly = Some(part.object_bytes);
                if need.tracks.last() != Some(&part.track) {
                    need.tracks.push(part.track);
                }
            }
            progress("rows read", named.segments, 0);
        }
    }

    /// Hands over the segments of a track that have rows of their own.
    pub(super) async fn unsettled(
        &self,
        track: TrackId,
        mut see: impl FnMut(&Segment) + Send,
    ) -> Result<(), FsckError> {
        let mut from = 0;
        loop {
            let page = self
                .database
                .read(move |tx| Box::pin(async move { segments::unsettled(tx, track, from, PAGE).await }));
            let page: Result<Vec<Segment>, SqlError> = page.await;
            let page = page?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.sequence + 1;
            page.iter().for_each(&mut see);
        }
    }

    /// What the rows of a track say of an object now.
    pub(super) async fn naming(&self, object: &str, track: TrackId) -> Result<Naming, FsckError> {
        let object = object.to_owned();
        let naming = self.database.read(move |tx| Box::pin(async move { naming(tx, &object, track).await }));
        let naming: Result<Naming, SqlError> = naming.await;
        Ok(naming?)
    }
}

async fn naming(tx: &mut Tx, object: &str, track: TrackId) -> Result<Naming, SqlError> {
    if let Some(part) = parts::by_object(tx, object).await? {
        let segments = part.segments.iter().filter(|segment| segment.extent.object == object).cloned();
        return Ok(Naming { segments: segments.collect(), part: Some(part) });
    }
    let mut found = segments::in_object(tx, track, object).await?;
    if object.starts_with("segments/") {
        let settled = parts::of_track(tx, track).await?.into_iter().flat_map(|part| part.segments);
        found.extend(settled.filter(|segment| segment.extent.object == object));
    }
    Ok(Naming { part: None, segments: found })
}
