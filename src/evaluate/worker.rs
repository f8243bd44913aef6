//! The worker process: the only place where SQL of checks meets evidence.
//!
//! The parent sends limits, then questions; the worker confines itself before it reads the first of them, says how far it
//! could, builds the scratch database and answers. It opens no file and no socket. The parent ends it by SIGKILL at the deadline: a
//! single opcode can run for seconds without any callback, so nothing inside the worker could keep a deadline.
//!
//! Loading has two steps: the sources are mapped, and then the engine adds what it knows. Between the two the parent may ask what a
//! source shows, which it needs to tell the worker the history. Rows follow the message that asks for a step: each table in
//! pieces, and an empty message after its last. Neither side holds them; when a worker has died, they are read from the store again.

use crate::answer::{Part, Sending, receive};
use crate::check::Check;
use crate::confine::{Confinement, confine};
use crate::evaluation::{Each, EvaluateError, Evaluated, evaluate_with, state};
use crate::history::{HistoryInput, Observed, shown};
use crate::inputs::{Inputs, TableInput};
use crate::rows::{Rows, RowsError, Take};
use crate::run::{Grid, InProcess, LoadError, MAX_ROWS, Question, Runner, TakeRows};
use crate::scratch::{Summary, past_in_order, present_in_order};
use model::InputState;
use model::time::{seconds_text, seconds_up};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Largest message in either direction.
const MAX_MESSAGE_BYTES: u32 = 1 << 30;
/// Largest piece of a table that is sent at once.
const PIECE_BYTES: usize = 256 << 10;
/// Messages of a worker that are held until they are looked at.
const MESSAGES_AHEAD: usize = 4;
/// Rows `evidenced query` returns at most.
const MAX_QUERY_ROWS: usize = 100_000;

/// Rows that a worker gets another second for: many times what it needs.
pub const ROWS_A_SECOND: u64 = 10_000;

/// Said of an answer that fits no question.
const ANOTHER_QUESTION: &str = "the worker process answered another question";

/// How to start a worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The program: this one.
    pub program: PathBuf,
    /// The arguments that make it a worker.
    pub args: Vec<String>,
    /// Limit of its address space.
    pub memory_bytes: u64,
    /// Longest time to load the inputs, and longest time for each check; a second more for every [`ROWS_A_SECOND`] rows there are.
    pub deadline: Duration,
    /// What to do where the kernel cannot confine it wholly.
    pub sandbox: Sandbox,
}

/// What to do where the kernel cannot confine the worker wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Evaluate nothing: every check is inconclusive and says so.
    Required,
    /// Go on with what there is; [`Evaluated::confinement`] says what is lacking.
    BestEffort,
}

impl Worker {
    /// A worker with the limits that suit populations of some hundred thousand accounts.
    pub fn new(program: PathBuf, args: Vec<String>) -> Self {
        Self { program, args, memory_bytes: 2 << 30, deadline: Duration::from_mins(1), sandbox: Sandbox::BestEffort }
    }
}

/// Worker processes for what is asked of one set of inputs. One that dies is replaced.
pub struct Session<'a>(ProcessRunner<'a>);

impl<'a> Session<'a> {
    /// None is started yet; they will be asked `steps` times at most.
    pub fn new(worker: &'a Worker, steps: usize) -> Self {
        Self(ProcessRunner::new(worker, steps))
    }

    /// What the snapshot that `inputs` have of `source` shows, told by the worker that is asked the rest afterwards. None where its
    /// rows cannot be mapped together with the others, or no worker can tell.
    pub fn observe(&mut self, inputs: &Inputs, source: &str) -> Option<Observed> {
        let unmapped = self.0.begun(inputs).ok()?;
        let provides = &inputs.sources.iter().find(|known| known.name == source)?.provides;
        if unmapped.contains_key(source) {
            return None;
        }
        shown(&mut self.0, provides, Some(source)).ok()
    }

    /// Evaluates `checks` over `inputs`; one that kills its worker is inconclusive. Each evaluation is handed to `each` before the
    /// next is made.
    pub fn evaluate(
        &mut self,
        checks: &[&Check],
        parameters: &BTreeMap<String, BTreeMap<String, Value>>,
        inputs: &Inputs,
        each: &mut Each<'_>,
    ) -> Result<Evaluated, EvaluateError> {
        let evaluated = evaluate_with(&mut self.0, checks, parameters, inputs, each)?;
        Ok(Evaluated { confinement: self.0.confinement.clone(), ..evaluated })
    }

