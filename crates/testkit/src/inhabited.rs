//! An installation in which everything happened once, through the product: there are rows in every table that says who
//! may do what, and one person has done all of it and had all of it done to them.
//!
//! What is tested on it is what must hold of every table: that nobody edits its rows unnoticed, and that it forgets who
//! is erased. A new table needs a line here, or the tests that count tables fail.

use std::time::Duration;

use clerestory_model::{PersonId, SubjectId};
use clerestory_notices::Post;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::visit::{Visit, snapshot};
use crate::{Answer, Caller, Installation};

/// Why a test goes on: nothing of it fails on its own.
const WELL: &str = "an installation that is well";
const HOUR: Duration = Duration::from_secs(3600);
/// Words in what was said and shown: none of them may be read in any file.
const WORDS: [&str; 27] = [
    "Northwisk",
    "Marrowfair",
    "Tamberhall",
    "Quillreader",
    "Noraveth",
    "noraveth@example.org",
    "Raelind",
    "Pellmoor",
    "Kestrelnote",
    "Ombrix",
    "Lanternshop",
    "gloamwater",
    "thistledrift",
    "Brackenside",
    "Crowle",
    "Eversholt",
    "Wexcombe",
    "Saltwick",
    "Ravenglass",
    "Hollowell",
    "Thornaby",
    "Abinger",
    "Pocklington",
    "Fellbrook",
    "Larkspurgate",
    "Ottermere",
    "Windlestraw",
];
/// Rows and columns of the picture that somebody sets.
const PIXELS: u32 = 32;

/// The installation, and the person who did everything.
pub struct Inhabited {
    /// The installation.
    pub installation: Installation,
    /// The site that visits are of.
    pub site: String,
    /// Its key.
    pub site_key: String,
    /// `second@example.org`, an administrator beside the first one.
    pub person: PersonId,
    /// Whom recordings about them are about.
    pub subject: SubjectId,
    /// A recording about them.
    pub about: String,
}

fn text(value: &Value) -> String {
    value.as_str().expect(WELL).to_owned()
}

async fn put(caller: &Caller, path: &str, body: Value) -> Value {
    caller.send("PUT", path, body.to_string()).await.ok()
}

fn done(answer: Answer) {
    answer.ok();
}

/// A picture of one colour, as PNG (ISO/IEC 15948).
///
/// # Panics
/// Never: it is small, and writing to memory does not fail.
#[must_use]
pub fn picture() -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        file.extend(u32::try_from(data.len()).expect("a small picture").to_be_bytes());
        file.extend_from_slice(kind);
        file.extend_from_slice(data);
        file.extend(crc.sum().to_be_bytes());
    };
    let mut head = PIXELS.to_be_bytes().to_vec();
    head.extend(PIXELS.to_be_bytes());
    // Eight bits of red, green and blue; deflate, the filters of the standard, not interlaced.
    head.extend([8, 2, 0, 0, 0]);
    chunk(b"IHDR", &head);
    // Each row begins with the number of its filter: none.
    let row = [vec![0], vec![120; 3 * PIXELS as usize]].concat();
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let packed = std::io::Write::write_all(&mut packer, &row.repeat(PIXELS as usize));
    let packed = packed.and_then(|()| packer.finish()).expect("memory takes every byte");
    chunk(b"IDAT", &packed);
    chunk(b"IEND", &[]);
    file
}

/// Who acts, and on whom.
struct Cast {
    admin: Caller,
    second: Caller,
    manager: Caller,
    person: String,
    member: String,
    of_member: String,
    of_manager: String,
    of_second: String,
}

