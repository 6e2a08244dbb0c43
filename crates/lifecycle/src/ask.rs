//! Asking for an erasure: the decision, its entry, and the end of every way to what is erased, in one transaction.

use clerestory_access::{
    Actor, DiscardScreen, EraseOrganisation, EraseRecording, EraseSubject, ErasureRef, ListErasures,
    OpContext, OrganisationRef, ReadErasure, RecordingRef, Refused, ScreenRef, SubjectRef,
};
use clerestory_audit::authority::{Departing, Gone, Touched};
use clerestory_audit::{NewEntry, ObjectRef, Outcome, Personal};
use clerestory_identity::Ended;
use clerestory_model::{
    ErasureId, GapReason, KeyId, OrganisationId, RecordingId, RecordingState, SubjectId, Timestamp,
};
use clerestory_seal::random;
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::derived::Erased;
use clerestory_store::tracks::{self, Gap};
use clerestory_store::{organisations, recordings};

use crate::rows::{self, Part};
use crate::shred::erased;
use crate::{EraseError, Erasure, Lifecycle, Step, Target};

/// Reasons are cut to this many characters.
const REASON_CHARS: usize = 500;
/// What the log says of an erasure of somebody's recordings, beside that it is decided as that of the person.
const RECORDINGS_ONLY: &str = "every recording about them, and nothing else";

