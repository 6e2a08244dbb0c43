//! `import`: a plain rrweb recording from a file.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clerestory_access::{Actor, OpContext, SiteRef};
use clerestory_model::{OrganisationId, PersonId, SiteId};

use super::{Installation, say};
use crate::App;

#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    installation: Installation,
    /// The organisation's id.
    #[arg(long)]
    organisation: OrganisationId,
    /// The site the recording is to belong to.
    #[arg(long)]
    site: SiteId,
    /// The person the recordings are about; visitors nobody knows, where none is named.
    #[arg(long)]
    about: Option<PersonId>,
    /// Files with a JSON array of rrweb events, or an object with one under `events`; .gz is unpacked.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Import {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let app = self.installation.open().await?;
        app.check_objects().await?;
        let site = SiteRef { organisation: self.organisation, id: self.site };
        for path in &self.files {
            let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            let imported = import(&app, site, self.about, bytes).await;
            let (recording, events) = imported.with_context(|| format!("importing {}", path.display()))?;
            say(&format!("{}: {recording}, {events} events", path.display()));
        }
        Ok(())
    }
}

/// Imports one recording, packed by gzip or not, as an act of the program itself.
pub(super) async fn import(
    app: &App,
    site: SiteRef,
    about: Option<PersonId>,
    bytes: Vec<u8>,
) -> anyhow::Result<(String, u64)> {
    let bytes = match bytes.as_slice() {
        [0x1f, 0x8b, ..] => {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked)?;
            unpacked
        }
        _ => bytes,
    };
    if let Some(at) = app.lifecycle.closes_at(site.organisation).await? {
        anyhow::bail!(
            "the organisation is closing: everything it has is erased at {at}, and nothing new is taken in. An administrator \
             can keep it until then, under Receipts"
        );
    }
    let op = OpContext {
        actor: Actor::System { organisation: site.organisation },
        request_id: "import".to_owned(),
        at: app.clock.now(),
    };
    let imported = app.intake.import(&op, site, about, bytes.into()).await?;
    Ok((imported.recording.to_string(), imported.events))
}
