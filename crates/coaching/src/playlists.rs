//! Playlists: recordings and clips in an order. A playlist lends nothing: everybody sees of it what they see anyway.

use std::collections::{BTreeMap, BTreeSet};

use clerestory_access::{
    Actor, Grant, ListClips, ListRecordings, ManagePlaylists, OpContext, OrganisationRef, ReadPlaylists,
};
use clerestory_audit::Personal;
use clerestory_model::{
    ClipId, OrganisationId, PersonId, PlaylistId, RecordingId, RecordingState, Timestamp,
};
use clerestory_seal::random;
use clerestory_sql::{Lane, Row, SqlError, Tx, Value};
use clerestory_store::recordings::{ScopeFilter, Subjects};
use clerestory_store::{About, Place as SealedAt, Sealed, organisations};

use crate::clips::{self, Clip};
use crate::words::PlaylistTitle;
use crate::{Coaching, CoachingError, Decided};

/// Playlists that are kept of one organisation.
const MOST: u32 = 500;
/// Items of one playlist at most.
const MOST_ITEMS: u32 = 200;

/// What somebody puts into a playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole recording.
    Recording(RecordingId),
    /// A clip.
    Clip(ClipId),
}

/// An item as it stands in a playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The recording, or that of the clip.
    pub recording: RecordingId,
    /// The clip, where it is one.
    pub clip: Option<Clip>,
}

/// A playlist as a list of them shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: PlaylistId,
    /// What it is called.
    pub title: String,
    /// Who made it.
    pub made_by: PersonId,
    /// When.
    pub made_at: Timestamp,
    /// How many items of it the caller sees.
    pub seen: u64,
    /// How many they do not see.
    pub hidden: u64,
}

/// A playlist with what the caller sees of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playlist {
    /// As in a list.
    pub summary: Summary,
    /// What they see, in its order.
    pub items: Vec<Entry>,
}

/// A playlist's row.
struct Kept {
    id: PlaylistId,
    organisation: OrganisationId,
    made_by: PersonId,
    title: Sealed<PlaylistTitle>,
    version: u64,
    made_at: Timestamp,
}

const COLUMNS: &str = "playlist_id, organisation_id, made_by, title, version, made_at";

fn place(organisation: OrganisationId, id: PlaylistId, version: u64) -> SealedAt {
    SealedAt { organisation, about: About::Organisation, row: *id.as_bytes(), version }
}

fn kept(row: &Row) -> Result<Kept, SqlError> {
    let (id, organisation, version) = (row.get(0)?, row.get(1)?, row.get(4)?);
    Ok(Kept {
        id,
        organisation,
        made_by: row.get(2)?,
        title: Sealed::found(row.get(3)?, place(organisation, id, version))?,
        version,
        made_at: row.get(5)?,
    })
}

async fn find(tx: &mut Tx, id: PlaylistId) -> Result<Option<Kept>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM playlists WHERE playlist_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(kept).transpose()
}

/// Which recordings the caller sees in a list, and of which of them the clips: what their items may be.
struct Sight {
    recordings: Option<ScopeFilter>,
    clips: Option<ScopeFilter>,
}

