//! `controls/<framework>/<control>/index.html`: what is shown about one control, and what is not.

use super::Facts;
use super::blocks::{
    Block, Document, Line, Span, code, heading, link, mark, outcome, paragraph, plain, strong, table, text, time,
};
use crate::layout;
use crate::plan::{Control, Framework};
use crate::summary::{EvaluationNote, roll_up, said, standing, texts};
use std::collections::BTreeSet;

/// Rows of a list on a control's page; the index has all.
const MOST: usize = 200;

/// The last evaluations of the checks that test `name`.
pub(super) fn last<'a>(facts: &'a Facts<'_>, name: &str) -> Vec<&'a EvaluationNote> {
    facts.summary.latest().into_values().filter(|one| one.controls.iter().any(|control| control == name)).collect()
}

/// The page.
pub(crate) fn page(facts: &Facts<'_>, framework: &Framework, control: &Control) -> Document {
    let name = format!("{}/{}", framework.id, control.id);
    let latest = last(facts, &name);
    let result = roll_up(&latest, &control.coverage);
    let mut blocks = vec![Block::Pairs(vec![
        ("Framework".into(), plain(&framework.title)),
        ("Outcome at the end".into(), vec![mark(result)]),
        ("Covered by".into(), plain(covered(&control.coverage, latest.len(), facts.summary.manual.of(&name).count()))),
        ("Statement of Applicability".into(), applicability(facts, &name)),
        ("Report".into(), vec![link("report.html", layout::REPORT_HTML)]),
    ])];
    let rests_on = |id: &String| latest.iter().any(|one| one.snapshots.contains(id));
    let samples: Vec<&str> = facts.summary.samples(|note| rests_on(&note.id)).into_iter().collect();
    if !samples.is_empty() {
        blocks.push(Block::Notice(vec![
            strong("SAMPLE DATA. "),
            text(format!(
                "What the checks below say of {} is invented and comes with the program. It is evidence of nothing.",
                samples.join(", ")
            )),
        ]));
    }
    blocks.push(heading(2, "Checks"));
    if latest.is_empty() {
        blocks.push(paragraph(
            "No check of this pack tests this control: nothing is claimed about it, and nothing here may be read as a pass.",
        ));
    } else {
        blocks.push(paragraph(
            "A check tests a part of a control: its criteria are in its file. Whether that is enough for the control is a \
             judgement that no program makes.",
        ));
        blocks.push(table(
            &[("check", 34), ("outcome", 14), ("members", 26), ("evaluated", 26)],
            latest.iter().map(|one| check(facts, one)).collect(),
        ));
        for one in latest.iter().filter(|one| !one.why.is_empty()) {
            blocks.push(Block::Text(vec![code(&one.check), text(format!(": {}", one.why.join("; ")))]));
        }
    }
    let all: Vec<&EvaluationNote> =
        facts.summary.evaluations.iter().filter(|one| one.controls.contains(&name)).collect();
    if all.len() > latest.len() {
        blocks.push(heading(2, "Every evaluation in the period"));
        let rows = all.iter().take(MOST).map(|one| {
            vec![
                vec![link(time(one.as_of), &one.path)],
                plain(&one.check),
                vec![outcome(one.outcome)],
                plain(counts(one)),
            ]
        });
        blocks.push(table(&[("as of", 24), ("check", 30), ("outcome", 16), ("members", 30)], rows.collect()));
        more(&mut blocks, all.len());
    }
    added(facts, &name, &mut blocks);
    findings(facts, &name, &mut blocks);
    evidence(facts, &latest, &mut blocks);
    blocks.push(heading(2, "What is not covered"));
    blocks.push(Block::List(not_covered(facts, &control.coverage, &latest)));
    Document {
        title: format!("{} {}", control.id, control.title),
        subtitle: format!("{}: {}, evidence of the period", facts.plan.organisation, framework.title),
        blocks,
    }
}

/// A check's row: its name, the outcome, its members by verdict and where the evaluation is.
pub(super) fn check(facts: &Facts<'_>, one: &EvaluationNote) -> Vec<Line> {
    let title = facts.plan.checks.iter().find(|check| check.name == one.check).map(|check| check.title.as_str());
    let file = layout::original_check(&one.check);
    let name = if title.is_some() { link(&one.check, file) } else { code(&one.check) };
    vec![
        vec![name, text(title.map(|title| format!(" {title}")).unwrap_or_default())],
        vec![outcome(one.outcome)],
        plain(counts(one)),
        vec![link(time(one.as_of), &one.path)],
    ]
}

/// Members by verdict, in words.
pub(super) fn counts(one: &EvaluationNote) -> String {
    let verdicts = &one.verdicts;
    let words = [
        (verdicts.fail, "fail"),
        (verdicts.unknown, "unknown"),
        (verdicts.pass, "pass"),
        (verdicts.not_applicable, "not applicable"),
        (verdicts.excepted, "excepted"),
    ];
    let words: Vec<String> =
        words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if words.is_empty() { "no members".to_owned() } else { words.join(", ") }
}

