//! Mails about requests: to those who can answer them, when one is made and when it is nearly due; and to whom a request is
//! about, when it was answered or takes longer.
//!
//! They are written by a job that compares the requests with what was told, not by those who ask and decide: no request
//! waits for mail, and none fails by it. That something was told, and the mails that tell it, are one transaction.

use std::time::Duration;

use clerestory_access::{Actor, ListRequests, OpContext, OrganisationRef, PersonRef, TellOfRequest};
use clerestory_model::{OrganisationId, PersonId, RequestId, SessionId, SubjectId, Timestamp};
use clerestory_notices::Mail;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::people::{self, Person, PersonState};
use clerestory_store::{blocks, organisations};
use clerestory_vault::OpenError;

use super::{Request, RequestState, rows};
use crate::{EraseError, Lifecycle};

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// What happened longer ago is not told any more: an installation that begins to send mail does not tell of years. A mail
/// that no server takes is given up after as long.
const NEWS: Duration = WEEK;
/// Requests that are looked at together.
const PAGE: u32 = 100;

/// What is told of a request. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// It was made, and somebody has to answer it.
    Made = 1,
    /// It is due within a week.
    Week = 2,
    /// It is due within a day.
    Day = 3,
    /// The answer takes longer.
    Extended = 4,
    /// It was answered.
    Answered = 5,
}

impl Event {
    const fn is_for_those_who_answer(self) -> bool {
        matches!(self, Self::Made | Self::Week | Self::Day)
    }

    /// What the mail says. It says nothing about whom the request is about, what they want, or what they were told: that is
    /// behind the link.
    fn mail(self, request: &Request, to: String, console: &str) -> Mail {
        let due = request.due_at;
        let (subject, says) = match self {
            Self::Made => (
                "Somebody asks for their own data",
                format!("a request of a recorded person was made. It is to be answered by {due}."),
            ),
            Self::Week => (
                "A request is due within a week",
                format!("a request of a recorded person waits for its answer, which is due by {due}."),
            ),
            Self::Day => (
                "A request is due within a day",
                format!("a request of a recorded person waits for its answer, which is due by {due}."),
            ),
            Self::Extended => (
                "Your request takes longer",
                format!(
                    "the answer to what you asked for takes longer. It is due by {due}; why is said there."
                ),
            ),
            Self::Answered => (
                "Your request was answered",
                "what you asked for was answered; how is said there.".to_owned(),
            ),
        };
        let page = if self.is_for_those_who_answer() { "trust/requests" } else { "my-data" };
        let text = format!("Hello,\n\n{says}\n\nOpen {console}/{page} and sign in.\n");
        Mail { to, subject: format!("{subject} on Clerestory"), text }
    }
}

/// What is to be told of a request by now, each with the moment it is about: a date that was moved is told of again.
fn events(request: &Request, now: Timestamp) -> Vec<(Event, Timestamp)> {
    let is_news = |at: Timestamp| now.since(at) < NEWS;
    let mut events = Vec::new();
    if request.state == RequestState::Open && request.erasure.is_none() {
        if is_news(request.asked_at) {
            events.push((Event::Made, request.asked_at));
        }
        // What is overdue stands in the health page; it was told of twice.
        if now < request.due_at {
            match request.due_at.since(now) {
                left if left <= DAY => events.push((Event::Day, request.due_at)),
                left if left <= WEEK => events.push((Event::Week, request.due_at)),
                _ => {}
            }
        }
    }
    if let Some((_, at)) = request.extended
        && request.state == RequestState::Open
        && is_news(at)
    {
        events.push((Event::Extended, at));
    }
    // What the rules answered at once, whoever asked saw at once.
    if let Some((by, at)) = request.decided
        && matches!(request.state, RequestState::Done | RequestState::Declined)
        && by != PersonId::nil()
        && is_news(at)
    {
        events.push((Event::Answered, at));
    }
    events
}

