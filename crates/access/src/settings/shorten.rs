//! Saying of retention that something is kept for a shorter time: who may do only that says nothing else by it.

use clerestory_settings::tree::{Change, Effect, Level, Said, Strict, Values};
use clerestory_sql::Tx;

use super::say::Checked;
use crate::{
    Access, AccessError, OpContext, OrganisationRef, ShortenRetention, WriteBusinessSettings,
    WriteSettingsBelow,
};

impl Access {
    /// What a change would let be kept for longer, in words, where the caller may say of retention what shortens it and
    /// nothing else; `None` for everybody else, and for what is no retention.
    pub(super) async fn shortening(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (values, change): (&Values, &Checked),
    ) -> Result<Option<Vec<String>>, AccessError> {
        let Some(setting) = self.settings.registry().find(&change.name) else { return Ok(None) };
        // How long what was deleted can be restored protects neither way: the one who deletes, or whom it shows.
        let is_retention = change.name.starts_with("retention.") && setting.strict() == Some(Strict::Lower);
        let on = OrganisationRef(op.actor.organisation());
        if !is_retention || !self.would_allow_asking::<ShortenRetention>(tx, op, on).await? {
            return Ok(None);
        }
        let says_anything = match change.node.level {
            Level::Deployment => true,
            Level::Organisation => self.would_allow_asking::<WriteBusinessSettings>(tx, op, on).await?,
            _ => self.would_allow_asking::<WriteSettingsBelow>(tx, op, on).await?,
        };
        if says_anything {
            return Ok(None);
        }
        let effects = self.settings.effects(tx, on.0, &as_change(change)).await?;
        let mut longer: Vec<String> = effects.iter().filter(|effect| effect.looser).map(told).collect();
        // What is said there now may hold one day, though something above holds at present.
        if let Some(Said::Value { value: before, lock }) = values.of(change.node, &change.name) {
            let kept = match &change.said {
                Some(Said::Value { value, lock: new }) => {
                    setting.as_strict(value, before)
                        && (new == lock || setting.protecting_lock() == Some(*new))
                }
                _ => false,
            };
            if !kept && longer.is_empty() {
                longer.push(format!("the {} says {before} no more", change.node.level.word()));
            }
        }
        // Nor may a word that is longer than what holds by itself stand below a shorter one, which may be taken back.
        if let (Some(Said::Value { value, .. }), None) = (&change.said, values.of(change.node, &change.name))
            && let Some(holds) = self.settings.at(tx, on.0, change.node, &change.name).await?
            && !setting.as_strict(value, &holds.value)
            && !setting.as_strict(value, &setting.default)
        {
            longer.push(format!(
                "the {} would say {value}, and {} holds",
                change.node.level.word(),
                holds.value
            ));
        }
        Ok(Some(longer))
    }
}

fn as_change(change: &Checked) -> Change {
    Change::Say { node: change.node, key: change.name.clone(), said: change.said.clone() }
}

fn told(effect: &Effect) -> String {
    let (level, before, after) = (effect.node.level.word(), &effect.before.value, &effect.after.value);
    format!("for the {level} {before} becomes {after}")
}
