//! `verify receipt`: whether a receipt of an erasure is what was signed. It needs no installation and no network.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clerestory_lifecycle::{Receipt, SignedReceipt};
use serde_json::Value;

use super::super::say;

/// Keys named at most.
const NAMED: usize = 3;

#[derive(Args)]
pub(super) struct VerifyReceipt {
    /// The receipt, or an erasure as the API tells it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The installation's own key, base64, as `clerestory admin erasures` tells it: from a source that you trust, not from
    /// the receipt.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl VerifyReceipt {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(&self.file);
        let text = text.with_context(|| format!("reading {}", self.file.display()))?;
        let signed = parse(&text).with_context(|| format!("{}", self.file.display()))?;
        let receipt = signed.verify().context(
            "WRONG: the text is not what this key signed. Somebody altered the receipt, or part of it is missing",
        )?;
        tell(&receipt);
        match &self.key {
            Some(key) => {
                anyhow::ensure!(
                    *key == signed.key,
                    "WRONG: it was signed with another key ({}) than the one you trust",
                    signed.key
                );
                say("It was signed with the key that you trust.");
            }
            None => say(&format!(
                "It was signed with {}. Compare that with the installation's key, or give it as --key.",
                signed.key
            )),
        }
        Ok(())
    }
}

fn parse(text: &str) -> anyhow::Result<SignedReceipt> {
    let found: Value = serde_json::from_str(text).context("this is no JSON")?;
    let receipt = match found.get("receipt") {
        Some(Value::Null) => anyhow::bail!("this erasure has no receipt yet"),
        Some(inner) => inner.clone(),
        None => found,
    };
    serde_json::from_value(receipt).context("this is no receipt: it has `text`, `signature` and `key`")
}

fn tell(receipt: &Receipt) {
    say(&format!("Erased: {} {} of {}", receipt.kind, receipt.target, receipt.organisation));
    say(&format!("Asked:  {} (entry {} of the organisation's log)", receipt.asked_at, receipt.entry));
    say(&format!("Gone:   keys destroyed at {}, checked at {}", receipt.destroyed_at, receipt.verified_at));
    let mut keys: Vec<String> = receipt.keys.iter().take(NAMED).map(ToString::to_string).collect();
    if receipt.keys.len() > NAMED {
        keys.push(format!("and {} more", receipt.keys.len() - NAMED));
    }
    say(&format!(
        "What:   {} tracks in {} objects; keys {}",
        receipt.tracks,
        receipt.objects,
        keys.join(", ")
    ));
    match &receipt.unreadable_in_every_copy_since {
        Some(since) => say(&format!("Copies: no copy of anything can be read since {since}")),
        None => say("Copies: older copies can still be read; a later receipt says since when they cannot"),
    }
    say(&format!("Worth:  {}. {}", receipt.assurance, receipt.assurance_means));
}
