//! The verdict table: from the state of the inputs and the rows of the query to an outcome. Pure.
//!
//! | inputs | rows | outcome |
//! |---|---|---|
//! | a table nobody was ever configured to provide | not asked | not applicable, with the reason |
//! | all good | no rows, and that is declared | not applicable |
//! | all good | no rows otherwise | inconclusive |
//! | all good | some fail | fail |
//! | all good | no fail, some unknown | inconclusive |
//! | all good | no fail, no unknown, no pass, some excepted | inconclusive: nothing is left that could pass |
//! | all good | no fail, no unknown, some excepted | pass, naming how many fail under an exception |
//! | all good | no fail, no unknown, no pass | not applicable: the population was seen whole, and nothing fell into it |
//! | all good | otherwise | pass |
//! | some bad, each monotone | some fail | fail; every other member unknown |
//! | some bad | anything else | inconclusive, naming each bad input; every member unknown |
//! | any | the query broke a rule or the worker died | inconclusive, no members |
//!
//! A failing member under an approved exception is *excepted*: neither a failure nor a pass, and never out of sight.
//! A *not applicable* row becomes unknown too when an input is bad: that somebody has not left cannot be said from a
//! stale roster.

use model::{InputState, Member, Outcome, Verdict, VerdictCounts};
use std::collections::BTreeMap;

/// One input as the table sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The source.
    pub source: String,
    /// How it stands.
    pub state: InputState,
    /// Why it is not good.
    pub why: Option<String>,
    /// Whether no further row of any table it feeds could undo a failure.
    pub monotone: bool,
}

/// What came of running the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Some required table was never configured: nothing was asked.
    NotConfigured(String),
    /// The rows cannot be believed.
    Broken(String),
    /// One row per member.
    Rows(Vec<Member>),
}

/// Whether no rows may mean that there is nobody to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Empty {
    /// Declared, for this reason.
    Declared(String),
    /// Not declared; what to say.
    Undeclared(String),
}

/// The table's answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub outcome: Outcome,
    pub why: Vec<String>,
    pub members: Vec<Member>,
}

/// Applies the table.
pub(crate) fn judge(inputs: &[Input], answer: Answer, empty: &Empty) -> Judgement {
    let bad: Vec<&Input> = inputs.iter().filter(|input| input.state != InputState::Good).collect();
    let naming = || bad.iter().map(|input| named(input));
    let members = match answer {
        Answer::NotConfigured(why) => return settled(Outcome::NotApplicable, vec![why], Vec::new()),
        Answer::Broken(why) => {
            return settled(Outcome::Inconclusive, naming().chain([why]).collect(), Vec::new());
        }
        Answer::Rows(members) => members,
    };
    let counts = count(&members);

    if bad.is_empty() {
        return match (members.is_empty(), counts.fail, counts.unknown, empty) {
            (true, _, _, Empty::Declared(why)) => settled(Outcome::NotApplicable, vec![why.clone()], members),
            (true, _, _, Empty::Undeclared(why)) => settled(Outcome::Inconclusive, vec![why.clone()], members),
            (false, 0, 0, _) if counts.pass == 0 && counts.excepted > 0 => {
                let why = format!("all {} members it applies to fail under an exception: none passes", counts.excepted);
                settled(Outcome::Inconclusive, vec![why], members)
            }
            (false, 0, 0, _) if counts.pass == 0 => {
                let why = format!("none of the {} members is one the check applies to", members.len());
                settled(Outcome::NotApplicable, vec![why], members)
            }
            (false, 0, 0, _) => settled(Outcome::Pass, under_exceptions(&members), members),
            (false, 0, unknown, _) => {
                let why = format!("it cannot be said for {unknown} of {} members", members.len());
                settled(Outcome::Inconclusive, vec![why], members)
            }
            (false, _, _, _) => settled(Outcome::Fail, Vec::new(), members),
        };
    }

    let proven = counts.fail > 0 && bad.iter().all(|input| input.monotone);
    let members = members.into_iter().map(|member| if proven { spare_failure(member) } else { doubted(member) });
    let outcome = if proven { Outcome::Fail } else { Outcome::Inconclusive };
    settled(outcome, naming().collect(), members.collect())
}