impl Inhabited {
    /// Words in names, addresses, reasons and pages.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        let more = ["second@example.org", "high windows", "203.0.113.0"];
        WORDS.into_iter().chain(more).collect()
    }

    /// Lets everything happen in a new installation.
    ///
    /// # Panics
    /// When anything fails: no test can go on then.
    pub async fn over(installation: Installation) -> Self {
        installation.add_second_admin().await;
        let admin = installation.proven("admin").await;
        let people = admin.get("/api/v1/people").await.ok();
        let of = |who: &str, what: &str| {
            let items = people["items"].as_array().expect(WELL);
            let email = format!("{who}@example.org");
            text(&items.iter().find(|item| item["email"] == email.as_str()).expect(WELL)[what])
        };
        let person = of("second", "id");
        let node = places(&admin, &person).await;
        let cast = Cast {
            second: installation.proven("second").await,
            manager: installation.proven("manager").await,
            member: of("member", "id"),
            of_member: of("member", "subject"),
            of_manager: of("manager", "subject"),
            of_second: of("second", "subject"),
            person,
            admin,
        };
        cast.people(&installation, &of("manager", "id"), &node).await;
        // Managers watch visitors, also while it goes on, where that is said.
        installation.switch_on(&["manager.scope.visitors", "allow.recording.follow.manager"]).await;
        let (site, site_key) = cast.site().await;
        let (visited, watched) =
            (record(&installation, &site_key).await, record(&installation, &site_key).await);
        let about = cast.about(&site).await;
        cast.watch(&installation, &watched, &about).await;
        cast.coach(&watched, &cast.second).await;
        cast.coach(&about, &cast.admin).await;
        cast.hold(&visited).await;
        let visitor = cast.admin.get(&format!("/api/v1/recordings/{visited}")).await.ok();
        cast.requests(&text(&visitor["subject"]["id"])).await;
        cast.proposals().await;
        done(cast.second.post(&format!("/api/v1/recordings/{visited}/delete"), json!({})).await);
        cast.blocks(&installation).await;
        crate::screen::record_screens(&installation).await;
        let nobody = installation.anonymous();
        let enrolled = crate::screen::Recorder::enrol(&cast.second, &nobody).await;
        let now_ms = i64::try_from(installation.now().unix_millis()).expect(WELL);
        let screen = enrolled.start(now_ms, "0190a5e2-0000-7000-8000-000000000021", None).await;
        done(screen.send("video", 0, crate::screen::pictures(now_ms, 1)).await);
        show(&installation).await;
        done(cast.second.post("/api/v1/recorders/codes", json!({})).await);
        cast.factors(&installation).await;
        Self {
            person: cast.person.parse().expect(WELL),
            subject: cast.of_second.parse().expect(WELL),
            installation,
            site,
            site_key,
            about,
        }
    }
}

/// Small pictures of what was recorded of screens, by a program that draws some without decoding anything.
async fn show(installation: &Installation) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let draws = crate::film_program(folder.path(), "draws");
    let confined = installation.app.confined.clone().with_ffmpeg(Some(draws));
    let made = installation.app.playback.make_previews(&confined).await.expect(WELL);
    assert_eq!((made.made, made.failed), (1, 0), "{made:?}");
}

/// A visit to the site that is going on.
async fn record(installation: &Installation, site_key: &str) -> String {
    let now_ms = i64::try_from(installation.now().unix_millis()).expect(WELL);
    let visit = Visit::start(installation.recorder("https://shop.example"), site_key, now_ms).await;
    done(visit.send(0, &snapshot(now_ms, 3, "gloamwater")).await);
    visit.recording
}

/// A domain, a project and a team in which somebody works, who has a further role; the project.
async fn places(admin: &Caller, person: &str) -> String {
    let domain = admin.post("/api/v1/tree", json!({ "kind": "domain", "name": "Northwisk" })).await.ok();
    let project = json!({ "kind": "project", "name": "Marrowfair", "parent": domain["id"] });
    let project = admin.post("/api/v1/tree", project).await.ok();
    let team = json!({ "kind": "team", "name": "Tamberhall", "parent": project["id"] });
    let team = admin.post("/api/v1/tree", team).await.ok();
    put(admin, &format!("/api/v1/people/{person}/team"), json!({ "team": team["id"] })).await;
    let roles = json!({ "role": "admin", "also": ["auditor"] });
    put(admin, &format!("/api/v1/people/{person}/roles"), roles).await;
    text(&project["id"])
}

