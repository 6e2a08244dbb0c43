//! What a recorded person asked for, as a zip file that opens as a page. It is made while it is sent, of what is held at that
//! moment: nothing of it ever lies on the server, so that what is erased meanwhile is in no copy of it
//! ([decision 0023](../../../../docs/decisions/0023-requests-of-recorded-people.md)).

mod about;
mod archive;
mod page;
mod recording;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clerestory_access::{HandedOutRef, RequestRef};
use clerestory_lifecycle::RequestKind;
use clerestory_model::{PlayId, RequestId};
use clerestory_seal::random;
use clerestory_store::recordings::{self as rows, ScopeFilter, Subjects};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc;

use self::about::About;
use self::archive::{Archive, Cut};
use crate::Api;
use crate::caller::Caller;
use crate::problem::ApiError;

/// So many are made at once.
pub(crate) const AT_ONCE: usize = 2;
/// Pieces of an archive that wait to be sent.
const PIECES: usize = 4;
/// Recordings looked up together.
const PAGE: u32 = 50;

/// Decides whether what was asked for is handed out, and sends it.
pub(crate) async fn send(api: Api, caller: Caller, id: RequestId) -> Result<Response, ApiError> {
    let room = Arc::clone(&api.exports).try_acquire_owned().map_err(|_| busy())?;
    let handed = api.lifecycle.hand_out(&caller.op, id).await?;
    let on = handed.grant.on();
    let made_at = api.clock.now();
    let name = format!("clerestory-{}-{}.zip", handed.request.kind.word(), day(&made_at.to_string()));
    let about = About::of(&api, &caller, handed.grant, &handed.request, made_at).await?;
    let (to, pieces) = mpsc::channel(PIECES);
    let sending = Sending {
        archive: Archive::new(to, made_at),
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
    let body = Body::from_stream(stream::unfold(pieces, |mut pieces: mpsc::Receiver<Piece>| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    }));
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let named = named.unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("application/zip");
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, named)], body)
        .into_response())
}

/// A piece of the file on its way; an error breaks the connection off, so that nobody takes a part for the whole.
type Piece = Result<Bytes, std::io::Error>;

fn busy() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-exports",
        "Others are being made",
        format!("The server hands out {AT_ONCE} of these at once."),
        "Try again in a minute.",
    )
}

fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or_default()
}

/// Something that is being handed out.
struct Sending {
    /// Given back before the file's end is told: whoever asks next finds it.
    _room: OwnedSemaphorePermit,
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
        let cut = match done {
            Ok(()) => self.archive.finish().await.err(),
            Err(cut) => Some(cut),
        };
        match cut {
            None => {}
            Some(Cut::Left) => tracing::info!(request = %self.on.id, "whoever fetched an export went away"),
            Some(Cut::Failed(why)) => {
                tracing::warn!(request = %self.on.id, why, "an export was broken off");
                self.archive.break_off().await;
            }
        }
    }

    async fn write(&mut self) -> Result<(), Cut> {
        let mut listed = page::Listed::new();
        let scope =
            ScopeFilter { organisation: self.on.organisation, subjects: Subjects::One(self.on.subject) };
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

    /// Whether the session that fetches it still runs; it may take minutes.
    async fn still(&mut self) -> Result<(), Cut> {
        if *self.api.draining.borrow() {
            return Err(Cut::Failed("the server stops".to_owned()));
        }
        let running = self.api.identity.running(&self.caller.token).await.map_err(ApiError::from)?;
        let Some(running) = running else { return Err(Cut::Failed("the session ended".to_owned())) };
        self.caller.op.actor = running.actor;
        self.caller.op.at = self.api.clock.now();
        Ok(())
    }
}