impl Lifecycle {
    /// Decides and begins an erasure. From the commit on nobody sees, plays or sends what is erased; the rest is done by
    /// [`Self::work`]. Asking again for what is being erased, or was, gives that erasure.
    ///
    /// # Errors
    /// [`EraseError::Refused`], [`EraseError::NeedsTwo`], [`EraseError::Held`], [`EraseError::LastAdmin`],
    /// [`EraseError::Nothing`]: all of them
    /// are on record too.
    pub async fn ask(
        &self,
        op: &OpContext,
        target: Target,
        reason: Option<String>,
    ) -> Result<Erasure, EraseError> {
        if matches!(target, Target::Range { from_us, to_us, .. } if from_us < 0 || to_us < from_us) {
            return Err(EraseError::BadRange);
        }
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        let reason = reason.map(|text| text.trim().chars().take(REASON_CHARS).collect::<String>());
        let reason = reason.filter(|text| !text.is_empty());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let entry = match lifecycle.decide(tx, &op, target, reason, "").await? {
                        Ok(entry) => entry,
                        Err(refused) => return Ok::<_, EraseError>(Err(refused.into())),
                    };
                    let begun = match lifecycle.needs_two(tx, &op, target).await? {
                        Some(_) => Err(EraseError::NeedsTwo),
                        None => lifecycle.begin(tx, &op, target, entry).await?,
                    };
                    match begun {
                        Ok(erasure) => Ok(Ok(erasure)),
                        Err(obstacle) => {
                            lifecycle.note_obstacle(tx, &op, target, &obstacle).await?;
                            Ok(Err(obstacle))
                        }
                    }
                })
            })
            .await?
    }

    /// Begins to erase a time of a recording that the person takes back; nothing where nothing was sent of it. Either way
    /// nothing of that time is taken any more, also what is on its way, and every track says so with a gap.
    ///
    /// # Errors
    /// [`EraseError::Refused`], [`EraseError::Held`], [`EraseError::HoldStands`], [`EraseError::Deleted`].
    pub async fn discard(
        &self,
        op: &OpContext,
        on: ScreenRef,
        (from_us, to_us): (i64, i64),
    ) -> Result<Option<Erasure>, EraseError> {
        let target = Target::Range { recording: on.recording, from_us, to_us };
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Some(format!("{} s to {} s", from_us / 1_000_000, to_us / 1_000_000));
                    let personal = Some(Personal { detail, ..Personal::default() });
                    let access = &lifecycle.parts.access;
                    let entry = match access.decide::<DiscardScreen>(tx, &op, on, personal).await? {
                        Ok(grant) => grant.entry(),
                        Err(refused) => return Ok::<_, EraseError>(Err(refused.into())),
                    };
                    let found = recordings::find_locked(tx, on.recording, Lock::Exclusive).await?;
                    let begun = match found.map(|found| found.state) {
                        Some(RecordingState::SoftDeleted) => Err(EraseError::Deleted),
                        _ => lifecycle.begin(tx, &op, target, entry).await?,
                    };
                    let begun = match begun {
                        Ok(erasure) => Some(erasure),
                        Err(EraseError::Nothing) => None,
                        Err(obstacle) => {
                            lifecycle.note_obstacle(tx, &op, target, &obstacle).await?;
                            return Ok(Err(obstacle));
                        }
                    };
                    mark_taken_back(tx, on.recording, (from_us, to_us)).await?;
                    // Also what was said of a time of which nothing had been sent.
                    let gone = Erased {
                        organisation: on.organisation,
                        recordings: vec![on.recording],
                        tracks: Vec::new(),
                        keys: Vec::new(),
                    };
                    for derived in &lifecycle.parts.derived {
                        derived.erase(tx, &gone).await?;
                    }
                    Ok(Ok(begun))
                })
            })
            .await?
    }

    pub(crate) async fn decide(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        target: Target,
        reason: Option<String>,
        what: &str,
    ) -> Result<Result<u64, Refused>, EraseError> {
        let organisation = op.actor.organisation();
        let detail = match target {
            Target::RecordingsOf(_) if !what.is_empty() => Some(format!("{what}; {RECORDINGS_ONLY}")),
            Target::RecordingsOf(_) => Some(RECORDINGS_ONLY.to_owned()),
            _ if !what.is_empty() => Some(what.to_owned()),
            Target::Track { track, .. } => Some(format!("track {track}")),
            Target::Range { from_us, to_us, .. } => {
                Some(format!("{} s to {} s", from_us / 1_000_000, to_us / 1_000_000))
            }
            _ => None,
        };
        let personal = (reason.is_some() || detail.is_some()).then(|| Personal {
            reason,
            detail,
            ..Personal::default()
        });
        let access = &self.parts.access;
        Ok(match target {
            Target::Track { recording, .. }
            | Target::Recording(recording)
            | Target::Range { recording, .. } => {
                let on = RecordingRef { organisation, id: recording };
                access.decide::<EraseRecording>(tx, op, on, personal).await?.map(|grant| grant.entry())
            }
            // It takes the right that erasing them takes: no less goes of what was captured.
            Target::Subject(subject) | Target::RecordingsOf(subject) => {
                let on = SubjectRef { organisation, id: subject };
                access.decide::<EraseSubject>(tx, op, on, personal).await?.map(|grant| grant.entry())
            }
            Target::Organisation => {
                let on = OrganisationRef(organisation);
                access.decide::<EraseOrganisation>(tx, op, on, personal).await?.map(|grant| grant.entry())
            }
            // Only a sweep says what is due.
            Target::Expired(_) => Err(Refused::Hidden),
        })
    }

    pub(crate) async fn begin(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        target: Target,
        entry: u64,
    ) -> Result<Result<Erasure, EraseError>, EraseError> {
        let organisation = op.actor.organisation();
        // The deployment's own keys are nobody's to erase.
        if rows::organisation_key(tx, organisation).await?.is_none() {
            return Ok(Err(EraseError::Nothing));
        }
        let recordings = rows::lock_recordings(tx, organisation, &target).await?;
        // Under those locks, so that two who ask together get one erasure. A range may have more to take since, and so may
        // somebody's recordings.
        let known = rows::of_target(tx, organisation, &target).await?;
        let is_range = matches!(target, Target::Range { .. });
        let is_over = match target {
            Target::Range { .. } => false,
            Target::RecordingsOf(_) => recordings.is_empty(),
            _ => known.is_some(),
        };
        if is_over {
            // An erasure of somebody's recordings that has ended is about others than are asked for now.
            let goes_on =
                |known: &Erasure| !matches!(target, Target::RecordingsOf(_)) || known.step < Step::Verified;
            return Ok(known.filter(goes_on).ok_or(EraseError::Nothing));
        }
        if crate::holds::rows::stands_against(tx, organisation, &target).await? {
            return match target {
                Target::Recording(_) if recordings.is_empty() => Ok(Err(EraseError::Nothing)),
                Target::Recording(_) | Target::Subject(_) | Target::RecordingsOf(_) => {
                    Ok(Ok(self.restrict(tx, op, (target, entry), &recordings).await?))
                }
                // A part of a recording cannot be hidden from people while they see the rest.
                _ => Ok(Err(EraseError::HoldStands)),
            };
        }
        let parts = rows::parts(tx, &target, &recordings).await?;
        if parts.is_empty() && !matches!(target, Target::Subject(_) | Target::Organisation) {
            return Ok(Err(EraseError::Nothing));
        }
        let keys = self.keys_of(tx, organisation, &target, (&recordings, &parts)).await?;
        // What a sweep has erased has rows still, and no key that could be destroyed once more.
        if keys.is_empty() && !matches!(target, Target::Subject(_) | Target::Organisation) {
            return Ok(Err(EraseError::Nothing));
        }
        if let Some(pinned) = self.parts.vault.keys().pinned(tx, &keys).await? {
            return Ok(Err(EraseError::Held(pinned)));
        }
        let mut touched: Vec<Touched> = Vec::new();
        match target {
            Target::Subject(subject) => match self.end_person(tx, organisation, subject).await? {
                Ok(gone) => touched.extend(gone),
                Err(obstacle) => return Ok(Err(obstacle)),
            },
            Target::Organisation => {
                for one in &self.parts.departing {
                    touched.extend(one.depart(tx, organisation).await?);
                }
                touched.extend(self.depart(tx, organisation).await?);
            }
            Target::RecordingsOf(subject) => {
                touched.extend(self.forget_proposed(tx, organisation, (subject, op.at)).await?);
            }
            Target::Track { .. } | Target::Recording(_) | Target::Range { .. } | Target::Expired(_) => {}
        }
        let stretches = match target {
            Target::Range { recording, from_us, to_us } => {
                let stretches = self.mark_range(tx, recording, (from_us, to_us)).await?;
                if stretches.is_empty() {
                    return Ok(known.ok_or(EraseError::Nothing));
                }
                stretches
            }
            _ => {
                rows::set_states(tx, &parts, RecordingState::PurgeQueued).await?;
                Vec::new()
            }
        };
        let id = ErasureId::new(op.at, random());
        let erasure = Erasure::asked(id, organisation, target, (entry, op.at));
        rows::insert(tx, &erasure).await?;
        let keys = match is_range {
            // Those of the tracks are written down as each is moved to another.
            true => self.derived_keys(tx, &recordings).await?,
            false => keys,
        };
        self.keep_scope(tx, erasure.id, if is_range { &[] } else { &parts }, &keys).await?;
        if matches!(target, Target::Track { .. } | Target::Range { .. }) {
            // The rest goes on and is told of by what comes; title and address may be of what goes.
            let gone = erased(&erasure, &recordings, (&parts, &keys));
            for derived in &self.parts.derived {
                derived.erase(tx, &gone).await?;
            }
        }
        for stretch in &stretches {
            rows::keep_stretch(tx, erasure.id, stretch).await?;
        }
        if !touched.is_empty() {
            let object = ObjectRef { kind: "erasure".to_owned(), id: *erasure.id.as_bytes() };
            self.parts.access.audit().note_change(tx, op.changing(organisation), object, &touched).await?;
        }
        self.parts.vault.keys().revoke(tx).await?;
        Ok(Ok(erasure))
    }

    /// Ends the account of whom a subject is, if of anybody, with what names them elsewhere; the rows that went.
    pub(crate) async fn end_person(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        subject: SubjectId,
    ) -> Result<Result<Vec<Touched>, EraseError>, EraseError> {
        let (person, _) = organisations::person_of_subject(tx, subject).await?;
        let mut touched = match self.parts.identity.end_account(tx, subject).await? {
            Ended::NoAccount => return Ok(Ok(Vec::new())),
            Ended::LastAdmin => return Ok(Err(EraseError::LastAdmin)),
            Ended::Gone(gone) => gone,
        };
        let gone = Gone { person, ..Gone::default() };
        for owner in &self.parts.departing {
            touched.extend(owner.forget_gone(tx, &gone).await?);
        }
        let (doomed, whenever) = (crate::Doomed::Person(subject), Timestamp::from_micros(i64::MAX));
        touched.extend(crate::proposals::rows::forget(tx, organisation, (doomed, whenever)).await?);
        touched.extend(self.forget_proposed(tx, organisation, (subject, whenever)).await?);
        Ok(Ok(touched))
    }

    /// Removes what was proposed until a moment about somebody's recordings, which are being erased; the rows that went.
    pub(crate) async fn forget_proposed(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        (subject, asked_at): (SubjectId, Timestamp),
    ) -> Result<Vec<Touched>, EraseError> {
        let doomed = crate::Doomed::RecordingsOf(subject);
        Ok(crate::proposals::rows::forget(tx, organisation, (doomed, asked_at)).await?)
    }

    pub(crate) async fn keep_scope(
        &self,
        tx: &mut Tx,
        id: ErasureId,
        parts: &[Part],
        keys: &[KeyId],
    ) -> Result<(), EraseError> {
        for part in parts {
            rows::keep_part(tx, id, part).await?;
        }
        for key in keys {
            rows::keep_key(tx, id, *key).await?;
        }
        Ok(())
    }

    /// The keys of what derives from these recordings alone.
    async fn derived_keys(&self, tx: &mut Tx, recordings: &[RecordingId]) -> Result<Vec<KeyId>, EraseError> {
        let mut keys = rows::summary_keys(tx, recordings).await?;
        for recording in recordings {
            for derived in &self.parts.derived {
                keys.extend(derived.keys(tx, *recording).await?);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Every key that dies with a target, as far as it is in the registry.
    pub(crate) async fn keys_of(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        target: &Target,
        (recordings, parts): (&[RecordingId], &[Part]),
    ) -> Result<Vec<KeyId>, EraseError> {
        let registry = self.parts.vault.keys();
        let mut keys: Vec<KeyId> = parts.iter().map(|part| part.key).collect();
        if !matches!(target, Target::Range { .. }) {
            // What a range that is being erased was to leave has a key already.
            keys.extend(rows::survivor_keys(tx, parts).await?);
        }
        keys.extend(self.derived_keys(tx, recordings).await?);
        match target {
            Target::Track { .. }
            | Target::Recording(_)
            | Target::Range { .. }
            | Target::RecordingsOf(_)
            | Target::Expired(_) => {}
            Target::Subject(subject) => keys.extend(rows::subject_key(tx, *subject).await?),
            Target::Organisation => keys.extend(registry.of_organisation(tx, organisation).await?),
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(registry.with_those_below(tx, &keys).await?)
    }

    /// It was allowed, and something stood in the way.
    pub(crate) async fn note_obstacle(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        target: Target,
        obstacle: &EraseError,
    ) -> Result<(), EraseError> {
        let organisation = op.actor.organisation();
        let (action, class, kind, id) = match target {
            Target::Track { recording, .. }
            | Target::Recording(recording)
            | Target::Range { recording, .. } => (
                "recording.erase",
                clerestory_audit::Class::RESOURCE_DELETE,
                "recording",
                *recording.as_bytes(),
            ),
            Target::Subject(subject) | Target::RecordingsOf(subject) => {
                ("subject.erase", clerestory_audit::Class::ENTITY_DELETE, "subject", *subject.as_bytes())
            }
            Target::Organisation => (
                "organisation.erase",
                clerestory_audit::Class::ENTITY_DELETE,
                "organisation",
                *organisation.as_bytes(),
            ),
            Target::Expired(erasure) => {
                ("erasure.read", clerestory_audit::Class::ENTITY_READ, "erasure", *erasure.as_bytes())
            }
        };
        let (actor_kind, actor) = op.actor.logged();
        let entry = NewEntry {
            organisation,
            at: op.at,
            action,
            class,
            outcome: Outcome::Failed,
            rule: obstacle.to_string(),
            actor_kind,
            actor,
            object: ObjectRef { kind: kind.to_owned(), id },
            request_id: op.request_id.clone(),
            personal: None,
        };
        self.parts.access.audit().append(tx, entry).await?;
        Ok(())
    }

    /// How far an erasure is.
    ///
    /// # Errors
    /// [`EraseError::Refused`], [`EraseError::Nothing`] where there is no such erasure of the caller's organisation.
    pub async fn find(&self, op: &OpContext, id: ErasureId) -> Result<Erasure, EraseError> {
        let on = ErasureRef { organisation: op.actor.organisation(), id };
        let grant = self.parts.access.authorize::<ReadErasure>(op, on, None).await??;
        let (id, organisation) = (grant.on().id, grant.on().organisation);
        let found = self.parts.database.read(move |tx| Box::pin(async move { rows::find(tx, id).await }));
        let found: Result<_, clerestory_sql::SqlError> = found.await;
        found?.filter(|found| found.organisation == organisation).ok_or(EraseError::Nothing)
    }

    /// The erasures of the caller's organisation, newest first: those before `before`, at most `limit`.
    ///
    /// # Errors
    /// [`EraseError::Refused`].
    pub async fn list(
        &self,
        op: &OpContext,
        before: Option<ErasureId>,
        limit: u32,
    ) -> Result<Vec<Erasure>, EraseError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.parts.access.authorize::<ListErasures>(op, on, None).await??;
        let OrganisationRef(organisation) = grant.on();
        self.parts
            .database
            .read(move |tx| {
                Box::pin(async move { Ok(rows::of_organisation(tx, organisation, before, limit).await?) })
            })
            .await
    }

    /// The program itself, acting on this organisation's data.
    pub(crate) fn by_program(&self, organisation: OrganisationId) -> OpContext {
        let actor = Actor::System { organisation };
        OpContext { actor, request_id: String::new(), at: self.parts.clock.now() }
    }
}

/// From now on nothing of this time is taken, and whoever looks sees that something was there. The recording is locked.
async fn mark_taken_back(
    tx: &mut Tx,
    recording: RecordingId,
    (from_us, to_us): (i64, i64),
) -> Result<(), SqlError> {
    tracks::note_erased_time(tx, recording, (from_us, to_us)).await?;
    for track in tracks::of_recording(tx, recording).await? {
        if track.state < RecordingState::SoftDeleted {
            let gap = Gap { from_us, to_us, reason: GapReason::Discarded };
            tracks::note_gap(tx, track.id, gap).await?;
        }
    }
    Ok(())
}
