//! `init`: root, epoch, database, in that order.

use std::sync::Arc;

use clap::Args;
use clerestory_keys::RootAddress;
use clerestory_model::SystemClock;

use super::{Installation, say};
use crate::{App, ThrowAway};

/// What `--root` and `--to` name; nothing for a key file.
pub(super) fn root_address(text: &str) -> anyhow::Result<Option<RootAddress>> {
    match text {
        "file" => Ok(None),
        address => Ok(Some(address.parse()?)),
    }
}

#[derive(Args)]
pub struct Init {
    #[command(flatten)]
    installation: Installation,
    /// The region cell this deployment is, for example eu-1.
    #[arg(long, default_value = "local")]
    region: String,
    /// The root: `file`, or a key that its keeper never gives out: vault:<mount>/<key> of a transit engine, or
    /// kms:<region>/<key>.
    #[arg(long, default_value = "file", value_name = "ROOT")]
    root: String,
    /// Allow a file system that is empty after a restart: for tests.
    #[arg(long)]
    throw_away: bool,
}

impl Init {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let places = self.installation.places()?;
        let protection = self.installation.protection()?;
        if places.bucket.is_some() {
            // Before anything is made: what cannot be used leaves nothing behind.
            let profile = places.objects();
            profile.check(&profile.open()?).await?;
        }
        App::refuse_existing(&places).await?;
        let throw_away = self.throw_away.then_some(ThrowAway);
        let elsewhere = root_address(&self.root)?;
        let root = match &elsewhere {
            Some(address) => places.init_with_root_at(&self.region, address.clone(), throw_away)?,
            None => places.init(&self.region, &protection, throw_away)?,
        };
        let app = App::create(places.clone(), root, Arc::new(SystemClock)).await?;
        app.check_objects().await?;
        say(&format!("Data:  {}", places.data.display()));
        if places.bucket.is_some() {
            say(&format!("Objects: {}", app.vault.objects().shown()));
        }
        say(&format!("Keys:  {} (keep a copy of root.key somewhere safe)", places.keys.display()));
        match &places.second_epochs {
            Some(second) if places.on_one_disk() => say(&format!(
                "Epoch secrets are also kept in {second}, on the same disk: losing it loses every recording."
            )),
            Some(second) => {
                say(&format!("Epoch secrets are also kept in {second}. Name it each time you start."))
            }
            None => say(
                "Epoch secrets are kept in one place: losing this disk loses every recording. Name a second with --second-epochs.",
            ),
        }
        match &elsewhere {
            Some(address) => {
                say(&format!("The root is {address}: without it nothing opens, and no file replaces it."))
            }
            None => {
                if matches!(protection, clerestory_keys::Protection::Plain) {
                    say("The root key is not under a passphrase: whoever reads its file reads everything.");
                }
                say(
                    "Split it: clerestory admin shares make. Without root.key or enough shares nothing opens.",
                );
            }
        }
        say(&format!(
            "Next:  clerestory admin set-up --data {}{} --organisation NAME --name NAME --email ADDRESS",
            places.data.display(),
            match &self.installation.passphrase_file {
                Some(path) => format!(" --passphrase-file {}", path.display()),
                None => String::new(),
            }
        ));
        say("       or clerestory serve: it prints a link by which the first organisation is made.");
        Ok(())
    }
}
