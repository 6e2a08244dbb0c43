//! What settings say, as far as decisions ask.

use clerestory_model::OrganisationId;
use clerestory_sql::Tx;

use crate::AccessError;

/// The settings decisions ask. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Settings;

impl Settings {
    /// What `name` says in the organisation now; a switch says `true` or `false`. What nobody set says its default, and
    /// a switch that nobody knows is off.
    ///
    /// # Errors
    /// [`AccessError`]: nothing may be decided then.
    #[expect(
        clippy::unused_async,
        reason = "every setting is at its default until the tree of settings is built"
    )]
    pub async fn says(
        &self,
        _tx: &mut Tx,
        _organisation: OrganisationId,
        name: &str,
    ) -> Result<String, AccessError> {
        Ok(match name {
            "member.view_own" => "true",
            "manager.scope.recordings" | "manager.scope.events" => "reports",
            _ => "false",
        }
        .to_owned())
    }
}
