//! What confines a process on Linux, put on by the process itself before it reads anything.
//!
//! Limits, the signal at the end of whoever asked, and the filter of system calls must hold, or nothing is read.
//! Landlock, which kernels may lack, stands behind the filter: without it files and connections are still out of reach,
//! for no call that would open one is let through.

use std::collections::BTreeMap;
use std::fmt::Display;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getppid, getrlimit, nice, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::Bounds;

/// The newest rights that Landlock is asked for; older kernels take those they know.
const LANDLOCK: ABI = ABI::V6;

/// Set in what an answer says of the layers when there is no Landlock.
pub(crate) const NO_LANDLOCK: u8 = 1;

/// Confines this process for good; which layers the kernel lacks.
pub(crate) fn confine(bounds: &Bounds, asker: u32) -> Result<u8, String> {
    join(asker)?;
    for (resource, most) in
        [(Resource::As, bounds.memory), (Resource::Fsize, 0), (Resource::Core, 0), (Resource::Nproc, 0)]
    {
        limit(resource, most, most)?;
    }
    // At the first a signal that says why comes, at the second one that nobody can hold off.
    limit(Resource::Cpu, bounds.processor, bounds.processor + 1)?;
    let lacking = if landlocked() { 0 } else { NO_LANDLOCK };
    limit(Resource::Nofile, 0, 0)?;
    let filter = filter().map_err(refused("a filter of system calls"))?;
    seccompiler::apply_filter(&filter).map_err(refused("a filter of system calls"))?;
    Ok(lacking)
}

/// Ends with whoever asked, lets nobody look into this process, and lets everybody else go first.
pub(crate) fn join(asker: u32) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(refused("a signal at the asker's end"))?;
    // Whoever asked may have ended before that held.
    if getppid().is_none_or(|parent| parent.as_raw_nonzero().get().cast_unsigned() != asker) {
        return Err("whoever asked is gone".to_owned());
    }
    stand_back();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(refused("keeping others out"))
}

/// Lets everybody else go first, and be kept where memory is short. It confines nothing, so where it cannot be had the work
/// is done all the same.
fn stand_back() {
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
    let _not_nicer = nice(19);
}

pub(crate) fn refused<E: Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("the kernel refuses {what}: {error}")
}

/// A limit that is lower already stays as it is.
pub(crate) fn limit(resource: Resource, soft: u64, hard: u64) -> Result<(), String> {
    let lower = |wanted: u64, now: Option<u64>| now.map_or(wanted, |now| wanted.min(now));
    let now = getrlimit(resource).maximum;
    let limit = Rlimit { current: Some(lower(soft, now)), maximum: Some(lower(hard, now)) };
    setrlimit(resource, limit).map_err(refused("a limit"))
}

/// No file, no connection, no signal to others: there are no rules that would let one through.
fn landlocked() -> bool {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let rules = Ruleset::default()
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?;
        Ok(rules.create()?.restrict_self()?.ruleset)
    };
    matches!(restrict(), Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced))
}

/// That an argument of a call has this value, in its lower half, which is all there is of most.
pub(crate) fn compared(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// That of an argument these bits have this value.
pub(crate) fn masked(
    argument: u8,
    bits: libc::c_int,
    value: libc::c_int,
) -> Result<SeccompCondition, BackendError> {
    let mask = SeccompCmpOp::MaskedEq(bits.cast_unsigned().into());
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, mask, value.cast_unsigned().into())
}

/// Reading what was given, answering, memory that never becomes a program, and coming to an end: every other call ends
/// the process.
fn filter() -> Result<BpfProgram, BackendError> {
    let no_program = || masked(2, libc::PROT_EXEC, 0);
    // A file that was left open would be read, and written, as memory.
    let no_file = || masked(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS);
    let own = std::process::id().into();
    let abort =
        SeccompRule::new(vec![compared(0, own)?, compared(2, libc::SIGABRT.cast_unsigned().into())?])?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::from([
        (libc::SYS_read, vec![SeccompRule::new(vec![compared(0, 0)?])?]),
        (
            libc::SYS_write,
            vec![SeccompRule::new(vec![compared(0, 1)?])?, SeccompRule::new(vec![compared(0, 2)?])?],
        ),
        (libc::SYS_mmap, vec![SeccompRule::new(vec![no_program()?, no_file()?])?]),
        (libc::SYS_mprotect, vec![SeccompRule::new(vec![no_program()?])?]),
        (libc::SYS_tgkill, vec![abort]),
    ]);
    for call in [
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ] {
        rules.insert(call, Vec::new());
    }
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch)?.try_into()
}
