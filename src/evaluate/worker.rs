//! The worker process: the only place where SQL of checks meets evidence.
//!
//! The parent sends limits, then questions; the worker limits itself before it reads the first of them, builds the
//! scratch database and answers. It opens no file and no socket. The parent ends it by SIGKILL at the deadline: a
//! single opcode can run for seconds without any callback, so nothing inside the worker could keep a deadline.

use crate::check::Check;
use crate::confine::confine;
use crate::evaluation::{EvaluateError, Evaluated, evaluate_with};
use crate::inputs::Inputs;
use crate::run::{Grid, InProcess, Question, Runner};
use crate::scratch::Summary;
use model::time::{seconds_text, seconds_up};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Largest message in either direction.
const MAX_MESSAGE_BYTES: u32 = 1 << 30;
/// Rows `evidenced query` returns at most.
const MAX_QUERY_ROWS: usize = 100_000;

/// How to start a worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The program: this one.
    pub program: PathBuf,
    /// The arguments that make it a worker.
    pub args: Vec<String>,
    /// Limit of its address space.
    pub memory_bytes: u64,
    /// Longest time to load the inputs, and longest time for each check.
    pub deadline: Duration,
}

impl Worker {
    /// A worker with the limits that suit populations of some hundred thousand accounts.
    pub fn new(program: PathBuf, args: Vec<String>) -> Self {
        Self { program, args, memory_bytes: 2 << 30, deadline: Duration::from_mins(1) }
    }
}

/// Evaluates `checks` over `inputs` in worker processes; one that dies makes the check it was running inconclusive and
/// is replaced for the rest.
pub fn evaluate(
    worker: &Worker,
    checks: &[&Check],
    parameters: &BTreeMap<String, BTreeMap<String, Value>>,
    inputs: &Inputs,
) -> Result<Evaluated, EvaluateError> {
    evaluate_with(&mut ProcessRunner::new(worker, checks.len()), checks, parameters, inputs)
}

/// Runs one read-only query of a person over `inputs`, at most `most` rows of it; `:as_of` is bound if it is used.
pub fn query(worker: &Worker, inputs: &Inputs, sql: &str, most: usize) -> Result<Grid, EvaluateError> {
    let mut runner = ProcessRunner::new(worker, 1);
    runner.load(inputs).map_err(EvaluateError::Query)?;
    let parameters = BTreeMap::from([("as_of".to_owned(), json!(seconds_text(seconds_up(inputs.as_of))))]);
    let most = most.min(MAX_QUERY_ROWS);
    let question = Question { sql: sql.to_owned(), parameters, most, whole: false, schema: true };
    runner.run(&question).map_err(EvaluateError::Query)
}

#[derive(Serialize)]
enum RequestOut<'a> {
    Load(&'a Inputs),
    Run(&'a Question),
}

#[derive(Deserialize)]
enum Request {
    Load(Box<Inputs>),
    Run(Question),
}

#[derive(Serialize, Deserialize)]
enum Response {
    Loaded(Box<Summary>),
    Rows(Grid),
    Failed(String),
}

/// The worker's side: reads requests until the end of `input`, answers on `output`. Returns the exit code.
pub fn worker_main(mut input: impl Read, mut output: impl Write) -> i32 {
    match serve(&mut input, &mut output) {
        Ok(()) => 0,
        Err(_) => 70,
    }
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut limits = [0; 16];
    input.read_exact(&mut limits)?;
    let (memory, cpu) = limits.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    confine(number(memory), number(cpu))?;
    let mut runner = InProcess::default();
    while let Some(message) = read_message(input)? {
        let response = match serde_json::from_slice(&message).map_err(io::Error::other)? {
            Request::Load(inputs) => {
                runner.load(&inputs).map_or_else(Response::Failed, |summary| Response::Loaded(Box::new(summary)))
            }
            Request::Run(question) => runner.run(&question).map_or_else(Response::Failed, Response::Rows),
        };
        drop(message);
        write_message(output, &serde_json::to_vec(&response).map_err(io::Error::other)?)?;
    }
    Ok(())
}

fn write_message(output: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).ok().filter(|length| *length <= MAX_MESSAGE_BYTES);
    let length = length.ok_or_else(|| io::Error::other("message too large"))?;
    output.write_all(&length.to_be_bytes())?;
    output.write_all(message)?;
    output.flush()
}

