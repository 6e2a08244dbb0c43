//! The parts of a running installation, made once, in one function.

use std::sync::Arc;

use clerestory_access::{Access, Matrix, MatrixError};
use clerestory_audit::{Audit, Reserve};
use clerestory_coaching::Coaching;
use clerestory_confine::Confined;
use clerestory_identity::{Identity, IdentityError};
use clerestory_intake::Intake;
use clerestory_keys::{EpochPlace, KeyError, Keys, RootFile};
use clerestory_lifecycle::{Assurance, InstanceError, Lifecycle};
use clerestory_model::{Clock, Timestamp};
use clerestory_notices::Notices;
use clerestory_playback::{Playback, Previews};
use clerestory_sql::{Component, Database, Schema, SqlError};
use clerestory_store::derived::Summaries;
use clerestory_vault::{IngestLog, PlaceError, ProfileError, Vault};

use crate::places::{Places, PlacesError, Postgres, SecondPlace};

/// Every table there is, in the order they are made.
pub const SCHEMAS: &[Component] = &[
    clerestory_keys::SCHEMA,
    clerestory_store::SCHEMA,
    clerestory_vault::SCHEMA,
    clerestory_audit::SCHEMA,
    clerestory_notices::SCHEMA,
    clerestory_identity::SCHEMA,
    clerestory_intake::SCHEMA,
    clerestory_playback::SCHEMA,
    clerestory_coaching::SCHEMA,
    clerestory_lifecycle::SCHEMA,
];

/// What an installation is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Serve,
    Create,
    Restore,
}

