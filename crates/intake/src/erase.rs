//! What intake gives up when something is erased: page trees and tabs in memory, and the sites of an organisation.

use clerestory_audit::authority::{Departing, Touched};
use clerestory_model::{OrganisationId, SiteId};
use clerestory_sql::{Body, SqlError, Tx};
use clerestory_store::derived::{Derived, DerivedError, Erased};

use crate::{Intake, authority};

/// The page trees and tabs of tracks that are being sent. They are in memory only, and reached only through a recording that takes
/// segments; a node that has no part in the erasure keeps its own until others push it out.
impl Derived for Intake {
    fn name(&self) -> &'static str {
        "page trees"
    }

    fn erase<'t>(&'t self, _tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, (), DerivedError> {
        self.forget(erased);
        Box::pin(async { Ok(()) })
    }

    fn forget(&self, erased: &Erased) {
        for track in &erased.tracks {
            self.shared.trees.forget(*track);
            self.shared.tabs.forget(*track);
        }
    }

    fn count<'t>(&'t self, _tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, u64, SqlError> {
        Box::pin(async move {
            let knows = |track| self.shared.trees.knows(track) || self.shared.tabs.knows(track);
            Ok(erased.tracks.iter().filter(|track| knows(**track)).count() as u64)
        })
    }
}

impl Departing for Intake {
    fn depart<'t>(
        &'t self,
        tx: &'t mut Tx,
        organisation: OrganisationId,
    ) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move {
            let mut touched = Vec::new();
            let sql = "SELECT site_id FROM sites WHERE organisation_id = $1 ORDER BY site_id";
            for row in tx.query(sql, &[organisation.into()]).await? {
                let site: SiteId = row.get(0)?;
                let sql = "DELETE FROM site_origins WHERE site_id = $1 RETURNING origin";
                for row in tx.query(sql, &[site.into()]).await? {
                    touched.push(authority::origin(site, &row.get::<String>(0)?));
                }
                let sql = "DELETE FROM capture_policies WHERE site_id = $1 RETURNING version";
                for row in tx.query(sql, &[site.into()]).await? {
                    touched.push(authority::policy(site, row.get(0)?));
                }
                tx.execute("DELETE FROM sites WHERE site_id = $1", &[site.into()]).await?;
                touched.push(authority::site(site));
            }
            let sql = "DELETE FROM capture_signers WHERE organisation_id = $1";
            if tx.execute(sql, &[organisation.into()]).await? > 0 {
                touched.push(authority::signer(organisation));
            }
            self.forget_signer(organisation);
            Ok(touched)
        })
    }
}