impl Cast {
    /// Lines, a role, a picture, somebody asked to come, somebody let in, a key, and what settings say.
    async fn people(&self, installation: &Installation, manager: &str, node: &str) {
        let Self { second, person, member, .. } = self;
        put(second, &format!("/api/v1/people/{member}/manager"), json!({ "manager": person })).await;
        put(second, &format!("/api/v1/people/{person}/manager"), json!({ "manager": manager })).await;
        let rights = json!({ "recording.list": "organisation" });
        done(second.post("/api/v1/roles", json!({ "name": "Quillreader", "rights": rights })).await);
        done(second.send("PUT", &format!("/api/v1/people/{person}/picture"), picture()).await);
        let nora = json!({ "name": "Noraveth", "email": "noraveth@example.org", "role": "member" });
        done(second.post("/api/v1/people", nora).await);
        let rae = json!({ "name": "Raelind", "email": "raelind@outside.example", "rights": ["recording.list"],
            "reason": "ticket Pellmoor", "node": node });
        let grant = second.post("/api/v1/support-grants", rae).await.ok();
        done(second.post(&format!("/api/v1/support-grants/{}/end", text(&grant["id"])), json!({})).await);
        done(second.post("/api/v1/keys", json!({ "name": "Kestrelnote", "scopes": ["audit.read"] })).await);
        let settings = second.get("/api/v1/settings").await.ok();
        let saying = second.clone().with("if-match", format!("\"{}\"", settings["version"]));
        let asked = json!({ "value": "P80D", "confirms": 1_000_000, "reason": "as the Ombrix board wishes" });
        put(&saying, "/api/v1/settings/retention.replay", asked).await;
        // A link that nobody has used, and one that is asked for because the password is forgotten.
        installation.link("second@example.org").await;
        let address = "smtp://127.0.0.1:9".parse().expect("an address");
        let post = Post::new(&address, None, "Clerestory <clerestory@fernwick.example>");
        installation.app.notices.post_by(post.expect("a mail server that is never asked"));
        let forgotten = json!({ "email": "second@example.org" });
        done(installation.anonymous().post("/api/v1/session/forgotten", forgotten).await);
        for _ in 0..2000 {
            // Who asks is answered before anything is looked up.
            if !installation.rows("SELECT 1 FROM password_resets", Vec::new()).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no link for whoever forgot their password");
    }

    /// A site with a policy of its own; its id and key.
    async fn site(&self) -> (String, String) {
        let asked = json!({ "name": "Lanternshop", "origins": ["https://shop.example"] });
        let site = self.second.post("/api/v1/sites", asked).await.ok();
        let document = json!({ "preset": "private", "media": "blocked", "exclude": [".secret"], "mask": [],
            "unmask": [], "urls": { "deny": [], "allow": [] } });
        let asked = json!({ "document": document, "based_on": 1 });
        put(&self.second, &format!("/api/v1/sites/{}/policy", text(&site["id"])), asked).await;
        (text(&site["id"]), text(&site["site_key"]))
    }

    /// Brings a recording in that is about the person.
    async fn about(&self, site: &str) -> String {
        let path = format!("/api/v1/sites/{site}/imports?about={}", self.person);
        let events = snapshot(1_795_000_000_000, 2, "thistledrift").to_string();
        text(&self.admin.send("POST", &path, events).await.ok()["recording"])
    }

    /// A play by the person and one of them, and views asked for and answered.
    async fn watch(&self, installation: &Installation, recording: &str, about: &str) {
        for (caller, recording) in [(&self.second, recording), (&self.admin, about)] {
            let play = caller.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
            let ranges = format!("/api/v1/plays/{}/ranges", text(&play["id"]));
            done(caller.post(&ranges, json!({ "from_us": 0, "to_us": 1_000_000 })).await);
        }
        let path = format!("/api/v1/recordings/{recording}/views");
        for (asks, answers) in [(&self.second, &self.admin), (&self.manager, &self.second)] {
            let view = asks.post(&path, json!({ "reason": "ticket Brackenside" })).await.ok();
            let answer = format!("/api/v1/views/{}/answer", text(&view["id"]));
            done(answers.post(&answer, json!({ "answer": "allowed" })).await);
            installation.wait(Duration::from_secs(1));
        }
    }

    /// The person says something of a recording, names a stretch of it, asks for its review, which somebody does, and puts it
    /// into a playlist.
    async fn coach(&self, recording: &str, reviewer: &Caller) {
        let (by, path) = (&self.second, format!("/api/v1/recordings/{recording}"));
        let comment = json!({ "at_ms": 0, "text": "look at Fellbrook" });
        done(by.post(&format!("{path}/comments"), comment).await);
        let clip = json!({ "title": "Larkspurgate", "from_ms": 0, "to_ms": 1 });
        let clip = by.post(&format!("{path}/clips"), clip).await.ok();
        // Whom a recording is about does not close its review.
        for (by, state) in [(by, "waiting"), (reviewer, "done")] {
            put(by, &format!("{path}/review"), json!({ "state": state, "note": "how Ottermere goes" })).await;
        }
        let list = by.post("/api/v1/playlists", json!({ "title": "Windlestraw" })).await.ok();
        let items = json!({ "items": [{ "kind": "clip", "id": clip["id"] }] }).to_string();
        done(by.send("PATCH", &format!("/api/v1/playlists/{}", text(&list["id"])), items).await);
    }

    /// Two holds of a recording, placed and released again: whoever proposes, another confirms.
    async fn hold(&self, recording: &str) {
        for (one, other) in [(&self.admin, &self.second), (&self.second, &self.admin)] {
            let asked = json!({ "scope": { "recording": recording }, "matter": "Crowle v. Dunmarsh",
                "reason": "The order of Judge Eversholt" });
            let hold = format!("/api/v1/holds/{}", text(&one.post("/api/v1/holds", asked).await.ok()["id"]));
            for (who, what) in [(other, "confirm"), (one, "release"), (other, "confirm")] {
                done(who.post(&format!("{hold}/{what}"), json!({})).await);
            }
        }
    }

    /// A request of the person, and one that they enter, extend and decline.
    async fn requests(&self, visitor: &str) {
        let own = self.second.post("/api/v1/my/requests", json!({ "kind": "export" })).await.ok();
        let path = format!("/api/v1/requests/{}/fulfil", text(&own["id"]));
        done(self.admin.post(&path, json!({ "answer": "Here is Wexcombe" })).await);
        let asked = json!({ "subject": visitor, "kind": "export", "words": "by letter from Saltwick" });
        let entered = self.second.post("/api/v1/requests", asked).await.ok();
        let path = format!("/api/v1/requests/{}", text(&entered["id"]));
        done(
            self.second.post(&format!("{path}/extend"), json!({ "reason": "Very many at Ravenglass" })).await,
        );
        done(self.second.post(&format!("{path}/decline"), json!({ "reason": "It shows Hollowell" })).await);
    }

    /// Erasures of a person that are proposed: by the person, refused by them, and of them.
    async fn proposals(&self) {
        let propose = async |by: &Caller, subject: &str| {
            let asked = json!({ "target": { "subject": subject }, "reason": "asked for by Thornaby" });
            let made = by.post("/api/v1/erasures/proposals", asked).await.ok();
            format!("/api/v1/erasures/proposals/{}/refuse", text(&made["id"]))
        };
        let theirs = propose(&self.second, &self.of_member).await;
        done(self.admin.post(&theirs, json!({})).await);
        let refused = propose(&self.admin, &self.of_manager).await;
        done(self.second.post(&refused, json!({})).await);
        propose(&self.admin, &self.of_second).await;
    }

    /// Blocks of a person, of networks and of a browser of the person.
    async fn blocks(&self, installation: &Installation) {
        let until = installation.now().plus(HOUR).to_string();
        let block = |what: Value| {
            let mut asked = what;
            asked["ends_at"] = json!(until);
            asked["reason"] = json!("a leak at Abinger");
            asked
        };
        done(self.second.post(&format!("/api/v1/people/{}/blocks", self.member), block(json!({}))).await);
        for network in ["203.0.113.0/24", "2001:db8:7::/48"] {
            let set = self.second.post("/api/v1/blocks", block(json!({ "network": network }))).await.ok();
            if network.contains(':') {
                let lift = format!("/api/v1/blocks/{}/lift", text(&set["id"]));
                done(self.second.post(&lift, json!({ "reason": "it was Pocklington" })).await);
            }
        }
        let elsewhere = installation.person("second").await;
        let listed = elsewhere.get("/api/v1/sessions").await.ok();
        let items = listed["items"].as_array().expect(WELL);
        let session = &items.iter().find(|item| item["current"] == true).expect(WELL)["id"];
        done(self.admin.post("/api/v1/blocks", block(json!({ "session": session }))).await);
    }

    /// An authenticator app with its recovery codes, and somebody who has not shown a code yet.
    async fn factors(&self, installation: &Installation) {
        let given = self.second.post("/api/v1/session/factor", json!({})).await.ok();
        let code = Authenticator::with(&text(&given["secret"])).code(installation.now());
        done(self.second.post("/api/v1/session/factor/confirm", json!({ "code": code })).await);
        let asked = json!({ "email": "second@example.org", "password": crate::installation::PASSWORD });
        done(installation.anonymous().post("/api/v1/session", asked).await);
    }
}