impl Lifecycle {
    /// Writes the mails that requests cause and that were not written yet, with links to the console at this origin. How
    /// many things were told.
    ///
    /// # Errors
    /// [`EraseError`]; what is left is told at the next turn. A request whose mails cannot be written keeps no other from
    /// being told.
    pub async fn tell_of_requests(&self, console: &str) -> Result<u64, EraseError> {
        let all = self.parts.database.read(|tx| Box::pin(async move { organisations::all(tx).await }));
        let all: Result<Vec<OrganisationId>, SqlError> = all.await;
        let (now, mut told) = (self.parts.clock.now(), 0);
        for organisation in all? {
            let mut after = RequestId::nil();
            loop {
                let page = self.lately(organisation, after, now).await?;
                let Some(last) = page.last() else { break };
                after = last.id;
                for request in page.iter().filter(|request| !events(request, now).is_empty()) {
                    match self.tell_of(request, console, now).await {
                        Ok(count) => told += count,
                        Err(error) => tracing::error!(
                            request = %request.id,
                            error = &error as &dyn std::error::Error,
                            "a request could not be told of by mail"
                        ),
                    }
                }
            }
        }
        Ok(told)
    }

    async fn lately(
        &self,
        organisation: OrganisationId,
        after: RequestId,
        now: Timestamp,
    ) -> Result<Vec<Request>, EraseError> {
        let span = (now.minus(NEWS), now.plus(WEEK));
        let found = self.parts.database.read(move |tx| {
            Box::pin(async move { rows::lately(tx, (organisation, after), span, PAGE).await })
        });
        let found: Result<Vec<Request>, SqlError> = found.await;
        Ok(found?)
    }

    async fn tell_of(&self, seen: &Request, console: &str, now: Timestamp) -> Result<u64, EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, console) = (self.clone(), console.to_owned());
        let (id, organisation) = (seen.id, seen.organisation);
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    // Nobody decides about it, and no other node tells of it, meanwhile.
                    lifecycle.parts.access.audit().take_turn(tx, organisation).await?;
                    let Some(request) = rows::find(tx, id).await? else { return Ok(0) };
                    let mut told = 0;
                    for (event, at) in events(&request, now) {
                        let to = lifecycle.to_be_told(tx, &request, event, now).await?;
                        // Whoever comes, or comes back, while it is news is told then.
                        if to.is_empty() {
                            continue;
                        }
                        if rows::note_told(tx, (id, event as i64, at), organisation).await? {
                            lifecycle.write_to_all(tx, &request, (event, &console), to, now).await?;
                            told += 1;
                        }
                    }
                    Ok(told)
                })
            })
            .await
    }

    async fn to_be_told(
        &self,
        tx: &mut Tx,
        request: &Request,
        event: Event,
        now: Timestamp,
    ) -> Result<Vec<Person>, EraseError> {
        match event.is_for_those_who_answer() {
            true => self.those_who_answer(tx, request.organisation, now).await,
            false => Ok(account_of(tx, request.subject, now).await?.into_iter().collect()),
        }
    }

    async fn write_to_all(
        &self,
        tx: &mut Tx,
        request: &Request,
        (event, console): (Event, &str),
        to: Vec<Person>,
        now: Timestamp,
    ) -> Result<(), EraseError> {
        let op = OpContext { at: now, ..self.by_program(request.organisation) };
        for person in to {
            let on = PersonRef { organisation: person.organisation, id: person.id };
            let grant = self.parts.access.decide::<TellOfRequest>(tx, &op, on, None).await??;
            let profile = match self.parts.vault.open(tx, &grant, &person.profile).await {
                // Whoever is being erased is told nothing any more.
                Err(OpenError::Erased) => continue,
                opened => opened?,
            };
            let mail = event.mail(request, profile.email, console);
            self.parts.notices.write(tx, &person, &mail, (now, now.plus(NEWS))).await?;
        }
        Ok(())
    }

    /// Who may answer the requests of an organisation, of those who may come in now.
    async fn those_who_answer(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        now: Timestamp,
    ) -> Result<Vec<Person>, EraseError> {
        let mut all = Vec::new();
        for person in people::beyond_their_own(tx, organisation).await? {
            if !may_come_in(tx, &person, now).await? {
                continue;
            }
            let actor = Actor::Person {
                id: person.id,
                organisation,
                subject: person.subject,
                role: person.role,
                also: people::further_roles(tx, person.id).await?,
                session: SessionId::nil(),
                signed_in: 0,
                stepped_up: None,
            };
            let op = OpContext { actor, at: now, ..self.by_program(organisation) };
            let on = OrganisationRef(organisation);
            if self.parts.access.would_allow_in::<ListRequests>(tx, &op, on).await? {
                all.push(person);
            }
        }
        Ok(all)
    }
}

