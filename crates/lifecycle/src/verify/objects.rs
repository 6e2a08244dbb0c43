//! Looking at the object store: objects that rows named, objects that no row names, the ingest log.

use std::collections::BTreeSet;
use std::time::Duration;

use clerestory_model::KeyId;
use clerestory_vault::{Listed, LogFile, PartName, Presence, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Notes, Place, Scope, VerifyError};
use crate::Target;
use crate::rows::Stretch;

/// Questions to the store at once.
const AT_ONCE: usize = 8;
/// The clocks of server and bucket differ by no more.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3600);

pub(super) async fn look(eyes: &Presence, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    look_at_named(eyes, scope, notes).await?;
    look_at_unnamed(eyes, scope, notes).await?;
    look_at_log(eyes, scope, notes).await
}

/// Objects that rows named when they were taken away.
async fn look_at_named(eyes: &Presence, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    notes.looked("objects that held something of it", scope.objects.len() as u64);
    let traces: Vec<(&str, u64)> = stream::iter(&scope.objects)
        .map(|object| async move { Ok::<_, StoreError>((object.as_str(), eyes.traces(object).await?)) })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (object, _) in traces.into_iter().filter(|(_, traces)| *traces > 0) {
        if object.starts_with("log/") {
            notes.left(Place::Log, object.to_owned());
        } else {
            notes.left(Place::Objects, format!("the object {object}"));
        }
    }
    Ok(())
}

/// Objects where those of what was erased lie, whether or not anything ever named them.
async fn look_at_unnamed(eyes: &Presence, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    let organisation = scope.erasure.organisation;
    let mut listed = 0;
    let mut whole = |found: Vec<Listed>, notes: &mut Notes| {
        listed += 1;
        for object in found.into_iter().filter(|object| !is_kept(scope, object)) {
            notes.left(Place::Objects, format!("the object {}", object.object));
        }
    };
    match scope.erasure.target {
        Target::Organisation => whole(eyes.of_organisation(organisation).await?, notes),
        Target::Recording(_) | Target::Subject(_) | Target::RecordingsOf(_) => {
            for recording in &scope.recordings {
                whole(eyes.of_recording(organisation, *recording).await?, notes);
            }
        }
        Target::Track { .. } | Target::Expired(_) => {
            for part in &scope.parts {
                whole(eyes.of_track(organisation, part.recording, part.track).await?, notes);
            }
        }
        Target::Range { .. } => {
            for stretch in &scope.stretches {
                let found = eyes.of_track(organisation, stretch.part.recording, stretch.part.track).await?;
                listed += 1;
                for object in found.iter().filter(|object| !is_kept(scope, object)) {
                    if is_of_range(eyes, (stretch, &scope.keys), object).await? {
                        notes.left(Place::Objects, format!("the object {}", object.object));
                    }
                }
            }
        }
    }
    notes.looked("places in the store where its objects lay", listed);
    Ok(())
}

/// Whether the object was looked for by its name.
fn is_kept(scope: &Scope, object: &Listed) -> bool {
    scope.objects.contains(&object.object)
}

/// Whether an object of a track is of the part of it that was erased: by the number in its name, or by the key that a part
/// of the track ends in. What stays has numbers outside and another key.
async fn is_of_range(
    eyes: &Presence,
    (stretch, keys): (&Stretch, &[KeyId]),
    object: &Listed,
) -> Result<bool, VerifyError> {
    if object.object.parse::<PartName>().is_ok() {
        let key = eyes.key_of_part(object).await?;
        return Ok(key.is_some_and(|key| keys.contains(&key)));
    }
    let name = object.object.rsplit('/').next().unwrap_or_default();
    let number = name.split('-').next().and_then(|number| number.parse().ok());
    Ok(number.is_some_and(|number: u64| (stretch.from..=stretch.to).contains(&number)))
}

/// Entries of the ingest log under a key that is gone: rows named their files, or nothing ever did.
async fn look_at_log(eyes: &Presence, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    let gone: BTreeSet<KeyId> = scope.keys.iter().copied().collect();
    let files: Vec<LogFile> =
        eyes.log_files().await?.into_iter().filter(|file| may_hold(eyes, scope, file)).collect();
    notes.looked("files of the ingest log", files.len() as u64);
    let mut read = stream::iter(files)
        .map(|file| async move { Ok::<_, StoreError>((eyes.keys_in_log(&file).await?, file.object)) })
        .buffered(AT_ONCE);
    while let Some((keys, object)) = read.try_next().await? {
        let known = notes.left.iter().any(|left| left.place == Place::Log && left.what == object);
        if !known && !keys.is_disjoint(&gone) {
            notes.left(Place::Log, object);
        }
    }
    Ok(())
}

/// A file in a bucket is made at once: one that is younger than the end of the keys has nothing under them. In a directory
/// files are written to for hours.
fn may_hold(eyes: &Presence, scope: &Scope, file: &LogFile) -> bool {
    let ended = scope.erasure.destroyed_at.filter(|_| eyes.is_bucket());
    ended.is_none_or(|ended| file.written <= ended.plus(CLOCKS_DIFFER))
}
