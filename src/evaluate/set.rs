//! The checks there are: those shipped, and those of the configuration's folders.

use crate::cases::{self, Case};
use crate::catalogue::Catalogues;
use crate::check::{self, Check, Known, Sql};
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
        Self::read(dirs, controls, collectors, true)
    }

    /// The same, and of the shipped checks neither the cases nor the SQL are held against anything: this room's tests did.
    pub fn load_to_run(
        dirs: &[PathBuf],
        controls: &Catalogues,
        collectors: &[CollectorTables],
    ) -> Result<Self, Vec<Diagnostic>> {
        Self::read(dirs, controls, collectors, false)
    }

    fn read(
        dirs: &[PathBuf],
        controls: &Catalogues,
        collectors: &[CollectorTables],
        shipped_cases: bool,
    ) -> Result<Self, Vec<Diagnostic>> {
        let known = Known::new(controls, collectors);
        let mut set = Self { checks: Vec::new(), cases: BTreeMap::new() };
        let mut problems = Vec::new();
        for (file, text, cases) in shipped::CHECKS {
            let (cases, proof) =
                if shipped_cases { (Cases::of(*cases), Sql::Prove) } else { (Cases::Unread, Sql::Trust) };
            set.add(file, text, (cases, proof), &known, &mut problems);
        }
        for dir in dirs {
            match sql_files(dir) {
                Ok(files) => {
                    for (file, text, cases) in files {
                        set.add(&file, &text, (Cases::of(cases.as_deref()), Sql::Prove), &known, &mut problems);
                    }
                }
                Err(error) => problems.push(Place { file: &dir.display().to_string(), text: "" }.at(
                    0,
                    format!("cannot be read: {error}"),
                    "name a folder of checks under `checks.paths`",
                )),
            }
        }
        set.checks.sort_by(|a, b| a.name.cmp(&b.name));
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    fn add(
        &mut self,
        file: &str,
        text: &str,
        (cases, proof): (Cases<'_>, Sql),
        known: &Known<'_>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let place = Place { file, text };
        let name = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(first) = self.checks.iter().find(|check| check.name == name) {
            let problem = format!("check `{name}` exists already in {}", first.file);
            problems.push(place.at(0, problem, "give the file another name"));
        }
        let cases_file = file.strip_suffix(".sql").unwrap_or(file).to_owned() + ".cases.toml";
        let check = match check::parse(place, &name, known, proof) {
            Ok(check) => Some(check),
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        match (&check, cases) {
            (_, Cases::Unread) | (None, Cases::Text(_)) => {}
            (Some(check), Cases::Text(cases)) => {
                match cases::parse(Place { file: &cases_file, text: cases }, check, known) {
                    Ok(cases) => _ = self.cases.insert(name, cases),
                    Err(found) => problems.extend(found),
                }
            }
            (_, Cases::Missing) => {
                let help = format!("write {cases_file} with cases that cover pass, fail, unknown and boundary");
                problems.push(place.at(0, "the check has no cases", help));
            }
        }
        self.checks.extend(check);
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

/// The cases beside a check.
enum Cases<'a> {
    Text(&'a str),
    Missing,
    Unread,
}

impl<'a> Cases<'a> {
    fn of(text: Option<&'a str>) -> Self {
        text.map_or(Self::Missing, Self::Text)
    }
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
