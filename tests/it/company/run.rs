//! Lives the company through the program's command line, its clock moved by libfaketime, and holds what it says against the truth.

use super::days::{COLLECTED, Day, at};
use super::faults::{self, Fault};
use super::lives::{Company, Listed, SYSTEMS, Shown, Source};
use super::truth::{Expected, Findings, Past, View, Word, expected};
use super::{generate, settings, show};
use crate::peers::stand_in::StandIn;
use crate::support::Audit;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How long it is lived.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) people: usize,
    /// When evidence is collected.
    pub(super) days: Vec<Day>,
    /// One collection in so many meets a fault.
    pub(super) faulty: usize,
    /// Wrong copies of checks, which are run in place of all others.
    pub(super) mutants: Vec<Mutant>,
}

/// A shipped check with something changed in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mutant {
    pub(super) check: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Report {
    pub(super) collections: usize,
    pub(super) evaluations: usize,
    pub(super) judged: BTreeMap<String, usize>,
    pub(super) inconclusive: usize,
    pub(super) findings: usize,
    pub(super) items: usize,
    pub(super) differences: Vec<Difference>,
    /// Of each mutant, in their order.
    pub(super) of_mutants: Vec<Vec<Difference>>,
}

#[derive(Debug)]
pub(super) struct Difference {
    pub(super) what: What,
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    FalsePass,
    FalseFail,
    Member,
    Outcome,
    Unexplained,
    Finding,
}

/// An evaluation as the program prints it.
#[derive(Default)]
struct Said {
    outcome: String,
    why: String,
    as_of: String,
    /// Verdict and reason by subject.
    members: BTreeMap<String, (String, String)>,
}

/// What the server tells now.
type Today = Arc<Mutex<(Day, Vec<(Source, Fault)>)>>;

struct Life {
    company: Arc<Company>,
    today: Today,
    audit: Audit,
    general: String,
    past: Past,
    findings: Findings,
    /// What the latest snapshot of each source shows, and of which day.
    latest: BTreeMap<Source, Latest>,
    as_of: Vec<String>,
    mutants: Vec<Mutant>,
    report: Report,
    _server: StandIn,
}

enum Latest {
    Roster(Day, Vec<Listed>),
    System(Day, Vec<Shown>),
}

pub(super) fn live(plan: &Plan) -> Report {
    let mut life = Life::begin(plan);
    let mut before = 0;
    for (turn, day) in plan.days.iter().enumerate() {
        life.morning(*day, &faults::of(turn, plan.faulty, day - before));
        before = *day;
    }
    if plan.mutants.is_empty() {
        life.compare_findings();
        life.audit.assert_sound();
    }
    life.report
}

impl Life {
    fn begin(plan: &Plan) -> Self {
        let company = Arc::new(generate::company(plan.seed, plan.people));
        let today: Today = Arc::default();
        let (told, lives) = (Arc::clone(&today), Arc::clone(&company));
        let server = StandIn::answering(move |request| {
            let (day, faults) = told.lock().unwrap().clone();
            show::answer(&lives, day, &faults, request)
        });
        let audit = Audit::at(at(0, 0));
        let general = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
        let general = general.replace("timezone = \"UTC\"", "timezone = \"Europe/Berlin\"");
        let general = general.replace("domains = []", "domains = [\"acme.example\"]");
        assert!(general.contains("Europe/Berlin") && general.contains("acme.example"), "{general}");
        let general = general + &settings::sources(server.address(), &audit.path(""));
        for mutant in &plan.mutants {
            mutant.write(&audit.path("mutants"));
        }
        let general = if plan.mutants.is_empty() {
            general
        } else {
            general.replace("[checks]", "[checks]\npaths = [\"mutants\"]")
        };
        Self {
            company,
            today,
            audit,
            general,
            past: Past::default(),
            findings: Findings::default(),
            latest: BTreeMap::new(),
            as_of: Vec::new(),
            mutants: plan.mutants.clone(),
            report: Report { of_mutants: plan.mutants.iter().map(|_| Vec::new()).collect(), ..Report::default() },
            _server: server,
        }
    }

