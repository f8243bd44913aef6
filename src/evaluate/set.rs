//! The checks there are: those shipped, and those of the configuration's folders.

use crate::cases::{self, Case};
use crate::catalogue::Catalogues;
use crate::check::{self, Check, Known};
use crate::diagnostic::{Diagnostic, Place};
use crate::shipped;
use model::TableSpec;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a collector derives, as far as checks are concerned.
#[derive(Debug, Clone)]
pub struct CollectorTables {
    /// Collector id.
    pub id: String,
    /// Its own tables, which checks may read under their own names.
    pub tables: Vec<TableSpec>,
}

/// Every loaded check, sorted by name, with its cases.
#[derive(Debug, Clone)]
pub struct CheckSet {
    checks: Vec<Check>,
    cases: BTreeMap<String, Vec<Case>>,
}

impl CheckSet {
    /// The checks shipped with the program.
    pub fn builtin(controls: &Catalogues, collectors: &[CollectorTables]) -> Result<Self, Vec<Diagnostic>> {
        Self::load(&[], controls, collectors)
    }

    /// The shipped checks and every `*.sql` below `dirs`; every problem of every file at once.
    pub fn load(
        dirs: &[PathBuf],
        controls: &Catalogues,
        collectors: &[CollectorTables],
    ) -> Result<Self, Vec<Diagnostic>> {
        let known = Known::new(controls, collectors);
        let mut loading = Loading::default();
        for one in shipped::CHECKS {
            loading.add(one.file, one.text, one.cases, &known);
        }
        loading.add_below(dirs, &known);
        loading.finish()
    }

    /// The same, and of the shipped checks neither the cases nor the SQL are held against anything: this room's tests did. The
    /// catalogues and the tables of collectors are asked for only where there are `dirs`.
    pub fn load_to_run(
        dirs: &[PathBuf],
        against: impl FnOnce() -> Result<(Catalogues, Vec<CollectorTables>), Vec<Diagnostic>>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut loading = Loading::default();
        for one in shipped::CHECKS {
            match check::shipped(one, &name_of(one.file)) {
                Ok(check) => loading.checks.push(check),
                Err(problem) => loading.problems.push(problem),
            }
        }
        if !dirs.is_empty() {
            let (controls, collectors) = against()?;
            loading.add_below(dirs, &Known::new(&controls, &collectors));
        }
        loading.finish()
    }

    /// Every check, sorted by name.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The check `name`.
    pub fn get(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// The cases of the check `name`; none of a shipped one in a set that was loaded to run.
    pub fn cases(&self, name: &str) -> &[Case] {
        self.cases.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A set in the making, and every problem met.
#[derive(Default)]
struct Loading {
    checks: Vec<Check>,
    cases: BTreeMap<String, Vec<Case>>,
    problems: Vec<Diagnostic>,
}

impl Loading {
    fn add_below(&mut self, dirs: &[PathBuf], known: &Known<'_>) {
        for dir in dirs {
            match sql_files(dir) {
                Ok(files) => {
                    for (file, text, cases) in files {
                        self.add(&file, &text, cases.as_deref(), known);
                    }
                }
                Err(error) => self.problems.push(Place { file: &dir.display().to_string(), text: "" }.at(
                    0,
                    format!("cannot be read: {error}"),
                    "name a folder of checks under `checks.paths`",
                )),
            }
        }
    }

    fn add(&mut self, file: &str, text: &str, cases: Option<&str>, known: &Known<'_>) {
        let place = Place { file, text };
        let name = name_of(file);
        if let Some(first) = self.checks.iter().find(|check| check.name == name) {
            let problem = format!("check `{name}` exists already in {}", first.file);
            self.problems.push(place.at(0, problem, "give the file another name"));
        }
        let cases_file = file.strip_suffix(".sql").unwrap_or(file).to_owned() + ".cases.toml";
        let check = match check::parse(place, &name, known) {
            Ok(check) => Some(check),
            Err(found) => {
                self.problems.extend(found);
                None
            }
        };
        match (&check, cases) {
            (None, Some(_)) => {}
            (Some(check), Some(cases)) => match cases::parse(Place { file: &cases_file, text: cases }, check, known) {
                Ok(cases) => _ = self.cases.insert(name, cases),
                Err(found) => self.problems.extend(found),
            },
            (_, None) => {
                let help = format!("write {cases_file} with cases that cover pass, fail, unknown and boundary");
                self.problems.push(place.at(0, "the check has no cases", help));
            }
        }
        self.checks.extend(check);
    }

    fn finish(self) -> Result<CheckSet, Vec<Diagnostic>> {
        let Self { mut checks, cases, problems } = self;
        checks.sort_by(|a, b| a.name.cmp(&b.name));
        if problems.is_empty() { Ok(CheckSet { checks, cases }) } else { Err(problems) }
    }
}

/// A check is named after its file.
fn name_of(file: &str) -> String {
    Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

type CheckFile = (String, String, Option<String>);

fn sql_files(dir: &Path) -> std::io::Result<Vec<CheckFile>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sql_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            let cases = path.with_extension("cases.toml");
            let cases = if cases.exists() { Some(std::fs::read_to_string(&cases)?) } else { None };
            files.push((path.display().to_string(), std::fs::read_to_string(&path)?, cases));
        }
    }
    files.sort();
    Ok(files)
}
