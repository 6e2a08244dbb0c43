//! What settings say of how long things are kept, put in force before anything is swept.
//!
//! A value that cannot be read is never put in force, and an organisation of which one cannot be read is not swept: what is
//! safe for people's privacy may be shorter than what was meant, and what is erased does not come back.

use std::collections::HashMap;
use std::time::Duration;

use clerestory_access::settings::{Known, Saying, differences};
use clerestory_access::{AccessError, OpContext, OrganisationRef, ReadRetention};
use clerestory_model::{OrganisationId, ProjectId, RetentionClass, Timestamp};
use clerestory_settings::tree::{Level, Lock, Node, Said, Span, Tree, Value, Values, resolve};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::retention;
use clerestory_store::settings as said;
use clerestory_store::tree::{self, NodeId};

use crate::{EraseError, Lifecycle};

/// The setting that says how long tracks of a class are kept. Of what stands until its owner goes nothing is said.
pub(crate) const fn setting_of(class: RetentionClass) -> Option<&'static str> {
    match class {
        RetentionClass::Replay => Some("retention.replay"),
        RetentionClass::Recording => Some("retention.recording"),
        RetentionClass::Screenshot => Some("retention.screenshot"),
        RetentionClass::ActivityRaw => Some("retention.activity.raw"),
        RetentionClass::ActionLog => Some("retention.actionlog"),
        RetentionClass::EventVod => Some("retention.event.vod"),
        RetentionClass::Standing => None,
    }
}

/// How long a class is kept in a project, by what settings say.
#[derive(Clone, Copy, Debug)]
struct Kept {
    project: ProjectId,
    class: RetentionClass,
    kept: Duration,
    doubtful: bool,
}

/// A change of settings that somebody intends.
#[derive(Clone, Debug)]
pub enum Intended {
    /// Something is said.
    Say(Saying),
    /// What was said up to a version is said again.
    Back(u64),
}

/// Where an organisation's projects hang.
struct Projects {
    ids: Vec<ProjectId>,
    tree: Tree,
}

impl Projects {
    async fn of(tx: &mut Tx, organisation: OrganisationId) -> Result<Self, SqlError> {
        let nodes = tree::of_organisation(tx, organisation).await?;
        let ids = nodes.iter().filter_map(|node| match node.id {
            NodeId::Project(id) => Some(id),
            NodeId::Domain(_) | NodeId::Team(_) => None,
        });
        Ok(Self { ids: ids.collect(), tree: said::tree(tx, organisation, &[]).await? })
    }
}

/// How long everything is kept by the dates there are.
struct InForce {
    kept: HashMap<(ProjectId, RetentionClass), Duration>,
    unreadable: u64,
}

impl InForce {
    async fn of(tx: &mut Tx, organisation: OrganisationId) -> Result<Self, SqlError> {
        let retention::InForce { kept, unreadable } = retention::of_organisation(tx, organisation).await?;
        let kept = kept.into_iter().map(|(project, class, kept)| ((project, class), kept)).collect();
        Ok(Self { kept, unreadable })
    }

    fn kept(&self, one: &Kept) -> Duration {
        self.kept.get(&(one.project, one.class)).copied().unwrap_or(retention::usual(one.class))
    }
}

/// What settings say other than what is in force; everything they say, where some of that cannot be read.
struct Unsettled {
    kept: Vec<Kept>,
    /// Rows of what is in force that cannot be read.
    unreadable: u64,
}

impl Unsettled {
    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.unreadable == 0
    }
}

impl Lifecycle {
    /// Puts in force what settings say, in every organisation; those that are not to be swept now, because something of
    /// theirs cannot be read.
    pub(crate) async fn settle_retentions(
        &self,
        organisations: &[OrganisationId],
    ) -> Result<Vec<OrganisationId>, EraseError> {
        let mut doubtful = Vec::new();
        for organisation in organisations.iter().copied() {
            self.parts.vault.hold_lease().await?;
            let is_settled = match self.settle_retention(organisation).await {
                Ok(is_settled) => is_settled,
                // The others do not wait for it, and nothing of it is swept by dates that may be wrong.
                Err(error) => {
                    tracing::error!(%organisation, error = &error as &dyn std::error::Error, "what is in force of retention could not be settled");
                    false
                }
            };
            if !is_settled {
                doubtful.push(organisation);
            }
        }
        Ok(doubtful)
    }

