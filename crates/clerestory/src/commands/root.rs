//! `admin root`: the root of all keys is replaced, by one of the same kind or of another, or protected anew.

use std::path::PathBuf;

use clap::Subcommand;
use clerestory_keys::{NewRoot, Protection, RootFile, change_root_to};

use super::admin::on_record;
use super::init::root_address;
use super::{Installation, passphrase, say};

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
    /// Seals the root key file under another passphrase, or none. The key stays what it is, and so do its shares.
    Passphrase {
        #[command(flatten)]
        installation: Installation,
        /// File with the new passphrase on its first line.
        #[arg(long, value_name = "FILE", required_unless_present = "none", conflicts_with = "none")]
        new_passphrase_file: Option<PathBuf>,
        /// From now on the key lies in its file as it is.
        #[arg(long)]
        none: bool,
    },
}

impl Root {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Rotate { installation, to } => rotate(&installation, &to).await,
            Self::Passphrase { installation, new_passphrase_file, none: _ } => {
                let new = new_passphrase_file.map_or(Ok(Protection::Plain), |path| passphrase(&path))?;
                let places = installation.places()?;
                let app = installation.open().await?;
                on_record(&app, "root.passphrase", |_| Box::pin(async { Ok(()) })).await?;
                RootFile::protect_anew(&places.root_key(), &installation.protection()?, &new)?;
                say(
                    "The root key is protected anew. Copies of its file open with what they were made under.",
                );
                Ok(())
            }
        }
    }
}

async fn rotate(installation: &Installation, to: &str) -> anyhow::Result<()> {
    let new = root_address(to)?.map_or(NewRoot::Key, NewRoot::Elsewhere);
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
