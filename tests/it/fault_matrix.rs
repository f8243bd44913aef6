//! Every call of every HTTP collector meets every fault: never complete, and never a pass.
//!
//! The matrix is made from a recorded clean run, so a call that is added to a collector is added to the matrix. Two
//! controls keep it honest: without a fault the same run is complete, and a fault that passes is survived.

use crate::faults::{Fault, Injection, Proxy, Request, Response, request_of};
use crate::support::long;
use collectors::recording;
use egress::{Context, Egress, NoProgress, Policy};
use model::{Completeness, Exchange, Observation, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Cells that run side by side.
const WIDTH: usize = 8;
/// Longer than any cell may take: a collector that is caught in a loop has failed.
const CELL_TIMEOUT: Duration = Duration::from_secs(30);

/// A recorded run in which nothing went wrong.
struct Clean {
    collector: &'static dyn egress::Collector,
    settings: Value,
    started_at: Timestamp,
    recorded: Vec<Exchange>,
}

/// One call of a clean run, and what is known of it.
struct Place {
    operation: String,
    request: Request,
    nth: usize,
    clean: Response,
    before: Option<Response>,
}

/// What became of one run.
struct Outcome {
    result: Result<Observation, String>,
    injected: usize,
}

impl Outcome {
    fn is_complete(&self) -> bool {
        self.result.as_ref().is_ok_and(|seen| matches!(seen.completeness, Completeness::Complete { .. }))
    }
}

impl Clean {
    /// The run kept in `tests/faults/runs`, which `tests/faults/record` makes anew.
    fn load(id: &str, settings: &str) -> Self {
        let file = format!("{}/{id}.jsonl", runs());
        let recorded = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self {
            collector: collectors::find(id).unwrap(),
            settings: serde_json::from_str(settings).unwrap(),
            started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            recorded: recording::read(&recorded).unwrap(),
        }
    }

    /// The settings, with the proxy in the source's place.
    fn settings_at(&self, proxy: &Proxy) -> Value {
        let mut settings = self.settings.clone();
        let key = if self.collector.spec().settings.contains_key("api_url") { "api_url" } else { "endpoint_url" };
        let path = settings.get(key).and_then(Value::as_str).and_then(|url| url.splitn(4, '/').nth(3)).unwrap_or_default();
        settings[key] = Value::String(format!("{}/{path}", proxy.url()));
        settings
    }

    fn context(&self, settings: Value, egress: Egress) -> Context {
        let secrets = ["token", "access_key_id", "secret_access_key"];
        let secrets = secrets.map(|key| (key.to_owned(), SecretString::from(format!("example-{key}"))));
        let source = "source".to_owned();
        Context { source, settings, secrets: BTreeMap::from(secrets), egress, started_at: self.started_at }
    }

    /// Runs the collector against the proxy.
    async fn run(&self, proxy: &Proxy, request_timeout: Duration) -> Outcome {
        let settings = self.settings_at(proxy);
        let policy = Policy {
            attempts: 3,
            first_wait: Duration::from_millis(1),
            max_wait: Duration::from_millis(2),
            request_timeout,
            deadline: CELL_TIMEOUT,
            ..self.collector.policy(&settings).unwrap()
        };
        let context = self.context(settings, Egress::live(policy, Arc::new(NoProgress)).unwrap());
        let outcome = tokio::time::timeout(CELL_TIMEOUT, self.collector.collect(&context)).await;
        let result = outcome.unwrap_or_else(|_| panic!("the run did not end")).map_err(|error| error.to_string());
        Outcome { result, injected: proxy.injected() }
    }

    /// Every call of the run.
    fn places(&self) -> Vec<Place> {
        let answers = self.recorded.iter().filter(|exchange| exchange.record.error.is_none());
        let mut places: Vec<Place> = Vec::new();
        for exchange in answers {
            let request = request_of(exchange);
            let nth = places.iter().filter(|place| place.request.is_same(&request)).count();
            let before = places.iter().rev().find(|place| place.request.is_page_of(&request) && !place.request.is_same(&request));
            places.push(Place {
                operation: exchange.record.operation.clone(),
                nth,
                clean: Response {
                    status: exchange.record.status.unwrap(),
                    headers: exchange.record.headers.clone().into_iter().collect(),
                    body: exchange.body.to_vec(),
                },
                before: before.map(|place| place.clean.clone()),
                request,
            });
        }
        places
    }
}

/// One cell: a call and a fault.
struct Cell {
    operation: String,
    injection: Injection,
}

impl Cell {
    fn name(&self) -> String {
        format!("{} #{} {:?}", self.operation, self.injection.nth, self.injection.fault)
    }
}

/// Faults that later calls of the same operation meet too in a short run; in a long one they meet all.
const EVERYWHERE: &[Fault] = &[Fault::Status(403), Fault::Status(500), Fault::Cut, Fault::Truncated];

/// Faults that last, at every operation; `counted` are the operations whose members somebody else counts too.
fn lasting(clean: &Clean, counted: &[&str]) -> Vec<Cell> {
    let places = clean.places();
    let mut cells = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let same = |other: &Place| other.operation == place.operation;
        let (first, last) = (!places[..at].iter().any(same), !places[at + 1..].iter().any(same));
        let mut faults = match (long() || first, last) {
            (true, _) => [Fault::ANYWHERE, Fault::LISTING].concat(),
            (false, true) => [EVERYWHERE, Fault::LISTING].concat(),
            (false, false) => continue,
        };
        if counted.contains(&place.operation.as_str()) {
            faults.extend(Fault::COUNTED);
        }
        cells.extend(place.cells(&faults, None));
    }
    cells
}

