//! Every call of every HTTP collector meets every fault: never complete, and never a pass.
//!
//! The matrix is made from the collectors' own recorded runs, so a call that is added to a collector is added to the
//! matrix. Three controls keep it honest: without a fault the same run is complete and some check passes over it, the
//! fault did happen, and a fault that passes is survived.

use crate::faults::{Fault, Injection, Proxy, Request, Response, request_of};
use crate::peers::keys::{PRIVATE_KEY, service_account};
use crate::peers::moto::{ACCOUNT, Moto};
use crate::support::{long, program};
use collectors::recording;
use egress::{Collector, Context, Egress, NoProgress, Policy, Shape};
use evaluate::{Catalogues, CheckSet, CollectorTables, Inputs, SnapshotInput, SourceInput, Worker};
use jiff::SignedDuration;
use model::collector::SettingKind;
use model::{Completeness, Digest, Evaluation, Exchange, Observation, Outcome, SnapshotStatus, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Cells that run side by side; most of them wait, for a report or a silent source.
const WIDTH: usize = 24;
/// Longer than any cell may take: a collector that is caught in a loop has failed.
const CELL_TIMEOUT: Duration = Duration::from_mins(2);
/// One cell in so many is also put before the checks; in a long run every one.
const CHECKED: usize = 12;

/// A collector that speaks HTTP and the recorded run it is tried with.
pub(crate) struct Row {
    pub(crate) collector: &'static str,
    pub(crate) case: &'static str,
    /// The operations that list the population itself: their members' every field is in a table.
    population: &'static [&'static str],
    /// The operations whose members are counted by somebody else too, so that even a missing member shows.
    pub(crate) counted: &'static [&'static str],
}

pub(crate) const MATRIX: &[Row] = &[
    Row {
        collector: "aws_iam",
        case: "per_user",
        population: &["iam:ListUsers"],
        counted: &["iam:ListUsers", "iam:GetAccountSummary", "iam:GetAccountAuthorizationDetails", "iam:ListRoles"],
    },
    Row {
        collector: "aws_organization",
        case: "whole",
        population: &["organizations:ListAccounts"],
        counted: &["organizations:ListAccounts", "organizations:ListAccountsForParent"],
    },
    Row {
        collector: "aws_backup",
        case: "whole",
        population: &["backup:ListBackupJobs", "rds:DescribeDBSnapshots", "ec2:DescribeSnapshots"],
        counted: &[],
    },
    Row {
        collector: "github_org",
        case: "whole",
        population: &["GET /orgs/{org}/members"],
        counted: &[
            "GET /orgs/{org}/members",
            "GET /orgs/{org}/members?role=admin",
            "GET /orgs/{org}/members?role=member",
        ],
    },
    Row {
        collector: "okta",
        case: "whole",
        population: &["GET /api/v1/users"],
        counted: &["GET /api/v1/users", "GET /api/v1/users?filter=status", "GET /api/v1/groups/{groupId}/users"],
    },
    Row {
        collector: "entra_id",
        case: "whole",
        population: &["GET /users"],
        counted: &[
            "GET /users",
            "GET /users?$select=signInActivity",
            "GET /directory/deletedItems/microsoft.graph.user",
            "GET /groups",
            "GET /groups/{id}/members",
            "GET /groups/{id}/transitiveMembers",
            "GET /applications",
            "GET /servicePrincipals",
        ],
    },
    Row {
        collector: "google_workspace",
        case: "whole",
        population: &["GET /admin/directory/v1/users"],
        // Google counts the members of groups and nothing else
        counted: &["GET /admin/directory/v1/groups/{groupKey}/members"],
    },
    Row {
        collector: "scim",
        case: "whole",
        population: &["GET /Users"],
        counted: &["GET /Users?count=0", "GET /Users", "GET /Groups?count=0", "GET /Groups"],
    },
    Row {
        collector: "bamboohr",
        case: "whole",
        population: &["GET /api/v1/employees"],
        // of the status table only the rows of today are named elsewhere too
        counted: &["GET /api/v1/employees"],
    },
    Row {
        collector: "personio",
        case: "whole",
        population: &["GET /v1/company/employees"],
        counted: &["GET /v1/company/employees", "GET /v1/company/employees?limit=1"],
    },
    Row {
        collector: "http_json",
        case: "counted_cursor",
        population: &["GET the records"],
        counted: &["GET the records"],
    },
    Row {
        collector: "github_repos",
        case: "two_repositories",
        population: &["GET /orgs/{org}/repos"],
        counted: &["GET /orgs/{org}/repos"],
    },
];

#[test]
fn no_fault_makes_aws_iam_complete() {
    matrix("aws_iam");
}

