//! The program under `strace`: what it did to the disk, call by call, and what becomes of it when a call goes wrong.
//!
//! `strace` starts the program, so no more is needed than leave to trace one's own children. Where a machine forbids
//! even that, [`possible`] says so and the tests that need it say that they were not run.

use crate::support::Audit;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

/// The system calls after which the disk, or what the caller was told, differs.
pub(crate) const MUTATING: &[&str] = &[
    "openat",
    "write",
    "pwrite64",
    "writev",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
];

/// What is done to which call: the text after `inject=`.
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    /// SIGKILL before the `nth` call of `name` by any thread takes effect.
    pub(crate) fn kill(name: &str, nth: usize) -> Self {
        Self(format!("{name}:signal=KILL:when={nth}"))
    }

    /// The `nth` call of `names` fails with `errno`; with `for_ever`, all after it too.
    pub(crate) fn error(names: &str, errno: &str, nth: usize, for_ever: bool) -> Self {
        Self(format!("{names}:error={errno}:when={nth}{}", if for_ever { "+" } else { "" }))
    }

    /// The `nth` call of `names` is left out, and the program is told that it succeeded.
    pub(crate) fn left_out(names: &str, nth: usize) -> Self {
        Self(format!("{names}:retval=0:when={nth}"))
    }
}

/// A run that has ended.
pub(crate) struct Run {
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) calls: Vec<Call>,
}

/// One system call that returned.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) thread: u32,
    pub(crate) name: String,
    /// Its arguments and result, as `strace -y` writes them.
    pub(crate) text: String,
    /// Whether it was interfered with.
    pub(crate) injected: bool,
}

impl Call {
    /// The path behind its descriptor, or its first path.
    pub(crate) fn path(&self) -> Option<&str> {
        if self.text.starts_with('"') { quoted(&self.text).next() } else { behind(&self.text) }
    }

    /// Every path among its arguments, in order.
    pub(crate) fn paths(&self) -> Vec<&str> {
        quoted(&self.text).collect()
    }

    pub(crate) fn succeeded(&self) -> bool {
        !self.injected && self.text.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-'))
    }

    /// Whether it told the caller something.
    pub(crate) fn tells(&self) -> bool {
        self.name == "write" && self.text.starts_with("1<") && !self.text.starts_with("1<pipe:")
    }

    /// Whether the disk or the caller could tell that it happened.
    pub(crate) fn mutates(&self) -> bool {
        match self.name.as_str() {
            "openat" => ["O_CREAT", "O_WRONLY", "O_RDWR"].iter().any(|flag| self.text.contains(flag)),
            // not what the program tells itself and its workers
            "write" | "writev" => self.path().is_some_and(|path| path.starts_with('/')),
            _ => true,
        }
    }
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// `15</a/b>, …`: what stands between the first brackets.
fn behind(text: &str) -> Option<&str> {
    let (start, end) = (text.find('<')? + 1, text.find('>')?);
    text.get(start..end)
}

/// Whether this machine lets a process trace its own children; says on standard output when it does not.
#[expect(clippy::print_stdout, reason = "whoever reads the results must know what was not run")]
pub(crate) fn possible() -> bool {
    let tried = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).output();
    let possible = tried.is_ok_and(|output| output.status.success());
    if !possible {
        println!("NOT RUN: this machine has no strace, or does not let it trace");
    }
    possible
}

