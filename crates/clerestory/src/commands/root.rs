//! `admin root`: the root of all keys is replaced, by one of the same kind or of another.

use clap::Subcommand;
use clerestory_keys::{NewRoot, change_root_to};

use super::admin::on_record;
use super::init::root_address;
use super::{Installation, say};

#[derive(Subcommand)]
pub(super) enum Root {
    /// Wraps every epoch secret anew under another root, in every place. The server is stopped for it, on every node.
    /// A rotation that was cut off is finished by running it again.
    Rotate {
        #[command(flatten)]
        installation: Installation,
        /// The new root: `file`, vault:<mount>/<key>, or kms:<region>/<key>.
        #[arg(long, default_value = "file", value_name = "ROOT")]
        to: String,
    },
}

impl Root {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self::Rotate { installation, to } = self;
        let new = root_address(&to)?.map_or(NewRoot::Key, NewRoot::Elsewhere);
        let places = installation.places()?;
        let protection = installation.protection()?;
        // Whoever runs keeps wrapping under the old root.
        let _alone = places.lock()?;
        let app = installation.open().await?;
        on_record(&app, "root.rotate", |_| Box::pin(async { Ok(()) })).await?;
        drop(app);
        let epochs = places.epochs()?;
        change_root_to(&places.root_key(), &protection, &places.custody, new, &epochs)?;
        // What says that it went well is the installation, opened again.
        let app = installation.open().await?;
        match app.vault.keys().root_address() {
            Some(address) => say(&format!("The root is {address}.")),
            None => say(&format!(
                "The root is a new key in {}. Shares of the old one open nothing any more: make new ones with \
                 `clerestory admin shares make`, and keep a copy of the file.",
                places.root_key().display()
            )),
        }
        say("Every epoch secret in every place is wrapped under it. Run `clerestory admin drill` again.");
        Ok(())
    }
}
