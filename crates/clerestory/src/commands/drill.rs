//! `admin drill`: what is kept outside this machine, tried before it is needed.
//!
//! Shares (or a root that is elsewhere), the second epoch place and a copy of the database are put together, and
//! segments are opened. Nothing is changed: the copy is copied once more and thrown away, the place is only read, and
//! of what opens only its length is told. The decision to open stands in the log of the copy's copy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use clerestory_access::{Actor, Drill as DrillAction, OpContext, RecordingRef};
use clerestory_keys::{Care, EpochPlace, KeyError, Protection, ReadOnly, RootFile};
use clerestory_model::{Clock, SystemClock};
use clerestory_sql::{Database, PostgresCopy, Schema, SqlError};
use clerestory_store::{segments, tracks};
use clerestory_vault::{OpenError, StoreError};

use super::admin::on_record;
use super::shares::Given;
use super::{Installation, say};
use crate::{App, AppError, Places, SCHEMAS};

/// Segments that are tried, of as many tracks.
const TRIED: u32 = 100;

#[derive(Args)]
pub(super) struct Drill {
    #[command(flatten)]
    installation: Installation,
    /// A copy of the database: a file, or the address of a PostgreSQL database that was restored and that nobody uses
    /// (the server copies it once more, for which the user must be allowed to make databases). It stays as it is.
    #[arg(long, env = "CLERESTORY_DRILL_COPY", value_name = "FILE or ADDRESS", hide_env_values = true)]
    copy: String,
    /// Directory for what is thrown away afterwards: as much room as the copy takes.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// The root key file of a root that is elsewhere, which has no shares.
    #[arg(long, value_name = "FILE", conflicts_with = "share_file")]
    root_file: Option<PathBuf>,
    /// Write down in the installation in --data that this drill went well.
    #[arg(long)]
    record: bool,
    #[command(flatten)]
    shares: Given,
}

/// A directory that is gone when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn make(above: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = above.join(format!("clerestory-drill-{}", hex::encode(clerestory_seal::random::<8>())));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            say(&format!(
                "{} could not be removed ({error}): remove it. It holds nothing readable.",
                self.0.display()
            ));
        }
    }
}

impl Drill {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let places = self.installation.places()?;
        let root = self.root(&places)?;
        let second = places.second_epochs.clone();
        let second = second
            .context("name the second epoch place with --second-epochs: it is what the drill is about")?;
        let place = places.second(&second)?;
        let scratch = Scratch::make(&self.scratch.clone().unwrap_or_else(std::env::temp_dir))?;
        let copy = Copy::of(&self.copy, self.installation.database_ca.as_deref(), &scratch.0).await?;
        // Objects are read where they are; everything else is in the scratch directory.
        if places.bucket.is_none() {
            let (from, to) = (places.data.join("objects"), scratch.0.join("objects"));
            std::os::unix::fs::symlink(&from, to).with_context(|| format!("reading {}", from.display()))?;
        }
        let over = Places { data: scratch.0.clone(), keys: scratch.0.join("keys"), ..places };
        let opened = self.try_out(&copy, over, root, Box::new(ReadOnly(place))).await;
        let removed = copy.remove().await;
        let Opened { segments, bytes } = opened?;
        removed.context("the copy of the copy could not be removed: drop it by hand")?;
        say(&format!(
            "{segments} segments of as many tracks opened, {bytes} bytes, with the root from {}, the epochs in {second} \
             and the copy. Nothing was changed.",
            if self.root_file.is_some() { "where it is kept" } else { "the shares" },
        ));
        match self.record {
            true => say("It is written down."),
            false => say(
                "It is not written down: run it with --record, and --data naming the installation, for that.",
            ),
        }
        Ok(())
    }

    fn root(&self, places: &Places) -> anyhow::Result<RootFile> {
        if let Some(path) = &self.root_file {
            let root = RootFile::open_with(path, &Protection::Plain, &places.custody)?;
            anyhow::ensure!(
                root.elsewhere().is_some(),
                "{} holds the root key itself: the drill is done with its shares, as if the file were lost",
                path.display()
            );
            return Ok(root);
        }
        let given = self.shares.read()?;
        anyhow::ensure!(given.unsound.is_empty(), "{}", given.unsound.join("; "));
        Ok(RootFile::from_shares(&given.sound)?)
    }

    /// Opens what the copy names. Whatever held the copy open is gone afterwards.
    async fn try_out(
        &self,
        copy: &Copy,
        over: Places,
        root: RootFile,
        place: Box<dyn EpochPlace>,
    ) -> anyhow::Result<Opened> {
        let database = copy.open(self.installation.database_ca.as_deref()).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let app = App::over_copy(over, root, vec![place], database, clock).await.map_err(explain)?;
        let opened = open_some(&app).await?;
        if self.record {
            self.write_down(&app).await?;
        }
        Ok(opened)
    }

    /// Writes into the installation itself that the drill went well with the root it has now.
    async fn write_down(&self, drilled: &App) -> anyhow::Result<()> {
        let live = self.installation.open().await?;
        anyhow::ensure!(
            drilled.vault.keys().is_same_root(live.vault.keys()),
            "the drill went well with a root that is not the one this installation has now: use shares that were made \
             after the root was replaced"
        );
        let keys = Arc::clone(live.vault.keys());
        on_record(&live, "root.drill", move |tx| {
            Box::pin(async move { Ok(keys.note_care(tx, Care::Drill).await?) })
        })
        .await
    }
}