impl Sight {
    /// Items of playlists of an organisation, with how many of each: all, or those that the caller sees.
    async fn counts(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        all: bool,
    ) -> Result<BTreeMap<PlaylistId, u64>, SqlError> {
        let mut values: Vec<Value> = vec![organisation.into()];
        let mut sql = "SELECT i.playlist_id, count(*) FROM playlist_items i
                       JOIN playlists p ON p.playlist_id = i.playlist_id
                       JOIN recordings ON recordings.recording_id = i.recording_id WHERE p.organisation_id = $1"
            .to_owned();
        if !all {
            let Some(condition) = self.items(&mut values) else { return Ok(BTreeMap::new()) };
            sql.push_str(&condition);
        }
        sql.push_str(" GROUP BY i.playlist_id");
        tx.query(&sql, &values).await?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// What a query on `recordings` says beside its other conditions; nothing where they see none.
    fn condition(&self, values: &mut Vec<Value>) -> Option<String> {
        let scope = self.recordings.as_ref()?;
        let condition = scope.condition(values);
        values.push(RecordingState::SoftDeleted.into());
        Some(format!("{condition} AND recordings.state < ${}", values.len()))
    }

    /// The same of `playlist_items` as `i` beside their `recordings`: of clips only where they see those too.
    fn items(&self, values: &mut Vec<Value>) -> Option<String> {
        let seen = self.condition(values)?;
        Some(match &self.clips {
            Some(clips) => format!("{seen} AND (i.clip_id IS NULL OR (1 = 1{}))", clips.condition(values)),
            None => format!("{seen} AND i.clip_id IS NULL"),
        })
    }

    async fn sees(&self, tx: &mut Tx, recording: RecordingId, is_clip: bool) -> Result<bool, SqlError> {
        let mut values: Vec<Value> = vec![recording.into()];
        let Some(mut condition) = self.condition(&mut values) else { return Ok(false) };
        if is_clip {
            let Some(clips) = &self.clips else { return Ok(false) };
            condition.push_str(&clips.condition(&mut values));
        }
        let sql = format!("SELECT 1 FROM recordings WHERE recordings.recording_id = $1{condition}");
        Ok(tx.query_opt(&sql, &values).await?.is_some())
    }
}

impl Coaching {
    /// The playlists of the organisation, newest first.
    ///
    /// # Errors
    /// [`CoachingError::Refused`].
    pub async fn playlists(
        &self,
        op: &OpContext,
    ) -> Result<(Grant<ReadPlaylists>, Vec<Summary>), CoachingError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.access.authorize::<ReadPlaylists>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let (coaching, op) = (self.clone(), op.clone());
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let sight = coaching.sight(tx, &op, on).await?;
                    let (seen, all) =
                        (sight.counts(tx, on.0, false).await?, sight.counts(tx, on.0, true).await?);
                    let sql = format!(
                        "SELECT {COLUMNS} FROM playlists WHERE organisation_id = $1
                         ORDER BY made_at DESC, playlist_id DESC LIMIT {MOST}"
                    );
                    let mut found = Vec::new();
                    for row in tx.query(&sql, &[on.0.into()]).await? {
                        let kept = kept(&row)?;
                        let of =
                            |counts: &BTreeMap<PlaylistId, u64>| counts.get(&kept.id).copied().unwrap_or(0);
                        let counts = (of(&seen), of(&all));
                        found.push(coaching.summed_up(tx, &grant, kept, counts).await?);
                    }
                    Ok((grant, found))
                })
            })
            .await
    }

    async fn sight(&self, tx: &mut Tx, op: &OpContext, on: OrganisationRef) -> Result<Sight, CoachingError> {
        Ok(Sight {
            recordings: self.access.rows_in::<ListRecordings>(tx, op, on).await?,
            clips: self.access.rows_in::<ListClips>(tx, op, on).await?,
        })
    }

    async fn summed_up<A: clerestory_access::Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        kept: Kept,
        (seen, all): (u64, u64),
    ) -> Result<Summary, CoachingError> {
        let title = self.vault.open(tx, grant, &kept.title).await?.into_text();
        let Kept { id, made_by, made_at, .. } = kept;
        Ok(Summary { id, title, made_by, made_at, seen, hidden: all.saturating_sub(seen) })
    }

    /// One playlist, with what the caller sees of it.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::NotFound`].
    pub async fn playlist(
        &self,
        op: &OpContext,
        id: PlaylistId,
    ) -> Result<(Grant<ReadPlaylists>, Playlist), CoachingError> {
        let on = OrganisationRef(op.actor.organisation());
        let detail = Personal { detail: Some(id.to_string()), ..Personal::default() };
        let grant = self.access.authorize::<ReadPlaylists>(op, on, Some(detail)).await??;
        self.vault.hold_lease().await?;
        let (coaching, op) = (self.clone(), op.clone());
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let playlist = coaching.shown(tx, (&op, &grant), id).await?;
                    Ok((grant, playlist))
                })
            })
            .await
    }

    async fn shown<A: clerestory_access::Action<On = OrganisationRef>>(
        &self,
        tx: &mut Tx,
        (op, grant): (&OpContext, &Grant<A>),
        id: PlaylistId,
    ) -> Result<Playlist, CoachingError> {
        let kept = find(tx, id).await?.filter(|kept| kept.organisation == grant.on().0);
        let kept = kept.ok_or(CoachingError::NotFound)?;
        let sight = self.sight(tx, op, grant.on()).await?;
        let sql = "SELECT count(*) FROM playlist_items WHERE playlist_id = $1";
        let all: u64 = tx.query_opt(sql, &[id.into()]).await?.map_or(Ok(0), |row| row.get(0))?;
        let mut items = Vec::new();
        let mut values: Vec<Value> = vec![id.into()];
        if let Some(condition) = sight.items(&mut values) {
            let sql = format!(
                "SELECT i.recording_id, i.clip_id FROM playlist_items i
                 JOIN recordings ON recordings.recording_id = i.recording_id
                 WHERE i.playlist_id = $1{condition} ORDER BY i.position LIMIT {MOST_ITEMS}"
            );
            for row in tx.query(&sql, &values).await? {
                let (recording, clip): (RecordingId, Option<ClipId>) = (row.get(0)?, row.get(1)?);
                let clip = match clip {
                    Some(clip) => match clips::find(tx, clip).await? {
                        Some(kept) => self.opened_clip(tx, grant, kept).await?,
                        None => None,
                    }
                    .map(Some),
                    None => Some(None),
                };
                // One that cannot be read any more stands in nobody's way.
                items.extend(clip.map(|clip| Entry { recording, clip }));
            }
        }
        let summary = self.summed_up(tx, grant, kept, (items.len() as u64, all)).await?;
        Ok(Playlist { summary, items })
    }

    /// Makes a playlist with nothing in it.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::TooMany`].
    pub async fn make_playlist(
        &self,
        op: &OpContext,
        title: PlaylistTitle,
    ) -> Result<(Grant<ManagePlaylists>, Playlist), CoachingError> {
        let on = OrganisationRef(op.actor.organisation());
        let Actor::Person { id: made_by, .. } = op.actor else { return Err(CoachingError::NotFound) };
        self.vault.hold_lease().await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<ManagePlaylists, Playlist> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let id = PlaylistId::new(asked.at, random());
                    let detail = Personal { detail: Some(format!("{id} made")), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<ManagePlaylists>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let sql = "SELECT count(*) FROM playlists WHERE organisation_id = $1";
                    let count: u32 = tx.query_opt(sql, &[on.0.into()]).await?.map_or(Ok(0), |row| row.get(0))?;
                    if count >= MOST {
                        return Err(CoachingError::TooMany { most: MOST });
                    }
                    let title = coaching.sealed_title(tx, (on.0, id), 1, &title).await?;
                    let sql = "INSERT INTO playlists (playlist_id, organisation_id, made_by, title, version, made_at)
                               VALUES ($1, $2, $3, $4, 1, $5)";
                    let values: [Value; 5] = [
                        id.into(),
                        on.0.into(),
                        made_by.into(),
                        title.value().as_bytes().into(),
                        asked.at.into(),
                    ];
                    tx.execute(sql, &values).await?;
                    let playlist = coaching.shown(tx, (&asked, &grant), id).await?;
                    Ok(Ok((grant, playlist)))
                })
            })
            .await;
        self.told(op, on, done).await
    }

    async fn sealed_title(
        &self,
        tx: &mut Tx,
        (organisation, id): (OrganisationId, PlaylistId),
        version: u64,
        title: &PlaylistTitle,
    ) -> Result<Sealed<PlaylistTitle>, CoachingError> {
        let found = organisations::find(tx, organisation).await?.ok_or(CoachingError::NotFound)?;
        Ok(self.vault.seal(tx, found.key, place(organisation, id, version), title).await?)
    }

    /// Gives a playlist another title, or other items in the place of all that its maker sees of it. Whoever made it may.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::NotFound`], [`CoachingError::NotYours`],
    /// [`CoachingError::NoSuchItem`], [`CoachingError::TooMany`].
    pub async fn change_playlist(
        &self,
        op: &OpContext,
        id: PlaylistId,
        (title, items): (Option<PlaylistTitle>, Option<Vec<Item>>),
    ) -> Result<(Grant<ManagePlaylists>, Playlist), CoachingError> {
        let on = OrganisationRef(op.actor.organisation());
        self.vault.hold_lease().await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<ManagePlaylists, Playlist> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Personal { detail: Some(format!("{id} changed")), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<ManagePlaylists>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let kept = find(tx, id).await?.filter(|kept| kept.organisation == on.0);
                    let kept = kept.ok_or(CoachingError::NotFound)?;
                    if asked.actor.person() != Some(kept.made_by) {
                        return Err(CoachingError::NotYours);
                    }
                    if let Some(title) = title {
                        let version = kept.version + 1;
                        let title = coaching.sealed_title(tx, (on.0, id), version, &title).await?;
                        let sql = "UPDATE playlists SET title = $1, version = $2 WHERE playlist_id = $3";
                        let values: [Value; 3] = [title.value().as_bytes().into(), version.into(), id.into()];
                        tx.execute_one("playlists", sql, &values).await?;
                    }
                    if let Some(items) = items {
                        let sight = coaching.sight(tx, &asked, on).await?;
                        put(tx, &sight, id, items).await?;
                    }
                    let playlist = coaching.shown(tx, (&asked, &grant), id).await?;
                    Ok(Ok((grant, playlist)))
                })
            })
            .await;
        self.told(op, on, done).await
    }

    /// Takes a playlist away: one's own, or anybody's by whoever sees every recording of the organisation. What is in it
    /// stays where it is.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::NotFound`], [`CoachingError::NotYours`].
    pub async fn delete_playlist(&self, op: &OpContext, id: PlaylistId) -> Result<(), CoachingError> {
        let on = OrganisationRef(op.actor.organisation());
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<ManagePlaylists, ()> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Personal { detail: Some(format!("{id} taken away")), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<ManagePlaylists>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let kept = find(tx, id).await?.filter(|kept| kept.organisation == on.0);
                    let kept = kept.ok_or(CoachingError::NotFound)?;
                    let all = grant.rows().subjects == Subjects::All;
                    if asked.actor.person() != Some(kept.made_by) && !all {
                        return Err(CoachingError::NotYours);
                    }
                    for table in ["playlist_items", "playlists"] {
                        tx.execute(&format!("DELETE FROM {table} WHERE playlist_id = $1"), &[id.into()])
                            .await?;
                    }
                    Ok(Ok((grant, ())))
                })
            })
            .await;
        self.told(op, on, done).await.map(drop)
    }
}

