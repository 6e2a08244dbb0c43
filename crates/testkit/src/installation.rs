//! An installation in a temporary directory, with two organisations and their people.

use std::fs::File;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use clerestory::{App, Places, Postgres, ThrowAway};
use clerestory_api::{Hosts, Origins, Parts};
use clerestory_identity::{IdentityError, NewOrganisation, NewPerson, SignInRules};
use clerestory_keys::{Protection, RootAddress};
use clerestory_model::{OrganisationId, Timestamp};
use clerestory_sql::Lane;
use clerestory_store::people::Role;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::bucket::{Faults, LocalS3};
use crate::{Caller, Hands, postgres};

/// The program that does confined work for tests, beside which their own programs lie: those run tests whatever they
/// are started for.
///
/// # Panics
/// When a test does not know where it runs.
#[must_use]
pub fn confined_program() -> PathBuf {
    program("test-confined")
}

/// A copy of the program that stands in the place of `ffmpeg` for tests, in this directory, and does what its name says.
///
/// # Panics
/// When it cannot be copied.
#[must_use]
pub fn film_program(directory: &Path, does: &str) -> PathBuf {
    let copy = directory.join(does);
    std::fs::copy(program("test-film"), &copy).expect("the program can be copied");
    copy
}

/// A copy of the program that asks the system itself, in this directory: what it got, and what it was told, stands in what
/// it gives.
///
/// # Panics
/// When it cannot be copied.
#[must_use]
pub fn calling_program(directory: &Path) -> PathBuf {
    let copy = directory.join("calls");
    std::fs::copy(env!("CLERESTORY_FILM_CALLS"), &copy).expect("the program can be copied");
    copy
}

/// The program that looks at erasures for tests.
///
/// # Panics
/// When a test does not know where it runs.
#[must_use]
pub fn verifier_program() -> PathBuf {
    program("test-verifier")
}

fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test's own program");
    let built = own.parent().expect("it lies where it was built");
    // Tests lie one deeper than programs.
    let built = built.parent().filter(|_| built.ends_with("deps")).unwrap_or(built);
    built.join(name)
}

pub(crate) const CONSOLE_HOST: &str = "localhost:8700";
pub(crate) const PASSWORD: &str = "high windows, all lit";
/// Where in its bucket an installation has its objects.
const PREFIX: &str = "one";
/// Where the clock of a new installation stands.
const START: &str = "2026-11-22T09:00:00Z";

/// A running installation that is gone when it is dropped.
pub struct Installation {
    /// Its parts.
    pub app: App,
    /// Its clock.
    pub clock: Arc<Hands>,
    /// The first organisation: an admin, a manager, a member.
    pub organisation: OrganisationId,
    /// The other organisation: an admin.
    pub other: OrganisationId,
    router: Router,
    directory: Arc<TempDir>,
    bucket: Option<Arc<LocalS3>>,
    draining: watch::Sender<bool>,
}

