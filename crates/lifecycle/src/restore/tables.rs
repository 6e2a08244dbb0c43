//! Every table, and whether it goes back in time with a restore.
//!
//! What never goes back: the key registry, the audit log, tombstones and erasures, every row that says who may do what,
//! settings with their history, and where bytes lie. A test holds this list to the schema, and sees that no foreign key
//! crosses between what goes back and what does not.

/// What a restore does to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Its rows become those of the copy. The columns name a row.
    Rewinds(&'static [&'static str]),
    /// Its rows follow their tracks: those that the database has stay, those that only the copy has come back.
    Follows(&'static [&'static str]),
    /// Its rows are of work that was going on: they go.
    Dropped,
    /// It stays as it is.
    Stays,
}

impl Course {
    /// Whether rows of the table go back in time, or away.
    #[must_use]
    pub const fn goes_back(self) -> bool {
        !matches!(self, Self::Stays)
    }
}

/// Every table there is.
pub const TABLES: &[(&str, Course)] = &[
    ("recordings", Course::Rewinds(&["recording_id"])),
    ("tracks", Course::Rewinds(&["track_id"])),
    ("segments", Course::Follows(&["track_id", "sequence"])),
    ("gaps", Course::Follows(&["track_id", "from_us", "reason"])),
    ("parts", Course::Follows(&["track_id", "part"])),
    ("part_claims", Course::Dropped),
    // They are made again, of what there is then.
    ("preview_work", Course::Dropped),
    ("previews", Course::Dropped),
    ("address_index", Course::Stays),
    ("api_keys", Course::Stays),
    ("asked_views", Course::Stays),
    ("audit_entries", Course::Stays),
    ("audit_heads", Course::Stays),
    ("blocks", Course::Stays),
    ("capture_policies", Course::Stays),
    ("capture_signers", Course::Stays),
    ("clips", Course::Stays),
    ("comments", Course::Stays),
    ("credentials", Course::Stays),
    ("custom_roles", Course::Stays),
    ("damage", Course::Stays),
    ("deletions", Course::Stays),
    ("domains", Course::Stays),
    ("erased_numbers", Course::Stays),
    ("erased_times", Course::Stays),
    ("erasure_keys", Course::Stays),
    ("erasure_objects", Course::Stays),
    ("erasure_proposals", Course::Stays),
    ("erasure_tracks", Course::Stays),
    ("erasures", Course::Stays),
    ("hold_keys", Course::Stays),
    ("holds", Course::Stays),
    ("instance", Course::Stays),
    ("invitations", Course::Stays),
    ("key_custody", Course::Stays),
    ("key_epochs", Course::Stays),
    ("key_pages", Course::Stays),
    ("key_places", Course::Stays),
    ("key_rollover", Course::Stays),
    ("key_rows", Course::Stays),
    ("key_shards", Course::Stays),
    ("key_tombstones", Course::Stays),
    ("ledger_head", Course::Stays),
    ("ledger_leaves", Course::Stays),
    ("ledger_marks", Course::Stays),
    ("ledger_tiles", Course::Stays),
    ("object_intents", Course::Stays),
    ("object_places", Course::Stays),
    ("organisations", Course::Stays),
    ("outbox", Course::Stays),
    ("password_resets", Course::Stays),
    ("pending_sign_ins", Course::Stays),
    ("people", Course::Stays),
    ("person_roles", Course::Stays),
    ("pictures", Course::Stays),
    ("place_blocks", Course::Stays),
    ("play_ranges", Course::Stays),
    ("playlist_items", Course::Stays),
    ("playlists", Course::Stays),
    ("plays", Course::Stays),
    ("projects", Course::Stays),
    ("recorder_codes", Course::Stays),
    ("recorders", Course::Stays),
    ("recovery_codes", Course::Stays),
    ("reporting_lines", Course::Stays),
    ("request_mails", Course::Stays),
    ("requests", Course::Stays),
    ("restrictions", Course::Stays),
    ("retentions", Course::Stays),
    ("reviews", Course::Stays),
    ("revocations", Course::Stays),
    ("schema_migrations", Course::Stays),
    ("scrubbing", Course::Stays),
    ("second_factors", Course::Stays),
    ("sessions", Course::Stays),
    ("sign_in_links", Course::Stays),
    ("setting_heads", Course::Stays),
    ("setting_versions", Course::Stays),
    ("site_origins", Course::Stays),
    ("sites", Course::Stays),
    ("spent_objects", Course::Stays),
    ("standing_turns", Course::Stays),
    ("subjects", Course::Stays),
    ("support_grants", Course::Stays),
    ("sweep_forecasts", Course::Stays),
    ("sweeping", Course::Stays),
    ("sweeps", Course::Stays),
    ("teams", Course::Stays),
];

/// The tables whose rows are read from a copy, with the columns that name a row.
pub(crate) fn read_from_copy() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    TABLES.iter().filter_map(|(table, course)| match course {
        Course::Rewinds(key) | Course::Follows(key) => Some((*table, *key)),
        Course::Dropped | Course::Stays => None,
    })
}

/// Where a copy's rows wait.
pub(crate) fn staged(table: &str) -> String {
    format!("restore_{table}")
}