/// What a pass has to say of those that do not.
fn under_exceptions(members: &[Member]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for exception in members.iter().filter_map(|member| member.exception.as_deref()) {
        *counts.entry(exception).or_default() += 1;
    }
    counts.into_iter().map(|(exception, count)| format!("{count} failing under {exception}")).collect()
}

fn settled(outcome: Outcome, why: Vec<String>, mut members: Vec<Member>) -> Judgement {
    members.sort_by(|a, b| a.subject.cmp(&b.subject));
    Judgement { outcome, why, members }
}

fn spare_failure(member: Member) -> Member {
    if matches!(member.verdict, Verdict::Fail | Verdict::Excepted) { member } else { doubted(member) }
}

fn doubted(mut member: Member) -> Member {
    if member.verdict != Verdict::Unknown {
        member.reason = format!("not proven by these inputs: {}", member.reason);
        member.verdict = Verdict::Unknown;
        member.exception = None;
    }
    member
}

fn named(input: &Input) -> String {
    let state = match input.state {
        InputState::Good => "good",
        InputState::Incomplete => "incomplete",
        InputState::Stale => "stale",
        InputState::Suspect => "suspect",
        InputState::Failed => "failed",
        InputState::Missing => "missing",
    };
    match &input.why {
        Some(why) => format!("source `{}` is {state}: {why}", input.source),
        None => format!("source `{}` is {state}", input.source),
    }
}

