//! Sites: adding, changing, and what the set-up page shows of them.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use clerestory_access::{Action, AddSite, Grant, ListSites, ManageSite, OpContext, OrganisationRef, SiteRef};
use clerestory_audit::ObjectRef;
use clerestory_audit::authority::Touched;
use clerestory_model::{OrganisationId, PersonId, ProjectId, SiteId, Timestamp};
use clerestory_seal::random;
use clerestory_settings::capture::Rules;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::organisations;
use clerestory_store::segments::{self, Receipt};
use clerestory_store::sites::{self, Site, SiteDetails, SiteSigningKey, details_place, signing_key_place};

use crate::origin::Origin;
use crate::policies::{self, PolicyVersion};
use crate::{Intake, IntakeError, authority};

/// An origin that was known is so for this long without asking again; who may send is decided apart from it.
const HEARD: Duration = Duration::from_secs(5);
/// Origins remembered at once.
const MOST_HEARD: usize = 10_000;

/// A site to be added.
#[derive(Clone, Debug)]
pub struct NewSite {
    /// What people call it.
    pub name: String,
    /// Who may send.
    pub origins: Vec<Origin>,
}

/// What is to change about a site.
#[derive(Clone, Debug, Default)]
pub struct SiteChange {
    /// A new name.
    pub name: Option<String>,
    /// Other origins.
    pub origins: Option<Vec<Origin>>,
    /// A new site key, the old one being worthless at once.
    pub rotate_key: bool,
}

/// A site, opened for somebody who may see it.
#[derive(Clone, Debug)]
pub struct SiteView {
    /// Its id.
    pub id: SiteId,
    /// What people call it.
    pub name: String,
    /// Who may send.
    pub origins: Vec<String>,
    /// The public key in its snippet.
    pub site_key: String,
    /// base64url of the raw public key its policies are signed with.
    pub policy_key: String,
    /// The policy version that is live.
    pub policy_version: u64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its first segment arrived.
    pub first_event_at: Option<Timestamp>,
    /// When its latest segment arrived.
    pub last_event_at: Option<Timestamp>,
    /// How many recordings it has.
    pub recordings: u64,
}

/// 130 random bits in base 62: public, but not to be guessed for somebody else's site.
fn new_site_key() -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let bytes: [u8; 32] = random();
    // 248 is the largest multiple of 62 in a byte: larger ones are skipped, so that no digit is likelier.
    let digits =
        bytes.iter().filter(|byte| **byte < 248).filter_map(|byte| DIGITS.get(usize::from(byte % 62)));
    let key: String = digits.take(22).map(|digit| char::from(*digit)).collect();
    format!("csw_{key}")
}

impl Intake {
    /// Adds a site with a policy of the tightest rules.
    ///
    /// # Errors
    /// [`IntakeError::Refused`], [`IntakeError::Sql`].
    pub async fn add_site(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        new: NewSite,
    ) -> Result<SiteView, IntakeError> {
        self.add_site_with(op, on, new, Rules::default()).await
    }