    fn morning(&mut self, day: Day, faults: &[(Source, Fault)]) {
        *self.today.lock().unwrap() = (day, faults.to_owned());
        self.audit.write("evidenced.toml", &(self.general.clone() + &settings::register(&self.company, day)));
        let fault = |source| faults.iter().find(|(of, _)| *of == source).map(|(_, fault)| *fault);
        show::roster(&self.company, day, fault(Source::Hr), &self.audit.path("hr.csv"));
        show::crm(&self.company, day, fault(Source::Crm), &self.audit.path("crm.jsonl"));
        show::host(&self.company, day, fault(Source::Host), &self.audit.path("host"));

        let forgotten: Vec<Source> =
            faults.iter().filter(|(_, fault)| *fault == Fault::Forgotten).map(|(source, _)| *source).collect();
        let chosen: Vec<String> = super::lives::SOURCES
            .iter()
            .filter(|source| !forgotten.contains(source))
            .map(ToString::to_string)
            .collect();
        self.audit.set_clock(at(day, COLLECTED));
        let arguments: Vec<&str> = std::iter::once("collect").chain(chosen.iter().map(String::as_str)).collect();
        let collected = self.audit.run(&arguments);
        let sound = faults.iter().all(|(_, fault)| *fault == Fault::Forgotten || *fault == Fault::Skewed);
        assert_eq!(collected.code == 0, sound, "day {day}, {faults:?}: {collected:#?}");
        self.remember(day, faults);

        self.audit.set_clock(at(day, COLLECTED).checked_add(jiff::SignedDuration::from_mins(5)).unwrap());
        let mutants: Vec<String> = self.mutants.iter().map(Mutant::name).collect();
        let check: Vec<&str> =
            ["check", "--format", "csv"].into_iter().chain(mutants.iter().map(String::as_str)).collect();
        let checked = self.audit.run(&check);
        assert!([0, 1, 3].contains(&checked.code), "day {day}: {checked:#?}");
        let said = read(&checked.stdout);
        self.compare(day, faults, &said);
    }

    /// What the snapshots of the morning show, and what of it is complete.
    fn remember(&mut self, day: Day, faults: &[(Source, Fault)]) {
        let fault = |source| faults.iter().find(|(of, _)| *of == source).map(|(_, fault)| *fault);
        if fault(Source::Hr) != Some(Fault::Forgotten) {
            let all = self.company.roster(day);
            let left = fault(Source::Hr).map_or(all.clone(), |fault| fault.left_of_roster(all));
            if fault(Source::Hr).is_none() {
                self.past.roster(day, &left);
            }
            self.latest.insert(Source::Hr, Latest::Roster(day, left));
        }
        for source in SYSTEMS.into_iter().filter(|source| fault(*source) != Some(Fault::Forgotten)) {
            let all = self.company.shown(source, day);
            let left = fault(source).map_or(all.clone(), |fault| fault.left(source, all, show::PAGE));
            let describes = if fault(source) == Some(Fault::Skewed) { day - 2 } else { day };
            // a clock that is behind makes evidence old, not incomplete
            if fault(source).is_none() || fault(source) == Some(Fault::Skewed) {
                self.past.system(source, describes, &left);
            }
            self.latest.insert(source, Latest::System(describes, left));
        }
    }