impl Installation {
    /// Makes one.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn new() -> Self {
        Self::over(postgres::schema_of_its_own().await).await
    }

    /// Makes one over an empty PostgreSQL database, or over a file of its own.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn over(database: Option<Postgres>) -> Self {
        Self::made(database, None).await
    }

    /// Makes one whose objects lie in a bucket of its own, in this process.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn on_bucket() -> Self {
        Self::on_bucket_over(postgres::schema_of_its_own().await).await
    }

    /// The same over an empty PostgreSQL database, or over a file of its own.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn on_bucket_over(database: Option<Postgres>) -> Self {
        let bucket = Arc::new(LocalS3::start());
        let address = bucket.address();
        Self::made(database, Some((bucket, address))).await
    }

    /// Makes one that asks of those who sign in what an installation asks unless it is told otherwise.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn strict() -> Self {
        Self::kept(None, |_, places| places.sign_in = SignInRules::default()).await
    }

    /// The same with a network in front of the bucket that fails on demand.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn behind_faults() -> (Self, Faults) {
        let bucket = Arc::new(LocalS3::start());
        let faults = Faults::before(bucket.address()).await;
        let reached = Some((bucket, faults.address()));
        (Self::made(postgres::schema_of_its_own().await, reached).await, faults)
    }

    /// Makes one whose root is at an address, or whose places are what `settle` makes of them; it is told the directory
    /// that everything lies in.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn kept(root: Option<RootAddress>, settle: impl FnOnce(&Path, &mut Places)) -> Self {
        Self::made_with(postgres::schema_of_its_own().await, None, root, settle).await
    }

    /// As [`Self::kept`], over this database, or a file, in `data` below a directory that outlives it.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn kept_in(
        directory: &Path,
        database: Option<Postgres>,
        root: Option<RootAddress>,
        settle: impl FnOnce(&mut Places),
    ) -> Self {
        let settle = |_: &Path, places: &mut Places| {
            *places = Places {
                postgres: places.postgres.clone(),
                sign_in: places.sign_in.clone(),
                confined: places.confined.clone(),
                verifier: places.verifier.clone(),
                ..Places::beside(&directory.join("data"), None)
            };
            settle(places);
        };
        Self::made_with(database, None, root, settle).await
    }

    /// With its objects in the bucket that is reached at the address, or in a directory.
    async fn made(database: Option<Postgres>, bucket: Option<(Arc<LocalS3>, SocketAddr)>) -> Self {
        Self::made_with(database, bucket, None, |_, _| ()).await
    }

    async fn made_with(
        database: Option<Postgres>,
        bucket: Option<(Arc<LocalS3>, SocketAddr)>,
        root: Option<RootAddress>,
        settle: impl FnOnce(&Path, &mut Places),
    ) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let mut places = Places::beside(&directory.path().join("data"), None);
        places.postgres = database;
        // Tests wait for days, and sign administrators in by password alone, unless they are about that.
        places.sign_in = SignInRules::for_trying_out();
        places.confined = confined_program();
        places.verifier = verifier_program();
        places.bucket = bucket.as_ref().map(|(_, address)| crate::bucket::profile(*address, PREFIX));
        settle(directory.path(), &mut places);
        let root = match root {
            Some(address) => places.init_with_root_at("test", address, Some(ThrowAway)),
            None => places.init("test", &Protection::Plain, Some(ThrowAway)),
        };
        let root = root.expect("a new installation");
        let clock = Arc::new(Hands::at(START.parse().expect("a time")));
        let app = App::create(places, root, clock.clone()).await.expect("a new installation opens");
        app.check_objects().await.expect("the objects can be used");
        let phc = app.identity.passwords().hash(PASSWORD.parse().expect("a password")).await.expect("a hash");
        let mut organisations = Vec::new();
        for (name, people) in [
            ("Fernwick", vec![("admin", Role::Admin), ("manager", Role::Manager), ("member", Role::Member)]),
            ("Harbour", vec![("stranger", Role::Admin)]),
        ] {
            organisations.push(add_organisation(&app, name, people, phc.clone()).await);
        }
        let [organisation, other] = organisations.try_into().expect("two organisations");
        let bucket = bucket.map(|(bucket, _)| bucket);
        Self::with(app, clock, directory, bucket, organisation, other)
    }

    fn with(
        app: App,
        clock: Arc<Hands>,
        directory: Arc<TempDir>,
        bucket: Option<Arc<LocalS3>>,
        organisation: OrganisationId,
        other: OrganisationId,
    ) -> Self {
        let (draining, watched) = watch::channel(false);
        let origins = Origins {
            console: format!("http://{CONSOLE_HOST}"),
            content: "http://127.0.0.1:8700".to_owned(),
            shop: Some("http://shop.localhost:8700".to_owned()),
        };
        let router = router_of(&app, origins, watched);
        Self { app, clock, organisation, other, router, directory, bucket, draining }
    }

    /// One that was made with [`Self::kept_in`] in this directory, by a process that is gone, on a clock that shows `at`.
    ///
    /// # Errors
    /// Why it does not open.
    pub async fn found_in(
        directory: &Path,
        at: Timestamp,
        (organisation, other): (OrganisationId, OrganisationId),
    ) -> anyhow::Result<Self> {
        let mut places = Places::beside(&directory.join("data"), None);
        places.sign_in = SignInRules::for_trying_out();
        (places.confined, places.verifier) = (confined_program(), verifier_program());
        let root = places.open(&Protection::Plain)?;
        let clock = Arc::new(Hands::at(at));
        let app = App::build(places, root, clock.clone()).await?;
        app.check_objects().await?;
        Ok(Self::with(app, clock, Arc::new(tempfile::tempdir()?), None, organisation, other))
    }

    /// The same installation after a restart: nothing in memory is left.
    ///
    /// # Panics
    /// When it does not open again.
    pub async fn restarted(self) -> Self {
        self.restarted_after(async |_, _| ()).await
    }

    /// The same after something was done to what lies still.
    ///
    /// # Panics
    /// When it does not open again.
    pub async fn restarted_after(self, between: impl AsyncFnOnce(&Places, &Arc<Hands>)) -> Self {
        let Self { app, clock, organisation, other, router, directory, bucket, draining } = self;
        let places = app.places.clone();
        drop((app, router, draining));
        between(&places, &clock).await;
        let root = places.open(&Protection::Plain).expect("the root key is still there");
        let app = App::build(places, root, clock.clone()).await.expect("an installation opens again");
        app.check_objects().await.expect("the objects are where they were");
        Self::with(app, clock, directory, bucket, organisation, other)
    }

    /// Another node of the same installation: it shares database, objects and keys, and nothing in memory. Only on
    /// PostgreSQL.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn another_node(&self) -> Self {
        let root = self.app.places.open(&Protection::Plain).expect("the root key is there");
        let app = App::build(self.app.places.clone(), root, self.clock.clone()).await.expect("a node opens");
        app.check_objects().await.expect("the objects are where the first node has them");
        let (clock, directory) = (self.clock.clone(), Arc::clone(&self.directory));
        Self::with(app, clock, directory, self.bucket.clone(), self.organisation, self.other)
    }

    /// The same, where everything is settled after each segment that comes in.
    #[must_use]
    pub fn settling(mut self) -> Self {
        let app = self.app.clone();
        self.router = self.router.layer(axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                let app = app.clone();
                async move {
                    let segment = request.uri().path().starts_with("/api/v1/capture/segments/");
                    let answer = next.run(request).await;
                    if segment && answer.status().is_success() {
                        app.settle_now().await.expect("what came in settles");
                    }
                    answer
                }
            },
        ));
        self
    }

    /// The names of all objects there are, in order.
    pub async fn objects(&self) -> Vec<String> {
        let mut names = Vec::new();
        for prefix in ["log", "segments", "parts"] {
            let listed = self.app.vault.objects().list(prefix).await.expect("objects can be listed");
            names.extend(listed.into_iter().map(|found| found.object));
        }
        names.sort();
        names
    }

    /// The directory everything of it lies in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The service that this installation would be at other origins.
    pub fn service_at(&self, origins: Origins) -> Router {
        router_of(&self.app, origins, self.draining.subscribe())
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// The file that a stored object lies in, wherever objects lie.
    #[must_use]
    pub fn object_file(&self, object: &str) -> std::path::PathBuf {
        match &self.bucket {
            Some(bucket) => bucket.file(PREFIX, object),
            None => self.app.places.data.join("objects").join(object),
        }
    }

    /// Nobody known.
    #[must_use]
    pub fn anonymous(&self) -> Caller {
        Caller::anonymous(self.router.clone())
    }

    /// One of the people: `admin`, `manager`, `member` of the first organisation, `stranger` of the other.
    pub async fn person(&self, who: &str) -> Caller {
        self.anonymous().sign_in(&format!("{who}@example.org"), PASSWORD).await
    }

    /// The token of a link that signs the person with this address in once.
    ///
    /// # Panics
    /// When there is nobody with it.
    pub async fn link(&self, email: &'static str) -> String {
        let (identity, at) = (self.app.identity.clone(), self.now());
        self.app.vault.hold_lease().await.expect("a lease");
        let made: Result<_, IdentityError> = self
            .app
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let person = identity.person_by_address(tx, email, at).await?.expect("somebody");
                    identity.make_link(tx, person.id, at).await
                })
            })
            .await;
        made.expect("a link").reveal()
    }

    /// A second administrator of the first organisation: `second@example.org`.
    ///
    /// # Panics
    /// When they cannot be added.
    pub async fn add_second_admin(&self) {
        let phc = self.app.identity.passwords().hash(PASSWORD.parse().expect("a password")).await;
        let phc = phc.expect("a hash");
        self.app.vault.hold_lease().await.expect("a lease");
        let (identity, at, organisation) = (self.app.identity.clone(), self.now(), self.organisation);
        let added = self.app.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let (role, email) = (Role::Admin, "second@example.org");
                let new = NewPerson { organisation, role, name: "second", email, password: Some(phc) };
                identity.add_person(tx, new, at).await.map(drop)
            })
        });
        let added: Result<(), IdentityError> = added.await;
        added.expect("a second administrator");
    }

    /// The same person, who has proven a moment ago who they are.
    pub async fn proven(&self, who: &str) -> Caller {
        let caller = self.person(who).await;
        caller.prove(PASSWORD).await;
        caller
    }

    /// Switches settings on for the whole organisation, as its administrator.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn switch_on(&self, names: &[&str]) {
        let admin = self.proven("admin").await;
        for name in names {
            let version = admin.get("/api/v1/settings").await.ok()["version"].clone();
            let admin = admin.clone().with("if-match", format!("\"{version}\""));
            let asked = json!({ "value": true }).to_string();
            admin.send("PUT", &format!("/api/v1/settings/{name}"), asked).await.ok();
        }
    }

    /// A recorder on a page of `origin`.
    #[must_use]
    pub fn recorder(&self, origin: &str) -> Caller {
        self.anonymous().without("clerestory-csrf").with("origin", origin)
    }

    /// A new site of the caller's organisation that takes from `https://shop.example`.
    pub async fn site(&self, admin: &Caller) -> Value {
        let asked = json!({ "name": "Shop", "origins": ["https://shop.example"] });
        admin.post("/api/v1/sites", asked).await.ok()
    }

    /// Ends every stream, as draining does.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Moves the clock on. What lies in the store was written before: a store dates by a clock of its own, which shows when
    /// the test runs.
    ///
    /// # Panics
    /// When something in it cannot be dated.
    pub fn wait(&self, by: Duration) {
        let now = UNIX_EPOCH + Duration::from_micros(self.now().micros().unsigned_abs());
        date_back(&self.app.places.data.join("objects"), now).expect("objects can be dated");
        if let Some(bucket) = &self.bucket {
            date_back(bucket.directory(), now).expect("objects can be dated");
        }
        self.clock.advance(by);
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.app.clock.now()
    }
}

