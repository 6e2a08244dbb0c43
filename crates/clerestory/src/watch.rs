//! What the jobs of a server last found, for its health page.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use clerestory_api::Finding;

/// The newest finding of each job, by its name.
#[derive(Default)]
pub(crate) struct Watch(Mutex<BTreeMap<&'static str, Finding>>);

impl Watch {
    /// Says how things stand now; takes the place of what was said under the same name.
    pub(crate) fn say(&self, finding: Finding) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(finding.id, finding);
    }

    /// Everything that stands now.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
