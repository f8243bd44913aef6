//! Control catalogues: the frameworks' control numbers under our own short titles.
//!
//! They say what a check may claim to test; they compute no outcome.

use crate::diagnostic::{Diagnostic, Place};
use crate::shipped;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What stands behind a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// Checks test at least part of it.
    Check,
    /// A person attaches the evidence.
    Manual,
    /// A recorded review or audit is its evidence.
    Review,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its number: `A.5.18`, `CC6.2`.
    pub id: String,
    /// Our own short title.
    pub title: String,
    /// What stands behind it.
    pub coverage: Coverage,
    /// A remark.
    #[serde(default)]
    pub note: Option<String>,
}

/// One framework's controls, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Its id in references: `iso27001:2022`.
    pub framework: String,
    /// Our title for it.
    pub title: String,
    /// How the titles and coverage are to be read.
    #[serde(default)]
    pub note: Option<String>,
    /// The controls.
    #[serde(rename = "control")]
    pub controls: Vec<Control>,
}

/// Every known framework.
#[derive(Debug, Clone, Default)]
pub struct Catalogues {
    frameworks: Vec<Framework>,
}

impl Catalogues {
    /// The catalogues shipped with the program.
    pub fn builtin() -> Result<Self, Vec<Diagnostic>> {
        Self::load(&[])
    }

    /// The shipped catalogues and every `*.toml` of the folders `dirs`.
    pub fn load(dirs: &[PathBuf]) -> Result<Self, Vec<Diagnostic>> {
        let mut catalogues = Self::default();
        let mut problems = Vec::new();
        for (file, text) in shipped::CATALOGUES {
            catalogues.add(Place { file, text }, &mut problems);
        }
        for dir in dirs {
            match toml_files(dir) {
                Ok(files) => {
                    for (file, text) in files {
                        catalogues.add(Place { file: &file, text: &text }, &mut problems);
                    }
                }
                Err(error) => problems.push(Place { file: &dir.display().to_string(), text: "" }.at(
                    0,
                    format!("cannot be read: {error}"),
                    "name a folder of control catalogues",
                )),
            }
        }
        if problems.is_empty() { Ok(catalogues) } else { Err(problems) }
    }

    fn add(&mut self, place: Place<'_>, problems: &mut Vec<Diagnostic>) {
        let framework: Framework = match toml::from_str(place.text) {
            Ok(framework) => framework,
            Err(error) => return problems.push(place.toml(0, &error)),
        };
        if self.frameworks.iter().any(|known| known.framework == framework.framework) {
            problems.push(place.at(0, format!("framework `{}` exists already", framework.framework), "rename one"));
        }
        let mut seen = BTreeSet::new();
        for control in framework.controls.iter().filter(|control| !seen.insert(&control.id)) {
            let offset = place.text.rfind(&format!("\"{}\"", control.id)).unwrap_or_default();
            problems.push(place.at(offset, format!("control `{}` is listed twice", control.id), "remove one"));
        }
        self.frameworks.push(framework);
    }

    /// Every framework.
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    /// The control of a reference `framework/id`.
    pub fn control(&self, reference: &str) -> Option<&Control> {
        let (framework, id) = reference.split_once('/')?;
        let framework = self.frameworks.iter().find(|known| known.framework == framework)?;
        framework.controls.iter().find(|control| control.id == id)
    }

    /// Every reference `framework/id` there is.
    pub(crate) fn references(&self) -> Vec<String> {
        let of = |framework: &Framework| {
            let name = framework.framework.clone();
            framework.controls.iter().map(move |control| format!("{name}/{}", control.id)).collect::<Vec<_>>()
        };
        self.frameworks.iter().flat_map(of).collect()
    }
}

fn toml_files(dir: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push((path.display().to_string(), std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_catalogues_load_and_answer_references() {
        let catalogues = Catalogues::builtin().unwrap();
        assert!(catalogues.control("iso27001:2022/A.5.18").is_some());
        assert!(catalogues.control("soc2/CC6.2").is_some());
        assert!(catalogues.control("iso27001:2022/A.9.99").is_none());
        assert!(catalogues.control("A.5.18").is_none());
        let annex_a = catalogues.frameworks().iter().find(|f| f.framework == "iso27001:2022").unwrap();
        assert_eq!(annex_a.controls.iter().filter(|control| control.id.starts_with("A.")).count(), 93);
    }

    #[test]
    fn control_listed_twice_is_refused_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let control = "[[control]]\nid = \"X.1\"\ntitle = \"one\"\ncoverage = \"manual\"\n";
        let text = format!("framework = \"own\"\ntitle = \"Own\"\n{control}{control}");
        std::fs::write(dir.path().join("own.toml"), text).unwrap();
        let problems = Catalogues::load(&[dir.path().to_owned()]).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].line, problems[0].column), (8, 6));
        assert!(problems[0].problem.contains("X.1"));
    }
}
