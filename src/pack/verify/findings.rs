//! What is found while something is examined, in bounded memory.

use super::report::{Problem, VerifyReport};

/// More problems than these are counted and not described.
const MAX_PROBLEMS: usize = 1_000;

/// Problems so far.
#[derive(Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    more: u64,
}

impl Problems {
    pub(super) fn push(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(Problem::new(path, problem));
        } else {
            self.more += 1;
        }
    }

    /// Whether something is wrong with a path that `is` picks.
    pub(super) fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.list.iter().any(|problem| is(&problem.path))
    }
}

/// Everything a report is made of.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) problems: Problems,
    pub(super) proven: Vec<String>,
    pub(super) not_proven: Vec<String>,
}

impl Findings {
    pub(super) fn problem(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.problems.push(path, problem);
    }

    pub(super) fn prove(&mut self, sentence: impl Into<String>) {
        self.proven.push(sentence.into());
    }

    pub(super) fn doubt(&mut self, sentence: impl Into<String>) {
        self.not_proven.push(sentence.into());
    }

    pub(super) fn report(self) -> VerifyReport {
        let Problems { mut list, more } = self.problems;
        list.sort();
        list.dedup();
        if more > 0 {
            list.push(Problem::new("", format!("{more} more problems are not described here")));
        }
        VerifyReport::new(self.proven, self.not_proven, list)
    }
}
