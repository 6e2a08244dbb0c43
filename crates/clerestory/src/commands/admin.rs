//! `admin`: the first organisation and its administrator, further people, sign-in links, and care for the keys.

use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome};
use clerestory_identity::{IdentityError, NewOrganisation, NewPerson};
use clerestory_model::{OrganisationId, Timestamp};
use clerestory_sql::{Body, Lane, Tx};
use clerestory_store::people::Role;

use super::{Installation, say};
use crate::App;

#[derive(Args)]
pub struct Admin {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Adds an organisation and its first administrator; prints a link that signs them in once.
    SetUp {
        #[command(flatten)]
        installation: Installation,
        /// What people call the organisation.
        #[arg(long)]
        organisation: String,
        /// The administrator's name.
        #[arg(long)]
        name: String,
        /// The administrator's address.
        #[arg(long)]
        email: String,
    },
    /// Adds a person to an organisation; prints a link that signs them in once.
    AddPerson {
        #[command(flatten)]
        installation: Installation,
        /// The organisation's id.
        #[arg(long)]
        organisation: OrganisationId,
        /// member, manager or admin.
        #[arg(long)]
        role: Role,
        /// Their name.
        #[arg(long)]
        name: String,
        /// Their address.
        #[arg(long)]
        email: String,
    },
    /// Prints a link that signs somebody in once, within a day.
    SignInLink {
        #[command(flatten)]
        installation: Installation,
        /// Their address.
        #[arg(long)]
        email: String,
    },
    /// Reads a password from standard input and gives it to somebody; their sessions end.
    SetPassword {
        #[command(flatten)]
        installation: Installation,
        /// Their address.
        #[arg(long)]
        email: String,
    },
    /// Takes away the second factor of somebody who has lost it; their sessions end.
    ResetFactor {
        #[command(flatten)]
        installation: Installation,
        /// Their address.
        #[arg(long)]
        email: String,
    },
    /// Keeps everybody of an organisation out for a time, or lets them in again. It ends by itself.
    BlockOrganisation {
        #[command(flatten)]
        installation: Installation,
        /// The organisation's id.
        #[arg(long)]
        organisation: OrganisationId,
        /// When it ends: 2026-11-23T09:00:00Z. Without it, a block that runs ends now, and those of networks and
        /// browsers with it.
        #[arg(long)]
        until: Option<Timestamp>,
        /// Why; kept sealed.
        #[arg(long, default_value = "by the operator")]
        reason: String,
    },
    /// Moves everything that lies in the ingest log into parts of its tracks now.
    Settle {
        #[command(flatten)]
        installation: Installation,
    },
    /// Says that this machine's clock is right now, after a jump that stopped epochs and sweeps.
    ConfirmTime {
        #[command(flatten)]
        installation: Installation,
    },
    /// Lets the sweep of an organisation go on that waits because far more is due than was foreseen.
    ConfirmSweep {
        #[command(flatten)]
        installation: Installation,
        /// The organisation's id.
        #[arg(long)]
        organisation: OrganisationId,
        /// How many recordings are due, as the log and the health page say: it goes on for so many, and a twentieth more.
        #[arg(long)]
        due: u64,
    },
    /// Replaces the root of all keys.
    #[command(subcommand)]
    Root(super::root::Root),
    /// Makes and checks shares of the root key.
    #[command(subcommand)]
    Shares(super::shares::Shares),
    /// Proves that a copy of the database opens with what is kept outside this machine; changes nothing.
    Drill(super::drill::Drill),
    /// Erases a recording, a person or a whole organisation for good.
    Erase(super::erase::Erase),
    /// Tells an organisation's erasures, with their receipts.
    Erasures(super::erase::Erasures),
    /// Shows what the installation says of settings to all its organisations, and says otherwise.
    #[command(subcommand)]
    Setting(super::setting::Setting),
}

impl Admin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.act {
            Act::SetUp { installation, organisation, name, email } => {
                let app = installation.open().await?;
                let id = add_organisation(&app, organisation).await?;
                say(&format!("Organisation: {id}"));
                add_person(&app, id, Role::Admin, name, email.clone(), None).await?;
                tell_link(&app, email).await
            }
            Act::AddPerson { installation, organisation, role, name, email } => {
                let app = installation.open().await?;
                add_person(&app, organisation, role, name, email.clone(), None).await?;
                tell_link(&app, email).await
            }
            Act::SignInLink { installation, email } => tell_link(&installation.open().await?, email).await,
            Act::ResetFactor { installation, email } => {
                reset_factor(&installation.open().await?, email).await
            }
            Act::BlockOrganisation { installation, organisation, until, reason } => {
                block_organisation(&installation.open().await?, organisation, until, reason).await
            }
            Act::Settle { installation } => settle(&installation.open().await?).await,
            Act::ConfirmTime { installation } => confirm_time(&installation.open().await?).await,
            Act::ConfirmSweep { installation, organisation, due } => {
                let app = installation.open().await?;
                let op = super::erase::at_command(&app, organisation);
                let confirmed = app.lifecycle.confirm_sweep(&op, due).await?;
                anyhow::ensure!(confirmed, "no sweep of {organisation} waits");
                say("It goes on within five minutes.");
                Ok(())
            }
            Act::Root(command) => command.run().await,
            Act::Shares(command) => command.run().await,
            Act::Drill(command) => command.run().await,
            Act::Erase(command) => command.run().await,
            Act::Erasures(command) => command.run().await,
            Act::Setting(command) => command.run().await,
            Act::SetPassword { installation, email } => {
                let app = installation.open().await?;
                let mut line = zeroize::Zeroizing::new(String::new());
                std::io::stdin().read_line(&mut line)?;
                set_password(&app, email, line.trim_end_matches(['\r', '\n'])).await
            }
        }
    }
}

