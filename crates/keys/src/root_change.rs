//! Rotating the root: every epoch secret is wrapped anew under a new root key in every place, then the old root goes.
//!
//! The new root lies beside the old one from before the first secret is wrapped under it until after the last, so that
//! a crash at any step leaves an installation that opens, and a rotation that can be run again.

use std::collections::BTreeSet;
use std::path::Path;

use clerestory_seal::{SealedValue, SecretKey};

use crate::epochs::{failed, mark, unwrap_with, wrap_with};
use crate::root::{next_path, root_file, sync_directory};
use crate::{EpochNumber, EpochPlace, KeyError, Protection, RootFile};

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
    let RootFile { deployment, key: old, next } = RootFile::open(path, protection)?;
    let beside = next_path(path);
    let new = match next {
        Some(next) => next,
        None => RootFile::write(&beside, deployment.clone(), SecretKey::generate(), protection)?.key,
    };
    let mut all = BTreeSet::new();
    for place in places {
        all.extend(place.list().map_err(|source| failed(place.as_ref(), source))?);
    }
    let opened = |root: &SecretKey, epoch, wrapped: &[u8]| {
        unwrap_with(root, &deployment, epoch, wrapped.to_vec()).ok()
    };
    for epoch in all {
        let copies = copies(places, epoch)?;
        let sound = copies
            .iter()
            .flatten()
            .find_map(|wrapped| opened(&old, epoch, wrapped).or_else(|| opened(&new, epoch, wrapped)));
        let secret = sound.ok_or(KeyError::WrongRoot)?;
        let wrapped: SealedValue = wrap_with(&new, &deployment, epoch, &secret);
        for (place, copy) in places.iter().zip(&copies) {
            let right =
                |copy: &Vec<u8>| opened(&new, epoch, copy).is_some_and(|found| mark(&found) == mark(&secret));
            if !copy.as_ref().is_some_and(right) {
                let kept = place.replace(epoch, wrapped.as_bytes());
                kept.map_err(|source| failed(place.as_ref(), source))?;
            }
        }
        // What says that it is there is the place, asked again.
        for copy in self::copies(places, epoch)? {
            copy.and_then(|copy| opened(&new, epoch, &copy)).ok_or(KeyError::WrongRoot)?;
        }
    }
    let io = |error: std::io::Error| root_file(path, error.to_string());
    std::fs::rename(&beside, path).map_err(io)?;
    sync_directory(path).map_err(io)
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
