//! Parts: runs of a track's segments that were moved out of the ingest log into one object each.
//!
//! A segment has a row of its own ([`crate::segments`]) until it is settled; then its part's row tells of it, with the
//! same facts. What reads segments by track and number finds them in both places. The numbers of one part lie between
//! those of another where a segment came late: parts are never written again.

pub mod claims;
pub mod spent;
mod table;

use clerestory_model::{KeyId, Timestamp, TrackId};
use clerestory_sql::{Row, SqlError, Tx, Value};

use crate::segments::{Extent, Segment};
use crate::tracks;

/// A part's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The track it is part of.
    pub track: TrackId,
    /// Its number in the track, from 0.
    pub number: u32,
    /// Which attempt at settling the track wrote it: in the name of its object, and higher than all before.
    pub fence: u32,
    /// The key it is sealed under.
    pub key: KeyId,
    /// The object it lies in.
    pub object: String,
    /// Bytes of that object.
    pub object_bytes: u64,
    /// Bytes of the sealed manifest in it.
    pub manifest_bytes: u64,
    /// The segment that others of the part are packed on.
    pub base: Option<u64>,
    /// When it was written.
    pub settled_at: Timestamp,
    /// Its segments, in the order of their numbers. Never empty.
    pub segments: Vec<Segment>,
}

const COLUMNS: &str = "track_id, part, fence, key_id, object, object_bytes, manifest_bytes, base_sequence, settled_at, \
                       facts, proofs";

fn part(row: &Row) -> Result<Part, SqlError> {
    let (track, object, base) = (row.get(0)?, row.get::<String>(4)?, row.get(7)?);
    let (facts, proofs): (Vec<u8>, Vec<u8>) = (row.get(9)?, row.get(10)?);
    let broken = || SqlError::Inconsistent { table: "parts", column: "facts".to_owned() };
    let segments = table::read(track, &object, base, &facts, &proofs).ok_or_else(broken)?;
    Ok(Part {
        track,
        number: row.get(1)?,
        fence: row.get(2)?,
        key: row.get(3)?,
        object_bytes: row.get(5)?,
        manifest_bytes: row.get(6)?,
        base,
        settled_at: row.get(8)?,
        segments,
        object,
    })
}

/// The facts and proofs of segments as bytes, those of a part that lies in `object` ([`table`]).
#[must_use]
pub fn write_table(object: &str, segments: &[Segment]) -> (Vec<u8>, Vec<u8>) {
    table::write(object, segments)
}

/// What [`write_table`] wrote; `None` when it is no such thing.
#[must_use]
pub fn read_table(
    track: TrackId,
    object: &str,
    base: Option<u64>,
    facts: &[u8],
    proofs: &[u8],
) -> Option<Vec<Segment>> {
    table::read(track, object, base, facts, proofs)
}

/// Adds a part whose object is durable. Its segments' own rows are the caller's to take away, and the track is the
/// caller's to lock.
///
/// # Errors
/// [`SqlError::Exists`] when the number is taken; [`SqlError::Inconsistent`] for a part without segments.
pub async fn insert(tx: &mut Tx, new: &Part) -> Result<(), SqlError> {
    let (Some(first), Some(last)) = (new.segments.first(), new.segments.last()) else {
        return Err(SqlError::Inconsistent { table: "parts", column: "segments".to_owned() });
    };
    let received = new.segments.iter().map(|segment| segment.received_at).max().unwrap_or(last.received_at);
    let (facts, proofs) = table::write(&new.object, &new.segments);
    tx.execute(
        "INSERT INTO parts (track_id, part, fence, key_id, object, object_bytes, manifest_bytes, first_sequence,
             last_sequence, segments, base_sequence, last_received_at, settled_at, facts, proofs)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &[
            new.track.into(),
            new.number.into(),
            new.fence.into(),
            new.key.into(),
            new.object.as_str().into(),
            new.object_bytes.into(),
            new.manifest_bytes.into(),
            first.sequence.into(),
            last.sequence.into(),
            (new.segments.len() as u64).into(),
            new.base.into(),
            received.into(),
            new.settled_at.into(),
            facts.into(),
            proofs.into(),
        ],
    )
    .await?;
    let sql = "UPDATE tracks SET next_part = $2 WHERE track_id = $1 AND next_part < $2";
    tx.execute(sql, &[new.track.into(), new.number.saturating_add(1).into()]).await?;
    Ok(())
}