/// All parts of an installation.
#[derive(Clone)]
pub struct App {
    /// Where it keeps its things.
    pub places: Places,
    /// The database.
    pub database: Database,
    /// Decisions.
    pub access: Access,
    /// The opener.
    pub vault: Vault,
    /// Mail.
    pub notices: Notices,
    /// Sign-in and sessions.
    pub identity: Identity,
    /// What comes in.
    pub intake: Intake,
    /// What goes out.
    pub playback: Playback,
    /// What is said of it.
    pub coaching: Coaching,
    /// What is erased.
    pub lifecycle: Lifecycle,
    /// Work on hostile bytes.
    pub confined: Confined,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// Why an installation does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Its directories.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// Its keys.
    #[error("the keys cannot be opened")]
    Keys(#[from] KeyError),
    /// Its database.
    #[error("the database cannot be opened")]
    Sql(#[from] SqlError),
    /// The database is that of an installation.
    #[error("the database is that of an installation: `init` never writes over one. Name an empty database")]
    DatabaseExists,
    /// Its objects.
    #[error("the object store cannot be used")]
    Objects(#[from] ProfileError),
    /// Its objects are elsewhere.
    #[error(
        "name the store that has them with --objects; if they were moved to this one, say --objects-moved once"
    )]
    Place(#[from] PlaceError),
    /// It is not the one any more.
    #[error("this is not the installation to start")]
    Instance(#[from] InstanceError),
    /// Its rules.
    #[error("the access matrix cannot be used")]
    Matrix(#[from] MatrixError),
    /// What it asks of those who sign in.
    #[error("people could not sign in")]
    Identity(#[from] IdentityError),
    /// A build that hides nothing, without anybody saying that this is wanted.
    #[error(
        "this build replaces sealing by nothing and exists to test the canary scanner; \
         set CLERESTORY_DANGEROUS_IDENTITY_SEALING=1 if that is what you are doing"
    )]
    IdentityBuild,
}

impl App {
    /// Opens the database, the keys and the objects of an installation, and makes every part over them.
    ///
    /// # Errors
    /// [`AppError`]; an installation whose database is empty is one whose database is elsewhere.
    pub async fn build(places: Places, root: RootFile, clock: Arc<dyn Clock>) -> Result<Self, AppError> {
        Self::open(places, root, clock, Purpose::Serve).await
    }

    /// As [`Self::build`], for the one process that restores: it opens an installation that is closed to all others.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn build_to_restore(
        places: Places,
        root: RootFile,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AppError> {
        Self::open(places, root, clock, Purpose::Restore).await
    }

    /// As [`Self::build`], for an installation that is being made: its database may be empty.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn create(places: Places, root: RootFile, clock: Arc<dyn Clock>) -> Result<Self, AppError> {
        Self::open(places, root, clock, Purpose::Create).await
    }

    async fn open(
        places: Places,
        root: RootFile,
        clock: Arc<dyn Clock>,
        purpose: Purpose,
    ) -> Result<Self, AppError> {
        let allowed = std::env::var("CLERESTORY_DANGEROUS_IDENTITY_SEALING").is_ok_and(|value| value == "1");
        if clerestory_seal::is_identity() && !allowed {
            return Err(AppError::IdentityBuild);
        }
        reserve(&places).make_room_to_start(|| places.lock().ok());
        let epochs = places.epochs()?;
        if purpose == Purpose::Create {
            // Root, epoch, database: a database never exists whose epoch is in no place.
            clerestory_keys::begin(&root, &epochs, clock.as_ref())?;
        }
        let database = match &places.postgres {
            None => Database::open_sqlite(&places.database(), SCHEMAS)?,
            Some(Postgres { address, roots }) => {
                let schema = match purpose {
                    Purpose::Create => Schema::MayBeMade,
                    Purpose::Serve | Purpose::Restore => Schema::MustExist,
                };
                Database::open_postgres(address, roots.as_deref(), schema, SCHEMAS).await?
            }
        };
        clerestory_keys::settle_places(&database, places.second_names(), places.epochs_given_up).await?;
        let known = newest_known(&database, clock.now()).await?;
        let (registry, time) = (database.clone(), Arc::clone(&clock));
        let keys = match purpose {
            Purpose::Restore => Keys::open_to_restore(root, epochs, registry, time).await?,
            Purpose::Serve | Purpose::Create => Keys::open(root, epochs, registry, time).await?,
        };
        if let (Purpose::Serve, Some(known)) = (purpose, known) {
            keys.judge_start(known).await?;
        }
        Self::over(places, keys, database, clock)
    }

    /// The parts over keys that are open.
    fn over(places: Places, keys: Keys, database: Database, clock: Arc<dyn Clock>) -> Result<Self, AppError> {
        let (keys, tombstones) = (Arc::new(keys), places.tombstones()?);
        let objects = places.objects().open()?;
        let log = Arc::new(IngestLog::open(&objects, database.clone(), Arc::clone(&clock)));
        let vault = Vault::new(Arc::clone(&keys), database.clone(), objects, log);
        let audit = Audit::new(Arc::clone(&keys)).with_reserve(reserve(&places));
        let access = Access::new(database.clone(), audit, Matrix::built_in()?, keys)
            .with_defaults(places.sign_in.defaults());
        let notices = Notices::new(database.clone(), access.clone(), vault.clone(), Arc::clone(&clock));
        let (sending, time) = (notices.clone(), Arc::clone(&clock));
        let identity = Identity::new(database.clone(), access.clone(), vault.clone(), sending, time)
            .with_rules(places.sign_in.clone());
        identity.check_breached()?;
        let intake = Intake::new(database.clone(), access.clone(), vault.clone(), Arc::clone(&clock));
        let playback = Playback::new(database.clone(), access.clone(), vault.clone(), Arc::clone(&clock));
        let coaching = Coaching::new(database.clone(), access.clone(), vault.clone(), Arc::clone(&clock));
        let lifecycle = Lifecycle::new(clerestory_lifecycle::Parts {
            database: database.clone(),
            access: access.clone(),
            vault: vault.clone(),
            identity: identity.clone(),
            notices: notices.clone(),
            clock: Arc::clone(&clock),
            // Summaries give up the key that dies; what was said is sealed anew under another one.
            derived: vec![
                Arc::new(Summaries),
                Arc::new(Previews),
                Arc::new(intake.clone()),
                Arc::new(playback.clone()),
                Arc::new(coaching.clone()),
            ],
            authority: crate::authority::authority_tables(),
            departing: vec![
                Arc::new(identity.clone()),
                Arc::new(intake.clone()),
                Arc::new(playback.clone()),
                Arc::new(coaching.clone()),
                Arc::new(access.settings().clone()),
            ],
            places: tombstones,
            places_need_credentials: matches!(places.second_epochs, Some(SecondPlace::Elsewhere(_))),
            verifier: places.verifier(),
            assurance: match &places.second_epochs {
                Some(SecondPlace::Elsewhere(_)) => Assurance::Custodian,
                Some(SecondPlace::Directory(_)) if !places.on_one_disk() => Assurance::SeparatePlaces,
                _ => Assurance::OneDisk,
            },
        });
        let confined = Confined::by(places.confined.clone()).with_ffmpeg(places.ffmpeg.clone());
        Ok(Self {
            confined,
            notices,
            identity,
            intake,
            lifecycle,
            playback,
            coaching,
            places,
            database,
            access,
            vault,
            clock,
        })
    }

    /// Over a copy of a database, with places that are only read: no epoch begins and none ends, and what is written
    /// is written into the copy. For a drill.
    ///
    /// # Errors
    /// [`AppError`].
    pub(crate) async fn over_copy(
        places: Places,
        root: RootFile,
        epochs: Vec<Box<dyn EpochPlace>>,
        database: Database,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AppError> {
        let keys = Keys::inspect(root, epochs, database.clone(), Arc::clone(&clock)).await?;
        Self::over(places, keys, database, clock)
    }

    /// Sees that a PostgreSQL database which an installation is to be made in is there and empty, before anything is
    /// made.
    ///
    /// # Errors
    /// [`AppError::DatabaseExists`], [`AppError::Sql`].
    pub async fn refuse_existing(places: &Places) -> Result<(), AppError> {
        let Some(Postgres { address, roots }) = &places.postgres else { return Ok(()) };
        match Database::open_postgres(address, roots.as_deref(), Schema::MustExist, SCHEMAS).await {
            Err(SqlError::Empty) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err(AppError::DatabaseExists),
        }
    }

    /// Sees that the object store does all that is needed of it, and that it is the one this installation has its
    /// objects in. To be called before anything is stored or played.
    ///
    /// # Errors
    /// [`AppError::Objects`], which names the permission that is missing; [`AppError::Place`]; [`AppError::Instance`] when
    /// a restore has begun a later generation of this installation over the same objects, or the database was put back from
    /// a copy and not restored.
    pub async fn check_objects(&self) -> Result<(), AppError> {
        self.check_store().await?;
        self.lifecycle.claim_instance().await?;
        Ok(self.lifecycle.check_not_put_back().await?)
    }

    /// The same without a claim: a restore begins a generation of its own.
    ///
    /// # Errors
    /// [`AppError::Objects`], [`AppError::Place`].
    pub async fn check_store(&self) -> Result<(), AppError> {
        self.places.objects().check(self.vault.objects()).await?;
        Ok(self.vault.settle_place(self.places.objects_moved).await?)
    }
}

/// The newest time that an installation knows of, before this process says its own.
async fn newest_known(database: &Database, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let seen = clerestory_keys::last_seen(database).await?;
    let told = database
        .read(move |tx| Box::pin(async move { clerestory_audit::newest_time(tx, now).await }))
        .await?;
    Ok(seen.max(told))
}

/// Room for the log on a full disk. Where the rows are elsewhere, a file on this disk makes none.
fn reserve(places: &Places) -> Reserve {
    match &places.postgres {
        None => Reserve::at(places.data.join("audit.reserve")),
        Some(_) => Reserve::elsewhere(places.data.join("room")),
    }
}
