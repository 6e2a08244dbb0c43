//! Carrying erasures on in a test: the clock moves where they wait for time.

use std::path::PathBuf;
use std::time::Duration;

use clerestory::{App, CopyAt, CopyError, Places};
use clerestory_access::{Actor, OpContext};
use clerestory_keys::Protection;
use clerestory_lifecycle::{Erasure, Restored, Step, Target};
use clerestory_model::OrganisationId;
use clerestory_seal::random;

use crate::Installation;
use crate::postgres::Dump;

impl Installation {
    /// Carries erasures on until none of them goes any further by itself within some seconds.
    ///
    /// # Panics
    /// When they cannot be looked up.
    pub async fn carry_erasures_on(&self) {
        let mut idle = 0;
        while idle < 2 {
            let moved = self.app.lifecycle.work().await.expect("erasures can be looked up");
            idle = if moved == 0 { idle + 1 } else { 0 };
            self.wait(Duration::from_secs(6));
        }
    }

    /// Carries those erasures on, once, that are at this step; says how many moved.
    ///
    /// # Panics
    /// When they cannot be looked up.
    pub async fn carry_on_at(&self, step: Step) -> u64 {
        // The first look begins to wait for leases.
        let moved = self.app.lifecycle.work_at(step).await.expect("erasures can be looked up");
        if moved > 0 {
            return moved;
        }
        self.wait(Duration::from_secs(6));
        self.app.lifecycle.work_at(step).await.expect("erasures can be looked up")
    }
}

impl Installation {
    /// Asks for an erasure as whoever runs the server does at the command line: nobody else has to agree.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn erase_at_command(&self, organisation: OrganisationId, target: Target) -> Erasure {
        let actor = Actor::System { organisation };
        let op = OpContext { actor, request_id: String::new(), at: self.now() };
        self.app.lifecycle.ask(&op, target, None).await.expect("the command is allowed")
    }
}

/// A copy of an installation's database.
#[derive(Clone, Debug)]
pub enum CopyOfDatabase {
    /// The file, with what was still in its log beside it.
    File(PathBuf),
    /// What PostgreSQL dumped.
    Dump(Dump),
}

impl CopyOfDatabase {
    /// Where a restore finds it: a dump is brought into a database of its own.
    async fn brought(&self) -> CopyAt {
        match self {
            Self::File(file) => CopyAt::File(file.clone()),
            Self::Dump(dump) => CopyAt::Postgres(dump.bring_elsewhere().await),
        }
    }

    /// Puts it where nothing is any more, as whoever lost a database does.
    ///
    /// # Panics
    /// When it cannot be put there.
    pub async fn put_into(&self, places: &mut Places) {
        match self {
            Self::File(file) => places.put_copy(file).await.expect("the copy goes into its place"),
            Self::Dump(dump) => places.postgres = Some(dump.bring_elsewhere().await),
        }
    }
}

impl Installation {
    /// Copies the database as a backup does: the file with what is still in its log, or a dump.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub async fn copy_of_database(&self) -> CopyOfDatabase {
        if let Some(postgres) = &self.app.places.postgres {
            return CopyOfDatabase::Dump(Dump::of(postgres));
        }
        let name: String = random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let directory = self.directory().join(format!("copy-{name}"));
        std::fs::create_dir(&directory).expect("a directory for the copy");
        for suffix in ["", "-wal"] {
            let file = format!("clerestory.db{suffix}");
            let from = self.app.places.data.join(&file);
            if from.exists() {
                std::fs::copy(from, directory.join(file)).expect("the file can be copied");
            }
        }
        CopyOfDatabase::File(directory.join("clerestory.db"))
    }

    /// The same installation after a restore from the copy, as `clerestory restore` does it, and a start. What stood in
    /// the way, where something did: the installation is then as the restore left it.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn restored_from(self, copy: &CopyOfDatabase) -> (Self, Result<Restored, CopyError>) {
        let (places, clock) = (self.app.places.clone(), self.app.clock.clone());
        let root = places.open(&Protection::Plain).expect("the root key is there");
        let app = App::build_to_restore(places, root, clock).await.expect("a closed installation opens");
        // The clock that tests move stands still while the restore waits for leases.
        let restoring = {
            let (app, copy) = (app.clone(), copy.brought().await);
            tokio::spawn(async move { app.restore_from(&copy).await })
        };
        while !restoring.is_finished() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.wait(Duration::from_secs(1));
        }
        let restored = restoring.await.expect("a restore does not panic");
        drop(app);
        (self, restored)
    }

    /// The same installation after its database was lost, the copy put in its place and restored there, and a start.
    ///
    /// # Panics
    /// When any of it fails.
    pub async fn put_back(self, copy: &CopyOfDatabase) -> Self {
        self.restarted_after(async |places, clock| {
            let open = || places.open(&Protection::Plain).expect("the root key is there");
            match copy {
                CopyOfDatabase::File(file) => {
                    for suffix in ["", "-wal", "-shm"] {
                        let lost = places.data.join(format!("clerestory.db{suffix}"));
                        assert!(!lost.exists() || std::fs::remove_file(lost).is_ok(), "it can be lost");
                    }
                    places.put_copy(file).await.expect("the copy goes into its place");
                    let served = App::build(places.clone(), open(), clock.clone()).await;
                    assert!(served.is_err(), "nobody serves it yet");
                }
                // Whoever brings it there keeps servers from it: nobody of ours has it in hand (decision 0034).
                CopyOfDatabase::Dump(dump) => dump.bring_back().await,
            }
            let app = App::build_to_restore(places.clone(), open(), clock.clone()).await.expect("it opens");
            let restoring = tokio::spawn(async move { app.lifecycle.restore_in_place().await });
            while !restoring.is_finished() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                clock.advance(Duration::from_secs(1));
            }
            restoring.await.expect("a restore does not panic").expect("it is restored in place");
        })
        .await
    }
}
