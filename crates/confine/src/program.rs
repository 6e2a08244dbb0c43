//! What confines a program that is not ours, put on before this process becomes it.
//!
//! Such a program is started by the loader: it opens libraries, asks for threads and for memory that is a file. So the
//! filter of system calls cannot be as narrow as that of our own work, and files are kept out of reach by Landlock, which
//! must hold here. Of files it reads programs and libraries; it writes to what it was given and nowhere else.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope, path_beneath_rules,
};
use rustix::process::Resource;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::film::ProgramBounds;
use crate::layers::{compared, join, limit, masked, refused};

/// Files that it may have open at once, libraries while they are loaded among them.
const FILES: u64 = 64;
/// Where libraries lie, and what says which.
const LIBRARIES: [&str; 7] =
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/ld.so.conf"];
/// The oldest rights that keep files out of reach; kernels that know more of them are asked for more.
const LANDLOCK: ABI = ABI::V6;

/// Confines this process for good and becomes the program; why it did not.
pub(crate) fn become_program(
    bounds: &ProgramBounds,
    asker: u32,
    program: &Path,
    arguments: impl Iterator<Item = OsString>,
) -> String {
    if let Err(why) = confine(bounds, asker, program) {
        return why;
    }
    // Allocators of the usual C library set an area aside for each thread, which counts as memory that is had.
    let mut command = Command::new(program);
    let error = command.args(arguments).env_clear().env("MALLOC_ARENA_MAX", "2").exec();
    format!("{} cannot be started: {error}", program.display())
}

fn confine(bounds: &ProgramBounds, asker: u32, program: &Path) -> Result<(), String> {
    join(asker)?;
    for (resource, most) in [(Resource::As, bounds.memory), (Resource::Fsize, 0), (Resource::Core, 0)] {
        limit(resource, most, most)?;
    }
    limit(Resource::Cpu, bounds.processor, bounds.processor + 1)?;
    match landlocked(program) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {}
        Ok(RulesetStatus::NotEnforced) => {
            return Err(
                "the kernel has no Landlock, without which a foreign program would reach files".to_owned()
            );
        }
        Err(error) => return Err(refused("keeping files out of reach")(error)),
    }
    limit(Resource::Nofile, FILES, FILES)?;
    // The narrowest comes last: behind it none could be put on.
    for filter in [no_new_clone(), deadly(), allowed()] {
        let filter = filter.map_err(refused("a filter of system calls"))?;
        seccompiler::apply_filter(&filter).map_err(refused("a filter of system calls"))?;
    }
    Ok(())
}

/// Reading and running the program and libraries; no other file, no connection, no signal to others.
fn landlocked(program: &Path) -> Result<RulesetStatus, RulesetError> {
    let beside = program.parent().and_then(Path::parent).map(|above| above.join("lib"));
    let libraries = LIBRARIES.iter().map(PathBuf::from).chain(beside);
    let readable = libraries.chain([program.to_owned()]).filter(|path| path.exists());
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::Execute))?;
    Ok(rules.restrict_self()?.ruleset)
}

/// The newer call that makes threads hides what it is asked for: told that there is none, libraries ask by the older one.
fn no_new_clone() -> Result<BpfProgram, BackendError> {
    let nothing_there = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    filter(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), SeccompAction::Allow, nothing_there)
}

/// What no decoder has a use for ends it at once, and is told.
fn deadly() -> Result<BpfProgram, BackendError> {
    let calls = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_bpf,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_keyctl,
        libc::SYS_io_uring_setup,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
    ];
    let rules = calls.into_iter().map(|call| (call, Vec::new())).collect();
    filter(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

/// Everything it may; what is not named here fails.
fn allowed() -> Result<BpfProgram, BackendError> {
    let own = || compared(0, std::process::id().into());
    let no_program = || masked(2, libc::PROT_EXEC, 0);
    let a_file = || masked(3, libc::MAP_ANONYMOUS, 0);
    let a_thread = masked(0, libc::CLONE_THREAD, libc::CLONE_THREAD);
    let open_already = masked(3, libc::AT_EMPTY_PATH, libc::AT_EMPTY_PATH);
    // No new limits: where they would be read from is nowhere.
    let told_only = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0);
    let named = compared(0, libc::PR_SET_NAME.cast_unsigned().into());
    // Nothing is made, changed or cut off, also where Landlock does not know that yet; and no place is opened that is not
    // read, which Landlock does not look at.
    let read_only = masked(2, libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_PATH, libc::O_RDONLY);
    let only = |call, condition| -> Result<(i64, Vec<SeccompRule>), BackendError> {
        Ok((call, vec![SeccompRule::new(vec![condition?])?]))
    };
    let mut rules = BTreeMap::from([
        (libc::SYS_fcntl, of_open_files()?),
        only(libc::SYS_openat, read_only)?,
        (libc::SYS_mmap, vec![SeccompRule::new(vec![no_program()?])?, SeccompRule::new(vec![a_file()?])?]),
        only(libc::SYS_mprotect, no_program())?,
        only(libc::SYS_clone, a_thread)?,
        only(libc::SYS_newfstatat, open_already)?,
        only(libc::SYS_prlimit64, told_only)?,
        only(libc::SYS_prctl, named)?,
        only(libc::SYS_tgkill, own())?,
    ]);
    rules.extend(PLAIN.iter().chain(OF_THIS_PROCESSOR).map(|call| (*call, Vec::new())));
    filter(rules, SeccompAction::Errno(libc::EPERM.cast_unsigned()), SeccompAction::Allow)
}

/// What it may ask of what it has open: another number for it, and how it was opened. The rest of this call would have the
/// kernel send a signal to any process of the same user when something comes: who gets it, which, and that it is sent.
fn of_open_files() -> Result<Vec<SeccompRule>, BackendError> {
    let asked = |what: libc::c_int| compared(1, what.cast_unsigned().into());
    let mut rules = Vec::new();
    for what in [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL] {
        rules.push(SeccompRule::new(vec![asked(what)?])?);
    }
    rules.push(SeccompRule::new(vec![asked(libc::F_SETFL)?, masked(2, libc::O_ASYNC, 0)?])?);
    Ok(rules)
}

/// Calls that are let through whatever they are asked for. Landlock says which files are opened and which `execve` runs.
/// It writes to whatever it has open, as newer versions of `ffmpeg` write to another number of their standard output:
/// nothing that it opens itself can be written to.
const PLAIN: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_close,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_tid_address,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The same of calls that only some processors have.
#[cfg(target_arch = "x86_64")]
const OF_THIS_PROCESSOR: &[i64] = &[libc::SYS_arch_prctl, libc::SYS_poll, libc::SYS_select, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const OF_THIS_PROCESSOR: &[i64] = &[];

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    met: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, otherwise, met, arch)?.try_into()
}