/// The emulator's own answers, its lists cut into pages of two: every page of every listing has a page beside it.
#[test]
fn no_fault_makes_many_small_pages_of_aws_iam_complete() {
    let moto = Moto::start();
    moto.populate(5);
    let proxy = Proxy::paging(moto.address(), 2);
    let clean = Clean::record(
        "aws_iam",
        &json!({ "account_id": ACCOUNT, "endpoint_url": proxy.url(), "other_credentials": false }),
    );
    let row = Row { case: "the emulator in pages of two", ..*row("aws_iam") };
    let pages = |operation: &str| clean.recorded.iter().filter(|page| page.record.operation == operation).count();
    assert!(pages("iam:GetAccountAuthorizationDetails") > 10, "too few pages to repeat");
    matrix_of(&Arc::new(clean), &row);
}

#[test]
fn no_fault_makes_aws_organization_complete() {
    matrix("aws_organization");
}

#[test]
fn no_fault_makes_aws_backup_complete() {
    matrix("aws_backup");
}

#[test]
fn no_fault_makes_github_org_complete() {
    matrix("github_org");
}

#[test]
fn no_fault_makes_okta_complete() {
    matrix("okta");
}

#[test]
fn no_fault_makes_entra_id_complete() {
    matrix("entra_id");
}

#[test]
fn no_fault_makes_google_workspace_complete() {
    matrix("google_workspace");
}

#[test]
fn no_fault_makes_scim_complete() {
    matrix("scim");
}

#[test]
fn no_fault_makes_http_json_complete() {
    matrix("http_json");
}

/// Where nobody counts, the pages themselves must show what is wrong with them.
#[test]
fn no_fault_makes_a_listing_of_http_json_by_links_complete() {
    let row = Row { case: "links", counted: &[], ..*row("http_json") };
    matrix_of(&Arc::new(Clean::load(row.collector, row.case)), &row);
}

#[test]
fn no_fault_makes_bamboohr_complete() {
    matrix("bamboohr");
}

#[test]
fn no_fault_makes_personio_complete() {
    matrix("personio");
}

#[test]
fn no_fault_makes_github_repos_complete() {
    matrix("github_repos");
}

#[test]
fn every_collector_that_speaks_http_is_in_the_matrix() {
    let local = [
        "borg",
        "exec",
        "file_drop",
        "hr_file",
        "linux_accounts",
        "pgbackrest",
        "restic",
        "singer_tap",
        "sql_query",
        "velero",
    ];
    let known: Vec<&str> = MATRIX.iter().map(|row| row.collector).chain(local).collect();
    let missing: Vec<&str> =
        collectors::all().iter().map(|c| c.spec().id.as_str()).filter(|id| !known.contains(id)).collect();
    assert!(missing.is_empty(), "add a line to MATRIX and a test: {missing:?}");
}

/// A recorded run in which nothing went wrong.
pub(crate) struct Clean {
    pub(crate) collector: &'static dyn Collector,
    pub(crate) settings: Value,
    started_at: Timestamp,
    pub(crate) recorded: Vec<Exchange>,
}

/// One call of a clean run, and what is known of it.
struct Place {
    operation: String,
    request: Request,
    nth: usize,
    clean: Response,
    before: Option<Response>,
}

/// One cell: a call and a fault.
struct Cell {
    operation: String,
    injection: Injection,
}

/// What became of one run.
pub(crate) struct Run {
    pub(crate) result: Result<Observation, String>,
    /// Whether it ended by itself.
    pub(crate) ended: bool,
    pub(crate) injected: usize,
}

impl Run {
    pub(crate) fn is_complete(&self) -> bool {
        self.result.as_ref().is_ok_and(|seen| matches!(seen.completeness, Completeness::Complete { .. }))
    }
}

impl Clean {
    /// A fixture of a collector.
    pub(crate) fn load(id: &str, case: &str) -> Self {
        let folder = format!("{}/../../collectors/{id}/fixtures/{case}", env!("CARGO_MANIFEST_DIR"));
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        let case: toml::Value = toml::from_str(&read("case.toml")).unwrap();
        Self {
            collector: collectors::find(id).unwrap(),
            settings: serde_json::to_value(&case["settings"]).unwrap(),
            started_at: case["started_at"].as_str().unwrap().parse().unwrap(),
            recorded: recording::read(&read("exchanges.jsonl")).unwrap(),
        }
    }