/// Writes the row of a part anew, with other segments than before; takes it away when there are none.
///
/// # Errors
/// [`SqlError::Inconsistent`] when there is no such row.
pub async fn replace(tx: &mut Tx, part: &Part) -> Result<(), SqlError> {
    let sql = "DELETE FROM parts WHERE track_id = $1 AND part = $2";
    tx.execute_one("parts", sql, &[part.track.into(), part.number.into()]).await?;
    if part.segments.is_empty() { Ok(()) } else { insert(tx, part).await }
}

/// The number of a track's next part: no part ever had it, not one either whose segments are all lost and may come back.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn next_number(tx: &mut Tx, track: TrackId) -> Result<u32, SqlError> {
    let mut next = 0;
    for sql in [
        "SELECT next_part FROM tracks WHERE track_id = $1",
        // A node of an older version does not count.
        "SELECT max(part) + 1 FROM parts WHERE track_id = $1",
    ] {
        let row = tx.query_opt(sql, &[track.into()]).await?;
        let number: Option<u32> = row.map_or(Ok(None), |row| row.get(0))?;
        next = next.max(number.unwrap_or(0));
    }
    Ok(next)
}

/// The parts of a track, in the order of their numbers.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_track(tx: &mut Tx, track: TrackId) -> Result<Vec<Part>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM parts WHERE track_id = $1 ORDER BY part");
    tx.query(&sql, &[track.into()]).await?.iter().map(part).collect()
}

/// The part that lies in this object.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn by_object(tx: &mut Tx, object: &str) -> Result<Option<Part>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM parts WHERE object = $1");
    tx.query_opt(&sql, &[object.into()]).await?.as_ref().map(part).transpose()
}

/// Parts of all tracks after the one named, at most `limit`: for whoever looks at each of them.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn page(tx: &mut Tx, after: Option<(TrackId, u32)>, limit: u32) -> Result<Vec<Part>, SqlError> {
    let order = format!("ORDER BY track_id, part LIMIT {limit}");
    let rows = match after {
        None => tx.query(&format!("SELECT {COLUMNS} FROM parts {order}"), &[]).await?,
        Some((track, number)) => {
            let after = "track_id > $1 OR (track_id = $1 AND part > $2)";
            let sql = format!("SELECT {COLUMNS} FROM parts WHERE {after} {order}");
            tx.query(&sql, &[track.into(), number.into()]).await?
        }
    };
    rows.iter().map(part).collect()
}

/// The settled segment of this number.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn segment(tx: &mut Tx, track: TrackId, sequence: u64) -> Result<Option<Segment>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM parts WHERE track_id = $1 AND first_sequence <= $2 AND last_sequence >= $2"
    );
    for row in tx.query(&sql, &[track.into(), sequence.into()]).await? {
        let mut segments = part(&row)?.segments;
        if let Ok(at) = segments.binary_search_by_key(&sequence, |segment| segment.sequence) {
            return Ok(Some(segments.swap_remove(at)));
        }
    }
    Ok(None)
}

/// The settled segments of a track numbered `from` and above, in order.
pub(crate) async fn segments_from(tx: &mut Tx, track: TrackId, from: u64) -> Result<Vec<Segment>, SqlError> {
    let sql =
        format!("SELECT {COLUMNS} FROM parts WHERE track_id = $1 AND last_sequence >= $2 ORDER BY part");
    let mut segments = Vec::new();
    for row in tx.query(&sql, &[track.into(), from.into()]).await? {
        segments.extend(part(&row)?.segments.into_iter().filter(|segment| segment.sequence >= from));
    }
    segments.sort_unstable_by_key(|segment| segment.sequence);
    Ok(segments)
}

/// The first and the last segment of the first part of a track in this order of their numbers.
pub(crate) async fn at_end(tx: &mut Tx, track: TrackId, order: &str) -> Result<Vec<Segment>, SqlError> {
    let sql =
        format!("SELECT {COLUMNS} FROM parts WHERE track_id = $1 ORDER BY first_sequence{order} LIMIT 1");
    let segments = match tx.query_opt(&sql, &[track.into()]).await? {
        Some(row) => part(&row)?.segments,
        None => Vec::new(),
    };
    Ok(segments.first().into_iter().chain(segments.last()).cloned().collect())
}

