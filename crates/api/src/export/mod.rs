//! What a recorded person asked for, as a zip file that opens as a page. It is made while it is sent, of what is held at that
//! moment: nothing of it ever lies on the server, so that what is erased meanwhile is in no copy of it
//! ([decision 0023](../../../../docs/decisions/0023-requests-of-recorded-people.md)). The audit log is handed out the same way
//! ([`log`]).

mod about;
mod archive;
pub(crate) mod film;
pub(crate) mod log;
mod page;
mod recording;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clerestory_access::{HandedOutRef, RequestRef};
use clerestory_confine::{Confined, FilmPlace};
use clerestory_identity::Use;
use clerestory_lifecycle::RequestKind;
use clerestory_model::{PersonId, PlayId, RequestId};
use clerestory_seal::random;
use clerestory_store::recordings::{self as rows, ScopeFilter, Subjects};
use futures_util::stream::{self, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use self::about::About;
use self::archive::{Archive, Cut};
use crate::Api;
use crate::caller::Caller;
use crate::problem::ApiError;

/// So many are made at once, each for somebody else.
const AT_ONCE: usize = 4;
/// Whoever found no place for a film, or a server that stops, looks again so much later.
const LATER: Duration = Duration::from_secs(60);
/// Pieces of an archive that wait to be sent.
const PIECES: usize = 4;
/// Recordings looked up together.
const PAGE: u32 = 50;

/// Those who fetch one now. Films have places of their own: they take hours, and keep nobody from what is held about them.
#[derive(Clone)]
pub(crate) struct Exports {
    room: Arc<Semaphore>,
    people: Arc<Mutex<HashSet<PersonId>>>,
    filming: Arc<Mutex<HashSet<PersonId>>>,
}

impl Exports {
    pub(crate) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), people: Arc::default(), filming: Arc::default() }
    }

    /// Room for one, for somebody who fetches no other: nobody keeps the others from theirs by reading slowly.
    fn take(&self, person: PersonId) -> Result<Room, ApiError> {
        Room::of(&self.people, person, || Arc::clone(&self.room).try_acquire_owned().map_err(|_| busy()))
    }

    /// Room for a film, for somebody who fetches no other, before anything is decided: whoever finds none has done nothing.
    fn take_film(&self, person: PersonId, confined: &Confined) -> Result<Room<FilmPlace>, ApiError> {
        Room::of(&self.filming, person, || confined.film_place().map_err(|_| films_busy()))
    }
}

/// Room for an export, given back when it is dropped.
struct Room<Place = OwnedSemaphorePermit> {
    person: PersonId,
    people: Arc<Mutex<HashSet<PersonId>>>,
    place: Place,
}

impl<Place> Room<Place> {
    fn of(
        people: &Arc<Mutex<HashSet<PersonId>>>,
        person: PersonId,
        place: impl FnOnce() -> Result<Place, ApiError>,
    ) -> Result<Self, ApiError> {
        let mut fetching = people.lock().unwrap_or_else(PoisonError::into_inner);
        if fetching.contains(&person) {
            return Err(one_each());
        }
        let place = place()?;
        fetching.insert(person);
        Ok(Self { person, people: Arc::clone(people), place })
    }
}

impl<Place> Drop for Room<Place> {
    fn drop(&mut self) {
        self.people.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.person);
    }
}

/// Decides whether what was asked for is handed out, and sends it.
pub(crate) async fn send(api: Api, caller: Caller, id: RequestId) -> Result<Response, ApiError> {
    let room = api.exports.take(caller.person)?;
    let handed = api.lifecycle.hand_out(&caller.op, id).await?;
    let on = handed.grant.on();
    let made_at = api.clock.now();
    let name = format!("clerestory-{}-{}.zip", handed.request.kind.word(), day(&made_at.to_string()));
    let about = About::of(&api, &caller, handed.grant, &handed.request, made_at).await?;
    let (to, pieces) = mpsc::channel(PIECES);
    let broken = Arc::new(AtomicBool::new(false));
    let sending = Sending {
        archive: Archive::new(to, made_at),
        broken: Arc::clone(&broken),
        entry: about.entry,
        watchable: handed.request.kind == RequestKind::Export,
        handing: PlayId::new(made_at, random()),
        hidden: handed.hidden,
        api,
        caller,
        on,
        about,
        _room: room,
    };
    tokio::spawn(sending.run());
    Ok(attachment((&name, ZIP), None, pieces, broken))
}

/// What is handed out.
const ZIP: &str = "application/zip";
const MP4: &str = "video/mp4";