/// Members counted by verdict.
pub(crate) fn count(members: &[Member]) -> VerdictCounts {
    let mut counts = VerdictCounts::default();
    for member in members {
        match member.verdict {
            Verdict::Pass => counts.pass += 1,
            Verdict::Fail => counts.fail += 1,
            Verdict::Unknown => counts.unknown += 1,
            Verdict::NotApplicable => counts.not_applicable += 1,
            Verdict::Excepted => counts.excepted += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERDICTS: [Verdict; 5] =
        [Verdict::Pass, Verdict::Fail, Verdict::Unknown, Verdict::NotApplicable, Verdict::Excepted];
    const STATES: [InputState; 6] = [
        InputState::Good,
        InputState::Incomplete,
        InputState::Stale,
        InputState::Suspect,
        InputState::Failed,
        InputState::Missing,
    ];

    fn member(index: usize, verdict: Verdict) -> Member {
        Member {
            subject: format!("m{index}"),
            verdict,
            reason: "as the rule says".to_owned(),
            source: None,
            exception: None,
            detail: model::Detail::default(),
        }
    }

    /// Every multiset of verdicts of up to three members, members in descending order of subject.
    fn populations() -> Vec<Vec<Member>> {
        let mut populations = vec![Vec::new()];
        for a in VERDICTS {
            populations.push(vec![member(0, a)]);
            for b in VERDICTS {
                populations.push(vec![member(1, b), member(0, a)]);
                for c in VERDICTS {
                    populations.push(vec![member(2, c), member(1, b), member(0, a)]);
                }
            }
        }
        populations
    }

    fn inputs() -> Vec<Vec<Input>> {
        let one = |name: &str, state, monotone| Input {
            source: name.to_owned(),
            state,
            why: Some("of a reason".to_owned()),
            monotone,
        };
        let mut sets = vec![Vec::new()];
        for first in STATES {
            for first_monotone in [true, false] {
                sets.push(vec![one("a", first, first_monotone)]);
                for second in STATES {
                    for second_monotone in [true, false] {
                        sets.push(vec![one("a", first, first_monotone), one("b", second, second_monotone)]);
                    }
                }
            }
        }
        sets
    }

    /// What the rules speak of: how the inputs stand and what the rows say.
    #[derive(Clone, Copy)]
    struct Seen<'a> {
        inputs: &'a [Input],
        rows: &'a [Member],
        declared: bool,
    }

    impl Seen<'_> {
        fn good(self) -> bool {
            self.inputs.iter().all(|input| input.state == InputState::Good)
        }

        /// Whether some input that is not good could undo a failure.
        fn undoable(self) -> bool {
            self.inputs.iter().any(|input| input.state != InputState::Good && !input.monotone)
        }

        fn has(self, verdict: Verdict) -> bool {
            self.rows.iter().any(|row| row.verdict == verdict)
        }
    }

    /// A row of the table: when it fits, and the outcome.
    type Rule = (fn(Seen<'_>) -> bool, Outcome);

    /// The page's table, row by row; the first that fits holds.
    const TABLE: &[Rule] = &[
        // population empty: not applicable only where that is declared, and seen
        (|seen| seen.rows.is_empty() && seen.good() && seen.declared, Outcome::NotApplicable),
        (|seen| seen.rows.is_empty(), Outcome::Inconclusive),
        // all complete, fresh, plausible
        (|seen| seen.good() && seen.has(Verdict::Fail), Outcome::Fail),
        (|seen| seen.good() && seen.has(Verdict::Unknown), Outcome::Inconclusive),
        (|seen| seen.good() && seen.has(Verdict::Pass), Outcome::Pass),
        (|seen| seen.good() && seen.has(Verdict::Excepted), Outcome::Inconclusive),
        (|seen| seen.good(), Outcome::NotApplicable),
        // any incomplete, stale, suspect, failed or missing
        (|seen| seen.has(Verdict::Fail) && !seen.undoable(), Outcome::Fail),
        (|_| true, Outcome::Inconclusive),
    ];

    fn lawful(inputs: &[Input], rows: &[Member], declared: bool, result: &Judgement) {
        let seen = Seen { inputs, rows, declared };
        let good = seen.good();
        let expected = TABLE.iter().find(|(fits, _)| fits(seen)).map(|(_, outcome)| *outcome).unwrap();
        assert_eq!(result.outcome, expected, "{inputs:?} {rows:?}");
        assert_eq!(result.members.len(), rows.len(), "no member is dropped");
        assert!(result.members.is_sorted_by_key(|member| &member.subject));
        if !good {
            assert!(!result.members.iter().any(|m| matches!(m.verdict, Verdict::Pass | Verdict::NotApplicable)));
            for input in inputs.iter().filter(|input| input.state != InputState::Good) {
                assert!(result.why.iter().any(|why| why.contains(&format!("`{}`", input.source))), "{:?}", result.why);
            }
        }
        let failing = |members: &[Member]| members.iter().filter(|m| m.verdict == Verdict::Fail).count();
        let kept = if expected == Outcome::Fail { failing(rows) } else { 0 };
        assert_eq!(failing(&result.members), kept);
        if matches!(expected, Outcome::Inconclusive | Outcome::NotApplicable) {
            assert!(!result.why.is_empty(), "an outcome that proves nothing says why");
        }
    }

    #[test]
    fn every_combination_of_inputs_and_rows_follows_the_table() {
        let mut cells = 0;
        for inputs in inputs() {
            for rows in populations() {
                for declared in [true, false] {
                    let empty = if declared {
                        Empty::Declared("declared".to_owned())
                    } else {
                        Empty::Undeclared("no rows".to_owned())
                    };
                    let result = judge(&inputs, Answer::Rows(rows.clone()), &empty);
                    lawful(&inputs, &rows, declared, &result);
                    cells += 1;
                }
            }
        }
        assert_eq!(cells, 157 * 156 * 2);
    }

    #[test]
    fn no_combination_passes_when_the_rows_cannot_be_believed() {
        for inputs in inputs() {
            let empty = Empty::Declared("declared".to_owned());
            let broken = judge(&inputs, Answer::Broken("the worker died".to_owned()), &empty);
            assert_eq!(broken.outcome, Outcome::Inconclusive);
            assert!(broken.members.is_empty());
            assert_eq!(broken.why.last().map(String::as_str), Some("the worker died"));
            let absent = judge(&inputs, Answer::NotConfigured("nobody provides it".to_owned()), &empty);
            assert_eq!((absent.outcome, absent.why), (Outcome::NotApplicable, vec!["nobody provides it".to_owned()]));
        }
    }
}
