//! Running a local program as an exchange: method `EXEC`, URL `exec:///path/of/program`, the arguments as the body
//! sent, its standard output as the body received, its exit code as the status.
//!
//! Never a shell, never the environment of this process, never more output than the policy allows, and nothing that
//! the program started outlives the run.

use crate::failure::{Failure, Kind};
use crate::policy::Policy;
use crate::record::{Key, Outcome};
use bytes::{Bytes, BytesMut};
use model::{CollectError, Exchange};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use url::Url;

/// The recorded header that holds the end of what the program wrote to standard error.
pub(crate) const STDERR_HEADER: &str = "x-evidenced-stderr";

/// The variable by which everything the program starts is found again, however it detaches itself.
pub const RUN_VARIABLE: &str = "EVIDENCED_RUN";

/// What an argument begins with that names one of [`Program::files`].
const FILE: &str = "evidenced-file:";

/// The status of a program that may not be executed, and of one that is not there; exit codes end at 255.
const MAY_NOT: u16 = 403;
const ABSENT: u16 = 404;

/// A program to run. What is here but the secrets is recorded.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The absolute path of the executable, as the policy names it.
    pub path: PathBuf,
    /// Its arguments, each handed over as it is. Never a secret: other processes of the host can read arguments.
    pub arguments: Vec<String>,
    /// Its environment beside [`RUN_VARIABLE`]; nothing else is handed on.
    pub environment: BTreeMap<String, String>,
    /// Variables whose values are handed over and never recorded; empty in replay.
    pub secrets: BTreeMap<String, SecretString>,
    /// Files it is handed whose content is never recorded: an argument `evidenced-file:NAME` becomes the path of one that only
    /// this user can read and that has no name in any folder. Empty in replay.
    pub files: BTreeMap<String, SecretString>,
    /// The folder it starts in; `/` where none is given.
    pub folder: Option<PathBuf>,
}

/// What became of a program that ended by itself: exactly what the recording holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; 0 is success.
    pub exit_code: u16,
    /// What it wrote to standard output, whole.
    pub stdout: Bytes,
    /// The end of what it wrote to standard error.
    pub stderr: String,
}

impl Ran {
    /// The output of a run that succeeded; an exit code but 0 is an error with the last words of standard error.
    pub fn success(self, operation: &str) -> Result<Bytes, CollectError> {
        if self.exit_code == 0 {
            return Ok(self.stdout);
        }
        let operation = operation.to_owned();
        Err(CollectError::Transient {
            operation,
            message: format!("exit code {}{}", self.exit_code, self.last_words()),
        })
    }

    /// The last line of standard error as the end of a sentence; empty when there is none.
    pub fn last_words(&self) -> String {
        let line = self.stderr.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let line: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
        if line.is_empty() { line } else { format!(": {line}") }
    }
}

impl Program {
    /// What identifies this run in a recording.
    pub(crate) fn key(&self, operation: &str) -> Result<Key, CollectError> {
        let file = Url::from_file_path(&self.path).map_err(|()| crate::file::relative(&self.path))?;
        let url = format!("exec{}", file.as_str().strip_prefix("file").unwrap_or_default());
        let mut sent = json!({ "arguments": self.arguments });
        if !self.environment.is_empty() {
            sent["environment"] = json!(self.environment);
        }
        if let Some(folder) = &self.folder {
            sent["folder"] = json!(folder);
        }
        Ok(Key::of_program(operation, url, sent.to_string().as_bytes()))
    }
}

impl Policy {
    /// Whether `operation` may run the program at `path`.
    pub(crate) fn allows_program(&self, operation: &str, path: &Path) -> Result<(), Failure> {
        self.allows_operation(operation)?;
        if self.programs.iter().any(|allowed| allowed == path) {
            return Ok(());
        }
        Err(Failure::new(Kind::Refused, format!("`{}` is not a program this source may run", path.display())))
    }
}

/// What the collector gets of a program that was run as `exchange`.
pub(crate) fn conclude(exchange: &Exchange) -> Result<Ran, CollectError> {
    let record = &exchange.record;
    let operation = record.operation.clone();
    if let Some(error) = &record.error {
        return Err(Failure::parse(error).into_error(&operation, 1));
    }
    let path = record.url.trim_start_matches("exec://");
    match record.status {
        Some(exit_code @ 0..=255) => Ok(Ran {
            exit_code,
            stdout: exchange.body.clone(),
            stderr: record.headers.get(STDERR_HEADER).cloned().unwrap_or_default(),
        }),
        Some(MAY_NOT) => Err(CollectError::Denied {
            operation,
            permission: format!("execute {path}"),
            message: "this process may not run it, or not in its folder".to_owned(),
        }),
        Some(ABSENT) => Err(CollectError::Misconfigured {
            message: format!("`{path}`, the interpreter it names or the folder it starts in does not exist"),
            help: "look at the source's settings: the program is named by its absolute path".to_owned(),
        }),
        other => {
            let message = format!("the recording says {other:?} of a program");
            Err(CollectError::Malformed { operation, message })
        }
    }
}

/// The bounds of one run.
pub(crate) struct Bounds<'a> {
    /// When it is ended.
    pub(crate) limit: Instant,
    /// How much of standard error is kept: its end.
    pub(crate) stderr_bytes: usize,
    /// The failure of a run that was ended then.
    pub(crate) late: &'a (dyn Fn(&str) -> Failure + Send + Sync),
    /// Whether this many more bytes may follow those received.
    pub(crate) admit: &'a (dyn Fn(usize, usize) -> Result<(), Failure> + Send + Sync),
}

