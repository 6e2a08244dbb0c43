//! One recording: what it tells of itself, who looked, and what it shows.

use clerestory_access::{HandOutRecording, HandedOutRef};
use clerestory_model::{RecordingState, TrackId, TrackKind};
use clerestory_playback::{Described, Handing, PlaybackError, SegmentContent};
use clerestory_vault::OpenError;
use serde::Serialize;

use super::Sending;
use super::archive::Cut;
use crate::dto::{AuditItem, Gap, Viewer, duration_us};
use crate::opening::Names;
use crate::problem::ApiError;
use crate::routes::mine::attempts;
use crate::routes::recordings::RecordingItemWithoutViewers;

/// A recording, as it stands in `data.json`.
#[derive(Serialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) item: RecordingItemWithoutViewers,
    pub(super) tracks: Vec<ToldTrack>,
    /// Everybody who looked, when, why, and at which part.
    pub(super) viewers: Vec<Viewer>,
    /// Who tried and was refused, the last few.
    pub(super) refused: Vec<AuditItem>,
}

#[derive(Serialize)]
pub(super) struct ToldTrack {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) kept_until: String,
    pub(super) segments: usize,
    pub(super) size_bytes: u64,
    pub(super) gaps: Vec<Gap>,
    /// Where what it shows lies in this archive.
    pub(super) file: Option<String>,
    /// Where the rest of it does: pictures of another size are a file of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) further_files: Vec<String>,
    /// Why it does not, where it was asked for.
    pub(super) left_out: Option<String>,
    /// Numbers of segments that could not be read, or were erased meanwhile.
    pub(super) missing: Vec<u64>,
}

impl Sending {
    /// Writes what a recording shows and gives back what it tells; nothing where it is gone by now.
    pub(super) async fn recording(&mut self, on: HandedOutRef) -> Result<Option<Told>, Cut> {
        self.still().await?;
        let (api, caller) = (self.api.clone(), &self.caller);
        let resumed = api.access.resume::<HandOutRecording>(&caller.op, on, self.entry).await;
        let grant = resumed.map_err(ApiError::from)?.map_err(ApiError::from)?;
        api.vault.hold_lease().await.map_err(ApiError::from)?;
        // One's own attempts are no news to oneself.
        let own = (caller.op.actor.subject() == Some(on.request.subject)).then_some(caller.person);
        let (inner, now) = (api.clone(), api.clock.now());
        let read = api.database.read(move |tx| {
            Box::pin(async move {
                let described = inner.playback.describe_whole(tx, &grant, on.recording).await?;
                if described.recording.state >= RecordingState::SoftDeleted {
                    return Ok::<_, ApiError>(None);
                }
                let mut names = Names::new(&inner, &grant);
                let mut viewers = Vec::new();
                for viewing in &described.viewings {
                    viewers.push(names.viewer(tx, viewing).await?);
                }
                let item = names.item(tx, &described, now).await?.into();
                let of = (on.request.organisation, own, on.recording);
                let refused = attempts(&inner, &mut names, tx, of).await?;
                Ok(Some((described, item, viewers, refused)))
            })
        });
        let Some((described, item, viewers, refused)) = read.await? else { return Ok(None) };
        let tracks = self.tracks(on, &described).await?;
        Ok(Some(Told { item, tracks, viewers, refused }))
    }

