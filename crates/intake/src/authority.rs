//! The rows here that say what is captured and who may send: `verify` compares them with what the audit log says became
//! of them.

use clerestory_audit::authority::{Table, Told, Touched};
use clerestory_model::{OrganisationId, SiteId};

static SITES: Table = Table {
    name: "sites",
    key: &["site_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("project_id", Told::Plain),
        ("site_key", Told::Plain),
        ("policy_key", Told::Plain),
        ("signing_key", Told::Digest),
        ("details", Told::Digest),
        ("version", Told::Plain),
    ],
    ends: None,
};
static ORIGINS: Table = Table { name: "site_origins", key: &["site_id", "origin"], columns: &[], ends: None };
static POLICIES: Table = Table {
    name: "capture_policies",
    key: &["site_id", "version"],
    columns: &[
        ("rules", Told::Plain),
        ("signed_by", Told::Plain),
        ("signed_at", Told::Plain),
        ("direction", Told::Plain),
    ],
    ends: None,
};

static SIGNERS: Table = Table {
    name: "capture_signers",
    key: &["organisation_id"],
    columns: &[("policy_key", Told::Plain), ("signing_key", Told::Digest)],
    ends: None,
};

/// Every table of sites and policies whose rows are authority.
pub static AUTHORITY: [&Table; 4] = [&SITES, &ORIGINS, &POLICIES, &SIGNERS];

pub(crate) fn signer(of: OrganisationId) -> Touched {
    Touched::row(&SIGNERS, [of.into()])
}

pub(crate) fn site(id: SiteId) -> Touched {
    Touched::row(&SITES, [id.into()])
}

pub(crate) fn origin(id: SiteId, origin: &str) -> Touched {
    Touched::row(&ORIGINS, [id.into(), origin.into()])
}

pub(crate) fn policy(id: SiteId, version: u64) -> Touched {
    Touched::row(&POLICIES, [id.into(), version.into()])
}
