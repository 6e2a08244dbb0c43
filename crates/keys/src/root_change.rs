//! Rotating the root: every epoch secret is wrapped anew under a new root key in every place, then the old root goes.
//!
//! The new root lies beside the old one from before the first secret is wrapped under it until after the last, so that
//! a crash at any step leaves an installation that opens, and a rotation that can be run again.

use std::collections::BTreeSet;
use std::path::Path;

use clerestory_model::Deployment;
use clerestory_seal::SecretKey;

use crate::epochs::{failed, mark};
use crate::root::{next_path, root_file, sync_directory};
use crate::roots::{Connect, OpenedRoot, RootAddress};
use crate::{EpochNumber, EpochPlace, KeyError, Protection, RootFile, WrappedAs};

/// What the new root is to be.
pub enum NewRoot {
    /// A fresh key in the root key file, protected as the file is opened.
    Key,
    /// A key that its keeper never gives out.
    Elsewhere(RootAddress),
}

/// Replaces the root key at `path` by a new one, or finishes a replacement that was cut off. No process may serve the
/// installation meanwhile: one that runs keeps wrapping under the old root. Shares of the old root open nothing
/// afterwards that a copy of the places made later holds; make new ones.
///
/// # Errors
/// [`KeyError::Place`] when a place fails, [`KeyError::WrongRoot`] when an epoch opens from none: the old root stays
/// then, and running it again goes on. [`KeyError::RootFile`].
pub fn change_root(
    path: &Path,
    protection: &Protection,
    places: &[Box<dyn EpochPlace>],
) -> Result<(), KeyError> {
    change(path, RootFile::open(path, protection)?, places, |next, deployment| {
        RootFile::write(next, deployment, SecretKey::generate(), protection)
    })
}

/// As [`change_root`], from any kind of root to any other. A replacement that was cut off is finished to the root it
/// was begun with, whatever `new` says.
///
/// # Errors
/// As [`change_root`]; [`KeyError::Root`] when a root that is elsewhere cannot be asked, [`KeyError::SameRoot`].
pub fn change_root_to(
    path: &Path,
    protection: &Protection,
    connect: &dyn Connect,
    new: NewRoot,
    places: &[Box<dyn EpochPlace>],
) -> Result<(), KeyError> {
    let root = RootFile::open_with(path, protection, connect)?;
    if root.next.is_none()
        && let NewRoot::Elsewhere(address) = &new
        && root.elsewhere() == Some(address)
    {
        return Err(KeyError::SameRoot(address.to_string()));
    }
    change(path, root, places, |next, deployment| match new {
        NewRoot::Key => RootFile::write(next, deployment, SecretKey::generate(), protection),
        NewRoot::Elsewhere(address) => RootFile::write_elsewhere(next, deployment, address, connect),
    })
}

fn change(
    path: &Path,
    root: RootFile,
    places: &[Box<dyn EpochPlace>],
    begin: impl FnOnce(&Path, Deployment) -> Result<RootFile, KeyError>,
) -> Result<(), KeyError> {
    let RootFile { deployment, root: old, next } = root;
    let beside = next_path(path);
    let new = match next {
        Some(next) => next,
        None => begin(&beside, deployment.clone())?.root,
    };
    let mut all = BTreeSet::new();
    for place in places {
        all.extend(place.list().map_err(|source| failed(place.as_ref(), source))?);
    }
    for epoch in all {
        rewrap(&WrappedAs { deployment: &deployment, epoch }, &old, &new, places)?;
    }
    let io = |error: std::io::Error| root_file(path, error.to_string());
    std::fs::rename(&beside, path).map_err(io)?;
    sync_directory(path).map_err(io)
}

/// Sees that every place holds the epoch's secret wrapped under the new root.
fn rewrap(
    place: &WrappedAs<'_>,
    old: &OpenedRoot,
    new: &OpenedRoot,
    places: &[Box<dyn EpochPlace>],
) -> Result<(), KeyError> {
    let opened = |root: &OpenedRoot, wrapped: &[u8]| match root.unwrap(place, wrapped) {
        Ok(secret) => Ok(Some(secret)),
        Err(KeyError::WrongRoot) => Ok(None),
        Err(error) => Err(error),
    };
    let epoch = place.epoch;
    let copies = copies(places, epoch)?;
    let mut sound = None;
    // The last place decides between nodes that made one epoch together.
    for wrapped in copies.iter().rev().flatten() {
        sound = match opened(new, wrapped)? {
            Some(secret) => Some(secret),
            None => opened(old, wrapped)?,
        };
        if sound.is_some() {
            break;
        }
    }
    let secret = sound.ok_or(KeyError::WrongRoot)?;
    let right = |copy: Option<&Vec<u8>>| match copy {
        Some(copy) => {
            Ok::<_, KeyError>(opened(new, copy)?.is_some_and(|found| mark(&found) == mark(&secret)))
        }
        None => Ok(false),
    };
    let mut wrapped = None;
    for (place_of, copy) in places.iter().zip(&copies) {
        if !right(copy.as_ref())? {
            let bytes = match wrapped.take() {
                Some(bytes) => bytes,
                None => new.wrap(place, &secret)?,
            };
            let kept = place_of.replace(epoch, &bytes);
            kept.map_err(|source| failed(place_of.as_ref(), source))?;
            wrapped = Some(bytes);
        }
    }
    // What says that it is there is the place, asked again.
    for copy in self::copies(places, epoch)? {
        if !right(copy.as_ref())? {
            return Err(KeyError::WrongRoot);
        }
    }
    Ok(())
}

fn copies(places: &[Box<dyn EpochPlace>], epoch: EpochNumber) -> Result<Vec<Option<Vec<u8>>>, KeyError> {
    places
        .iter()
        .map(|place| match place.read(epoch) {
            Ok(wrapped) => Ok(Some(wrapped)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(place.as_ref(), source)),
        })
        .collect()
}