/// An answer with a file of this name and kind, whose pieces come as they are made, `first` before them; `broken` says that there will be no end.
fn attachment(
    (name, kind): (&str, &'static str),
    first: Option<Bytes>,
    pieces: mpsc::Receiver<Bytes>,
    broken: Arc<AtomicBool>,
) -> Response {
    let rest = stream::unfold(pieces, move |mut pieces: mpsc::Receiver<Bytes>| {
        let broken = Arc::clone(&broken);
        async move {
            match pieces.recv().await {
                Some(piece) => Some((Ok(piece), pieces)),
                // Breaks the connection off, so that nobody takes a part for the whole.
                None if broken.swap(false, Ordering::AcqRel) => {
                    Some((Err(std::io::Error::other("the export was broken off")), pieces))
                }
                None => None,
            }
        }
    });
    let body = Body::from_stream(stream::iter(first.map(Ok)).chain(rest));
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let named = named.unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static(kind);
    (StatusCode::OK, [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, named)], body)
        .into_response()
}

/// Ends a file as it has to end, or not at all where it was not written whole.
async fn close(done: Result<(), Cut>, archive: &mut Archive, broken: &AtomicBool, of: &str) {
    let cut = match done {
        Ok(()) => archive.finish().await.err(),
        Err(cut) => Some(cut),
    };
    match cut {
        None => {}
        Some(Cut::Left) => tracing::info!(of, "whoever fetched an export went away"),
        Some(cut) => {
            tracing::warn!(of, why = cut.why(), "an export was broken off");
            broken.store(true, Ordering::Release);
        }
    }
}

/// Whether the session that fetches it still runs; it may take minutes.
async fn still(api: &Api, caller: &mut Caller) -> Result<(), Cut> {
    if *api.draining.borrow() {
        return Err(stopping().into());
    }
    let running = api.identity.running(&caller.token, &caller.whence, Use::Nobody).await;
    let running = running.map_err(ApiError::from)?;
    let Some(running) = running else { return Err(ApiError::unauthenticated().into()) };
    caller.op.actor = running.actor;
    caller.op.at = api.clock.now();
    Ok(())
}

fn one_each() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-exports",
        "You are fetching one",
        "One of these is being handed out to you now.".to_owned(),
        "Wait until it is there, or break it off, then try again.",
    )
}

fn busy() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-exports",
        "Others are being made",
        format!("The server hands out {AT_ONCE} of these at once."),
        "Try again in a minute.",
    )
}

fn films_busy() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-exports",
        "Other films are being made",
        "The server makes two films at a time, and both places are taken. Nothing was decided or opened.",
        "Try again in some minutes: a place is free when one of them is fetched, or broken off.",
    )
    .after(LATER)
}

fn stopping() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "stopping",
        "The server stops",
        "It is being stopped, and hands nothing out that takes long.",
        "Try again once it runs again.",
    )
    .after(LATER)
}

fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or_default()
}

/// Something that is being handed out.
struct Sending {
    /// Given back before the file's end is told: whoever asks next finds it.
    _room: Room,
    /// Whether the file ends before its end.
    broken: Arc<AtomicBool>,
    api: Api,
    caller: Caller,
    on: RequestRef,
    /// The entry that tells of the decision.
    entry: u64,
    about: About,
    /// Whether what recordings show goes with it.
    watchable: bool,
    /// Under what playback holds what segments are packed on.
    handing: PlayId,
    hidden: u64,
    archive: Archive,
}

impl Sending {
    async fn run(mut self) {
        let done = self.write().await;
        self.api.playback.handed(self.handing);
        close(done, &mut self.archive, &self.broken, &self.on.id.to_string()).await;
    }

    async fn write(&mut self) -> Result<(), Cut> {
        let mut listed = page::Listed::new();
        let scope = ScopeFilter {
            organisation: self.on.organisation,
            subjects: Subjects::One(self.on.subject),
            lent: None,
        };
        let mut after = None;
        loop {
            let (scope, filter) = (scope.clone(), rows::Filter { after, limit: PAGE, ..Default::default() });
            let found = self.api.database.read(move |tx| {
                Box::pin(async move { rows::list(tx, &scope, &filter).await.map_err(ApiError::from) })
            });
            let found = found.await?;
            let Some(last) = found.last() else { break };
            after = Some((last.started_at, last.id));
            for recording in &found {
                let on = HandedOutRef { request: self.on, recording: recording.id };
                if let Some(told) = self.recording(on).await? {
                    listed.add(&told)?;
                }
            }
        }
        self.archive.file("README.txt", page::readme(&self.about).as_bytes()).await?;
        if let Some(picture) = self.about.picture.take() {
            self.archive.file(about::PICTURE, &picture).await?;
        }
        let (head, tail) = page::data(&self.about, self.hidden)?;
        self.archive.begin("data.json")?;
        self.archive.append(head).await?;
        self.archive.copy(&mut listed.json()?).await?;
        self.archive.append(tail).await?;
        let (head, tail) = page::html(&self.about, self.hidden, listed.count());
        self.archive.begin("index.html")?;
        self.archive.append(head.into_bytes()).await?;
        self.archive.copy(&mut listed.html()?).await?;
        self.archive.append(tail.into_bytes()).await
    }

    async fn still(&mut self) -> Result<(), Cut> {
        still(&self.api, &mut self.caller).await
    }
}