/// The next message; none at the end of the input.
fn read_message(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length);
    if length > MAX_MESSAGE_BYTES {
        return Err(io::Error::other("message too large"));
    }
    // grown as bytes arrive, so that a false length costs nothing
    let mut message = Vec::new();
    input.take(u64::from(length)).read_to_end(&mut message)?;
    if message.len() as u64 != u64::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message))
}

/// The parent's side of one worker process at a time.
struct ProcessRunner<'a> {
    worker: &'a Worker,
    cpu_seconds: u64,
    /// What to load again when a worker has died; as large as all inputs, and not copied.
    load: Arc<[u8]>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    requests: Sender<Arc<[u8]>>,
    responses: Receiver<io::Result<Option<Vec<u8>>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // both fail only if it is gone already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> ProcessRunner<'a> {
    fn new(worker: &'a Worker, checks: usize) -> Self {
        // a backstop for a parent that dies: the worker then ends by itself
        let steps = u64::try_from(checks).unwrap_or(u64::MAX).saturating_add(2);
        let cpu_seconds = worker.deadline.as_secs().saturating_add(1).saturating_mul(steps);
        Self { worker, cpu_seconds, load: Arc::default(), running: None }
    }

    fn start(&self) -> Result<Running, String> {
        let cannot = |error: io::Error| format!("the worker process cannot be started: {error}");
        let mut child = Command::new(&self.worker.program)
            .args(&self.worker.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the worker process has no pipes".to_owned());
        };
        let mut limits = self.worker.memory_bytes.to_be_bytes().to_vec();
        limits.extend(self.cpu_seconds.to_be_bytes());
        let (requests, to_send) = mpsc::channel::<Arc<[u8]>>();
        // writing and reading happen beside the deadline, for a stuck worker blocks both
        thread::spawn(move || {
            if stdin.write_all(&limits).is_err() {
                return;
            }
            for message in to_send {
                if write_message(&mut stdin, &message).is_err() {
                    return;
                }
            }
        });
        let (received, responses) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let message = read_message(&mut stdout);
                let last = !matches!(message, Ok(Some(_)));
                if received.send(message).is_err() || last {
                    return;
                }
            }
        });
        Ok(Running { child, requests, responses })
    }

    /// Sends one message and waits for its answer until the deadline; a worker that does not answer is no more.
    fn ask(&mut self, message: Arc<[u8]>) -> Result<Response, String> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        // a worker that died meanwhile is found out by the answer that does not come
        let _ = running.requests.send(message);
        match running.responses.recv_timeout(self.worker.deadline) {
            Ok(Ok(Some(answer))) => {
                let response = serde_json::from_slice(&answer)
                    .map_err(|error| format!("the worker process answered something unreadable: {error}"))?;
                self.running = Some(running);
                Ok(response)
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("the worker process was killed at its deadline of {:?}", self.worker.deadline))
            }
            Ok(Ok(None) | Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                let how = match running.child.wait() {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                };
                Err(format!("the worker process died: {how}"))
            }
        }
    }

    fn ask_load(&mut self) -> Result<Summary, String> {
        match self.ask(Arc::clone(&self.load))? {
            Response::Loaded(summary) => Ok(*summary),
            Response::Failed(problem) => Err(problem),
            Response::Rows(_) => Err("the worker process answered another question".to_owned()),
        }
    }
}

impl Runner for ProcessRunner<'_> {
    fn load(&mut self, inputs: &Inputs) -> Result<Summary, String> {
        self.load = serde_json::to_vec(&RequestOut::Load(inputs)).map_err(|error| error.to_string())?.into();
        self.ask_load()
    }

    fn run(&mut self, question: &Question) -> Result<Grid, String> {
        if self.running.is_none() {
            self.ask_load()?;
        }
        let message = serde_json::to_vec(&RequestOut::Run(question)).map_err(|error| error.to_string())?;
        match self.ask(message.into())? {
            Response::Rows(grid) => Ok(grid),
            Response::Failed(problem) => Err(problem),
            Response::Loaded(_) => Err("the worker process answered another question".to_owned()),
        }
    }
}