/// Faults that happen once and pass, at every operation.
fn passing(clean: &Clean) -> Vec<Cell> {
    let places = clean.places();
    let mut cells = Vec::new();
    for (at, place) in places.iter().enumerate() {
        if long() {
            let faults: Vec<Fault> = Fault::ANYWHERE.iter().copied().filter(|fault| fault.is_passing()).collect();
            cells.extend(place.cells(&faults, Some(1)));
        } else if !places[..at].iter().any(|other| other.operation == place.operation) {
            cells.extend(place.cells(&[Fault::Status(503), Fault::Throttled, Fault::Reset, Fault::Cut], Some(1)));
        }
    }
    cells
}

impl Place {
    fn cells<'a>(&'a self, faults: &'a [Fault], times: Option<usize>) -> impl Iterator<Item = Cell> + 'a {
        let fitting = faults.iter().filter(|fault| fault.fits(&self.request, &self.clean, self.before.as_ref()));
        fitting.map(move |fault| Cell {
            operation: self.operation.clone(),
            injection: Injection { request: self.request.clone(), nth: self.nth, fault: *fault, times },
        })
    }
}

/// Runs all cells, a few side by side, and returns what `judge` has against them.
fn run_all(clean: Clean, cells: Vec<Cell>, judge: fn(&Cell, &Outcome) -> Option<String>) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (clean, cells, next) = (Arc::new(clean), Arc::new(cells), Arc::new(AtomicUsize::new(0)));
    runtime.block_on(async {
        let workers: Vec<_> = (0..WIDTH)
            .map(|_| {
                let (clean, cells, next) = (clean.clone(), cells.clone(), next.clone());
                tokio::spawn(async move {
                    let proxy = Proxy::replaying(&clean.recorded);
                    let mut against = Vec::new();
                    while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                        proxy.inject(Some(cell.injection.clone()));
                        let patience = if cell.injection.fault == Fault::Silence { 250 } else { 10_000 };
                        let outcome = clean.run(&proxy, Duration::from_millis(patience)).await;
                        against.extend(judge(cell, &outcome).map(|what| format!("{}: {what}", cell.name())));
                    }
                    against
                })
            })
            .collect();
        let mut against = Vec::new();
        for worker in workers {
            against.extend(worker.await.unwrap());
        }
        against
    })
}

fn never_complete(cell: &Cell, outcome: &Outcome) -> Option<String> {
    if outcome.injected == 0 {
        return Some("the fault never happened".to_owned());
    }
    outcome.is_complete().then(|| format!("complete after {} faults {:?}", outcome.injected, cell.injection.times))
}

fn survived(_: &Cell, outcome: &Outcome) -> Option<String> {
    match &outcome.result {
        _ if outcome.injected != 1 => Some(format!("the fault happened {} times", outcome.injected)),
        Ok(seen) => match &seen.completeness {
            Completeness::Complete { .. } => None,
            Completeness::Incomplete { reasons } => Some(format!("{reasons:?}")),
        },
        Err(error) => Some(error.clone()),
    }
}

/// The matrix of one collector.
fn matrix(id: &str, settings: &str, counted: &[&str]) {
    let load = || Clean::load(id, settings);
    control(&load());

    let lasting = lasting(&load(), counted);
    let count = lasting.len();
    let against = run_all(load(), lasting, never_complete);
    assert!(against.is_empty(), "{} of {count} cells:\n{}", against.len(), against.join("\n"));

    let passing = passing(&load());
    let survivable = passing.len();
    let against = run_all(load(), passing, survived);
    assert!(against.is_empty(), "{} of {survivable} cells:\n{}", against.len(), against.join("\n"));
    println!("{id}: {count} cells with a lasting fault, none complete; {survivable} with a passing one, all survived");
}

/// Without a fault the run is complete: otherwise "not complete" would prove nothing.
fn control(clean: &Clean) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = Proxy::replaying(&clean.recorded);
    let outcome = runtime.block_on(clean.run(&proxy, Duration::from_secs(10)));
    match &outcome.result {
        Ok(seen) => assert!(outcome.is_complete(), "{:?}", seen.completeness),
        Err(error) => panic!("{error}: {:?}", proxy.calls()),
    }
    assert_eq!(outcome.injected, 0);
    let unknown: Vec<_> = proxy.calls().into_iter().filter(|call| call.status == Some(404)).collect();
    assert!(unknown.is_empty(), "the collector asks what the recorded run did not: record it anew: {unknown:?}");
}

fn runs() -> String {
    format!("{}/../../tests/faults/runs", env!("CARGO_MANIFEST_DIR"))
}

const AWS_IAM: &str = r#"{"account_id":"123456789012","region":"us-east-1","detail":"per_user"}"#;

#[test]
fn no_fault_makes_aws_iam_complete() {
    // users are counted by the account summary, the credential report and the authorisation details
    matrix("aws_iam", AWS_IAM, &["iam:ListUsers", "iam:GetAccountSummary"]);
}
