//! What a worker gives up before it reads anything: files, network, system calls, memory without end. For ever: nothing here
//! can be taken back by the process or by what it becomes.
//!
//! It knows nothing of messages, checks or evidence. What the kernel does not offer is said in [`Confinement::lacks`], and the
//! parent decides whether to go without.

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreated, RulesetStatus, Scope};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;

/// Which confinements hold in a worker beside its limits of memory and time, which always hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// What holds, in words.
    pub holds: Vec<String>,
    /// What this kernel does not offer, and why, in words.
    pub lacks: Vec<String>,
}

/// The kernel's file and network rules that the worker asks for; an older kernel gives as many of them as it knows.
const LANDLOCK: ABI = ABI::V6;

/// System calls that computing over bytes already read needs. None of them names a file, an address or another process.
pub(crate) const ALLOWED: &[libc::c_long] = &[
    // questions and answers, over the pipes that are open
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    // memory; mmap and mprotect have conditions
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // locks, the clock of the C library, seeds of hash maps
    libc::SYS_clock_gettime,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    // dying: by a panic, an abort, an overflowing stack
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
];

/// Confines this process: landlock, limits, system calls, in the order in which each still can be set.
pub(crate) fn confine(memory_bytes: u64, cpu_seconds: u64) -> io::Result<Confinement> {
    let mut confinement = Confinement { holds: Vec::new(), lacks: Vec::new() };
    let mut note = |what: &str, held: Result<(), String>| match held {
        Ok(()) => confinement.holds.push(what.to_owned()),
        Err(why) => confinement.lacks.push(format!("{what}: {why}")),
    };
    note("no file and no network (landlock)", forbid_files());
    limit(memory_bytes, cpu_seconds)?;
    note("no system call but those that computing needs (seccomp)", forbid_system_calls());
    Ok(confinement)
}

/// Takes away every right that landlock knows of; none is granted.
pub(crate) fn forbid_files() -> Result<(), String> {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .and_then(RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match restricted.ruleset {
        // every version refuses to open a file; the network is refused by the system calls too
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("this kernel has no landlock, or it is not enabled".to_owned()),
    }
}

/// No further memory, no new descriptor and therefore no file and no socket, no write that makes a file longer, no core
/// dump of evidence. Every kernel has these.
pub(crate) fn limit(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    let both = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::As, both(memory_bytes))?;
    setrlimit(Resource::Cpu, both(cpu_seconds))?;
    setrlimit(Resource::Fsize, both(0))?;
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::Nofile, both(0))?;
    // SQLite gives up in words below the limit at which an allocation would abort the process
    let heap = memory_bytes / 4 * 3;
    let connection = rusqlite::Connection::open_in_memory().map_err(io::Error::other)?;
    connection
        .query_row(&format!("PRAGMA hard_heap_limit = {heap}"), [], |row| row.get::<_, i64>(0))
        .map_err(io::Error::other)?;
    Ok(())
}

pub(crate) fn forbid_system_calls() -> Result<(), String> {
    let program = system_calls().map_err(|error| error.to_string())?;
    apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

/// The filter for this machine. A call that is not allowed fails with EPERM and is not made: killing the process instead would
/// turn every harmless call of another C library into checks that say nothing.
pub(crate) fn system_calls() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|number| (*number, Vec::new())).collect();
    let bits = |argument, mask: i32, value: i32| {
        let (mask, value) = (u64::from(mask.unsigned_abs()), u64::from(value.unsigned_abs()));
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
    };
    let not_executable = || bits(2, libc::PROT_EXEC, 0);
    // memory that is no file's, and that no instruction is fetched from
    let anonymous = bits(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?;
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![not_executable()?, anonymous])?]);
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![not_executable()?])?]);
    // `abort` sends its own process a signal
    let own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(std::process::id()))?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);

    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, refused, SeccompAction::Allow, machine)?.try_into()
}
