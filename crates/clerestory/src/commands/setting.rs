//! `admin setting`: what the whole installation says of settings, above every organisation.

use clap::{Args, Subcommand};
use clerestory_access::settings::Saying;
use clerestory_access::{Actor, OpContext};
use clerestory_model::OrganisationId;
use clerestory_settings::tree::{Level, Lock, Node};

use super::{Installation, say};
use crate::App;

#[derive(Subcommand)]
pub(super) enum Setting {
    /// Lists the settings that the installation can say something of, and what it says.
    Show(Show),
    /// Says something of a setting to every organisation.
    Set(Set),
    /// Says nothing of a setting any more.
    Unset(Unset),
}

#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    installation: Installation,
}

#[derive(Args)]
pub(super) struct Set {
    #[command(flatten)]
    installation: Installation,
    /// The setting, for example `capture.policy.max_age`.
    name: String,
    /// The value, for example `PT12H`, `true` or `reports`.
    value: String,
    /// none, floor, ceiling or fixed: what organisations may not leave.
    #[arg(long, default_value_t = Lock::None)]
    lock: Lock,
    /// Why; kept sealed with it.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Args)]
pub(super) struct Unset {
    #[command(flatten)]
    installation: Installation,
    /// The setting.
    name: String,
    /// Why; kept sealed with it.
    #[arg(long)]
    reason: Option<String>,
}

impl Setting {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show(show) => list(&show.installation.open().await?).await,
            Self::Set(set) => {
                // What is no JSON by itself is a text: nobody should have to quote a duration twice.
                let value = serde_json::from_str(&set.value).unwrap_or(serde_json::Value::String(set.value));
                let app = set.installation.open().await?;
                change(&app, set.name, Some(value), set.lock, set.reason).await
            }
            Self::Unset(unset) => {
                let app = unset.installation.open().await?;
                change(&app, unset.name, None, Lock::None, unset.reason).await
            }
        }
    }
}

async fn change(
    app: &App,
    name: String,
    value: Option<serde_json::Value>,
    lock: Lock,
    reason: Option<String>,
) -> anyhow::Result<()> {
    let actor = Actor::System { organisation: OrganisationId::nil() };
    let op = OpContext { actor, request_id: "command".to_owned(), at: app.clock.now() };
    let saying = Saying { node: Node::DEPLOYMENT, name, value, lock, reason };
    let version = app.access.say(&op, saying, version(app).await?).await??;
    say(&format!("The installation's settings are at version {version}. Every server follows from now on."));
    Ok(())
}

async fn version(app: &App) -> anyhow::Result<u64> {
    app.vault.hold_lease().await?;
    let settings = app.access.settings().clone();
    let known = app.database.read(move |tx| {
        Box::pin(async move { Ok::<_, anyhow::Error>(settings.known(tx, OrganisationId::nil()).await?) })
    });
    Ok(known.await?.version())
}

async fn list(app: &App) -> anyhow::Result<()> {
    app.vault.hold_lease().await?;
    let settings = app.access.settings().clone();
    let asked = settings.clone();
    let known = app.database.read(move |tx| {
        Box::pin(async move { Ok::<_, anyhow::Error>(asked.known(tx, OrganisationId::nil()).await?) })
    });
    let known = known.await?;
    for setting in settings.registry().all().filter(|setting| setting.levels.contains(&Level::Deployment)) {
        let (effective, steps) = known.explain(setting, &[Node::DEPLOYMENT]);
        let from = if steps.is_empty() { "the default" } else { "said for the installation" };
        say(&format!("{} = {} ({from}): {}", setting.key, effective.value, setting.note));
    }
    Ok(())
}