    /// Puts in force what an organisation's settings say; `false` where something could not be read.
    async fn settle_retention(&self, organisation: OrganisationId) -> Result<bool, EraseError> {
        let lifecycle = self.clone();
        let looked = self
            .parts
            .database
            .read(move |tx| Box::pin(async move { lifecycle.unsettled(tx, organisation).await }));
        match looked.await? {
            None => return Ok(false),
            Some(unsettled) if unsettled.is_empty() => return Ok(true),
            Some(_) => {}
        }
        let lifecycle = self.clone();
        let settled = self.parts.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move {
                // Whoever says something of a setting has a turn too: it is what was said last that is put in force.
                lifecycle.parts.access.audit().take_turn(tx, organisation).await?;
                let Some(before) = lifecycle.unsettled(tx, organisation).await? else { return Ok(false) };
                if before.unreadable > 0 {
                    let rows = before.unreadable;
                    tracing::error!(%organisation, rows, "what is in force of retention cannot be read: what settings say is put in its place, and nothing is swept before");
                    retention::forget_unreadable(tx, organisation).await?;
                }
                for Kept { project, class, kept, .. } in before.kept {
                    match before.unreadable {
                        0 => drop(retention::put_in_force(tx, organisation, project, class, kept).await?),
                        _ => retention::put_again(tx, organisation, project, class, kept).await?,
                    }
                }
                // Until the next turn nobody knows by what the dates were made.
                Ok::<_, EraseError>(before.unreadable == 0)
            })
        });
        settled.await
    }

    /// Whether what settings say can be read, and is in force.
    pub(super) async fn is_settled(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
    ) -> Result<bool, EraseError> {
        Ok(self.unsettled(tx, organisation).await?.is_some_and(|unsettled| unsettled.is_empty()))
    }

    /// What settings say other than what is in force; `None` where something cannot be read.
    async fn unsettled(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
    ) -> Result<Option<Unsettled>, EraseError> {
        // Versions that no head leads to are not read, and so are in nobody's values.
        if clerestory_store::settings::is_cut_short(tx, organisation).await? {
            return Ok(None);
        }
        let known = self.parts.access.settings().known(tx, organisation).await?;
        let projects = Projects::of(tx, organisation).await?;
        let said = self.kept_by(known.values(), &projects);
        if said.iter().any(|one| one.doubtful) {
            return Ok(None);
        }
        let now = InForce::of(tx, organisation).await?;
        let differs = |one: &Kept| now.unreadable > 0 || now.kept(one) != one.kept;
        let kept = said.into_iter().filter(differs).collect();
        Ok(Some(Unsettled { kept, unreadable: now.unreadable }))
    }

    /// How long everything is kept in each project, by what `values` say.
    fn kept_by(&self, values: &Values, projects: &Projects) -> Vec<Kept> {
        let registry = self.parts.access.settings().registry();
        let mut all = Vec::with_capacity(projects.ids.len() * RetentionClass::ALL.len());
        for project in projects.ids.iter().copied() {
            let node = Node { level: Level::Project, id: *project.as_bytes() };
            let chain = projects.tree.chain(node);
            // A node above it that is gone takes with it what the organisation says.
            let cut_off = !chain.iter().any(|node| node.level == Level::Organisation);
            for class in RetentionClass::ALL.iter().copied() {
                let Some(setting) = setting_of(class).and_then(|name| registry.find(name)) else { continue };
                let found = resolve(setting, values, &chain);
                if let Value::Span(kept) = found.value {
                    all.push(Kept {
                        project,
                        class,
                        kept: kept.length(),
                        doubtful: found.doubtful || cut_off,
                    });
                }
            }
        }
        all
    }

    /// How many recordings an intended change of the caller's settings would make due at once, because something is kept
    /// for a shorter time by it; nothing where nothing is.
    ///
    /// # Errors
    /// [`EraseError::Refused`] where something would become shorter and the caller may not know of retention.
    pub async fn made_due(&self, op: &OpContext, intended: Intended) -> Result<Option<u64>, EraseError> {
        let organisation = op.actor.organisation();
        self.parts.vault.hold_lease().await?;
        let lifecycle = self.clone();
        let shorter = self
            .parts
            .database
            .read(move |tx| Box::pin(async move { lifecycle.shorter(tx, organisation, intended).await }));
        let shorter: Result<Vec<Kept>, EraseError> = shorter.await;
        let shorter = shorter?;
        if shorter.is_empty() {
            return Ok(None);
        }
        let on = OrganisationRef(organisation);
        let _grant = self.parts.access.authorize::<ReadRetention>(op, on, None).await??;
        let now = self.parts.clock.now();
        let due = self.parts.database.read(move |tx| {
            Box::pin(async move {
                let mut due = 0;
                for Kept { project, class, kept, .. } in shorter {
                    due += newly_due(tx, (organisation, project), (class, kept), now).await?;
                }
                Ok(due)
            })
        });
        let due: Result<u64, SqlError> = due.await;
        Ok(Some(due?))
    }

    /// What a change would keep for a shorter time than it is kept now.
    async fn shorter(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        intended: Intended,
    ) -> Result<Vec<Kept>, EraseError> {
        let settings = self.parts.access.settings();
        let known = settings.known(tx, organisation).await?;
        let Some(changed) = self.changed(tx, organisation, &known, intended).await? else {
            return Ok(Vec::new());
        };
        let projects = Projects::of(tx, organisation).await?;
        let before = self.kept_by(known.values(), &projects);
        let after = self.kept_by(&changed, &projects);
        let now = InForce::of(tx, organisation).await?;
        // Where nobody can read what was said, what is in force is what there is to lose.
        let both = before.into_iter().zip(after);
        let shorter = both.filter(|(before, after)| after.kept < before.kept.max(now.kept(after)));
        Ok(shorter.map(|(_, after)| after).collect())
    }

    /// What would be said after a change of how long things are kept; nothing where it is about something else.
    async fn changed(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        known: &Known,
        intended: Intended,
    ) -> Result<Option<Values>, AccessError> {
        let settings = self.parts.access.settings();
        let is_retention =
            |name: &str| RetentionClass::ALL.iter().any(|class| setting_of(*class) == Some(name));
        match intended {
            Intended::Say(saying) if is_retention(&saying.name) => {
                let Some(setting) = settings.registry().find(&saying.name) else { return Ok(None) };
                let mut values = known.values().clone();
                match saying.value.as_ref().map(|json| setting.kind.read(json)) {
                    None => values.unsay(saying.node, &saying.name),
                    Some(Ok(value)) => {
                        let lock: Lock = saying.lock;
                        values.say(saying.node, &saying.name, Said::Value { value, lock });
                    }
                    // Whoever says it is told what is wrong with it.
                    Some(Err(_)) => return Ok(None),
                }
                Ok(Some(values))
            }
            Intended::Say(_) => Ok(None),
            Intended::Back(version) => {
                let then = settings.known_then(tx, organisation, version).await?;
                let mut values = known.values().clone();
                let mut any = false;
                for (node, name) in differences(known.values(), then.values()) {
                    if !is_retention(&name) {
                        continue;
                    }
                    any = true;
                    match then.values().of(node, &name).cloned() {
                        Some(Said::Unreadable) => {}
                        Some(said) => values.say(node, &name, said),
                        None => values.unsay(node, &name),
                    }
                }
                Ok(any.then_some(values))
            }
        }
    }

    /// How long what is deleted now can be restored.
    pub(crate) async fn restorable_until(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        deleted_at: Timestamp,
    ) -> Result<Timestamp, AccessError> {
        let window =
            self.parts.access.settings().span(tx, organisation, "retention.event.soft_deleted").await?;
        let window = window.unwrap_or(Span::of_months(1));
        Ok(deleted_at.plus_months(window.months()).plus(window.beside_months()))
    }
}

/// How many recordings of a project would be due at once if a class were kept for so long, and are not yet.
async fn newly_due(
    tx: &mut Tx,
    (organisation, project): (OrganisationId, ProjectId),
    (class, kept): (RetentionClass, Duration),
    now: Timestamp,
) -> Result<u64, SqlError> {
    let scope = (organisation, Some(project));
    let as_is = retention::falling_due(tx, scope, class, None, (now, 0)).await?;
    let then = retention::falling_due(tx, scope, class, Some(kept), (now, 0)).await?;
    Ok(then.already.saturating_sub(as_is.already))
}

#[cfg(test)]
mod tests {
    use clerestory_settings::tree::{Registry, Value};

    use super::*;

    #[test]
    fn a_setting_that_nobody_said_anything_of_says_what_tracks_are_kept_for_anyway() {
        let registry = Registry::built_in([]);
        for class in RetentionClass::ALL.iter().copied() {
            let Some(name) = setting_of(class) else {
                assert_eq!(class, RetentionClass::Standing);
                continue;
            };
            let setting = registry.find(name).expect("every class has a setting");
            let Value::Span(span) = setting.default else { panic!("{name} says a length of time") };
            assert_eq!(span.length(), retention::usual(class), "{name}");
        }
    }
}