    async fn tracks(&mut self, on: HandedOutRef, described: &Described) -> Result<Vec<ToldTrack>, Cut> {
        let handing = match self.watchable {
            true => {
                let length = duration_us(&described.recording, self.api.clock.now());
                let (playback, op) = (&self.api.playback, &self.caller.op);
                let asked = playback.begin_handing_out(op, (on, self.entry), length).await;
                asked.map_err(ApiError::from)?
            }
            false => Handing::NotAllowed,
        };
        let mut told = Vec::with_capacity(described.tracks.len());
        for track in &described.tracks {
            let mut one = ToldTrack {
                id: track.track.id.to_string(),
                kind: track.track.kind.to_string(),
                kept_until: track.track.kept_until.to_string(),
                segments: track.segments.len(),
                size_bytes: track.segments.iter().map(|segment| segment.size_bytes).sum(),
                gaps: track.gaps.iter().map(Into::into).collect(),
                file: None,
                further_files: Vec::new(),
                left_out: None,
                missing: Vec::new(),
            };
            if self.watchable && handing != Handing::Shown {
                let why = match handing {
                    Handing::SecondNeeded => {
                        "The organisation lets whoever fetched this watch it once a second person has agreed."
                    }
                    Handing::GoesOn => {
                        "It is still being recorded, and whoever fetched this may not watch it meanwhile."
                    }
                    _ => "The organisation does not let whoever fetched this watch it.",
                };
                one.left_out = Some(why.to_owned());
            } else if self.watchable && !track.segments.is_empty() {
                let name = format!("recordings/{}/{}", on.recording, track.track.id);
                let numbers: Vec<u64> = track.segments.iter().map(|segment| segment.sequence).collect();
                let mut files = match track.track.kind {
                    TrackKind::Video | TrackKind::Audio => {
                        let (files, missing) = self.media(on, track.track.id, &name, &numbers).await?;
                        one.missing = missing;
                        files.into_iter()
                    }
                    _ => {
                        let name = format!("{name}.json");
                        one.missing = self.events(on, track.track.id, &name, &numbers).await?;
                        vec![name].into_iter()
                    }
                };
                one.file = files.next();
                one.further_files = files.collect();
            }
            told.push(one);
        }
        Ok(told)
    }

    /// Writes the events of a track as one JSON array, a segment at a time; the numbers of those that are missing.
    async fn events(
        &mut self,
        on: HandedOutRef,
        track: TrackId,
        name: &str,
        numbers: &[u64],
    ) -> Result<Vec<u64>, Cut> {
        self.archive.begin(name)?;
        let (mut missing, mut between) = (Vec::new(), b'[');
        for number in numbers {
            let Some(SegmentContent::List(events)) = self.content(on, (track, *number)).await? else {
                missing.push(*number);
                continue;
            };
            if let Some(inner) = within(&events) {
                let mut piece = Vec::with_capacity(inner.len() + 1);
                piece.push(between);
                piece.extend_from_slice(inner);
                between = b',';
                self.archive.append(piece).await?;
            }
        }
        let end = if between == b'[' { b"[]".to_vec() } else { b"]\n".to_vec() };
        self.archive.append(end).await?;
        Ok(missing)
    }

    /// Writes picture or sound of a track as files that players take: one, or a further one where what a player has to know
    /// of it changes. Their names, and the numbers of segments that are missing.
    async fn media(
        &mut self,
        on: HandedOutRef,
        track: TrackId,
        name: &str,
        numbers: &[u64],
    ) -> Result<(Vec<String>, Vec<u64>), Cut> {
        let (mut files, mut missing, mut head) = (Vec::new(), Vec::new(), Vec::new());
        for number in numbers {
            let mut file = match self.content(on, (track, *number)).await? {
                Some(SegmentContent::File(file)) => file,
                Some(SegmentContent::Nothing) => continue,
                Some(SegmentContent::List(_)) | None => {
                    missing.push(*number);
                    continue;
                }
            };
            let fragment = file.bytes.split_off(file.fragment_at);
            if head != file.bytes {
                let ending = if file.content_type.contains("webm") { "webm" } else { "mp4" };
                let name = match files.len() {
                    0 => format!("{name}.{ending}"),
                    more => format!("{name}-{}.{ending}", more + 1),
                };
                self.archive.begin(&name)?;
                self.archive.append(file.bytes.clone()).await?;
                files.push(name);
                head = file.bytes;
            }
            self.archive.append(fragment).await?;
        }
        Ok((files, missing))
    }

    /// What a segment shows; nothing where it cannot be read, or was erased meanwhile.
    async fn content(&mut self, on: HandedOutRef, at: (TrackId, u64)) -> Result<Option<SegmentContent>, Cut> {
        self.still().await?;
        let (playback, op) = (&self.api.playback, &self.caller.op);
        match playback.handed_out(op, (on, self.entry), self.handing, at).await {
            Ok(content) => Ok(Some(content)),
            Err(
                PlaybackError::Gone
                | PlaybackError::Damaged { .. }
                | PlaybackError::Open(
                    OpenError::Segment { .. } | OpenError::Unreadable { .. } | OpenError::Erased,
                ),
            ) => Ok(None),
            Err(error) => Err(ApiError::from(error).into()),
        }
    }
}

/// What stands between the brackets of a JSON array, where something does.
fn within(array: &[u8]) -> Option<&[u8]> {
    let inner = array.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?.trim_ascii();
    (!inner.is_empty()).then_some(inner)
}