/// A copy of the copy.
enum Copy {
    File(PathBuf),
    Postgres(Box<PostgresCopy>),
}

impl Copy {
    async fn of(copy: &str, roots: Option<&Path>, scratch: &Path) -> anyhow::Result<Self> {
        if copy.starts_with("postgresql://") || copy.starts_with("postgres://") {
            let name = format!("clerestory_drill_{}", hex::encode(clerestory_seal::random::<8>()));
            let made = PostgresCopy::make(copy, roots, &name).await;
            return Ok(Self::Postgres(Box::new(made.context("the server did not copy the database")?)));
        }
        let (copy, to) = (Path::new(copy), scratch.join("clerestory.db"));
        // What has not been folded into the file yet lies beside it.
        for end in ["", "-wal"] {
            let beside = |path: &Path| {
                let mut name = path.as_os_str().to_owned();
                name.push(end);
                PathBuf::from(name)
            };
            if end.is_empty() || beside(copy).exists() {
                std::fs::copy(beside(copy), beside(&to))
                    .with_context(|| format!("copying {}", beside(copy).display()))?;
            }
        }
        Ok(Self::File(to))
    }

    async fn open(&self, roots: Option<&Path>) -> anyhow::Result<Database> {
        let opened = match self {
            Self::File(path) => Database::open_sqlite(path, SCHEMAS),
            Self::Postgres(copy) => {
                Database::open_postgres(copy.address(), roots, Schema::MustExist, SCHEMAS).await
            }
        };
        opened.context("opening the copy")
    }

    /// A file goes with the scratch directory.
    async fn remove(self) -> anyhow::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Postgres(copy) => Ok(copy.remove().await?),
        }
    }
}

/// What does not open, for people who hold shares in their hands.
fn explain(error: AppError) -> anyhow::Error {
    match error {
        AppError::Keys(KeyError::UnknownEpoch(epoch)) => anyhow::anyhow!(
            "the copy is sealed under epoch {epoch}, which the place does not hold: the copy is older than six days, or \
             the place is not one of this installation. Make a new copy and try again"
        ),
        AppError::Keys(KeyError::WrongRoot) => anyhow::anyhow!(
            "this root opens none of the epochs in the place: it is of another installation, or was replaced"
        ),
        other => other.into(),
    }
}

struct Opened {
    segments: usize,
    bytes: u64,
}

/// Opens the newest segment of some tracks, each for a grant of its own.
async fn open_some(app: &App) -> anyhow::Result<Opened> {
    let found = app.database.read(|tx| {
        Box::pin(async move {
            let mut found = Vec::new();
            for segment in segments::newest(tx, TRIED).await? {
                if let Some(track) = tracks::find(tx, segment.track).await? {
                    found.push((track, segment));
                }
            }
            Ok::<_, SqlError>(found)
        })
    });
    let mut opened = Opened { segments: 0, bytes: 0 };
    let (mut erased, mut moved) = (0, 0);
    for (track, segment) in found.await? {
        let on = RecordingRef { organisation: track.organisation, id: track.recording };
        let actor = Actor::System { organisation: track.organisation };
        let op = OpContext { actor, request_id: String::new(), at: app.clock.now() };
        let grant = app.access.authorize::<DrillAction>(&op, on, None).await??;
        match app.vault.open_segment(&grant, &track, &segment).await {
            Ok(bytes) => {
                opened.segments += 1;
                opened.bytes += bytes.len() as u64;
            }
            Err(OpenError::Erased) => erased += 1,
            // Settled since the copy was made: it lies in a part that this copy does not know.
            Err(OpenError::Unreadable { source: StoreError::Missing, .. })
                if segment.extent.object.starts_with("log/") =>
            {
                moved += 1;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("{} does not open", track.recording));
            }
        }
    }
    anyhow::ensure!(
        opened.segments > 0,
        "the copy names no segment that could be opened ({erased} were erased, {moved} have been settled since): make a new \
         copy, of something that was recorded"
    );
    Ok(opened)
}