    /// Runs one read-only query of a person over `inputs`, at most `most` rows of it; `:as_of` is bound if it is used.
    pub fn query(&mut self, inputs: &Inputs, sql: &str, most: usize) -> Result<Grid, EvaluateError> {
        self.0.load(inputs).map_err(of_load)?;
        let parameters = BTreeMap::from([("as_of".to_owned(), json!(seconds_text(seconds_up(inputs.as_of))))]);
        let most = most.min(MAX_QUERY_ROWS);
        let question = Question { sql: sql.to_owned(), parameters, most, whole: false, schema: true };
        self.0.run(&question).map_err(EvaluateError::Query)
    }

    /// Runs `questions` of the program itself over `inputs`; `:as_of` is bound where it is used. More rows than a check may have
    /// members are an error.
    pub fn look(&mut self, inputs: &Inputs, questions: &[&str]) -> Result<Look, EvaluateError> {
        let summary = self.0.load(inputs).map_err(of_load)?;
        let parameters = BTreeMap::from([("as_of".to_owned(), json!(seconds_text(seconds_up(inputs.as_of))))]);
        let mut grids = Vec::with_capacity(questions.len());
        for sql in questions {
            let parameters = parameters.clone();
            let question = Question { sql: (*sql).to_owned(), parameters, most: MAX_ROWS, whole: true, schema: false };
            grids.push(self.0.run(&question).map_err(EvaluateError::Query)?);
        }
        let standing = inputs.sources.iter().map(|source| {
            let unmapped = summary.unmapped.get(&source.name);
            (source.name.clone(), state(source, inputs, source.max_age, unmapped))
        });
        Ok(Look { grids, standing: standing.collect() })
    }
}

/// What questions of the program itself brought to light.
#[derive(Debug)]
pub struct Look {
    /// The rows of each question, all of them.
    pub grids: Vec<Grid>,
    /// By source, how its evidence stands, and in words why it is not good.
    pub standing: BTreeMap<String, (InputState, Option<String>)>,
}

fn of_load(error: LoadError) -> EvaluateError {
    match error {
        LoadError::Unbuilt(problem) => EvaluateError::Query(problem),
        LoadError::Rows { snapshot, error } => EvaluateError::of_rows(snapshot, &error),
        LoadError::LeftOut => EvaluateError::Query(error.to_string()),
    }
}

/// Evaluates `checks` over `inputs` in worker processes of their own.
pub fn evaluate(
    worker: &Worker,
    checks: &[&Check],
    parameters: &BTreeMap<String, BTreeMap<String, Value>>,
    inputs: &Inputs,
    each: &mut Each<'_>,
) -> Result<Evaluated, EvaluateError> {
    Session::new(worker, checks.len()).evaluate(checks, parameters, inputs, each)
}

/// Starts a worker to see which confinements hold on this host; an error is a sentence.
pub fn confinement(worker: &Worker) -> Result<Confinement, String> {
    let worker = Worker { sandbox: Sandbox::BestEffort, ..worker.clone() };
    let mut runner = ProcessRunner::new(&worker, 0);
    runner.start()?;
    runner.confinement.ok_or_else(|| "the worker process did not say how it is confined".to_owned())
}

