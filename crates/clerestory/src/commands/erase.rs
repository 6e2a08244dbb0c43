//! `admin erase` and `admin erasures`: what the API does, for whoever runs the installation, and for organisations that
//! nobody can sign in to any more.

use clap::Args;
use clerestory_access::{Actor, OpContext, Refused};
use clerestory_lifecycle::{EraseError, Erasure, Target};
use clerestory_model::{OrganisationId, RecordingId, SubjectId};

use super::{Installation, say};
use crate::App;

/// Erasures told at once.
const MOST: u32 = 100;

#[derive(Args)]
pub(super) struct Erase {
    #[command(flatten)]
    installation: Installation,
    /// The organisation's id.
    #[arg(long)]
    organisation: OrganisationId,
    /// A recording to erase, with all its tracks.
    #[arg(long, group = "what")]
    recording: Option<RecordingId>,
    /// A person or visitor to erase, with every recording about them and their account.
    #[arg(long, group = "what")]
    subject: Option<SubjectId>,
    /// A person or visitor of whom to erase every recording there is; who they are stays, and they may be recorded again.
    #[arg(long, group = "what", value_name = "SUBJECT")]
    recordings_of: Option<SubjectId>,
    /// Erase the organisation itself: its id again.
    #[arg(long, group = "what", value_name = "ORGANISATION")]
    everything: Option<OrganisationId>,
    /// Why; kept sealed in the audit log.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Args)]
pub(super) struct Erasures {
    #[command(flatten)]
    installation: Installation,
    /// The organisation's id.
    #[arg(long)]
    organisation: OrganisationId,
}

/// Whoever is at the command line, as the log names them.
pub(super) fn at_command(app: &App, organisation: OrganisationId) -> OpContext {
    let actor = Actor::System { organisation };
    OpContext { actor, request_id: "command".to_owned(), at: app.clock.now() }
}

impl Erase {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let target = match (self.recording, self.subject, self.recordings_of, self.everything) {
            (Some(recording), None, None, None) => Target::Recording(recording),
            (None, Some(subject), None, None) => Target::Subject(subject),
            (None, None, Some(subject), None) => Target::RecordingsOf(subject),
            (None, None, None, Some(again)) => {
                anyhow::ensure!(again == self.organisation, "--everything names another organisation");
                Target::Organisation
            }
            _ => anyhow::bail!("say what to erase: --recording, --subject, --recordings-of or --everything"),
        };
        let app = self.installation.open().await?;
        let op = at_command(&app, self.organisation);
        let erasure = match app.lifecycle.ask(&op, target, self.reason).await {
            Err(EraseError::Refused(Refused::Hidden)) => {
                let what = match target {
                    Target::RecordingsOf(subject) => Target::Subject(subject).word(),
                    target => target.word(),
                };
                anyhow::bail!("there is no such {what} in {}", self.organisation)
            }
            answer => answer?,
        };
        tell(&erasure);
        say("The server carries it on, now or when it starts.");
        Ok(())
    }
}

impl Erasures {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let app = self.installation.open().await?;
        let op = at_command(&app, self.organisation);
        say(&format!("Receipts are signed with {}", app.lifecycle.receipt_key().await?));
        for erasure in app.lifecycle.list(&op, None, MOST).await? {
            tell(&erasure);
            if let Some(receipt) = &erasure.receipt {
                say(&format!("  {receipt}"));
            }
        }
        Ok(())
    }
}

fn tell(erasure: &Erasure) {
    let what = erasure.target.word();
    say(&format!("{}: {what}, {}, asked for at {}", erasure.id, erasure.step.word(), erasure.asked_at));
    if let Some(waits) = &erasure.waits {
        say(&format!("  waits: {waits}"));
    }
}