/// The settled segments of a site that arrived after `after`, with their recordings, at most those of `limit` parts.
pub(crate) async fn received(
    tx: &mut Tx,
    site: clerestory_model::SiteId,
    after: Timestamp,
    limit: u32,
) -> Result<Vec<crate::segments::Receipt>, SqlError> {
    let columns = COLUMNS.split(", ").map(|name| format!("p.{}", name.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, t.recording_id FROM parts p JOIN tracks t ON t.track_id = p.track_id
         JOIN recordings r ON r.recording_id = t.recording_id
         WHERE r.site_id = $1 AND p.last_received_at > $2 ORDER BY p.last_received_at LIMIT $3"
    );
    let mut receipts = Vec::new();
    for row in tx.query(&sql, &[site.into(), after.into(), limit.into()]).await? {
        let recording = row.get(11)?;
        let fresh = part(&row)?.segments.into_iter().filter(|segment| segment.received_at > after);
        receipts.extend(fresh.map(|segment| crate::segments::Receipt { recording, segment }));
    }
    Ok(receipts)
}

/// Everything that holds bytes of a track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackObjects {
    /// The objects of its parts.
    pub parts: Vec<String>,
    /// Objects of single large segments.
    pub singles: Vec<String>,
    /// Where in the ingest log its segments lie that are not settled: others lie beside them.
    pub log: Vec<Extent>,
    /// The object of a part that somebody is writing or was writing: it may be there, or come.
    pub claimed: Option<String>,
}

impl TrackObjects {
    /// The names of all objects, of the ingest log too, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let log = self.log.iter().map(|extent| &extent.object);
        let all = self.parts.iter().chain(&self.singles).chain(log).chain(&self.claimed);
        let mut names: Vec<&str> = all.map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn note(&mut self, segments: Vec<Segment>) {
        for Segment { extent, .. } in segments {
            if extent.object.starts_with("log/") {
                self.log.push(extent);
            } else if !self.parts.contains(&extent.object) {
                self.singles.push(extent.object);
            }
        }
    }
}

/// Every object and log position that holds bytes of a track.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn objects_of_track(tx: &mut Tx, track: TrackId) -> Result<TrackObjects, SqlError> {
    let mut found = TrackObjects::default();
    // Rows before parts: what is settled between the two reads is then seen twice, and not missed.
    let rows = crate::segments::unsettled(tx, track, 0, u32::MAX).await?;
    for part in of_track(tx, track).await? {
        found.parts.push(part.object);
        found.note(part.segments);
    }
    found.note(rows);
    for object in crate::damage::lost_objects(tx, track).await? {
        if !object.starts_with("log/") && !found.names().contains(&object.as_str()) {
            found.singles.push(object);
        }
    }
    found.claimed = claims::of_track(tx, track).await?.map(|claim| claim.object);
    Ok(found)
}

/// Takes away all rows about the bytes of a track, and hands their objects over to be removed ([`spent`]). Whoever is
/// settling the track loses. Call it with the recording locked; it locks the track.
///
/// # Errors
/// [`SqlError`].
pub async fn take_away(tx: &mut Tx, track: TrackId, at: Timestamp) -> Result<TrackObjects, SqlError> {
    let mut found = take_away_but_lost(tx, track, at).await?;
    for object in crate::damage::lost_objects(tx, track).await? {
        if object.starts_with("log/") {
            spent::note(tx, &object, at).await?;
            found.log.push(Extent { object, offset: 0, length: 0 });
        }
    }
    tx.execute("DELETE FROM damage WHERE track_id = $1", &[Value::from(track)]).await?;
    Ok(found)
}

/// The same for a track that is written anew under the same key: what says that segments are lost stays, and with it
/// what is left of their objects.
///
/// # Errors
/// [`SqlError`].
pub async fn take_away_but_lost(
    tx: &mut Tx,
    track: TrackId,
    at: Timestamp,
) -> Result<TrackObjects, SqlError> {
    tracks::next_fence(tx, track).await?;
    let found = objects_of_track(tx, track).await?;
    for object in found.names() {
        spent::note(tx, object, at).await?;
    }
    for sql in [
        "DELETE FROM segments WHERE track_id = $1",
        "DELETE FROM parts WHERE track_id = $1",
        "DELETE FROM part_claims WHERE track_id = $1",
        "DELETE FROM damage WHERE track_id = $1 AND lost = 0",
    ] {
        tx.execute(sql, &[Value::from(track)]).await?;
    }
    Ok(found)
}