/// An item's row.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    recording: RecordingId,
    clip: Option<ClipId>,
}

/// Puts items into a playlist, in this order and in the place of all others that whoever does so sees: no others may be put.
/// What they do not see stays behind what it stood behind.
async fn put(tx: &mut Tx, sight: &Sight, id: PlaylistId, items: Vec<Item>) -> Result<(), CoachingError> {
    if items.len() > MOST_ITEMS as usize {
        return Err(CoachingError::TooMany { most: MOST_ITEMS });
    }
    let mut wanted = Vec::with_capacity(items.len());
    for item in items {
        let place = match item {
            Item::Recording(recording) => Place { recording, clip: None },
            Item::Clip(clip) => {
                let found = clips::find(tx, clip).await?.ok_or(CoachingError::NoSuchItem)?;
                Place { recording: found.recording, clip: Some(found.id) }
            }
        };
        if !sight.sees(tx, place.recording, place.clip.is_some()).await? {
            return Err(CoachingError::NoSuchItem);
        }
        wanted.push(place);
    }
    let before = standing(tx, sight, id).await?;
    let all = with_hidden(wanted, &before);
    if all.len() > MOST_ITEMS as usize {
        return Err(CoachingError::TooMany { most: MOST_ITEMS });
    }
    tx.execute("DELETE FROM playlist_items WHERE playlist_id = $1", &[id.into()]).await?;
    for (position, Place { recording, clip }) in all.into_iter().enumerate() {
        let sql = "INSERT INTO playlist_items (playlist_id, position, recording_id, clip_id) VALUES ($1, $2, $3, $4)";
        let values: [Value; 4] = [id.into(), (position as u64).into(), recording.into(), clip.into()];
        tx.execute(sql, &values).await?;
    }
    Ok(())
}