    /// A run now, against what `settings` name.
    fn record(id: &str, settings: &Value) -> Self {
        let mut clean = Self {
            collector: collectors::find(id).unwrap(),
            settings: settings.clone(),
            started_at: Timestamp::now(),
            recorded: Vec::new(),
        };
        let policy = clean.collector.policy(&clean.settings).unwrap();
        let context = clean.context(clean.settings.clone(), Egress::live(policy, Arc::new(NoProgress)).unwrap());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let seen = runtime.block_on(clean.collector.collect(&context)).unwrap();
        assert!(matches!(seen.completeness, Completeness::Complete { .. }), "{:?}", seen.completeness);
        clean.recorded = context.egress.recorded().iter().map(|recorded| recorded.exchange().unwrap()).collect();
        clean
    }

    /// What it gives as the source `name`.
    fn shape(&self, name: &str) -> Shape {
        self.collector.shape(name, &self.settings).unwrap()
    }

    /// The settings, with the proxy in the source's place.
    fn settings_at(&self, proxy: &Proxy) -> Value {
        let mut settings = self.settings.clone();
        let addresses = self.collector.spec().settings.iter().filter(|(_, setting)| setting.kind == SettingKind::Url);
        for (name, setting) in addresses {
            // below the same base path
            let own = settings[name].as_str().or_else(|| setting.default.as_ref()?.as_str()).unwrap_or_default();
            let path = own.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
            settings[name] = Value::String(format!("{}{}", proxy.url(), path.trim_end_matches('/')));
        }
        settings
    }

    pub(crate) fn context(&self, settings: Value, egress: Egress) -> Context {
        let declared = self.collector.spec().settings.iter().filter(|(_, setting)| setting.kind == SettingKind::Secret);
        let keys = declared.map(|(key, _)| key.as_str()).chain(["access_key_id", "secret_access_key"]);
        let secret = |key: &str| match key {
            // what is read of it must be a key
            "service_account_key" => service_account("evidence@example.org", &PRIVATE_KEY),
            key => format!("example-{key}"),
        };
        let secrets = keys.map(|key| (key.to_owned(), SecretString::from(secret(key)))).collect();
        Context { source: "source".to_owned(), settings, secrets, egress, started_at: self.started_at }
    }

    /// Runs the collector against the proxy.
    async fn run(&self, proxy: &Proxy, request_timeout: Duration) -> Run {
        let settings = self.settings_at(proxy);
        let policy = Policy {
            attempts: 2,
            first_wait: Duration::from_millis(1),
            max_wait: Duration::from_millis(2),
            request_timeout,
            deadline: CELL_TIMEOUT,
            ..self.collector.policy(&settings).unwrap()
        };
        let context = self.context(settings, Egress::live(policy, Arc::new(NoProgress)).unwrap());
        let collected = tokio::time::timeout(CELL_TIMEOUT, self.collector.collect(&context)).await;
        let ended = collected.is_ok();
        let result =
            collected.map_or_else(|elapsed| Err(elapsed.to_string()), |result| result.map_err(|e| e.to_string()));
        Run { result, ended, injected: proxy.injected() }
    }

