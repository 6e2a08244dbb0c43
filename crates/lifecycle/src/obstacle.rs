//! What was allowed and could not be done: it is undone with its decision, and the log says that it failed.

use clerestory_access::{Action, OpContext};
use clerestory_audit::Personal;

use crate::{EraseError, Lifecycle};

impl EraseError {
    /// Whether something stood in the way, so that asking again does not help: nothing is broken.
    const fn is_obstacle(&self) -> bool {
        matches!(
            self,
            Self::Nothing
                | Self::Gone
                | Self::NotDeleted
                | Self::Held(_)
                | Self::HoldStands
                | Self::Begun
                | Self::SecondPerson
                | Self::NotProposed
                | Self::Decided
                | Self::Extended
                | Self::LastAdmin
        )
    }
}

impl Lifecycle {
    /// What came of a transaction in which `A` was decided and done. A refusal was committed; what stood in the way undid
    /// everything, and is put on record here.
    pub(crate) async fn came_of<A: Action, T>(
        &self,
        op: &OpContext,
        on: A::On,
        personal: Option<Personal>,
        done: Result<Result<T, EraseError>, EraseError>,
    ) -> Result<T, EraseError> {
        match done {
            Err(obstacle) if obstacle.is_obstacle() => {
                self.parts.access.tell_failed::<A>(op, on, obstacle.to_string(), personal).await?;
                Err(obstacle)
            }
            done => done?,
        }
    }
}