/// The account of whom a request is about, where they have one and may come in.
async fn account_of(tx: &mut Tx, subject: SubjectId, now: Timestamp) -> Result<Option<Person>, EraseError> {
    let (Some(id), _) = organisations::person_of_subject(tx, subject).await? else { return Ok(None) };
    let Some(person) = people::find(tx, id).await? else { return Ok(None) };
    Ok(may_come_in(tx, &person, now).await?.then_some(person))
}

async fn may_come_in(tx: &mut Tx, person: &Person, now: Timestamp) -> Result<bool, SqlError> {
    let active = person.state == PersonState::Active;
    Ok(active && blocks::until(tx, person.organisation, person.id, None, now).await?.is_none())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::super::{RequestKind, due};
    use super::*;

    fn asked() -> Request {
        let asked_at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        Request {
            id: RequestId::nil(),
            organisation: OrganisationId::nil(),
            subject: SubjectId::nil(),
            kind: RequestKind::Export,
            state: RequestState::Open,
            asked_by: PersonId::nil(),
            asked_at,
            due_at: due(asked_at, false),
            asked: None,
            extended: None,
            extension: None,
            decided: None,
            answer: None,
            available_until: None,
            erasure: None,
        }
    }

    fn told(request: &Request, now: &str) -> Vec<Event> {
        events(request, now.parse().unwrap()).into_iter().map(|(event, _)| event).collect()
    }

    #[test]
    fn who_answers_is_told_at_once_a_week_before_and_a_day_before() {
        let request = asked();
        for (now, wanted) in [
            ("2026-11-22T09:00:00Z", vec![Event::Made]),
            ("2026-11-29T08:59:59Z", vec![Event::Made]),
            ("2026-11-29T09:00:00Z", vec![]),
            ("2026-12-15T08:59:59Z", vec![]),
            ("2026-12-15T09:00:00Z", vec![Event::Week]),
            ("2026-12-21T08:59:59Z", vec![Event::Week]),
            ("2026-12-21T09:00:00Z", vec![Event::Day]),
            ("2026-12-22T08:59:59Z", vec![Event::Day]),
            ("2026-12-22T09:00:00Z", vec![]),
        ] {
            assert_eq!(told(&request, now), wanted, "{now}");
        }
    }

    #[test]
    fn whoever_asked_is_told_when_it_is_answered_or_takes_longer() {
        let (admin, at) = (PersonId::new(Timestamp::from_millis(1), [1; 10]), "2026-12-15T10:00:00Z");
        let by = Some((admin, at.parse().unwrap()));
        let longer = Request { extended: by, due_at: due(asked().asked_at, true), ..asked() };
        assert_eq!(told(&longer, at), [Event::Extended]);
        assert_eq!(told(&longer, "2027-02-20T09:00:00Z"), [Event::Week], "of the later date");
        for state in [RequestState::Done, RequestState::Declined] {
            assert_eq!(told(&Request { state, decided: by, ..asked() }, at), [Event::Answered]);
        }
        let withdrawn = Request { state: RequestState::Withdrawn, decided: by, ..asked() };
        assert_eq!(told(&withdrawn, at), []);
        let at_once = Some((PersonId::nil(), asked().asked_at));
        let seen = Request { state: RequestState::Done, decided: at_once, ..asked() };
        assert_eq!(told(&seen, "2026-11-22T09:00:00Z"), [], "they saw it");
    }
}
