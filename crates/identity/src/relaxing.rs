//! Moving somebody or something to where settings protect less is as much as saying so there: it asks for the same proof of
//! who one is, so that nobody turns a protection off at a team and back by two moves.

use clerestory_access::{Action, OpContext, OrganisationRef, RelaxSettings};
use clerestory_audit::Personal;
use clerestory_model::{OrganisationId, PersonId, TeamId};
use clerestory_settings::tree::{Change, Level, Node};
use clerestory_sql::Tx;
use clerestory_store::tree::NodeId;

use crate::Identity;
use crate::people::error::PeopleError;

/// Whether a move that relaxes something was decided, or nothing is relaxed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relaxing {
    Allowed,
    None,
}

impl Identity {
    /// Decides and records whether the caller may relax what a move relaxes, before the move itself is decided. Whoever may
    /// not do that anyway is told so there.
    pub(crate) async fn may_move<A: Action>(
        &self,
        op: &OpContext,
        on: A::On,
        change: Change,
    ) -> Result<Relaxing, PeopleError> {
        let organisation = op.actor.organisation();
        self.vault.hold_lease().await?;
        let (identity, asked, moved) = (self.clone(), op.clone(), change.clone());
        let relaxes = self.database.read(move |tx| {
            Box::pin(async move {
                Ok::<_, PeopleError>(
                    identity.relaxes(tx, organisation, &moved).await?
                        && identity.access.would_allow_asking::<A>(tx, &asked, on).await?,
                )
            })
        });
        if !relaxes.await? {
            return Ok(Relaxing::None);
        }
        let detail = Some("by moving somebody or something".to_owned());
        let personal = Some(Personal { detail, ..Personal::default() });
        let on = OrganisationRef(organisation);
        let _grant = self.access.authorize::<RelaxSettings>(op, on, personal).await??;
        Ok(Relaxing::Allowed)
    }

    /// Sees, where the move is made, that it relaxes nothing that was not decided.
    pub(crate) async fn sees_move(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        (change, relaxing): (&Change, Relaxing),
    ) -> Result<(), PeopleError> {
        if relaxing == Relaxing::None && self.relaxes(tx, organisation, change).await? {
            return Err(PeopleError::State("somebody changed what settings protect there: try once more"));
        }
        Ok(())
    }

    async fn relaxes(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        change: &Change,
    ) -> Result<bool, PeopleError> {
        let effects = self.access.settings().effects(tx, organisation, change).await?;
        Ok(effects.iter().any(|effect| effect.looser))
    }
}

/// What hanging a node elsewhere is to settings.
pub(crate) fn moved(organisation: OrganisationId, node: NodeId, parent: Option<NodeId>) -> Change {
    let to = parent.map_or(top(organisation), setting_node);
    Change::Move { node: setting_node(node), to }
}

/// What moving somebody to a team, or out of any, is to settings.
pub(crate) fn joined(organisation: OrganisationId, person: PersonId, team: Option<TeamId>) -> Change {
    let to = team.map_or(top(organisation), |team| setting_node(NodeId::Team(team)));
    Change::Move { node: Node { level: Level::User, id: *person.as_bytes() }, to }
}

fn top(organisation: OrganisationId) -> Node {
    Node { level: Level::Organisation, id: *organisation.as_bytes() }
}

fn setting_node(node: NodeId) -> Node {
    let level = match node {
        NodeId::Domain(_) => Level::Domain,
        NodeId::Project(_) => Level::Project,
        NodeId::Team(_) => Level::Team,
    };
    Node { level, id: *node.as_bytes() }
}
