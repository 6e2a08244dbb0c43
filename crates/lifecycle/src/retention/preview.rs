//! What a change of a retention would do, before anybody makes it.

use std::time::Duration;

use clerestory_access::{OpContext, OrganisationRef, ReadRetention};
use clerestory_model::{ProjectId, RetentionClass};
use clerestory_store::retention::{self, FallingDue};

use crate::{EraseError, Lifecycle};

/// Days that a preview looks ahead.
const DAYS: u32 = 30;

/// A retention that might be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Of what.
    pub class: RetentionClass,
    /// How long it would be kept.
    pub kept: Duration,
}

/// A span of 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewDay {
    /// Recordings that fall due in it as things are.
    pub now: u64,
    /// Recordings that would.
    pub then: u64,
}

/// What one change would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The change.
    pub changed: Changed,
    /// Recordings that would be due at once and are not yet. None where they would be kept longer: what is queued to be
    /// erased is not brought back.
    pub newly_due: u64,
    /// The next thirty days.
    pub days: Vec<PreviewDay>,
}

impl Lifecycle {
    /// What these changes would do in the caller's organisation, or in one project of it. Nothing is changed.
    ///
    /// # Errors
    /// [`EraseError::Refused`].
    pub async fn preview(
        &self,
        op: &OpContext,
        project: Option<ProjectId>,
        changes: Vec<Changed>,
    ) -> Result<Vec<Preview>, EraseError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.parts.access.authorize::<ReadRetention>(op, on, None).await??;
        let OrganisationRef(organisation) = grant.on();
        let now = self.parts.clock.now();
        self.parts
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let mut previews = Vec::with_capacity(changes.len());
                    for changed in changes {
                        let (scope, span) = ((organisation, project), (now, DAYS));
                        let as_is = retention::falling_due(tx, scope, changed.class, None, span).await?;
                        let kept = Some(changed.kept);
                        let then = retention::falling_due(tx, scope, changed.class, kept, span).await?;
                        previews.push(preview(changed, &as_is, &then));
                    }
                    Ok(previews)
                })
            })
            .await
    }
}

fn preview(changed: Changed, as_is: &FallingDue, then: &FallingDue) -> Preview {
    let days = as_is.days.iter().zip(&then.days).map(|(now, then)| PreviewDay { now: *now, then: *then });
    Preview { changed, newly_due: then.already.saturating_sub(as_is.already), days: days.collect() }
}
