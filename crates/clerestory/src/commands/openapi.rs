//! `openapi`: the API's description, made from the code.

use clap::Args;

use super::say;

#[derive(Args)]
pub struct Openapi {}

impl Openapi {
    pub(super) fn run(self) -> anyhow::Result<()> {
        say(&serde_json::to_string_pretty(&clerestory_api::openapi())?);
        Ok(())
    }
}
