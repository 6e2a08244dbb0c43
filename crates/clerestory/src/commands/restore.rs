//! `restore`: the database becomes what a copy of it was; what was erased since stays erased.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clerestory_model::SystemClock;

use super::{Installation, say};
use crate::places::Postgres;
use crate::{App, CopyAt};

#[derive(Args)]
pub struct Restore {
    #[command(flatten)]
    installation: Installation,
    /// The copy: an SQLite file, or the address of a PostgreSQL database that a backup was brought into.
    #[arg(
        long,
        env = "CLERESTORY_RESTORE_COPY",
        hide_env_values = true,
        value_name = "COPY",
        required_unless_present = "in_place",
        conflicts_with = "in_place"
    )]
    at: Option<String>,
    /// The database in its place is the copy: a backup that was brought into it, or a standby that was promoted.
    #[arg(long)]
    in_place: bool,
}

impl Restore {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let places = self.installation.places()?;
        let copy = self.at.as_deref().map(|at| match at.contains("://") {
            true => CopyAt::Postgres(Postgres {
                address: at.to_owned(),
                roots: places.postgres.as_ref().and_then(|postgres| postgres.roots.clone()),
            }),
            false => CopyAt::File(PathBuf::from(at)),
        });
        let root = places.open_to_restore(&self.installation.protection()?)?;
        let _serving = places.lock()?;
        let lost = places.postgres.is_none() && !places.database().exists();
        if let (true, Some(CopyAt::File(path))) = (lost, &copy) {
            // The newest there is of everything is then the copy's own.
            places.put_copy(path).await?;
        }
        anyhow::ensure!(
            places.postgres.is_some() || places.database().exists(),
            "{} is not there: put a copy in its place, or name one with --at",
            places.database().display()
        );
        let app = App::build_to_restore(places, root, Arc::new(SystemClock)).await?;
        // Tombstones lie beside the objects: those of another store know nothing of what was erased here.
        app.check_store().await?;
        let restored = match &copy {
            Some(copy) if !lost => app.restore_from(copy).await?,
            _ => app.lifecycle.restore_in_place().await?,
        };
        app.integrate_ledger().await?;
        if lost {
            say("There was no database: the copy is the database now, with everything that is in it.");
        }
        say(&format!("Recordings that came back: {}", restored.returned_recordings));
        say(&format!("Recordings from after the copy, which are gone: {}", restored.removed_recordings));
        say(&format!("Tracks that are erased and stay so: {}", restored.erased_tracks));
        say(&format!("Generation {} of this installation begins.", restored.generation));
        if app.vault.objects().directory().is_some() {
            say(
                "Objects lie in a directory: nothing stops a second copy of this installation that has its own. \
                 Put every other copy away.",
            );
        }
        say(
            "Segments that were settled after the copy was made lie elsewhere than it says. `clerestory fsck` tells \
             whether there are any, and `clerestory fsck --rebuild` finds them, with recordings from after the copy.",
        );
        let differences = app.replay_authority().await?;
        for difference in &differences {
            say(&format!("WRONG: {difference}"));
        }
        anyhow::ensure!(
            differences.is_empty(),
            "restored; {} rows of authority are not as the audit log says, as they were before",
            differences.len()
        );
        Ok(())
    }
}
