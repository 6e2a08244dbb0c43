//! The audit log of an organisation as a zip file, for whoever keeps it elsewhere or looks through it in a spreadsheet: the
//! entries up to the one that tells of the export, as lines of JSON and as CSV, and the checkpoint of the ledger, whose root
//! names them all.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::response::Response;
use clerestory_access::{ExportAudit, Grant, Object};
use clerestory_audit::ledger::{SignedCheckpoint, verifier_key};
use clerestory_audit::{EntryFilter, Personal};
use clerestory_model::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;

use super::archive::{Archive, Cut};
use super::{PIECES, Room, ZIP, attachment, close, day, still};
use crate::Api;
use crate::caller::Caller;
use crate::dto::AuditItem;
use crate::opening::Names;
use crate::problem::ApiError;

/// Entries read together.
const PAGE: u32 = 200;
const COLUMNS: [&str; 19] = [
    "number",
    "time",
    "action",
    "class_uid",
    "activity_id",
    "outcome",
    "rule",
    "actor_kind",
    "actor_id",
    "actor_name",
    "object_kind",
    "object_id",
    "object_label",
    "detail",
    "reason",
    "words",
    "request_id",
    "previous_hash",
    "hash",
];

/// Decides whether the caller takes the log along, and sends what of it lies in the period.
pub(crate) async fn send(
    api: Api,
    caller: Caller,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<Response, ApiError> {
    let room = api.exports.take(caller.person)?;
    let said = |word: &str, at: Option<Timestamp>| at.map(|at| format!(" {word} {at}")).unwrap_or_default();
    let detail = Some(format!("the audit log{}{}", said("from", from), said("to", to)));
    let personal = Some(Personal { detail, ..Personal::default() });
    let grant = api.access.authorize::<ExportAudit>(&caller.op, caller.organisation(), personal).await??;
    let made_at = api.clock.now();
    let name = format!("clerestory-audit-{}.zip", day(&made_at.to_string()));
    // What is added while it is sent is in none of its files.
    let filter = EntryFilter {
        from,
        to,
        before: Some(grant.entry() + 1),
        about: Some(grant.rows().subjects),
        limit: PAGE,
        ..EntryFilter::default()
    };
    let (sender, pieces) = mpsc::channel(PIECES);
    let broken = Arc::new(AtomicBool::new(false));
    let archive = Archive::new(sender, made_at);
    let sending = Sending {
        _room: room,
        broken: Arc::clone(&broken),
        grant: Arc::new(grant),
        api,
        caller,
        filter,
        archive,
        made_at,
    };
    tokio::spawn(sending.run());
    Ok(attachment((&name, ZIP), None, pieces, broken))
}

/// A log on its way.
struct Sending {
    /// Given back before the file's end is told.
    _room: Room,
    broken: Arc<AtomicBool>,
    api: Api,
    caller: Caller,
    grant: Arc<Grant<ExportAudit>>,
    filter: EntryFilter,
    archive: Archive,
    made_at: Timestamp,
}

impl Sending {
    async fn run(mut self) {
        let done = self.write().await;
        close(done, &mut self.archive, &self.broken, "the audit log").await;
    }

    async fn write(&mut self) -> Result<(), Cut> {
        self.about().await?;
        self.archive.begin("entries.jsonl")?;
        self.entries(|item, to| {
            serde_json::to_writer(&mut *to, item)?;
            to.push(b'\n');
            Ok(())
        })
        .await?;
        self.archive.begin("entries.csv")?;
        self.archive.append(format!("{}\r\n", COLUMNS.join(",")).into_bytes()).await?;
        self.entries(|item, to| {
            to.extend_from_slice(line(item).as_bytes());
            Ok(())
        })
        .await
    }

    /// Where the log and its ledger stood, so that whoever keeps this can hold a later one against it.
    async fn about(&mut self) -> Result<(), Cut> {
        self.api.vault.hold_lease().await.map_err(ApiError::from)?;
        let (audit, organisation) = (self.api.access.audit().clone(), self.caller.organisation);
        let found = self.api.database.read(move |tx| {
            Box::pin(async move {
                let ledger = audit.ledger();
                let proofs = ledger.proofs(tx, 0, None).await?;
                let key = ledger.public_key(tx).await?;
                let newest = proofs.zip(key.map(|public| verifier_key(&ledger.origin(), &public)));
                Ok((audit.head(tx, organisation).await?, newest))
            })
        });
        let found: Result<_, ApiError> = found.await;
        let (head, newest) = found?;
        let tree = newest.as_ref().and_then(|(proofs, key)| {
            let note: SignedCheckpoint = proofs.note.parse().ok()?;
            Some(json!({ "size": note.checkpoint.size, "root": hex::encode(note.checkpoint.root), "key": key }))
        });
        let about = json!({
            "organisation": organisation.to_string(),
            "made_at": self.made_at.to_string(),
            "from": self.filter.from.map(|at| at.to_string()),
            "to": self.filter.to.map(|at| at.to_string()),
            "entry": self.grant.entry(),
            "head": { "number": head.number, "hash": hex::encode(head.hash) },
            "tree": tree,
        });
        self.archive.file("about.json", &serde_json::to_vec_pretty(&about)?).await?;
        match newest {
            Some((proofs, _)) => self.archive.file("checkpoint.txt", proofs.note.as_bytes()).await,
            None => Ok(()),
        }
    }

    /// Appends every entry, newest first, in the form that `write` gives it.
    async fn entries(
        &mut self,
        write: impl Fn(&AuditItem, &mut Vec<u8>) -> Result<(), Cut>,
    ) -> Result<(), Cut> {
        let mut before = self.filter.before;
        loop {
            still(&self.api, &mut self.caller).await?;
            let items = self.page(before).await?;
            let Some(last) = items.last() else { return Ok(()) };
            before = Some(last.number);
            let mut bytes = Vec::new();
            for item in &items {
                write(item, &mut bytes)?;
            }
            self.archive.append(bytes).await?;
        }
    }

    async fn page(&self, before: Option<u64>) -> Result<Vec<AuditItem>, Cut> {
        self.api.vault.hold_lease().await.map_err(ApiError::from)?;
        let filter = EntryFilter { before, ..self.filter.clone() };
        let (api, grant, op) = (self.api.clone(), Arc::clone(&self.grant), self.caller.op.clone());
        let page = self.api.database.read(move |tx| {
            Box::pin(async move {
                let on = grant.on();
                if !api.access.would_allow_asking::<ExportAudit>(tx, &op, on).await? {
                    return Err(ApiError::not_found());
                }
                let found = api.access.audit().list(tx, on.organisation(), &filter).await?;
                let mut names = Names::new(&api, &grant);
                let mut items = Vec::with_capacity(found.len());
                for entry in &found {
                    items.push(names.entry(tx, entry).await?);
                }
                Ok(items)
            })
        });
        let page: Result<Vec<AuditItem>, ApiError> = page.await;
        Ok(page?)
    }
}

/// An entry as a line of CSV (RFC 4180).
fn line(item: &AuditItem) -> String {
    let words = |word: &Option<String>| word.clone().unwrap_or_default();
    let cells: [String; 19] = [
        item.number.to_string(),
        item.time.clone(),
        item.action.clone(),
        item.class_uid.to_string(),
        item.activity_id.to_string(),
        item.outcome.clone(),
        item.rule.clone(),
        item.actor.kind.clone(),
        words(&item.actor.id),
        words(&item.actor.name),
        item.object.kind.clone(),
        words(&item.object.id),
        words(&item.object.label),
        words(&item.detail),
        words(&item.reason),
        words(&item.words),
        item.request_id.clone(),
        item.previous_hash.clone(),
        item.hash.clone(),
    ];
    format!("{}\r\n", cells.map(|text| cell(&text)).join(","))
}

/// Where some spreadsheet begins a cell, whatever the quotes say: many take a semicolon for a comma.
const BEGINS: [char; 5] = [';', ',', '\t', '\r', '\n'];

/// A cell that a spreadsheet shows and does not calculate: what people wrote may begin as a formula does.
fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut begins = true;
    for letter in text.chars() {
        if begins && matches!(letter, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n') {
            shown.push('\'');
        }
        if letter == '"' {
            shown.push('"');
        }
        shown.push(letter);
        begins = BEGINS.contains(&letter) || (begins && matches!(letter, ' ' | '"'));
    }
    if shown == text && !text.contains(BEGINS) { shown } else { format!("\"{shown}\"") }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_never_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(cell(text).starts_with("\"'"), "{text}");
        }
        for text in ["x;=1+1", "x\n=1", "x;\t@a", "x, -1", "x;\"=1"] {
            let shown = cell(text);
            assert!(
                shown.starts_with('"')
                    && !["=", "@", "-"].iter().any(|sign| {
                        shown.match_indices(sign).any(|(at, _)| !shown[..at].ends_with('\''))
                    }),
                "{shown}"
            );
        }
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("plain = text"), "plain = text");
    }
}
