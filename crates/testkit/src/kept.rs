//! Recordings that grow old: an installation whose sweeps, deletions and holds a test goes through.

use std::time::Duration;

use clerestory_lifecycle::{Sweep, SweepStep};
use clerestory_model::Timestamp;
use serde_json::{Value, json};

use crate::visit::{Visit, snapshot};
use crate::{Answer, Caller, CopyOfDatabase, Installation};

/// Why a test goes on: nothing of it fails on its own.
const WELL: &str = "an installation that is well";
/// The node that sweeps in tests.
const NODE: [u8; 16] = [7; 16];

/// A day.
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// An installation with a site.
pub struct Kept {
    /// The installation.
    pub installation: Installation,
    /// The site.
    pub site: String,
    key: String,
}

/// A recording of a visit that is over.
#[derive(Clone, Debug)]
pub struct Old {
    /// Its id.
    pub recording: String,
    /// Its only track.
    pub track: String,
}

fn text(value: &Value) -> String {
    value.as_str().expect(WELL).to_owned()
}

impl Kept {
    /// One without recordings, on whichever engine the run is about.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn new() -> Self {
        Self::over(Installation::new().await).await
    }

    /// The same over an installation.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn over(installation: Installation) -> Self {
        let admin = installation.person("admin").await;
        let site = installation.site(&admin).await;
        Self { key: text(&site["site_key"]), site: text(&site["id"]), installation }
    }

    /// The same after a restart.
    ///
    /// # Panics
    /// When it does not open again.
    pub async fn restarted(self) -> Self {
        Self { installation: self.installation.restarted().await, ..self }
    }

    /// The same after a restore from a copy, and a start.
    ///
    /// # Panics
    /// When the restore fails.
    pub async fn restored_from(self, copy: &CopyOfDatabase) -> Self {
        let (installation, restored) = self.installation.restored_from(copy).await;
        restored.expect(WELL);
        Self { installation: installation.restarted().await, ..self }
    }

    /// An administrator who has proven a moment ago who they are: sessions end while recordings grow old.
    pub async fn admin(&self) -> Caller {
        self.installation.proven("admin").await
    }

    /// A second administrator: `second@example.org`.
    ///
    /// # Panics
    /// When they cannot be added.
    pub async fn add_second_admin(&self) {
        self.installation.add_second_admin().await;
    }

    /// A visit that goes on.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn visit(&self) -> Visit {
        let now_ms = i64::try_from(self.installation.now().unix_millis()).expect(WELL);
        let visit = Visit::start(self.installation.recorder("https://shop.example"), &self.key, now_ms).await;
        visit.send(0, &snapshot(now_ms, 3, "some text")).await.ok();
        visit
    }

    /// Recordings of visits that begin a second apart, closed half an hour later.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn recordings(&self, count: usize) -> Vec<Old> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            let visit = self.visit().await;
            all.push(Old { recording: visit.recording, track: visit.track });
            self.installation.wait(Duration::from_secs(1));
        }
        self.close().await;
        all
    }

    /// Half an hour passes, and what fell silent is closed.
    ///
    /// # Panics
    /// When it cannot be.
    pub async fn close(&self) {
        self.installation.wait(Duration::from_secs(31 * 60));
        self.installation.app.intake.close_silent().await.expect(WELL);
    }

    /// When a recording falls due, as its row says.
    ///
    /// # Panics
    /// When it is gone.
    pub async fn due(&self, old: &Old) -> Timestamp {
        let id: clerestory_model::RecordingId = old.recording.parse().expect(WELL);
        let sql = "SELECT kept_until FROM recordings WHERE recording_id = $1";
        self.installation.rows(sql, vec![id.into()]).await.first().expect(WELL).get(0).expect(WELL)
    }

    /// The state of a recording, as its row says.
    ///
    /// # Panics
    /// When it is gone.
    pub async fn state(&self, old: &Old) -> String {
        let id: clerestory_model::RecordingId = old.recording.parse().expect(WELL);
        let sql = "SELECT state FROM recordings WHERE recording_id = $1";
        let rows = self.installation.rows(sql, vec![id.into()]).await;
        let state: clerestory_model::RecordingState = rows.first().expect(WELL).get(0).expect(WELL);
        state.to_string()
    }

    /// Moves the clock to a moment.
    pub fn wait_until(&self, at: Timestamp) {
        self.installation.wait(at.since(self.installation.now()));
    }

    /// One turn of the sweeper.
    ///
    /// # Panics
    /// When it fails, or another node has it.
    pub async fn sweep(&self) -> Sweep {
        match self.installation.app.lifecycle.sweep(NODE).await.expect(WELL) {
            SweepStep::Swept(sweep) => sweep,
            SweepStep::Elsewhere => panic!("another node sweeps"),
        }
    }

    /// Says another retention of web sessions; the next sweep puts it in force.
    ///
    /// # Panics
    /// When it cannot be said.
    pub async fn keep_for(&self, days: u32) {
        let admin = self.installation.proven("admin").await;
        let asked = json!({ "value": format!("P{days}D"), "confirms": 1_000_000 });
        self.say(&admin, "retention.replay", asked).await.ok();
    }

    /// Says something of a setting.
    pub async fn say(&self, admin: &Caller, name: &str, asked: Value) -> Answer {
        let settings = admin.get("/api/v1/settings").await.ok();
        let admin = admin.clone().with("if-match", format!("\"{}\"", settings["version"]));
        admin.send("PUT", &format!("/api/v1/settings/{name}"), asked.to_string()).await
    }

    /// Carries erasures on to their receipts.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn erase_all(&self) {
        self.installation.app.settle_now().await.expect(WELL);
        self.installation.carry_erasures_on().await;
        self.installation.app.settle_now().await.expect(WELL);
        self.installation.carry_erasures_on().await;
    }
}
