//! `init`: root, epoch, database, in that order.

use std::sync::Arc;

use clap::Args;
use clerestory_model::SystemClock;

use super::{Installation, say};
use crate::{App, ThrowAway};

#[derive(Args)]
pub struct Init {
    #[command(flatten)]
    installation: Installation,
    /// The region cell this deployment is, for example eu-1.
    #[arg(long, default_value = "local")]
    region: String,
    /// Allow a file system that is empty after a restart: for tests.
    #[arg(long)]
    throw_away: bool,
}

impl Init {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let places = self.installation.places();
        let protection = self.installation.protection()?;
        if places.bucket.is_some() {
            // Before anything is made: what cannot be used leaves nothing behind.
            let profile = places.objects();
            profile.check(&profile.open()?).await?;
        }
        let root = places.init(&self.region, &protection, self.throw_away.then_some(ThrowAway))?;
        let app = App::create(places.clone(), root, Arc::new(SystemClock)).await?;
        app.check_objects().await?;
        say(&format!("Data:  {}", places.data.display()));
        if places.bucket.is_some() {
            say(&format!("Objects: {}", app.vault.objects().shown()));
        }
        say(&format!("Keys:  {} (keep a copy of root.key somewhere safe)", places.keys.display()));
        if app.vault.keys().place_count() == 1 {
            say(
                "Epoch secrets are kept in one place: losing this disk loses every recording. Name a second with --second-epochs.",
            );
        }
        if matches!(protection, clerestory_keys::Protection::Plain) {
            say("The root key is not under a passphrase: whoever reads its file reads everything.");
        }
        say(&format!(
            "Next:  clerestory admin set-up --data {}{} --organisation NAME --name NAME --email ADDRESS",
            places.data.display(),
            match &self.installation.passphrase_file {
                Some(path) => format!(" --passphrase-file {}", path.display()),
                None => String::new(),
            }
        ));
        Ok(())
    }
}