    /// As [`Self::add_site`], with these rules as its first version.
    ///
    /// # Errors
    /// As [`Self::add_site`].
    pub async fn add_site_with(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        new: NewSite,
        rules: Rules,
    ) -> Result<SiteView, IntakeError> {
        self.vault.hold_lease().await?;
        let (intake, op) = (self.clone(), op.clone());
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let grant = match intake.access.decide::<AddSite>(tx, &op, on, None).await? {
                        Ok(grant) => grant,
                        Err(refused) => return Ok::<_, IntakeError>(Err(IntakeError::Refused(refused))),
                    };
                    let organisation = on.0;
                    let missing = IntakeError::Inner("finding the organisation");
                    let found = organisations::find(tx, organisation).await?.ok_or(missing)?;
                    let project = organisations::first_project(tx, organisation).await?;
                    let id = SiteId::new(op.at, random());
                    let (signing_key, policy_key) = policies::new_signing_key()?;
                    let place = signing_key_place(organisation, id);
                    let signing_key =
                        intake.vault.seal(tx, found.key, place, &SiteSigningKey(signing_key)).await?;
                    let details = SiteDetails { name: new.name };
                    let details = intake
                        .vault
                        .seal(tx, found.key, details_place(organisation, id, 1), &details)
                        .await?;
                    let site = Site {
                        id,
                        organisation,
                        project: project.unwrap_or(ProjectId::nil()),
                        site_key: new_site_key(),
                        details,
                        signing_key,
                        policy_key,
                        version: 1,
                        created_at: op.at,
                        first_event_at: None,
                        last_event_at: None,
                    };
                    sites::insert(tx, &site).await?;
                    sites::set_origins(tx, id, &texts(&new.origins)).await?;
                    let policy = PolicyVersion {
                        version: 1,
                        rules,
                        signed_by: PersonId::nil(),
                        signed_at: op.at,
                        direction: "first".to_owned(),
                    };
                    policies::insert(tx, id, &policy).await?;
                    let mut touched = vec![authority::site(id), authority::policy(id, 1)];
                    touched.extend(new.origins.iter().map(|origin| authority::origin(id, origin.as_str())));
                    intake.note_change(tx, &op, &site, &touched).await?;
                    Ok(Ok(intake.view(tx, &grant, &site).await?))
                })
            })
            .await?
    }

    /// Changes a site.
    ///
    /// # Errors
    /// [`IntakeError::Refused`], [`IntakeError::SiteChanged`] when somebody else did meanwhile.
    pub async fn change_site(
        &self,
        op: &OpContext,
        on: SiteRef,
        change: SiteChange,
    ) -> Result<SiteView, IntakeError> {
        self.vault.hold_lease().await?;
        let (intake, op) = (self.clone(), op.clone());
        let changed = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let personal =
                        clerestory_audit::Personal { detail: Some(tell(&change)), ..Default::default() };
                    let decided = intake.access.decide::<ManageSite>(tx, &op, on, Some(personal)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok::<_, IntakeError>(Err(IntakeError::Refused(refused))),
                    };
                    let mut site = sites::find(tx, on.id).await?.ok_or(IntakeError::UnknownSite)?;
                    let missing = IntakeError::Inner("finding the organisation");
                    let organisation = organisations::find(tx, site.organisation).await?.ok_or(missing)?;
                    let mut details = intake.vault.open(tx, &grant, &site.details).await?;
                    if let Some(name) = change.name {
                        details.name = name;
                    }
                    if change.rotate_key {
                        site.site_key = new_site_key();
                    }
                    site.version += 1;
                    let place = details_place(site.organisation, site.id, site.version);
                    site.details = intake.vault.seal(tx, organisation.key, place, &details).await?;
                    match sites::update(tx, &site).await {
                        Err(SqlError::Inconsistent { .. }) => return Err(IntakeError::SiteChanged),
                        other => other?,
                    }
                    let mut touched = vec![authority::site(site.id)];
                    if let Some(origins) = change.origins {
                        let mut named = sites::origins(tx, site.id).await?;
                        sites::set_origins(tx, site.id, &texts(&origins)).await?;
                        named.extend(texts(&origins));
                        named.sort_unstable();
                        named.dedup();
                        touched.extend(named.iter().map(|origin| authority::origin(site.id, origin)));
                    }
                    intake.note_change(tx, &op, &site, &touched).await?;
                    Ok(Ok(intake.view(tx, &grant, &site).await?))
                })
            })
            .await?;
        self.forget_policy(on.id);
        changed
    }

    /// The sites of an organisation, oldest first.
    ///
    /// # Errors
    /// [`IntakeError::Sql`], [`IntakeError::Vault`].
    pub async fn sites(&self, grant: Grant<ListSites>) -> Result<Vec<SiteView>, IntakeError> {
        self.vault.hold_lease().await?;
        let intake = self.clone();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let mut views = Vec::new();
                    for site in sites::of_organisation(tx, grant.on().0).await? {
                        views.push(intake.view(tx, &grant, &site).await?);
                    }
                    Ok(views)
                })
            })
            .await
    }

    /// The latest segments of a site, after a time, oldest first.
    ///
    /// # Errors
    /// [`IntakeError::Sql`].
    pub async fn receipts(&self, site: SiteId, after: Timestamp) -> Result<Vec<Receipt>, IntakeError> {
        self.database
            .read(move |tx| Box::pin(async move { segments::receipts(tx, site, after, 100).await }))
            .await
            .map_err(|error: SqlError| error.into())
    }

    /// Records how these rows stand now, in the transaction that changed them.
    pub(crate) async fn note_change(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        site: &Site,
        touched: &[Touched],
    ) -> Result<(), IntakeError> {
        let object = ObjectRef { kind: "site".to_owned(), id: *site.id.as_bytes() };
        let by = op.changing(site.organisation);
        let noted = self.access.audit().note_change(tx, by, object, touched).await;
        noted.map_err(clerestory_access::AccessError::from)?;
        Ok(())
    }

    async fn view<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        site: &Site,
    ) -> Result<SiteView, IntakeError> {
        let details = self.vault.open(tx, grant, &site.details).await?;
        let sql = "SELECT max(version) FROM capture_policies WHERE site_id = $1";
        let version = tx.query_opt(sql, &[site.id.into()]).await?;
        Ok(SiteView {
            id: site.id,
            policy_key: site.policy_key.clone(),
            name: details.name,
            origins: sites::origins(tx, site.id).await?,
            site_key: site.site_key.clone(),
            policy_version: version.map_or(Ok(0), |row| row.get(0))?,
            created_at: site.created_at,
            first_event_at: site.first_event_at,
            last_event_at: site.last_event_at,
            recordings: sites::recording_count(tx, site.id).await?,
        })
    }

    /// Whose site this is.
    ///
    /// # Errors
    /// [`IntakeError::UnknownSite`].
    pub async fn organisation_of(&self, site_key: &str) -> Result<OrganisationId, IntakeError> {
        Ok(self.find_site(site_key).await?.organisation)
    }

    pub(crate) async fn find_site(&self, site_key: &str) -> Result<Site, IntakeError> {
        let site_key = site_key.to_owned();
        self.database
            .read(move |tx| Box::pin(async move { sites::find_by_key(tx, &site_key).await }))
            .await
            .map_err(|error: SqlError| IntakeError::from(error))?
            .ok_or(IntakeError::UnknownSite)
    }

    /// Whether any site lists this origin: what a preflight is answered.
    ///
    /// # Errors
    /// [`IntakeError::Sql`].
    pub async fn origin_known(&self, origin: &Origin) -> Result<bool, IntakeError> {
        let now = self.clock.now();
        if self.heard().get(origin).is_some_and(|at| now >= *at && now.since(*at) < HEARD) {
            return Ok(true);
        }
        let wanted = origin.as_str().to_owned();
        let known: Result<bool, SqlError> = self
            .database
            .read(move |tx| Box::pin(async move { sites::origin_known(tx, &wanted).await }))
            .await;
        let known = known?;
        let mut heard = self.heard();
        if heard.len() >= MOST_HEARD {
            heard.clear();
        }
        if known {
            heard.insert(origin.clone(), now);
        }
        Ok(known)
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<Origin, Timestamp>> {
        self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn texts(origins: &[Origin]) -> Vec<String> {
    origins.iter().map(|origin| origin.as_str().to_owned()).collect()
}

fn tell(change: &SiteChange) -> String {
    let mut parts = Vec::new();
    if change.name.is_some() {
        parts.push("renamed".to_owned());
    }
    if let Some(origins) = &change.origins {
        parts.push(format!("origins: {}", texts(origins).join(", ")));
    }
    if change.rotate_key {
        parts.push("site key replaced".to_owned());
    }
    parts.join("; ")
}
