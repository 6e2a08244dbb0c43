//! What is said to those who look: settings, the log, promises.

mod forgetting;
mod ledger;
mod promises;
mod setting_registry;
mod settings;
mod trust_page;