    fn compare(&mut self, day: Day, faults: &[(Source, Fault)], said: &BTreeMap<String, Said>) {
        let turn = self.as_of.len();
        self.as_of.push(said.values().next().unwrap().as_of.clone());
        let (mut roster, mut shown, mut seen) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (source, latest) in &self.latest {
            let describes = match latest {
                Latest::Roster(describes, listed) => {
                    roster.clone_from(listed);
                    *describes
                }
                Latest::System(describes, accounts) => {
                    shown.insert(*source, accounts.clone());
                    *describes
                }
            };
            seen.insert(*source, describes);
        }
        let view = View::new(&self.company, day, &self.past, roster, shown, seen, faults);
        let all = expected(&view);
        for (mutant, found) in self.mutants.iter().zip(&mut self.report.of_mutants) {
            let expected = all.iter().find(|expected| expected.check == mutant.check).unwrap();
            found.extend(differ(day, expected, &said[&mutant.name()]));
        }
        self.report.collections += 1;
        if !self.mutants.is_empty() {
            return;
        }
        let mut differences = Vec::new();
        for expected in &all {
            self.findings.follow(turn, expected);
            let said = said.get(expected.check).unwrap_or_else(|| panic!("{} was not evaluated", expected.check));
            self.report.evaluations += 1;
            self.report.inconclusive += usize::from(said.outcome == "inconclusive");
            for (verdict, _) in said.members.values() {
                *self.report.judged.entry(verdict.clone()).or_default() += 1;
            }
            differences.extend(differ(day, expected, said));
        }
        let known: BTreeSet<&str> = all.iter().map(|expected| expected.check).collect();
        for (check, said) in said.iter().filter(|(check, _)| !known.contains(check.as_str())) {
            // what nobody was configured to provide
            if said.outcome != "not_applicable" || !said.members.is_empty() {
                let text = format!("day {day}: {check} is {} without anything to judge: {}", said.outcome, said.why);
                differences.push(Difference { what: What::Outcome, text });
            }
        }
        self.report.differences.extend(differences);
    }

    fn compare_findings(&mut self) {
        let listed = self.audit.json(0, &["findings", "list"]);
        let turn = |value: &serde_json::Value| {
            let text = value.as_str()?;
            Some(self.as_of.iter().position(|as_of| as_of == text).unwrap_or(usize::MAX))
        };
        let mut got: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
        for finding in listed["findings"].as_array().unwrap() {
            let items = finding["items"].as_array().unwrap().iter().map(|item| {
                item_text(
                    item["subject"].as_str().unwrap(),
                    turn(&item["first_seen"]).unwrap(),
                    turn(&item["last_seen"]).unwrap(),
                    turn(&item["resolved_at"]),
                )
            });
            let mut items: Vec<String> = items.collect();
            items.sort();
            let id = finding["id"].as_str().unwrap().to_owned();
            got.insert(id, (finding["state"].as_str().unwrap().to_owned(), items));
        }
        let mut wanted = BTreeMap::new();
        for (check, findings) in &self.findings.0 {
            for (place, finding) in findings.iter().enumerate() {
                let state = if finding.is_over() { "resolved" } else { "draft" };
                let mut items: Vec<String> = finding
                    .items
                    .iter()
                    .map(|item| item_text(&item.subject, item.first, item.last, item.resolved))
                    .collect();
                items.sort();
                wanted.insert(format!("{check}-{}", place + 1), (state.to_owned(), items));
            }
        }
        self.report.findings = got.len();
        self.report.items = got.values().map(|(_, items)| items.len()).sum();
        let ids: BTreeSet<&String> = got.keys().chain(wanted.keys()).collect();
        for id in ids {
            let text = match (wanted.get(id), got.get(id)) {
                (Some(wanted), Some(got)) if wanted == got => continue,
                (Some((state, wanted)), Some((is, got))) => {
                    let missing: Vec<&String> = wanted.iter().filter(|item| !got.contains(item)).take(5).collect();
                    let extra: Vec<&String> = got.iter().filter(|item| !wanted.contains(item)).take(5).collect();
                    format!("finding {id} is {is}, expected {state}; lacks {missing:#?}, has {extra:#?}")
                }
                (wanted, got) => format!("finding {id}: expected {}, got {}", wanted.is_some(), got.is_some()),
            };
            self.report.differences.push(Difference { what: What::Finding, text });
        }
    }
}

