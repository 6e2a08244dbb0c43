//! Where a person is named, and what of it is left when they are erased: every table is on one of two lists here.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use clerestory_lifecycle::Target;
use clerestory_model::{PersonId, SubjectId};
use clerestory_sql::Value;
use clerestory_testkit::{Inhabited, Installation};

/// What becomes of the rows that name somebody when they are erased.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They are removed, or name nobody any more.
    Goes,
    /// They stay, with the id and nothing that opens, for this reason.
    Stays(&'static str),
    /// They come with the erasure, for this reason.
    Comes(&'static str),
}
use Fate::{Comes, Goes, Stays};

const ACT: &str =
    "what they did to others stands: the id tells that it was one person, and nothing tells who";
const ANSWERED: &str = "that and when it was answered is shown; what was said is sealed under their key";
const EMPTIED: &str = "ids, times and sizes of what is gone, so that nothing of it is taken or played again";
const LOG: &str = "the log outlives whom it is about; what it says of them is sealed";
const RECEIPT: &str = "the erasure says what was erased";
const TOMBSTONE: &str = "no copy that comes back may bring the key back";

/// Columns that name a person, or whom recordings are about.
const NAMES: &[(&str, Fate)] = &[
    ("address_index.person_id", Goes),
    ("api_keys.made_by", Goes),
    ("asked_views.answered_by", Stays(ACT)),
    ("asked_views.person_id", Goes),
    ("audit_entries.actor", Stays(LOG)),
    ("audit_entries.object", Stays(LOG)),
    ("blocks.set_by", Stays(ACT)),
    ("capture_policies.signed_by", Stays(ACT)),
    ("clips.made_by", Stays(ACT)),
    ("comments.author_id", Stays(ACT)),
    ("credentials.person_id", Goes),
    ("custom_roles.made_by", Stays(ACT)),
    ("deletions.deleted_by", Stays(ACT)),
    ("erasure_proposals.asked_by", Stays(ACT)),
    ("erasure_proposals.decided_by", Stays(ACT)),
    ("erasure_proposals.target", Goes),
    ("erasures.receipt", Comes(RECEIPT)),
    ("erasures.target", Comes(RECEIPT)),
    ("holds.ended_by", Stays(ACT)),
    ("holds.placed_by", Stays(ACT)),
    ("holds.proposed_by", Stays(ACT)),
    ("holds.release_by", Stays(ACT)),
    ("key_tombstones.owner", Comes(TOMBSTONE)),
    ("outbox.person_id", Goes),
    ("password_resets.person_id", Goes),
    ("pending_sign_ins.person_id", Goes),
    ("people.person_id", Goes),
    ("people.subject_id", Goes),
    ("person_roles.person_id", Goes),
    ("pictures.person_id", Goes),
    ("place_blocks.lifted_by", Stays(ACT)),
    ("place_blocks.person_id", Goes),
    ("place_blocks.set_by", Stays(ACT)),
    ("playlists.made_by", Stays(ACT)),
    ("plays.person_id", Stays(ACT)),
    ("recordings.subject_id", Stays(EMPTIED)),
    ("recorder_codes.person_id", Goes),
    ("recorders.person_id", Goes),
    ("recovery_codes.person_id", Goes),
    ("reporting_lines.manager_id", Goes),
    ("reporting_lines.person_id", Goes),
    ("requests.asked_by", Stays(ANSWERED)),
    ("requests.decided_by", Stays(ACT)),
    ("requests.extended_by", Stays(ACT)),
    ("requests.subject_id", Stays(ANSWERED)),
    ("reviews.asked_by", Stays(ACT)),
    ("reviews.done_by", Stays(ACT)),
    ("second_factors.person_id", Goes),
    ("sessions.person_id", Goes),
    ("setting_versions.set_by", Stays(ACT)),
    ("sign_in_links.person_id", Goes),
    ("subjects.person_id", Stays(TOMBSTONE)),
    ("subjects.subject_id", Stays(TOMBSTONE)),
    ("support_grants.ended_by", Stays(ACT)),
    ("support_grants.made_by", Stays(ACT)),
];
/// Tables that name no person.
const NOBODY: &[&str] = &[
    "audit_heads",
    "capture_signers",
    "damage",
    "domains",
    "erased_numbers",
    "erased_times",
    "erasure_keys",
    "erasure_objects",
    "erasure_tracks",
    "gaps",
    "hold_keys",
    "instance",
    "key_custody",
    "key_epochs",
    "key_pages",
    "key_places",
    "key_rollover",
    "key_rows",
    "key_shards",
    "ledger_head",
    "ledger_leaves",
    "ledger_marks",
    "ledger_tiles",
    "object_intents",
    "object_places",
    "organisations",
    "part_claims",
    "parts",
    "play_ranges",
    "playlist_items",
    "preview_work",
    "previews",
    "projects",
    "request_mails",
    "restrictions",
    "retentions",
    "revocations",
    "schema_migrations",
    "scrubbing",
    "segments",
    "setting_heads",
    "site_origins",
    "sites",
    "spent_objects",
    "standing_turns",
    "sweep_forecasts",
    "sweeping",
    "sweeps",
    "teams",
    "tracks",
];
/// Tables that name only those who have not come yet: whoever is here is not in them.
const NEWCOMERS: &[&str] = &["invitations"];

/// The columns in which either id stands: as it is, or within a text.
pub(crate) async fn naming(
    installation: &Installation,
    person: PersonId,
    subject: SubjectId,
) -> BTreeSet<String> {
    let ids = [*person.as_bytes(), *subject.as_bytes()];
    let within = |value: &Value| {
        ids.iter().any(|id| match value {
            Value::Blob(bytes) => bytes.windows(id.len()).any(|part| part == id),
            Value::Text(text) => text.contains(&hex::encode(id)),
            Value::Null | Value::Int(_) => false,
        })
    };
    let mut found = BTreeSet::new();
    for (table, columns) in installation.schema().await {
        for row in installation.rows_of(&table, &columns).await {
            let named = columns.iter().zip(&row).filter(|(_, value)| within(value));
            found.extend(named.map(|(column, _)| format!("{table}.{column}")));
        }
    }
    found
}

/// The columns in which an erased person may still be named.
pub(crate) fn left() -> BTreeSet<String> {
    let stays = NAMES.iter().filter(|(_, fate)| *fate != Goes);
    stays.map(|(column, _)| (*column).to_owned()).collect()
}

#[tokio::test]
async fn whoever_is_erased_is_named_nowhere_but_where_it_says_here() {
    let inhabited = Inhabited::over(Installation::new().await).await;
    let Inhabited { installation, person, subject, .. } = &inhabited;
    let tables: BTreeSet<String> = installation.schema().await.into_keys().collect();
    let mut listed: Vec<&str> = NAMES.iter().map(|(column, _)| column.split_once('.').unwrap().0).collect();
    listed.dedup();
    listed.extend(NOBODY.iter().chain(NEWCOMERS));
    let distinct: BTreeSet<String> = listed.iter().map(|table| (*table).to_owned()).collect();
    assert_eq!(listed.len(), distinct.len(), "a table is on one list, once");
    assert_eq!(distinct, tables, "say here what a new table has to do with people");

    let here = NAMES.iter().filter(|(_, fate)| !matches!(fate, Comes(_)));
    let every: BTreeSet<String> = here.map(|(column, _)| (*column).to_owned()).collect();
    assert_eq!(naming(installation, *person, *subject).await, every, "each is tried, and there is no other");
    installation.erase_at_command(installation.organisation, Target::Subject(*subject)).await;
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    assert_eq!(naming(installation, *person, *subject).await, left());
    assert_eq!(installation.app.replay_authority().await.unwrap(), []);
}