/// Runs the program under strace in the audit's folder, to its end.
pub(crate) fn run(audit: &Audit, arguments: &[&str], fault: Option<&Fault>) -> Run {
    let program = audit.command(arguments);
    let log = tempfile::NamedTempFile::new().unwrap();
    // a program that hangs is one that failed
    let mut strace = Command::new("timeout");
    strace.args(["--signal=KILL", "300", "strace", "-f", "-y", "-qq", "-s", "0", "-o"]).arg(log.path());
    strace.arg("-e").arg(format!("trace={}", MUTATING.join(",")));
    if let Some(Fault(fault)) = fault {
        strace.arg("-e").arg(format!("inject={fault}"));
    }
    strace.arg(program.get_program()).args(program.get_args());
    strace.current_dir(program.get_current_dir().unwrap()).env_clear();
    strace.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // a file, so that what the program tells its caller is told apart from what its workers tell it
    let mut told = tempfile::tempfile().unwrap();
    let output = strace.stdout(told.try_clone().unwrap()).output().unwrap();
    let mut stdout = String::new();
    told.rewind().unwrap();
    told.read_to_string(&mut stdout).unwrap();
    Run {
        // strace ends as its program did: by the same signal, or with its code
        code: output.status.code().filter(|_| output.status.signal().is_none()).filter(|code| *code != 137),
        stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        calls: read(&fs::read_to_string(log.path()).unwrap()),
    }
}

/// Reads a log of strace: `THREAD NAME(TEXT`, in the order in which the calls returned.
fn read(log: &str) -> Vec<Call> {
    let mut unfinished: BTreeMap<u32, (String, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let (Ok(thread), rest) = (thread.parse(), rest.trim_start()) else { continue };
        let (name, text) = if let Some(rest) = rest.strip_prefix("<... ") {
            let Some((begun, tail)) = unfinished.remove(&thread).zip(rest.split_once(" resumed>")) else { continue };
            (begun.0, begun.1 + tail.1)
        } else if let Some((name, text)) = rest.split_once('(') {
            if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
                unfinished.insert(thread, (name.to_owned(), begun.to_owned()));
                continue;
            }
            (name.to_owned(), text.to_owned())
        } else {
            continue;
        };
        calls.push(Call { thread, name, injected: text.ends_with("(INJECTED)"), text });
    }
    calls
}

/// A system call to interfere with: the `nth` of its name in some thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) nth: usize,
}

/// Every point of a run at which something changed. strace counts calls thread by thread, so a point is one of which
/// that is true in every thread that gets so far.
pub(crate) fn points(calls: &[Call]) -> Vec<Point> {
    let mut counted: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    let mut points: BTreeMap<Point, bool> = BTreeMap::new();
    for call in calls {
        let nth = counted.entry((call.thread, call.name.as_str())).or_default();
        *nth += 1;
        *points.entry(Point { name: call.name.clone(), nth: *nth }).or_insert(true) &= call.mutates();
    }
    points.into_iter().filter_map(|(point, mutates)| mutates.then_some(point)).collect()
}

#[cfg(test)]
mod tests {
    use super::{points, read};

    const LOG: &str = "\
7 openat(AT_FDCWD</a>, \"/a/store/x\", O_RDONLY|O_CLOEXEC) = 3</a/store/x>
7 openat(AT_FDCWD</a>, \"/a/store/y\", O_WRONLY|O_CREAT, 0600 <unfinished ...>
8 fsync(4</a/store>) = 0
7 <... openat resumed>) = 5</a/store/y>
7 rename(\"/a/store/y\", \"/a/store/z\") = 0
7 fsync(5</a/store/z>) = 0 (INJECTED)
7 mkdir(\"/a/b\", 0700) = -1 EEXIST (File exists)
7 +++ killed by SIGKILL +++
";

    #[test]
    fn a_log_is_read_call_by_call() {
        let calls = read(LOG);
        let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["openat", "fsync", "openat", "rename", "fsync", "mkdir"]);
        assert_eq!(calls[1].path(), Some("/a/store"));
        assert_eq!(calls[2].paths(), ["/a/store/y"]);
        assert_eq!(calls[3].paths(), ["/a/store/y", "/a/store/z"]);
        assert!(calls[3].succeeded() && !calls[4].succeeded() && !calls[5].succeeded());
        let points = points(&calls);
        assert_eq!(
            points.iter().filter(|point| point.name == "openat").map(|point| point.nth).collect::<Vec<_>>(),
            [2]
        );
        assert_eq!(points.len(), 4);
    }
}
