//! A process that holds keys and what they open must not leave its memory on a disk when it dies.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From now on this process leaves no core dump, and no other process of its user may look into it.
///
/// Both are needed: where dumps go to a program (`kernel.core_pattern` begins with `|`), no limit of size keeps them
/// from being made.
///
/// # Errors
/// When the system refuses: the process must not go on then.
pub fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn afterwards_there_are_none() {
        forbid_core_dumps().unwrap();
        assert!(matches!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable));
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