/// Runs `program` to its end, or ends it.
pub(crate) async fn run(program: &Program, bounds: Bounds<'_>) -> Outcome {
    let mark = mark();
    // open until the program has ended
    let (program, _files) = match handed(program) {
        Ok(handed) => handed,
        Err(error) => return Failure::new(Kind::Transport, format!("a file for it cannot be made: {error}")).into(),
    };
    let program = &program;
    let mut child = match spawn(program, &mark).await {
        Ok(child) => child,
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => status(ABSENT),
                io::ErrorKind::PermissionDenied => status(MAY_NOT),
                _ => Failure::new(Kind::Transport, error.to_string()).into(),
            };
        }
    };
    let group = Group { leader: child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)), mark };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut last_words = tokio::spawn(tail(stderr, bounds.stderr_bytes));

    let mut body = BytesMut::new();
    let ended = tokio::time::timeout_at(bounds.limit, to_the_end(&mut child, stdout, &mut body, bounds.admit)).await;
    let mut outcome = Outcome::default();
    match ended {
        Ok(Ok(exit)) => match exit.code() {
            Some(code) => outcome.status = Some(u16::try_from(code & 0xff).unwrap_or_default()),
            None => outcome.failure = Some(Failure::new(Kind::Killed, format!("the program ended by {exit}"))),
        },
        Ok(Err(failure)) => outcome.failure = Some(failure),
        Err(_) => {
            let ended_itself = child.try_wait().is_ok_and(|exit| exit.is_some());
            outcome.failure = Some((bounds.late)(if ended_itself {
                "the program ended, but something it started held its output"
            } else {
                "the program did not end in time"
            }));
        }
    }
    // what it left behind ends now, so that standard error ends too
    drop(group);
    let text = tokio::time::timeout(Duration::from_secs(1), &mut last_words).await;
    last_words.abort();
    if let Ok(Ok(text)) = text
        && !text.is_empty()
    {
        outcome.headers.insert(STDERR_HEADER.to_owned(), text);
    }
    outcome.body = body.freeze();
    outcome
}

fn status(status: u16) -> Outcome {
    Outcome { status: Some(status), ..Outcome::default() }
}

/// `program` with the paths of its files in its arguments, and the files. None has a name, so that nothing is left behind when
/// this process is killed: the program opens what this process holds open.
fn handed(program: &Program) -> io::Result<(Program, Vec<std::fs::File>)> {
    let mut program = program.clone();
    let mut files = Vec::with_capacity(program.files.len());
    for argument in &mut program.arguments {
        let Some(name) = argument.strip_prefix(FILE) else { continue };
        let content = program.files.get(name).ok_or_else(|| io::Error::other(format!("nobody hands over `{name}`")))?;
        let mut file = tempfile::tempfile()?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(content.expose_secret().as_bytes())?;
        *argument = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        files.push(file);
    }
    Ok((program, files))
}

async fn spawn(program: &Program, mark: &str) -> io::Result<Child> {
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(&program.environment)
        .envs(program.secrets.iter().map(|(name, secret)| (name, secret.expose_secret())))
        .env(RUN_VARIABLE, mark)
        .current_dir(program.folder.as_deref().unwrap_or(Path::new("/")))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for _ in 0..10 {
        match command.spawn() {
            // somebody is just writing it
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
    command.spawn()
}

/// Reads standard output to its end into `body`, then waits for the program's. Output that is still held open when
/// the program has ended may not be whole, so its end is waited for as well.
async fn to_the_end(
    child: &mut Child,
    stdout: Option<impl AsyncRead + Unpin>,
    body: &mut BytesMut,
    admit: &(dyn Fn(usize, usize) -> Result<(), Failure> + Send + Sync),
) -> Result<std::process::ExitStatus, Failure> {
    let broken = |error: io::Error| Failure::new(Kind::Transport, error.to_string());
    if let Some(mut stdout) = stdout {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = stdout.read(&mut piece).await.map_err(broken)?;
            if read == 0 {
                break;
            }
            admit(body.len(), read)?;
            body.extend_from_slice(&piece[..read]);
        }
    }
    child.wait().await.map_err(broken)
}

/// Reads to the end and keeps the end.
async fn tail(stream: Option<impl AsyncRead + Unpin>, most: usize) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut kept: Vec<u8> = Vec::new();
    let mut piece = vec![0; 8 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        kept.drain(..kept.len().saturating_sub(most));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// A value no other run has.
fn mark() -> String {
    static RUNS: AtomicU64 = AtomicU64::new(1);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    format!("{}-{run}-{}", std::process::id(), jiff::Timestamp::now().as_nanosecond())
}

/// All that one run started. Dropped, also when the run is abandoned, it ends.
struct Group {
    leader: Option<Pid>,
    mark: String,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, Signal::KILL);
        }
        // what left the group still has the mark; each look may find what was started since the last
        for _ in 0..20 {
            let left = marked(&self.mark);
            if left.is_empty() {
                return;
            }
            for process in left {
                let _ = kill_process(process, Signal::KILL);
            }
            std::thread::yield_now();
        }
    }
}

/// The processes that were started with `mark` in their environment.
fn marked(mark: &str) -> Vec<Pid> {
    let needle = format!("{RUN_VARIABLE}={mark}");
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| {
            let process = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            environment.split(|byte| *byte == 0).any(|variable| variable == needle.as_bytes()).then_some(process)
        })
        .collect()
}