async fn block_organisation(
    app: &App,
    organisation: OrganisationId,
    until: Option<Timestamp>,
    reason: String,
) -> anyhow::Result<()> {
    app.vault.hold_lease().await?;
    let (identity, at) = (app.identity.clone(), app.clock.now());
    anyhow::ensure!(until.is_none_or(|until| until > at), "a block ends after now");
    let done: Result<(), IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move { identity.block_organisation(tx, organisation, until, &reason, at).await })
        })
        .await;
    done?;
    match until {
        Some(until) => say(&format!("Everybody of {organisation} is kept out until {until}.")),
        None => say(&format!("Nobody of {organisation} is kept out any more.")),
    }
    Ok(())
}

async fn settle(app: &App) -> anyhow::Result<()> {
    app.check_objects().await?;
    let settled = app.settle_now().await?;
    say(&format!(
        "{} segments of {} bytes are now in {} parts of {} bytes; {} objects were removed.",
        settled.segments, settled.bytes_before, settled.parts, settled.bytes_after, settled.removed
    ));
    anyhow::ensure!(settled.left == 0, "{} tracks were left: run it again, or see the log", settled.left);
    Ok(())
}

/// On record as an act of the deployment's own.
async fn confirm_time(app: &App) -> anyhow::Result<()> {
    let (keys, at) = (Arc::clone(app.vault.keys()), app.clock.now());
    on_record(app, "time.confirm", move |tx| Box::pin(async move { Ok(keys.confirm_time(tx).await?) }))
        .await?;
    say(&format!("The time is {at}. Epochs and sweeps go on within a quarter of an hour."));
    Ok(())
}

/// Does something that is on record as an act of the deployment's own: both are committed, or neither.
pub(super) async fn on_record<F>(app: &App, action: &'static str, act: F) -> anyhow::Result<()>
where
    F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, (), anyhow::Error> + Send + 'static,
{
    app.vault.hold_lease().await?;
    let (audit, at) = (app.access.audit().clone(), app.clock.now());
    app.database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let entry = NewEntry {
                    organisation: OrganisationId::nil(),
                    at,
                    action,
                    class: Class::APPLICATION_START,
                    outcome: Outcome::Allowed,
                    rule: "command".to_owned(),
                    actor_kind: ActorKind::System,
                    actor: [0; 16],
                    object: ObjectRef { kind: "organisation".to_owned(), id: [0; 16] },
                    request_id: String::new(),
                    personal: None,
                };
                audit.append(tx, entry).await?;
                act(tx).await
            })
        })
        .await
}

pub(super) async fn add_organisation(app: &App, name: String) -> anyhow::Result<OrganisationId> {
    app.vault.hold_lease().await?;
    let (identity, at) = (app.identity.clone(), app.clock.now());
    let added: Result<_, IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let new = NewOrganisation { name: &name, project: "General" };
                identity.add_organisation(tx, new, at).await
            })
        })
        .await;
    Ok(added?)
}

pub(super) async fn add_person(
    app: &App,
    organisation: OrganisationId,
    role: Role,
    name: String,
    email: String,
    password: Option<String>,
) -> anyhow::Result<()> {
    app.vault.hold_lease().await?;
    let (identity, at) = (app.identity.clone(), app.clock.now());
    let added: Result<_, IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let new = NewPerson { organisation, role, name: &name, email: &email, password };
                identity.add_person(tx, new, at).await
            })
        })
        .await;
    added?;
    Ok(())
}

/// A token for a link that signs this person in once.
pub(super) async fn make_link(app: &App, email: String) -> anyhow::Result<String> {
    app.vault.hold_lease().await?;
    let (identity, at) = (app.identity.clone(), app.clock.now());
    let made: Result<_, IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let Some(person) = identity.person_by_address(tx, &email, at).await? else { return Ok(None) };
                Ok(Some(identity.make_link(tx, person.id, at).await?))
            })
        })
        .await;
    Ok(made?.context("nobody has this address")?.reveal())
}

pub(super) async fn set_password(app: &App, email: String, password: &str) -> anyhow::Result<()> {
    app.vault.hold_lease().await?;
    let text = zeroize::Zeroizing::new(password.to_owned());
    let password = match app.identity.fit_password(text, vec![email.clone()]).await? {
        Ok(password) => password,
        Err(unfit) => anyhow::bail!("the password is not taken: {unfit}. {}", unfit.advice().join(" ")),
    };
    let phc = app.identity.passwords().hash(password).await?;
    let (identity, at) = (app.identity.clone(), app.clock.now());
    let set: Result<_, IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let Some(person) = identity.person_by_address(tx, &email, at).await? else {
                    return Ok(false);
                };
                identity.set_password(tx, &person, phc, at).await?;
                Ok(true)
            })
        })
        .await;
    anyhow::ensure!(set?, "nobody has this address");
    Ok(())
}

async fn reset_factor(app: &App, email: String) -> anyhow::Result<()> {
    app.vault.hold_lease().await?;
    let (identity, at) = (app.identity.clone(), app.clock.now());
    let reset: Result<_, IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let Some(person) = identity.person_by_address(tx, &email, at).await? else { return Ok(None) };
                Ok(Some(identity.reset_factor_by_program(tx, &person, at).await?))
            })
        })
        .await;
    say(match reset?.context("nobody has this address")? {
        true => "Their second factor is gone, and their sessions have ended.",
        false => "They have no second factor.",
    });
    Ok(())
}

async fn tell_link(app: &App, email: String) -> anyhow::Result<()> {
    let token = make_link(app, email).await?;
    say("This signs them in once, within a day, at the console's own address:");
    say(&format!("  /sign-in#token={token}"));
    Ok(())
}
