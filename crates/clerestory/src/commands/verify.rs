//! `verify`: the chain of every organisation's audit log, recomputed.

use clap::Args;
use clerestory_audit::AuditError;
use clerestory_model::OrganisationId;
use clerestory_store::organisations;

use super::{Installation, say};

#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    installation: Installation,
}

impl Verify {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let app = self.installation.open().await?;
        let audit = app.access.audit().clone();
        let reports: Result<Vec<_>, AuditError> = app
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let mut reports = Vec::new();
                    let mut all = vec![OrganisationId::nil()];
                    all.extend(organisations::all(tx).await?);
                    for organisation in all {
                        reports.push((organisation, audit.check_chain(tx, organisation).await?));
                    }
                    Ok(reports)
                })
            })
            .await;
        let mut broken = 0;
        for (organisation, report) in reports? {
            match report.first_break {
                None => say(&format!("{organisation}: {} entries, intact", report.checked)),
                Some(number) => {
                    broken += 1;
                    say(&format!(
                        "{organisation}: BROKEN at entry {number}; {} before it are intact",
                        report.checked
                    ));
                }
            }
        }
        anyhow::ensure!(broken == 0, "{broken} chains are broken");
        Ok(())
    }
}