#[derive(Serialize)]
enum RequestOut<'a> {
    Begin(&'a Inputs),
    Finish(&'a [HistoryInput]),
    Run(&'a Question),
}

#[derive(Deserialize)]
enum Request {
    Begin(Box<Inputs>),
    Finish(Vec<HistoryInput>),
    Run(Question),
}

#[derive(Serialize, Deserialize)]
enum Response {
    /// The first word of a worker, before it reads a question.
    Confined(Confinement),
    /// The sources that could not be mapped, and why.
    Begun(BTreeMap<String, String>),
    /// The lines of the identity map follow in pieces, and an empty message after the last.
    Loaded(Box<Summary>),
    /// Rows follow under these columns, as [`crate::answer`] has them, and then [`Response::Asked`] or that it failed all the same.
    Rows(Vec<String>),
    /// Whether there were more rows than asked for.
    Asked(bool),
    Failed(String),
    /// There is no database: [`LoadError::LeftOut`].
    LeftOut,
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
    let confined = Response::Confined(confine(number(memory), number(cpu))?);
    write_message(output, &serde_json::to_vec(&confined).map_err(io::Error::other)?)?;
    let mut runner = InProcess::default();
    let mut begun: Option<Box<Inputs>> = None;
    while let Some(message) = read_message(input)? {
        let response = match serde_json::from_slice(&message).map_err(io::Error::other)? {
            Request::Begin(inputs) => match runner.begin_with(&inputs, &mut |_, take| receive_rows(input, take)) {
                Ok(unmapped) => {
                    begun = Some(inputs);
                    Response::Begun(unmapped)
                }
                Err(LoadError::Unbuilt(problem)) => Response::Failed(problem),
                // the other side knows why they end
                Err(error) => return Err(io::Error::other(error)),
            },
            Request::Finish(history) => {
                let inputs = begun.take().map(|inputs| Inputs { history, ..*inputs });
                let inputs = inputs.ok_or_else(|| io::Error::other("what is finished was not begun"))?;
                match runner.finish_with(&inputs, &mut |_, take| receive_rows(input, take)) {
                    Ok(mut summary) => {
                        let links = std::mem::take(&mut summary.links);
                        let loaded = Response::Loaded(Box::new(summary));
                        write_message(output, &serde_json::to_vec(&loaded).map_err(io::Error::other)?)?;
                        send_pieces(output, &links)?;
                        write_message(output, &[])?;
                        continue;
                    }
                    Err(LoadError::Unbuilt(problem)) => Response::Failed(problem),
                    Err(LoadError::LeftOut) => Response::LeftOut,
                    Err(error @ LoadError::Rows { .. }) => return Err(io::Error::other(error)),
                }
            }
            Request::Run(question) => answer_rows(&mut runner, &question, output)?,
        };
        drop(message);
        write_message(output, &serde_json::to_vec(&response).map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// Sends the rows that answer `question`; what is to be said after them.
fn answer_rows(runner: &mut InProcess, question: &Question, output: &mut impl Write) -> io::Result<Response> {
    let mut sending = Sending::new(|part: Part<'_>| match part {
        Part::Columns(columns) => write_message(output, &serde_json::to_vec(&Response::Rows(columns.to_vec()))?),
        Part::Piece(piece) => write_message(output, piece),
    });
    let answered = runner.each(question, &mut sending);
    sending.finish(answered.is_ok())?;
    Ok(answered.map_or_else(Response::Failed, Response::Asked))
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

fn send_pieces(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    bytes.chunks(PIECE_BYTES).try_for_each(|piece| write_message(output, piece))
}

/// Sends the rows of one table.
fn send_rows(output: &mut impl Write, rows: &dyn Rows) -> Result<(), RowsError> {
    rows.pour(&mut |piece| send_pieces(output, piece))?;
    Ok(write_message(output, &[])?)
}

/// Gives the rows of one table as they arrive.
fn receive_rows(input: &mut impl Read, take: &mut Take<'_>) -> Result<(), RowsError> {
    loop {
        match read_message(input)? {
            Some(piece) if piece.is_empty() => return Ok(()),
            Some(piece) => take(&piece)?,
            None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// A step of loading: what a worker is told, and again when one that died is replaced.
struct Load {
    message: Vec<u8>,
    /// The rows of every table with the id of its snapshot, in the order in which they are asked for.
    tables: Vec<(String, Arc<dyn Rows>)>,
    /// Whose rows did not come, and why.
    broken: Mutex<Option<(String, RowsError)>>,
}

impl Load {
    fn of<'a>(
        request: &RequestOut<'_>,
        tables: impl Iterator<Item = (&'a str, &'a TableInput)>,
    ) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            message: serde_json::to_vec(request).map_err(|error| error.to_string())?,
            tables: tables.map(|(snapshot, table)| (snapshot.to_owned(), Arc::clone(&table.rows))).collect(),
            broken: Mutex::default(),
        }))
    }

    fn send(&self, output: &mut impl Write) -> io::Result<()> {
        write_message(output, &self.message)?;
        for (snapshot, rows) in &self.tables {
            match send_rows(output, &**rows) {
                Ok(()) => {}
                Err(RowsError::Refused(gone)) => return Err(gone),
                Err(error) => {
                    *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some((snapshot.clone(), error));
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
        }
        Ok(())
    }
}

/// What goes to a worker.
enum ToSend {
    Load(Arc<Load>),
    Question(Vec<u8>),
}

/// The parent's side of one worker process at a time.
pub(crate) struct ProcessRunner<'a> {
    worker: &'a Worker,
    /// How often a worker may be asked.
    steps: u64,
    deadline: Duration,
    /// The first step, and what came of it in the worker that runs, as long as the second has not been made there.
    first: Option<Arc<Load>>,
    begun: Option<BTreeMap<String, String>>,
    second: Option<Arc<Load>>,
    running: Option<Running>,
    /// What the last worker said of itself.
    confinement: Option<Confinement>,
}

struct Running {
    child: Child,
    requests: Option<Sender<ToSend>>,
    writer: Option<JoinHandle<()>>,
    responses: Receiver<io::Result<Option<Vec<u8>>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // both fail only if it is gone already
        let _ = self.child.kill();
        let _ = self.child.wait();
        // nobody reads the store after this
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn unreadable(problem: &dyn Display) -> String {
    format!("the worker process answered something unreadable: {problem}")
}

/// How a worker that says nothing more ended; one that only closed its output and lives on is killed.
fn ended(child: &mut Child) -> io::Result<ExitStatus> {
    for _ in 0..100 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()
}

impl<'a> ProcessRunner<'a> {
    pub(crate) fn new(worker: &'a Worker, checks: usize) -> Self {
        // a backstop for a parent that dies: the worker then ends by itself
        let steps = u64::try_from(checks).unwrap_or(u64::MAX).saturating_add(2);
        Self {
            worker,
            steps,
            deadline: worker.deadline,
            first: None,
            begun: None,
            second: None,
            running: None,
            confinement: None,
        }
    }

    /// A worker that has confined itself as far as is asked for.
    fn start(&mut self) -> Result<Running, String> {
        let mut running = self.spawn()?;
        let Response::Confined(confinement) = self.answer(&mut running, Instant::now() + self.deadline)? else {
            return Err(ANOTHER_QUESTION.to_owned());
        };
        if self.worker.sandbox == Sandbox::Required && !confinement.lacks.is_empty() {
            let lacks = confinement.lacks.join("; ");
            return Err(format!("the worker process cannot be confined as `checks.sandbox` requires: {lacks}"));
        }
        self.confinement = Some(confinement);
        Ok(running)
    }

    fn spawn(&self) -> Result<Running, String> {
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
        limits.extend(self.deadline.as_secs().saturating_add(1).saturating_mul(self.steps).to_be_bytes());
        let (requests, to_send) = mpsc::channel::<ToSend>();
        // writing and reading happen beside the deadline, for a stuck worker blocks both
        let writer = thread::spawn(move || {
            if stdin.write_all(&limits).is_err() {
                return;
            }
            for message in to_send {
                let sent = match message {
                    ToSend::Load(load) => load.send(&mut stdin),
                    ToSend::Question(message) => write_message(&mut stdin, &message),
                };
                if sent.is_err() {
                    return;
                }
            }
        });
        let (received, responses) = mpsc::sync_channel(MESSAGES_AHEAD);
        thread::spawn(move || {
            loop {
                let message = read_message(&mut stdout);
                let last = !matches!(message, Ok(Some(_)));
                if received.send(message).is_err() || last {
                    return;
                }
            }
        });
        Ok(Running { child, requests: Some(requests), writer: Some(writer), responses })
    }

    /// Sends one message, and has the whole answer to it read by `read`; a worker that does not answer is no more.
    fn ask<T>(
        &mut self,
        message: ToSend,
        read: impl FnOnce(&Self, &mut Running, Instant) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let until = Instant::now() + self.deadline;
        // a worker that died meanwhile is found out by the answer that does not come
        let _ = running.requests.as_ref().map(|requests| requests.send(message));
        let answer = read(self, &mut running, until)?;
        self.running = Some(running);
        Ok(answer)
    }

    /// The next answer.
    fn answer(&self, running: &mut Running, until: Instant) -> Result<Response, String> {
        serde_json::from_slice(&self.message(running, until)?).map_err(|error| unreadable(&error))
    }

    /// The next message.
    fn message(&self, running: &mut Running, until: Instant) -> Result<Vec<u8>, String> {
        match running.responses.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Ok(Some(message))) => Ok(message),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("the worker process was killed at its deadline of {:?}", self.deadline))
            }
            Ok(Ok(None) | Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                let how = ended(&mut running.child).map_or_else(|error| error.to_string(), |status| status.to_string());
                Err(format!("the worker process died: {how}"))
            }
        }
    }

    /// The answer to a question, its rows handed over: whether there were more, or why it failed. An error is the worker's end.
    fn asked(
        &self,
        running: &mut Running,
        until: Instant,
        question: &Question,
        take: &mut dyn TakeRows,
    ) -> Result<Result<bool, String>, String> {
        let columns = match self.answer(running, until)? {
            Response::Rows(columns) => columns,
            Response::Failed(problem) => return Ok(Err(problem)),
            _ => return Err(ANOTHER_QUESTION.to_owned()),
        };
        take.columns(&columns);
        let (mut bytes, mut left) = (0, question.most);
        loop {
            let piece = self.message(running, until)?;
            if piece.is_empty() {
                break;
            }
            bytes += piece.len() as u64;
            if bytes > u64::from(MAX_MESSAGE_BYTES) {
                return Err(unreadable(&"it is too large"));
            }
            left -= receive(&piece, columns.len(), left, take).map_err(|problem| unreadable(&problem))?;
        }
        match self.answer(running, until)? {
            Response::Asked(more) => Ok(Ok(more)),
            Response::Failed(problem) => Ok(Err(problem)),
            _ => Err(ANOTHER_QUESTION.to_owned()),
        }
    }

    /// What came of loading: what the database shows, or why there is none. An error is the worker's end.
    fn loaded(&self, running: &mut Running, until: Instant) -> Result<Result<Summary, LoadError>, String> {
        let mut summary = match self.answer(running, until)? {
            Response::Loaded(summary) => *summary,
            Response::Failed(problem) => return Ok(Err(problem.into())),
            Response::LeftOut => return Ok(Err(LoadError::LeftOut)),
            _ => return Err(ANOTHER_QUESTION.to_owned()),
        };
        loop {
            let piece = self.message(running, until)?;
            if piece.is_empty() {
                return Ok(Ok(summary));
            }
            if (summary.links.len() + piece.len()) as u64 > u64::from(MAX_MESSAGE_BYTES) {
                return Err(unreadable(&"it is too large"));
            }
            summary.links.extend_from_slice(&piece);
        }
    }

    /// Has the worker make one step of loading.
    fn step<T>(
        &mut self,
        load: &Arc<Load>,
        read: impl FnOnce(&Self, &mut Running, Instant) -> Result<Result<T, LoadError>, String>,
    ) -> Result<T, LoadError> {
        let answer = self.ask(ToSend::Load(Arc::clone(load)), read);
        // it dies when they end before their end
        if let Some((snapshot, error)) = load.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(LoadError::Rows { snapshot, error });
        }
        answer?
    }

    fn first_step(&mut self) -> Result<(), LoadError> {
        let first = self.first.clone().ok_or_else(|| "nothing was loaded".to_owned())?;
        let unmapped = self.step(&first, |runner, running, until| match runner.answer(running, until)? {
            Response::Begun(unmapped) => Ok(Ok(unmapped)),
            Response::Failed(problem) => Ok(Err(problem.into())),
            _ => Err(ANOTHER_QUESTION.to_owned()),
        })?;
        self.begun = Some(unmapped);
        Ok(())
    }

    fn second_step(&mut self, second: &Arc<Load>) -> Result<Summary, LoadError> {
        self.begun = None;
        self.step(second, Self::loaded)
    }

    /// Loads again what the worker had that is no more.
    fn load_again(&mut self) -> Result<(), LoadError> {
        self.first_step()?;
        match self.second.clone() {
            Some(second) => self.second_step(&second).map(drop),
            None => Ok(()),
        }
    }

    /// The sources of `inputs` that could not be mapped, by a worker that has mapped the others and waits for the second step.
    pub(crate) fn begun(&mut self, inputs: &Inputs) -> Result<&BTreeMap<String, String>, LoadError> {
        let first = Load::of(&RequestOut::Begin(inputs), present_in_order(inputs))?;
        let is_the_same = self.first.as_ref().is_some_and(|before| before.message == first.message);
        if !is_the_same || self.begun.is_none() || self.running.is_none() {
            let tables = present_in_order(inputs).chain(past_in_order(inputs));
            let rows: u64 = tables.map(|(_, table)| table.rows.count()).sum();
            self.deadline = self.worker.deadline + Duration::from_secs(rows / ROWS_A_SECOND);
            (self.first, self.begun, self.second) = (Some(first), None, None);
            self.first_step()?;
        }
        Ok(self.begun.get_or_insert_default())
    }
}

impl Runner for ProcessRunner<'_> {
    fn begin(&mut self, inputs: &Inputs) -> Result<BTreeMap<String, String>, LoadError> {
        self.begun(inputs).cloned()
    }

    fn load(&mut self, inputs: &Inputs) -> Result<Summary, LoadError> {
        self.begun(inputs)?;
        let second = Load::of(&RequestOut::Finish(&inputs.history), past_in_order(inputs))?;
        self.second = Some(Arc::clone(&second));
        self.second_step(&second)
    }

    fn rows(&mut self, question: &Question, take: &mut dyn TakeRows) -> Result<bool, String> {
        if self.running.is_none() {
            self.load_again().map_err(|error| format!("loading again after a worker was lost: {error}"))?;
        }
        let message = serde_json::to_vec(&RequestOut::Run(question)).map_err(|error| error.to_string())?;
        self.ask(ToSend::Question(message), |runner, running, until| runner.asked(running, until, question, take))?
    }
}