/// Whatever below a directory is dated later than `at` was written then.
fn date_back(directory: &Path, at: SystemTime) -> std::io::Result<()> {
    let gone = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return gone(error),
    };
    for entry in entries {
        let entry = entry?;
        let dated = if entry.file_type()?.is_dir() {
            date_back(&entry.path(), at)
        } else if entry.metadata().and_then(|found| found.modified()).is_ok_and(|written| written > at) {
            File::options().write(true).open(entry.path()).and_then(|file| file.set_modified(at))
        } else {
            Ok(())
        };
        // Somebody may be at work there.
        dated.or_else(gone)?;
    }
    Ok(())
}

fn router_of(app: &App, origins: Origins, draining: watch::Receiver<bool>) -> Router {
    clerestory_api::router(Parts {
        database: app.database.clone(),
        access: app.access.clone(),
        vault: app.vault.clone(),
        identity: app.identity.clone(),
        intake: app.intake.clone(),
        playback: app.playback.clone(),
        coaching: app.coaching.clone(),
        lifecycle: app.lifecycle.clone(),
        confined: app.confined.clone(),
        clock: app.clock.clone(),
        hosts: Arc::new(Hosts::new(origins, None)),
        data_directory: app.places.data.display().to_string().into(),
        draining,
        findings: Arc::new(Vec::new),
    })
}

async fn add_organisation(
    app: &App,
    name: &'static str,
    people: Vec<(&'static str, Role)>,
    phc: String,
) -> OrganisationId {
    let (identity, at) = (app.identity.clone(), app.clock.now());
    app.vault.hold_lease().await.expect("a lease");
    let added: Result<OrganisationId, IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let new = NewOrganisation { name, project: "General" };
                let organisation = identity.add_organisation(tx, new, at).await?;
                for (who, role) in people {
                    let email = format!("{who}@example.org");
                    let password = Some(phc.clone());
                    let new = NewPerson { organisation, role, name: who, email: &email, password };
                    identity.add_person(tx, new, at).await?;
                }
                Ok(organisation)
            })
        })
        .await;
    added.expect("an organisation with people")
}
