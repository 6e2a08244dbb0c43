//! The web parts: packages and builds, each only when something changed.

use std::path::Path;
use std::time::SystemTime;

use crate::place::{self, Place};
use crate::steps::Steps;
use crate::{Failure, Outcome};

/// Workspaces with a `dist` the server serves, in the order they are built.
pub(crate) const PARTS: [&str; 4] = ["capture", "player", "console", "demo-shop"];

/// Built like them, and served by nobody: browsers load it.
const EXTENSION: &str = "extension";

/// Runs `npm ci` when packages are missing or the lock file changed since they were installed, by
/// us (our stamp holds the lock file) or by hand (npm's own list is newer than the lock file).
pub(crate) fn packages(place: &Place, steps: &Steps) -> Outcome {
    let lock = place::read(&place.web().join("package-lock.json"))?;
    let modules = place.web().join("node_modules");
    let stamp = modules.join(".clerestory-lock");
    let by_us = std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock);
    let installed = modified(&modules.join(".package-lock.json"));
    let by_hand = installed >= modified(&place.web().join("package-lock.json"));
    if installed.is_some() && (by_us || by_hand) {
        return Ok(());
    }
    steps.run("web packages", &mut place.npm(&["ci", "--no-audit", "--no-fund"]))?;
    place::write(&stamp, lock.as_bytes())
}

/// Builds what the server serves, unless nothing changed since the last build.
pub(crate) fn build(place: &Place, steps: &Steps) -> Outcome {
    let stamp = place.web().join("node_modules/.clerestory-built");
    let sources = newest(&place.web())?;
    let built = modified(&stamp);
    let all = || PARTS.into_iter().chain([EXTENSION]);
    let complete = all().all(|part| has_files(&place.web().join(part).join("dist")));
    if complete && built.is_some_and(|built| built > sources) {
        steps.say("web parts: nothing changed since the last build");
        return Ok(());
    }
    for part in all() {
        steps.run(&format!("web/{part}"), &mut place.npm(&["run", "build", "-w", part]))?;
    }
    place::write(&stamp, b"")
}

/// Makes sure the folders the server embeds exist, so that it compiles beside the web builds.
pub(crate) fn folders(place: &Place) -> Outcome {
    for part in PARTS {
        let dist = place.web().join(part).join("dist");
        std::fs::create_dir_all(&dist)
            .map_err(|error| Failure(format!("{} cannot be made: {error}.", dist.display())))?;
    }
    Ok(())
}

fn has_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// The newest change below `folder`, leaving out what builds and tests write. Folders count, so
/// that a deleted file is noticed.
fn newest(folder: &Path) -> Outcome<SystemTime> {
    let unreadable =
        |error: std::io::Error| Failure(format!("{} cannot be read: {error}.", folder.display()));
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        if ["node_modules", "dist", "e2e", "test-results"].iter().any(|left_out| name == *left_out) {
            continue;
        }
        let data = entry.metadata().map_err(unreadable)?;
        // A workspace's own folder changes when its dist is written anew; what lies inside counts.
        let is_workspace = PARTS.iter().chain([&EXTENSION]).any(|part| name == *part);
        if !is_workspace && let Ok(time) = data.modified() {
            newest = newest.max(time);
        }
        if data.is_dir() {
            newest = newest.max(self::newest(&entry.path())?);
        }
    }
    Ok(newest)
}