/// The items of a playlist in their order, each with whether the caller sees it.
async fn standing(tx: &mut Tx, sight: &Sight, id: PlaylistId) -> Result<Vec<(Place, bool)>, SqlError> {
    let mut values: Vec<Value> = vec![id.into()];
    let mut seen = BTreeSet::new();
    if let Some(condition) = sight.items(&mut values) {
        let sql = format!(
            "SELECT i.position FROM playlist_items i JOIN recordings ON recordings.recording_id = i.recording_id
             WHERE i.playlist_id = $1{condition}"
        );
        for row in tx.query(&sql, &values).await? {
            seen.insert(row.get::<u64>(0)?);
        }
    }
    let sql =
        "SELECT position, recording_id, clip_id FROM playlist_items WHERE playlist_id = $1 ORDER BY position";
    let rows = tx.query(sql, &[id.into()]).await?;
    let item = |row: &Row| {
        let place = Place { recording: row.get(1)?, clip: row.get(2)? };
        Ok((place, seen.contains(&row.get::<u64>(0)?)))
    };
    rows.iter().map(item).collect()
}

/// These items, and each that is not seen behind the nearest seen one before it that is still among them.
fn with_hidden(wanted: Vec<Place>, before: &[(Place, bool)]) -> Vec<Place> {
    let mut hidden: Vec<(Option<Place>, Place)> = Vec::new();
    for (at, (place, _)) in before.iter().enumerate().filter(|(_, (_, seen))| !seen) {
        let ahead = before.iter().take(at).rev().filter(|(_, seen)| *seen).map(|(ahead, _)| *ahead);
        hidden.push((ahead.into_iter().find(|ahead| wanted.contains(ahead)), *place));
    }
    let mut take = |behind: Option<Place>| -> Vec<Place> {
        hidden.extract_if(.., |(ahead, _)| *ahead == behind).map(|(_, place)| place).collect()
    };
    let mut all = take(None);
    for place in wanted {
        all.push(place);
        all.extend(take(Some(place)));
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    fn place(number: u8) -> Place {
        let clip = ClipId::new(Timestamp::from_micros(0), [number; 10]);
        Place { recording: RecordingId::nil(), clip: Some(clip) }
    }

    #[test]
    fn what_is_not_seen_stays_behind_what_it_stood_behind() {
        let [a, b, c, x, y, z] = [1, 2, 3, 4, 5, 6].map(place);
        let before = [(x, false), (a, true), (y, false), (b, true), (z, false), (c, true)];
        let left = |wanted: &[Place]| {
            let all = with_hidden(wanted.to_vec(), &before);
            all.iter()
                .map(|one| [a, b, c, x, y, z].iter().position(|other| other == one).unwrap())
                .collect::<Vec<_>>()
        };
        let (a_, b_, c_, x_, y_, z_) = (0, 1, 2, 3, 4, 5);
        assert_eq!(left(&[a, b, c]), [x_, a_, y_, b_, z_, c_]);
        assert_eq!(left(&[c, b, a]), [x_, c_, b_, z_, a_, y_]);
        assert_eq!(left(&[a, c]), [x_, a_, y_, z_, c_], "b was taken away");
        assert_eq!(left(&[]), [x_, y_, z_]);
        assert_eq!(left(&[a, a]), [x_, a_, y_, z_, a_]);
    }
}
