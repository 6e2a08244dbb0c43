//! Deciding and recording, and going on from a recorded decision.

use std::sync::PoisonError;

use clerestory_audit::{ActorKind, NewEntry, Outcome, Personal};
use clerestory_model::{OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_settings::tree::{Level, Node, Value};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::people::{Person, PersonState, Role};
use clerestory_store::recordings::ScopeFilter;
use clerestory_store::{blocks, organisations, people, recordings, sites};

use crate::grant::{Action, Grant, Object};
use crate::matrix::{AboutWhom, Cell, Scope};
use crate::support::{Held, lends};
use crate::who::{Actor, OpContext};
use crate::{Access, AccessError, Refused, Stopped};

/// Recorded decisions remembered at most; beyond it memory of them starts afresh.
const REMEMBERED: usize = 65_536;

pub(crate) type DecisionKey = (OrganisationId, u64, &'static str, [u8; 16], [u8; 16]);

/// Who owns the object, by its rows.
struct Owner {
    organisation: OrganisationId,
    about: Option<AboutWhom>,
}

/// How an action on an object was judged.
struct Verdict {
    rule: String,
    answer: Answer,
    /// The rows of the organisation within the scope that was found.
    rows: ScopeFilter,
}

enum Answer {
    Allowed,
    /// Allowed to whoever proves again who they are.
    StepUp,
    /// Refused, and whether the caller may know of the object.
    Refused {
        visible: bool,
    },
}

impl Access {
    /// Decides whether the caller may do `A` on `on`, records the decision durably, and only then says so.
    ///
    /// # Errors
    /// The outer error when the decision could not be made or recorded: answer 503, release nothing.
    pub async fn authorize<A: Action>(
        &self,
        op: &OpContext,
        on: A::On,
        personal: Option<Personal>,
    ) -> Result<Result<Grant<A>, Refused>, AccessError> {
        self.settings.hold_lease().await?;
        let decided = self.authorize_once::<A>(op, on, personal.clone()).await;
        match decided {
            // A full disk must not keep a decision from being recorded: the log has a reserve.
            Err(error) if self.makes_room(&error) => self.authorize_once::<A>(op, on, personal).await,
            decided => decided,
        }
    }

    async fn authorize_once<A: Action>(
        &self,
        op: &OpContext,
        on: A::On,
        personal: Option<Personal>,
    ) -> Result<Result<Grant<A>, Refused>, AccessError> {
        let (access, op) = (self.clone(), op.clone());
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { access.decide::<A>(tx, &op, on, personal).await })
            })
            .await
    }

    fn makes_room(&self, error: &AccessError) -> bool {
        match error {
            AccessError::Audit(error) => self.audit.makes_room(error),
            AccessError::Sql(SqlError::Full(_)) => self.audit.reserve().give_up(),
            AccessError::Sql(_) | AccessError::Key(_) | AccessError::Encoding(_) => false,
        }
    }

    /// As [`Self::authorize`], in the caller's transaction: what the caller then changes there is committed together
    /// with the entry. A refusal must be committed too, so it is not an error of the body.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn decide<A: Action>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: A::On,
        personal: Option<Personal>,
    ) -> Result<Result<Grant<A>, Refused>, AccessError> {
        // Whoever waited for this turn may have lost by it what they had when they asked.
        self.audit.take_turn(tx, op.actor.organisation()).await?;
        let Verdict { rule, answer, rows } = match standing_now(tx, op).await? {
            Some(actor) => self.evaluate::<A>(tx, &OpContext { actor, ..op.clone() }, on).await?,
            None => Verdict {
                rule: format!("matrix {} kept out meanwhile", A::NAME),
                answer: Answer::Refused { visible: false },
                rows: Scope::Own.filter(op.actor.organisation(), &op.actor),
            },
        };
        let outcome = match answer {
            Answer::Allowed => Outcome::Allowed,
            Answer::StepUp | Answer::Refused { .. } => Outcome::Refused,
        };
        let entry = NewEntry { personal, ..new_entry::<A>(op, on, outcome, rule.clone()) };
        let entry = self.audit.append(tx, entry).await?.number();
        Ok(match answer {
            Answer::Allowed => Ok(Grant::decided(on, entry, rows)),
            Answer::StepUp => Err(Refused::StepUp { rule, entry }),
            Answer::Refused { visible: true } => Err(Refused::Forbidden { rule, entry }),
            Answer::Refused { visible: false } => Err(Refused::Hidden),
        })
    }

    /// Puts on record that `A` was allowed and did not happen, and why. What was done of it is undone by now, and the
    /// entry of the decision with it.
    ///
    /// # Errors
    /// [`AccessError`]: answer 503 then.
    pub async fn tell_failed<A: Action>(
        &self,
        op: &OpContext,
        on: A::On,
        why: String,
        personal: Option<Personal>,
    ) -> Result<(), AccessError> {
        let entry = NewEntry { personal, ..new_entry::<A>(op, on, Outcome::Failed, why) };
        let audit = self.audit.clone();
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { audit.append(tx, entry).await.map(drop).map_err(AccessError::from) })
            })
            .await
    }

    /// Whether `A` on `on` would be allowed now. It proves nothing and nothing of it is on record: it spares the work
    /// before a decision that would refuse.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn would_allow<A: Action>(&self, op: &OpContext, on: A::On) -> Result<bool, AccessError> {
        self.settings.hold_lease().await?;
        let (access, op) = (self.clone(), op.clone());
        self.database
            .read(move |tx| Box::pin(async move { access.would_allow_in::<A>(tx, &op, on).await }))
            .await
    }

    /// As [`Self::would_allow`], in the caller's transaction.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn would_allow_in<A: Action>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: A::On,
    ) -> Result<bool, AccessError> {
        let verdict = self.evaluate::<A>(tx, op, on).await?;
        Ok(matches!(verdict.answer, Answer::Allowed))
    }

    /// The rows that `A` lets through now; nothing where it would be refused. Like [`Self::would_allow_in`] it proves
    /// nothing: whoever shows something beside such rows has decided to.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn rows_in<A: Action>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: A::On,
    ) -> Result<Option<ScopeFilter>, AccessError> {
        let verdict = self.evaluate::<A>(tx, op, on).await?;
        Ok(matches!(verdict.answer, Answer::Allowed).then_some(verdict.rows))
    }

    /// As [`Self::would_allow_in`], whether or not the caller has proven a moment ago who they are.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn would_allow_asking<A: Action>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: A::On,
    ) -> Result<bool, AccessError> {
        let verdict = self.evaluate::<A>(tx, op, on).await?;
        Ok(matches!(verdict.answer, Answer::Allowed | Answer::StepUp))
    }

    /// Goes on from a decision that was recorded as `entry`: decides anew by today's rules and rows, and asks that the
    /// entry says what is claimed. Writes an entry of a refusal only.
    ///
    /// # Errors
    /// The outer error when the decision could not be made, or the refusal not be recorded. [`Refused::Hidden`] when
    /// the entry tells of something else; [`Refused::Forbidden`] when the rules no longer allow it.
    pub async fn resume<A: Action>(
        &self,
        op: &OpContext,
        on: A::On,
        entry: u64,
    ) -> Result<Result<Grant<A>, Refused>, AccessError> {
        self.settings.hold_lease().await?;
        let (access, op) = (self.clone(), op.clone());
        let resumed = self
            .database
            .read(move |tx| Box::pin(async move { access.resume_in::<A>(tx, &op, on, entry).await }))
            .await?;
        match resumed {
            Ok(grant) => Ok(Ok(grant)),
            Err(refused) => Ok(Err(self.tell(refused).await?)),
        }
    }

    /// Puts on record what [`Self::resume_in`] refused, once its transaction is over, and says how to tell the caller.
    /// What goes on asks often: refusals of one kind are counted for a minute, as those of nobody known are.
    ///
    /// # Errors
    /// [`AccessError::Audit`]: answer 503 then.
    pub async fn tell(&self, refused: Refused) -> Result<Refused, AccessError> {
        let Refused::Stopped(stopped) = refused else { return Ok(refused) };
        let Stopped { told, entry } = *stopped;
        let lane = match entry.actor_kind {
            ActorKind::Site | ActorKind::Recorder => Lane::Arrivals,
            _ => Lane::Interactive,
        };
        self.audit.deny(&self.database, lane, entry).await?;
        Ok(told)
    }

    /// As [`Self::resume`], in the caller's transaction. A refusal is to be given to [`Self::tell`] after it.
    ///
    /// # Errors
    /// The outer error as [`Self::resume`]; [`Refused::Stopped`], or [`Refused::Hidden`] when the time to go on is over:
    /// then nobody is denied anything, and to ask anew is what is to be done.
    pub async fn resume_in<A: Action>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: A::On,
        entry: u64,
    ) -> Result<Result<Grant<A>, Refused>, AccessError> {
        let Some(continued) = A::CONTINUES else {
            return Ok(Err(Refused::Hidden));
        };
        let Some(decided_at) = self.decided_at(tx, op, on, entry, continued).await? else {
            let rule = format!("no {continued} of theirs to go on from");
            return Ok(Err(stopped::<A>(op, on, rule, Refused::Hidden)));
        };
        if A::LASTS.is_some_and(|lasts| op.at.since(decided_at) >= lasts) {
            return Ok(Err(Refused::Hidden));
        }
        let Verdict { rule, answer, rows } = self.evaluate::<A>(tx, op, on).await?;
        Ok(match answer {
            // What was begun by somebody who had proven who they are goes on.
            Answer::Allowed | Answer::StepUp => Ok(Grant::decided(on, entry, rows)),
            Answer::Refused { visible: true } => {
                let told = Refused::Forbidden { rule: rule.clone(), entry };
                Err(stopped::<A>(op, on, rule, told))
            }
            Answer::Refused { visible: false } => Err(stopped::<A>(op, on, rule, Refused::Hidden)),
        })
    }

    /// When the entry was written, if it tells that this actor was allowed this action on this object.
    async fn decided_at<O: Object>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: O,
        number: u64,
        action: &'static str,
    ) -> Result<Option<Timestamp>, AccessError> {
        let organisation = op.actor.organisation();
        let (kind, actor) = op.actor.logged();
        let object = on.decided_on();
        let key: DecisionKey = (organisation, number, action, actor, object.id);
        if let Some(at) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(*at));
        }
        let found = self.audit.find(tx, organisation, number).await?.filter(|entry| {
            entry.action == action
                && entry.outcome == Outcome::Allowed
                && (entry.actor_kind, entry.actor) == (kind, actor)
                && entry.object.id == object.id
        });
        let Some(entry) = found else { return Ok(None) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, entry.at);
        Ok(Some(entry.at))
    }

    async fn evaluate<A: Action>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: A::On,
    ) -> Result<Verdict, AccessError> {
        let actor = &op.actor;
        let organisation = actor.organisation();
        let first = actor.columns().first().copied().unwrap_or_default();
        let refused = |why: &str, visible| Verdict {
            rule: format!("matrix {} {first} {why}", A::NAME),
            answer: Answer::Refused { visible },
            rows: Scope::Own.filter(organisation, actor),
        };
        // What belongs to somebody else is told like what is not there: the caller's own log shows the rule.
        let owner = self.owner(tx, actor, on).await?;
        let Some(owner) = owner.filter(|owner| owner.organisation == organisation) else {
            return Ok(refused("no such object", false));
        };
        if on.asker().is_some() && on.asker() != on.person() && !self.shows_picture(tx, on).await? {
            return Ok(refused("hidden", false));
        }
        let (mut best, mut narrow): (Option<(bool, Scope, Verdict)>, Option<Scope>) = (None, None);
        for Held { by, cell, lent } in self.cells_of(tx, A::NAME, actor, op.at).await? {
            let Some(scope) = self.reach(tx, actor, &cell).await? else { continue };
            if !(within::<A>(scope, actor, on, &owner) && lends::<A>(tx, lent, on).await?) {
                narrow = narrow.max(Some(scope));
                continue;
            }
            let found = Verdict {
                rule: format!("matrix {} {by} {}", A::NAME, scope.word()),
                answer: if cell.step_up && !op.is_stepped_up() { Answer::StepUp } else { Answer::Allowed },
                rows: ScopeFilter { lent, ..scope.filter(organisation, actor) },
            };
            // Of several roles the widest that allows it; one that does is better than one that asks for more.
            let asks = matches!(found.answer, Answer::StepUp);
            let better = best.as_ref().is_none_or(|(asked, reach, _)| (*asked, scope) >= (asks, *reach));
            if better {
                best = Some((asks, scope, found));
            }
        }
        if let Some((_, _, found)) = best {
            return Ok(found);
        }
        let visible = match A::SEEN_BY {
            None => on.recording().is_none() && on.site().is_none(),
            Some(action) => self.sees::<A>(tx, action, op, (on, &owner)).await?,
        };
        Ok(refused(narrow.map_or("none", Scope::word), visible))
    }

    pub(crate) async fn allowed_actions_in(
        &self,
        tx: &mut Tx,
        (actor, at): (&Actor, Timestamp),
    ) -> Result<Vec<String>, AccessError> {
        let mut allowed = Vec::new();
        for action in self.matrix.actions() {
            for Held { cell, .. } in self.cells_of(tx, action, actor, at).await? {
                if self.reach(tx, actor, &cell).await?.is_some() {
                    allowed.push(action.to_owned());
                    break;
                }
            }
        }
        Ok(allowed)
    }

    /// How far a cell reaches for the caller while settings are as they are; `None` while one forbids it.
    async fn reach(&self, tx: &mut Tx, actor: &Actor, cell: &Cell) -> Result<Option<Scope>, AccessError> {
        if let Some(name) = &cell.setting
            && self.says_to(tx, actor, name).await? != "true"
        {
            return Ok(None);
        }
        if let Some(says) = &cell.says
            && !says.any.contains(&self.says_to(tx, actor, &says.setting).await?)
        {
            return Ok(None);
        }
        let scope = match &cell.visitors {
            Some(name) if cell.scope == Scope::Reports && self.says_to(tx, actor, name).await? == "true" => {
                Scope::Visitors
            }
            _ => cell.scope,
        };
        let Some(wider) = &cell.wider else { return Ok(Some(scope)) };
        let also = match &wider.also {
            Some(name) => self.says_to(tx, actor, name).await? == "true",
            None => true,
        };
        let wide = also && self.says_to(tx, actor, &wider.setting).await? == wider.is;
        Ok(Some(if wide { wider.scope } else { scope }))
    }

    /// What a setting says to somebody: where teams may say it too, what holds in theirs.
    async fn says_to(&self, tx: &mut Tx, actor: &Actor, name: &str) -> Result<String, AccessError> {
        let organisation = actor.organisation();
        let setting = self.settings.registry().find(name);
        let below = [Level::Team, Level::User];
        let differs = setting.is_some_and(|setting| below.iter().any(|level| setting.levels.contains(level)));
        if let Some(person) = actor.person().filter(|_| differs) {
            let node = Node { level: Level::User, id: *person.as_bytes() };
            if let Some(found) = self.settings.at(tx, organisation, node, name).await? {
                return Ok(found.value.to_string());
            }
        }
        self.settings.says(tx, organisation, name).await
    }

    /// Whether others are shown the picture of this person.
    async fn shows_picture<O: Object>(&self, tx: &mut Tx, on: O) -> Result<bool, AccessError> {
        let Some(person) = on.person() else { return Ok(false) };
        let node = Node { level: Level::User, id: *person.as_bytes() };
        let said = self.settings.at(tx, on.organisation(), node, "user.picture.visibility").await?;
        Ok(said.is_some_and(|said| said.value == Value::Word("organisation")))
    }

    /// Whether another action's scope shows the object to the caller.
    async fn sees<A: Action>(
        &self,
        tx: &mut Tx,
        action: &str,
        op: &OpContext,
        (on, owner): (A::On, &Owner),
    ) -> Result<bool, AccessError> {
        let actor = &op.actor;
        for Held { cell, lent, .. } in self.cells_of(tx, action, actor, op.at).await? {
            let scope = self.reach(tx, actor, &cell).await?;
            let within = scope.is_some_and(|scope| within::<A>(scope, actor, on, owner));
            if within && lends::<A>(tx, lent, on).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The owner the rows name; `None` when there is no such object, or when what it claims of itself is not so.
    async fn owner<O: Object>(&self, tx: &mut Tx, actor: &Actor, on: O) -> Result<Option<Owner>, SqlError> {
        let found = if let Some(id) = on.recording() {
            let found = recordings::find(tx, id).await?;
            found
                .filter(|found| on.site().is_none() || on.site() == found.site)
                .filter(|found| on.subject().is_none_or(|subject| subject == found.subject))
                .map(|found| (found.organisation, Some(found.subject)))
        } else if let Some(id) = on.site() {
            sites::find(tx, id).await?.map(|found| (found.organisation, None))
        } else if let Some(id) = on.person() {
            people::find(tx, id).await?.map(|found| (found.organisation, Some(found.subject)))
        } else if let Some(id) = on.subject() {
            let found = organisations::organisation_of_subject(tx, id).await?;
            found.map(|organisation| (organisation, Some(id)))
        } else {
            Some((on.organisation(), None))
        };
        let Some((organisation, subject)) = found else { return Ok(None) };
        // Only people have reports: the way of captured data does without the look.
        let (person, manager) = match (actor, subject) {
            (Actor::Person { .. }, Some(subject)) => organisations::person_of_subject(tx, subject).await?,
            _ => (None, None),
        };
        Ok(Some(Owner { organisation, about: subject.map(|subject| AboutWhom { subject, person, manager }) }))
    }
}

/// The actor with the roles they have in this transaction; `None` where they are kept out by now.
pub(crate) async fn standing_now(tx: &mut Tx, op: &OpContext) -> Result<Option<Actor>, SqlError> {
    let mut actor = op.actor.clone();
    if let Actor::Recorder { person, .. } = &actor {
        return Ok(standing(tx, *person, None, op.at).await?.map(|_| actor));
    }
    let Actor::Person { id, role, also, session, .. } = &mut actor else {
        return Ok(Some(actor));
    };
    let Some((person, further)) = standing(tx, *id, Some(*session), op.at).await? else { return Ok(None) };
    (*role, *also) = (person.role, further);
    Ok(Some(actor))
}

/// Somebody with their further roles; `None` where they are gone, not active, or kept out at this time: in this session, or
/// in any where none is named.
pub(crate) async fn standing(
    tx: &mut Tx,
    id: PersonId,
    session: Option<SessionId>,
    at: Timestamp,
) -> Result<Option<(Person, Vec<Role>)>, SqlError> {
    let person = people::find(tx, id).await?.filter(|person| person.state == PersonState::Active);
    let Some(person) = person else { return Ok(None) };
    if blocks::until(tx, person.organisation, id, session, at).await?.is_some() {
        return Ok(None);
    }
    let also = people::further_roles(tx, id).await?;
    Ok(Some((person, also)))
}

fn new_entry<A: Action>(op: &OpContext, on: A::On, outcome: Outcome, rule: String) -> NewEntry {
    let (actor_kind, actor) = op.actor.logged();
    NewEntry {
        organisation: op.actor.organisation(),
        at: op.at,
        action: A::NAME,
        class: A::CLASS,
        outcome,
        rule,
        actor_kind,
        actor,
        object: on.logged(),
        request_id: op.request_id.clone(),
        personal: None,
    }
}

fn stopped<A: Action>(op: &OpContext, on: A::On, rule: String, told: Refused) -> Refused {
    let entry = new_entry::<A>(op, on, Outcome::Refused, rule);
    Refused::Stopped(Box::new(Stopped { told, entry }))
}

/// Whether the object lies within the scope. A site's own are the site itself and what it sends; a list has rows of its
/// own in every scope.
fn within<A: Action>(scope: Scope, actor: &Actor, on: A::On, owner: &Owner) -> bool {
    if on.organisation() != owner.organisation {
        return false;
    }
    match (scope, actor) {
        (Scope::Own, Actor::Site { id, organisation }) => {
            on.site() == Some(*id) && *organisation == owner.organisation
        }
        _ if A::LISTS => true,
        _ => scope.includes(actor, owner.organisation, owner.about),
    }
}