    /// Every call of the run.
    fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for exchange in self.recorded.iter().filter(|exchange| exchange.record.error.is_none()) {
            let request = request_of(exchange);
            let same = |place: &&Place| place.request.is_same(&request);
            let nth = places.iter().filter(same).count();
            let before = places.iter().rev().find(|place| !same(place) && place.request.is_page_of(&request));
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

/// Faults that the last call of the same operation meets in a short run beside those of listings; in a long one every
/// call meets all.
const LATER: &[Fault] = &[Fault::Status(403), Fault::Cut, Fault::Truncated];

/// Of the other faults, one operation in two meets each in a short run.
const ALWAYS: &[Fault] = &[
    Fault::Status(403),
    Fault::Status(500),
    Fault::Throttled,
    Fault::ResetMidBody,
    Fault::Truncated,
    Fault::Html,
    Fault::Empty,
    Fault::EmptyObject,
];

/// Faults that last, at every operation.
fn lasting(clean: &Clean, row: &Row) -> Vec<Cell> {
    let places = clean.places();
    let mut cells = Vec::new();
    let mut operations = 0;
    for (at, place) in places.iter().enumerate() {
        let same = |other: &Place| other.operation == place.operation;
        let (first, last) = (!places[..at].iter().any(same), !places[at + 1..].iter().any(same));
        operations += usize::from(first);
        let mut faults = Fault::ANYWHERE.to_vec();
        if !long() {
            match (first, last) {
                (true, _) => {
                    let mut turn = operations;
                    faults.retain(|fault| {
                        turn += 1;
                        ALWAYS.contains(fault) || turn % 2 == 0
                    });
                }
                (false, true) => faults = LATER.to_vec(),
                (false, false) => faults.clear(),
            }
        }
        faults.extend(Fault::LISTING);
        if row.population.contains(&place.operation.as_str()) {
            faults.push(Fault::MemberDiffers);
        }
        if row.counted.contains(&place.operation.as_str()) {
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

impl Cell {
    fn name(&self) -> String {
        let Injection { request, fault, .. } = &self.injection;
        format!("{} ({}{}) {fault:?}", self.operation, request.target, request.body)
    }
}

/// Runs all cells, a few side by side.
fn run_all(clean: &Arc<Clean>, cells: Vec<Cell>) -> Vec<(Cell, Run)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (cells, next) = (Arc::new(cells), Arc::new(AtomicUsize::new(0)));
    let mut runs: Vec<(usize, Run)> = runtime.block_on(async {
        let mut workers = Vec::new();
        for _ in 0..WIDTH {
            let (clean, cells, next) = (clean.clone(), cells.clone(), next.clone());
            workers.push(tokio::spawn(async move {
                let proxy = Proxy::replaying(&clean.recorded);
                let mut runs = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = cells.get(at) else { return runs };
                    proxy.inject(Some(cell.injection.clone()));
                    let patience = if cell.injection.fault == Fault::Silence { 2 } else { 30 };
                    runs.push((at, clean.run(&proxy, Duration::from_secs(patience)).await));
                }
            }));
        }
        let mut runs = Vec::new();
        for worker in workers {
            runs.extend(worker.await.unwrap());
        }
        runs
    });
    runs.sort_by_key(|(at, _)| *at);
    let cells = Arc::into_inner(cells).expect("every worker has ended");
    cells.into_iter().zip(runs.into_iter().map(|(_, run)| run)).collect()
}

fn row(id: &str) -> &'static Row {
    MATRIX.iter().find(|row| row.collector == id).unwrap()
}

/// The matrix of one collector, over its fixture.
fn matrix(id: &str) {
    let row = row(id);
    matrix_of(&Arc::new(Clean::load(id, row.case)), row);
}

/// The matrix over one clean run.
#[expect(clippy::print_stdout, reason = "the counts are what whoever runs the matrix wants to know")]
fn matrix_of(clean: &Arc<Clean>, row: &Row) {
    let judges = Judges::new();
    control(clean, &judges);

    let lasting = run_all(clean, lasting(clean, row));
    let mut against = Vec::new();
    let mut checked = 0;
    for (at, (cell, run)) in lasting.iter().enumerate() {
        if run.injected == 0 {
            against.push(format!("{}: the fault never happened", cell.name()));
        } else if !run.ended {
            against.push(format!("{}: the run did not end", cell.name()));
        } else if run.is_complete() {
            against.push(format!("{}: complete", cell.name()));
        } else if long() || at % CHECKED == 0 {
            checked += 1;
            let passed = judges.over(clean, run).into_iter().filter(|evaluation| evaluation.outcome == Outcome::Pass);
            against.extend(passed.map(|evaluation| format!("{}: `{}` passes", cell.name(), evaluation.check)));
        }
    }
    assert!(against.is_empty(), "{} of {} cells:\n{}", against.len(), lasting.len(), against.join("\n"));

    let passing = run_all(clean, passing(clean));
    let sunk = passing.iter().filter(|(_, run)| run.injected != 1 || !run.is_complete());
    let sunk: Vec<String> =
        sunk.map(|(cell, run)| format!("{}: {} faults, {:?}", cell.name(), run.injected, outcome(run))).collect();
    assert!(sunk.is_empty(), "{} of {} cells:\n{}", sunk.len(), passing.len(), sunk.join("\n"));

    println!(
        "{} ({}): {} cells with a lasting fault, none complete; {checked} of them before the checks, none passed; {} with a \
         passing fault, all survived",
        row.collector,
        row.case,
        lasting.len(),
        passing.len()
    );
}

fn outcome(run: &Run) -> String {
    match &run.result {
        Ok(seen) => format!("{:?}", seen.completeness),
        Err(error) => error.clone(),
    }
}

/// Without a fault the run is complete and some check passes: otherwise "never" would prove nothing.
fn control(clean: &Clean, judges: &Judges) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = Proxy::replaying(&clean.recorded);
    let run = runtime.block_on(clean.run(&proxy, Duration::from_secs(30)));
    assert!(run.is_complete(), "{}: {:?}", outcome(&run), proxy.calls());
    assert_eq!(run.injected, 0);
    let unknown: Vec<_> = proxy.calls().into_iter().filter(|call| call.status.is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let said: Vec<_> =
        judges.over(clean, &run).into_iter().map(|evaluation| (evaluation.check, evaluation.outcome)).collect();
    let decided = said.iter().any(|(_, outcome)| matches!(outcome, Outcome::Pass | Outcome::Fail));
    assert!(decided, "no check decides anything over the clean run: {said:?}");
}

/// The shipped checks and the process they run in.
pub(crate) struct Judges {
    checks: CheckSet,
    worker: Worker,
}

impl Judges {
    pub(crate) fn new() -> Self {
        let specs = collectors::all().iter().map(|collector| collector.spec());
        let tables = specs.map(|spec| CollectorTables { id: spec.id.clone(), tables: spec.tables.clone() });
        let checks = CheckSet::builtin(&Catalogues::builtin().unwrap(), &tables.collect::<Vec<_>>()).unwrap();
        Self { checks, worker: Worker::new(program(), vec!["worker".to_owned()]) }
    }

    /// What the checks that read this source say of a run, beside a roster that is whole, or accounts where the source is
    /// a roster itself, or accounts that are read.
    pub(crate) fn over(&self, clean: &Clean, run: &Run) -> Vec<Evaluation> {
        let is_roster = clean.shape("source").provides.iter().any(|table| table == "person");
        let lists_accounts = clean.collector.spec().id == "aws_organization";
        let (id, case) = if is_roster || lists_accounts { ("aws_iam", "whole") } else { ("hr_file", "whole") };
        let beside = Clean::load(id, case);
        let context = beside.context(beside.settings.clone(), Egress::replay(beside.recorded.clone()));
        let seen = tokio::runtime::Runtime::new().unwrap().block_on(beside.collector.collect(&context)).unwrap();
        let seen = Run { result: Ok(seen), ended: true, injected: 0 };
        let at = clean.started_at;
        let inputs = Inputs {
            as_of: at,
            timezone: jiff::tz::TimeZone::UTC,
            last_day_ends: None,
            domains: Vec::new(),
            fold_local_part: true,
            sources: vec![input("source", clean, run, at), input("beside", &beside, &seen, at)],
            snapshots: Vec::new(),
            slots: Vec::new(),
            links: Vec::new(),
            accounts: Vec::new(),
            exceptions: Vec::new(),
            programme: evaluate::Programme::default(),
            history: Vec::new(),
        };
        // the others have nothing of it before them, or say themselves that nobody provides a table
        let shapes = [clean.shape("source"), beside.shape("beside")];
        let gives = |shape: &Shape, table: &String| {
            shape.provides.contains(table) || shape.tables.iter().any(|own| own.name == *table)
        };
        let concerned = |check: &&evaluate::Check| {
            check.inputs.keys().any(|table| gives(&shapes[0], table))
                && check.inputs.keys().all(|table| shapes.iter().any(|shape| gives(shape, table)))
        };
        let checks: Vec<_> = self.checks.checks().iter().filter(concerned).collect();
        let mut evaluations = Vec::new();
        let mut each = |evaluation: Evaluation| {
            if evaluation.inputs.iter().any(|input| input.source == "source") {
                evaluations.push(evaluation);
            }
            Ok(())
        };
        evaluate::evaluate(&self.worker, &checks, &BTreeMap::new(), &inputs, &mut each).unwrap();
        evaluations
    }
}

/// A run as the checks get it: what could not be read at all has no rows.
fn input(name: &str, clean: &Clean, run: &Run, at: Timestamp) -> SourceInput {
    let shape = clean.shape(name);
    let (status, reasons, tables) = match &run.result {
        Err(error) => (SnapshotStatus::Failed, vec![error.clone()], Vec::new()),
        Ok(seen) => match &seen.completeness {
            Completeness::Complete { .. } => (SnapshotStatus::Complete, Vec::new(), seen.tables.clone()),
            Completeness::Incomplete { reasons } => {
                let reasons = reasons.iter().map(|reason| reason.message.clone()).collect();
                (SnapshotStatus::Incomplete, reasons, seen.tables.clone())
            }
        },
    };
    SourceInput {
        name: name.to_owned(),
        collector: clean.collector.spec().id.clone(),
        mapping_sql: shape.mapping,
        provides: shape.provides,
        specs: shape.tables,
        // age is not what is tried here
        max_age: SignedDuration::from_hours(24 * 365 * 100),
        required: true,
        expect_empty: false,
        snapshot: Some(SnapshotInput {
            id: name.to_owned(),
            manifest_sha256: Digest::of(name.as_bytes()),
            status,
            started_at: at,
            finished_at: at,
            observed_at: None,
            slot: None,
            reasons,
            tables: tables.into_iter().map(Into::into).collect(),
            confirmed: false,
        }),
    }
}