fn item_text(subject: &str, first: usize, last: usize, resolved: Option<usize>) -> String {
    format!("{subject}: collections {first} to {last}, resolved {resolved:?}")
}

impl Mutant {
    fn name(&self) -> String {
        format!("wrong_{}", self.check)
    }

    /// Puts it beside the cases of the check that it is a wrong copy of.
    fn write(&self, folder: &Path) {
        let checks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks");
        let families = std::fs::read_dir(checks).unwrap().map(|family| family.unwrap().path());
        let file = |family: &Path, ending: &str| family.join(format!("{}.{ending}", self.check));
        let family = families.into_iter().find(|family| file(family, "sql").exists()).unwrap();
        let sql = std::fs::read_to_string(file(&family, "sql")).unwrap();
        assert_eq!(sql.matches(self.from).count(), 1, "{}: `{}`", self.check, self.from);
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(self.name() + ".sql"), sql.replace(self.from, self.to)).unwrap();
        std::fs::copy(file(&family, "cases.toml"), folder.join(self.name() + ".cases.toml")).unwrap();
    }
}

/// What an evaluation says otherwise than it must.
fn differ(day: Day, expected: &Expected, said: &Said) -> Vec<Difference> {
    let check = expected.check;
    let mut differences = Vec::new();
    let mut add =
        |what, text: String| differences.push(Difference { what, text: format!("day {day}: {check}: {text}") });
    if expected.outcome != said.outcome {
        let what = match (expected.outcome, said.outcome.as_str()) {
            (_, "pass") => What::FalsePass,
            (_, "fail") => What::FalseFail,
            _ => What::Outcome,
        };
        add(what, format!("is {} ({}), expected {}", said.outcome, said.why, expected.outcome));
    }
    for (source, state) in &expected.named {
        if !said.why.contains(&format!("source `{source}` is {}", state.word())) {
            add(What::Unexplained, format!("does not say that {source} is {}: {}", state.word(), said.why));
        }
    }
    let named = said.why.matches("source `").count();
    if named > expected.named.len() {
        add(What::Unexplained, format!("names {named} sources, expected {:?}: {}", expected.named, said.why));
    }
    if said.outcome == "inconclusive" && said.why.is_empty() {
        add(What::Unexplained, "is inconclusive and does not say why".to_owned());
    }
    let subjects: BTreeSet<&String> = expected.members.keys().chain(said.members.keys()).collect();
    for subject in subjects {
        let wanted = expected.members.get(subject);
        let (verdict, reason) =
            said.members.get(subject).map_or(("absent", ""), |(verdict, reason)| (verdict.as_str(), reason.as_str()));
        let (word, because) = match wanted {
            Some(Word::Pass) => ("pass", ""),
            Some(Word::Fail) => ("fail", ""),
            Some(Word::NotApplicable) => ("not_applicable", ""),
            Some(Word::Unknown(because)) => ("unknown", *because),
            None => ("absent", ""),
        };
        if word == verdict && reason.contains(because) {
            continue;
        }
        let what = match (word, verdict) {
            ("unknown", "unknown") => What::Unexplained,
            (_, "pass") => What::FalsePass,
            (_, "fail") => What::FalseFail,
            _ => What::Member,
        };
        add(what, format!("{subject} is {verdict} ({reason}), expected {word} {because}"));
    }
    differences
}

fn read(csv: &str) -> BTreeMap<String, Said> {
    let mut evaluations: BTreeMap<String, Said> = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    for record in reader.records() {
        let record = record.unwrap();
        let cell = |place: usize| record[place].to_owned();
        let said = evaluations.entry(cell(1)).or_default();
        (said.outcome, said.why, said.as_of) = (cell(3), cell(4), cell(11));
        if !record[5].is_empty() {
            said.members.insert(cell(5), (cell(6), cell(7)));
        }
    }
    evaluations
}