fn covered(coverage: &str, checks: usize, added: usize) -> String {
    match (coverage, checks) {
        (_, 0) if added > 0 => "evidence that people added: see below".to_owned(),
        ("check", 0) => "a check exists, and was not evaluated in this pack".to_owned(),
        ("review", _) => "a recorded review or audit, which this pack does not hold".to_owned(),
        (_, 0) => "evidence that a person attaches; none is in this pack".to_owned(),
        (_, 1) => "1 check".to_owned(),
        (_, checks) => format!("{checks} checks"),
    }
}

fn applicability(facts: &Facts<'_>, name: &str) -> Line {
    match facts.plan.applicability.iter().find(|one| one.control == name) {
        Some(one) if one.applicable => plain(format!("applicable: {}", one.justification)),
        Some(one) => plain(format!("not applicable: {}", one.justification)),
        None => plain("not recorded"),
    }
}

fn more(blocks: &mut Vec<Block>, all: usize) {
    if all > MOST {
        blocks.push(Block::Text(vec![
            text(format!("{} more are in ", all - MOST)),
            link(layout::INDEX_CSV, layout::INDEX_CSV),
            text("."),
        ]));
    }
}

/// What people added for the control. That it is there says nothing of what it shows.
fn added(facts: &Facts<'_>, name: &str, blocks: &mut Vec<Block>) {
    let rows: Vec<Vec<Line>> = facts
        .summary
        .manual
        .of(name)
        .map(|(id, path, evidence)| {
            let word = |field: &str| crate::summary::text(evidence, field);
            let file = if path.is_empty() { text(format!("{id} (withheld)")) } else { link(id, path) };
            vec![
                vec![file, text(format!(" {}", word("title")))],
                plain(format!("{} at {}", said(evidence, "added", "by"), said(evidence, "added", "at"))),
                plain(format!("{} to {}", word("from"), word("to"))),
                plain(standing(evidence, facts.plan.to)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    blocks.push(heading(2, "Evidence that people added"));
    blocks.push(paragraph(
        "A person says what each file shows; the file is as it was when it was sealed. Reading it is up to you.",
    ));
    blocks.push(table(&[("file", 36), ("added by", 24), ("speaks of", 22), ("at the end", 18)], rows));
}

fn findings(facts: &Facts<'_>, name: &str, blocks: &mut Vec<Block>) {
    let of_control: Vec<_> = facts
        .summary
        .findings
        .iter()
        .filter(|(_, _, finding)| texts(finding, "controls").iter().any(|one| one == name))
        .collect();
    if of_control.is_empty() {
        return;
    }
    blocks.push(heading(2, "Findings"));
    let rows = of_control.iter().map(|(id, log_index, finding)| {
        let word = |field: &str| crate::summary::text(finding, field);
        vec![
            vec![link(*id, layout::finding_event(*log_index)), text(format!(" {}", word("title")))],
            vec![mark(&word("state"))],
            plain(word("condition")),
        ]
    });
    blocks.push(table(&[("finding", 40), ("state", 16), ("condition", 44)], rows.collect()));
}

/// The snapshots that the last evaluations rest on.
fn evidence(facts: &Facts<'_>, latest: &[&EvaluationNote], blocks: &mut Vec<Block>) {
    let used: BTreeSet<&str> = latest.iter().flat_map(|one| &one.snapshots).map(String::as_str).collect();
    if used.is_empty() {
        return;
    }
    blocks.push(heading(2, "Evidence the last evaluations rest on"));
    let rows =
        facts.evidence.iter().filter(|row| row.kind == "snapshot" && used.contains(row.evidence_id.as_str())).map(
            |row| {
                vec![
                    vec![link(&row.evidence_id, &row.path)],
                    vec![link(&row.source, format!("populations/{}.html", crate::names::segment(&row.source)))],
                    vec![mark(&row.status)],
                    plain(format!("{} rows, {}", row.rows, row.completeness)),
                ]
            },
        );
    blocks.push(table(
        &[("snapshot", 30), ("population", 16), ("status", 14), ("rows and completeness", 40)],
        rows.collect(),
    ));
}

fn not_covered(facts: &Facts<'_>, coverage: &str, latest: &[&EvaluationNote]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    if coverage != "check" || latest.is_empty() {
        lines.push(plain("Everything the control asks for that is not listed above: ask the organisation for it."));
    } else {
        lines.push(plain(
            "What the checks above do not test: policies, decisions and work done by people, and systems that are not a source.",
        ));
    }
    for one in latest {
        if let Some(detail) = facts.summary.details.get(&one.check) {
            for input in detail.inputs.iter().filter(|input| input.state != model::InputState::Good) {
                let why = input.why.as_deref().unwrap_or("it is not good");
                lines.push(vec![code(&one.check), text(format!(", source {}: {why}", input.source))]);
            }
        }
        if one.verdicts.unknown > 0 {
            let words = format!(": {} members of whom it cannot be said", one.verdicts.unknown);
            lines.push(vec![code(&one.check), Span::Text(words)]);
        }
    }
    lines
}
