//! The report: what an auditor reads first, in the order in which it is asked.

use super::Facts;
use super::blocks::{
    Block, Document, Figure, Line, Tone, code, heading, link, mark, outcome, paragraph, plain, strong, table, text,
    time, time_text,
};
use super::calendar::calendar;
use super::controls::{check, counts, last};
use crate::layout;
use crate::plan::Framework;
use crate::readme;
use crate::summary::{Days, EvaluationNote, NO_EXCEPTION, days, excepted_members, roll_up, said, texts};
use model::{Outcome, SnapshotStatus, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// Rows of a list in the report; the sheets have all.
const MOST: usize = 150;
/// Items of a finding in the report.
const MOST_ITEMS: usize = 40;

/// The report.
pub(crate) fn report(facts: &Facts<'_>) -> Document {
    let plan = facts.plan;
    let mut blocks = cover(facts);
    blocks.extend(summary(facts));
    for framework in &plan.frameworks {
        blocks.extend(controls(facts, framework));
    }
    blocks.extend(not_passed(facts));
    blocks.extend(findings(facts));
    blocks.extend(exceptions_and_changes(facts));
    blocks.extend(coverage(facts));
    blocks.extend(populations(facts));
    blocks.extend(scope(facts));
    blocks.extend(limits(facts));
    Document {
        title: format!("Evidence report: {}", plan.organisation),
        subtitle: format!(
            "{} to {}, {}",
            plan.first_day().strftime("%-d %B %Y"),
            plan.last_day().strftime("%-d %B %Y"),
            framework_title(facts)
        ),
        blocks,
    }
}

fn framework_title(facts: &Facts<'_>) -> String {
    match &facts.plan.framework {
        None => "no framework in particular".to_owned(),
        Some(id) => {
            facts.plan.frameworks.iter().find(|one| one.id == *id).map_or_else(|| id.clone(), |one| one.title.clone())
        }
    }
}

fn cover(facts: &Facts<'_>) -> Vec<Block> {
    let plan = facts.plan;
    let mut sources: Vec<&str> = facts.summary.snapshots.iter().map(|one| one.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut samples: Vec<&str> =
        facts.summary.snapshots.iter().filter(|one| one.sample).map(|one| one.source.as_str()).collect();
    samples.sort_unstable();
    samples.dedup();
    let systems = if sources.is_empty() { "none".to_owned() } else { sources.join(", ") };
    let mut blocks = vec![Block::Pairs(vec![
        ("Organisation".into(), plain(&plan.organisation)),
        (
            "Period".into(),
            plain(format!(
                "{} to {}, days of {}: from {} until {}",
                plan.first_day(),
                plan.last_day(),
                plan.zone_name(),
                time(plan.from),
                time(plan.to)
            )),
        ),
        ("Evidence".into(), plain(days(plan, facts.summary).0.text())),
        ("Framework".into(), plain(framework_title(facts))),
        ("Systems".into(), plain(systems)),
        ("Made by".into(), plain(format!("{}, from the sealed documents in this pack", plan.tool))),
        ("Log".into(), plain(plan.log_key.name())),
        ("Key of the log".into(), vec![code(plan.log_key.to_string())]),
    ])];
    if !samples.is_empty() {
        blocks.push(Block::Notice(vec![
            strong("SAMPLE DATA. "),
            text(format!(
                "What this report says of {} is invented and comes with the program. It is evidence of nothing.",
                samples.join(", ")
            )),
        ]));
    }
    if !plan.damage.is_empty() {
        blocks.push(Block::Notice(vec![strong("DAMAGED STORE. "), text(readme::DAMAGED)]));
        let shown = plan.damage.iter().take(MOST_ITEMS).map(|one| plain(one.to_string()));
        blocks.push(Block::List(shown.collect()));
        if plan.damage.len() > MOST_ITEMS {
            blocks.push(paragraph(format!("{} more are in 00_README.txt.", plan.damage.len() - MOST_ITEMS)));
        }
    }
    blocks.push(paragraph(
        "Do not take this report's word for anything. It is a summary of sealed documents that lie beside it; each can be \
         proven to be in the organisation's log with the tools below, and each check can be performed again.",
    ));
    let mut commands = "evidenced verify PACK.zip --key 'KEY FROM ANOTHER CHANNEL'      # with the program, offline\n\
         bash verify.sh                                                  # without it: bash, openssl, coreutils"
        .to_owned();
    if plan.database.is_some() {
        commands.push_str("\nsqlite3 -readonly evidence.sqlite < checks/NAME.sql             # performs a check again");
    }
    blocks.push(Block::Code(commands));
    blocks.push(Block::Text(vec![
        text("Get the key from the organisation by another channel and compare it with the one above. "),
        link(layout::README_HTML, layout::README_HTML),
        text(" explains every file and every step."),
    ]));
    blocks
}

fn figure(tone: Tone, number: impl Into<String>, label: &str) -> Figure {
    Figure { tone, number: number.into(), label: label.to_owned() }
}

fn summary(facts: &Facts<'_>) -> Vec<Block> {
    let latest = facts.summary.latest();
    let count = |outcome| latest.values().filter(|one| one.outcome == outcome).count();
    let (all, open) = facts.summary.findings.counts();
    let snapshots = &facts.summary.snapshots;
    let whole = snapshots.iter().filter(|one| one.status == SnapshotStatus::Complete).count();
    let gaps = facts.plan.slots.iter().filter(|slot| slot.outcome != "complete").count();
    let tone = |bad: bool, tone| if bad { tone } else { Tone::Plain };
    let mut blocks = vec![
        heading(2, "Summary"),
        Block::Figures(vec![
            figure(Tone::Good, count(Outcome::Pass).to_string(), "checks pass"),
            figure(tone(count(Outcome::Fail) > 0, Tone::Bad), count(Outcome::Fail).to_string(), "checks fail"),
            figure(
                tone(count(Outcome::Inconclusive) > 0, Tone::Unsure),
                count(Outcome::Inconclusive).to_string(),
                "checks inconclusive",
            ),
            figure(Tone::Plain, count(Outcome::NotApplicable).to_string(), "checks not applicable"),
            figure(tone(open > 0, Tone::Bad), format!("{open} of {all}"), "findings open"),
            figure(
                tone(whole < snapshots.len(), Tone::Unsure),
                format!("{whole} of {}", snapshots.len()),
                "snapshots complete",
            ),
            figure(
                tone(gaps > 0, Tone::Unsure),
                format!("{gaps} of {}", facts.plan.slots.len()),
                "due runs not complete",
            ),
        ]),
        paragraph(format!(
            "Pass: the whole population was seen and nobody fails. Fail: at least one member fails, and that is proven. \
             Inconclusive: it cannot be said from this evidence; never read it as a pass. Not applicable: {}. The figures are \
             of each check's last evaluation.",
            readme::NOT_APPLICABLE
        )),
        heading(3, "Outcomes over the period"),
    ];
    if latest.is_empty() {
        blocks.push(paragraph("No check was evaluated."));
        return blocks;
    }
    let mut over: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
    for one in &facts.summary.evaluations {
        let at = match one.outcome {
            Outcome::Pass => 0,
            Outcome::Fail => 1,
            Outcome::Inconclusive => 2,
            Outcome::NotApplicable => 3,
        };
        over.entry(&one.check).or_default()[at] += 1;
    }
    let rows = latest
        .values()
        .map(|one| {
            let mut row = check(facts, one);
            let times = over.get(one.check.as_str()).copied().unwrap_or_default();
            let words = ["pass", "fail", "inconclusive", "not applicable"];
            let words: Vec<String> = times
                .iter()
                .zip(words)
                .filter(|(count, _)| **count > 0)
                .map(|(count, word)| format!("{count} {word}"))
                .collect();
            row.push(plain(words.join(", ")));
            row
        })
        .collect();
    blocks.push(table(
        &[("check", 31), ("at the end", 13), ("members", 19), ("last evaluated", 20), ("evaluations", 17)],
        rows,
    ));
    blocks
}

fn controls(facts: &Facts<'_>, framework: &Framework) -> Vec<Block> {
    let mut rows: Vec<Vec<Line>> = Vec::new();
    let mut uncovered: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for control in &framework.controls {
        let name = format!("{}/{}", framework.id, control.id);
        let latest = last(facts, &name);
        let result = roll_up(&latest, &control.coverage);
        if latest.is_empty() {
            uncovered.entry(result).or_default().push(&control.id);
            continue;
        }
        let checks: Vec<String> =
            latest.iter().map(|one| format!("{} ({})", one.check, one.outcome.as_str().replace('_', " "))).collect();
        rows.push(vec![
            vec![link(&control.id, layout::control(&framework.id, &control.id)), text(format!(" {}", control.title))],
            vec![mark(result)],
            plain(checks.join(", ")),
        ]);
    }
    let mut blocks = vec![
        heading(2, format!("Controls of {}", framework.title)),
        paragraph(
            "A control fails when one of its checks fails, passes only when all of them pass, and is inconclusive otherwise, also \
             where a check is not applicable. A check tests a part of a \
             control; the rest is the organisation's and the auditor's.",
        ),
    ];
    if rows.is_empty() {
        blocks.push(paragraph("No check of this pack tests a control of this framework."));
    } else {
        blocks.push(table(&[("control", 42), ("outcome", 14), ("checks", 44)], rows));
    }
    if !uncovered.is_empty() {
        blocks.push(heading(3, "Controls without an outcome"));
        blocks.push(paragraph("Nothing is claimed about these; none of them may be read as passed."));
        blocks.push(Block::Pairs(
            uncovered.into_iter().map(|(why, ids)| (format!("{why} ({})", ids.len()), plain(ids.join(", ")))).collect(),
        ));
    }
    blocks
}

fn not_passed(facts: &Facts<'_>) -> Vec<Block> {
    let latest = facts.summary.latest();
    let mut blocks = vec![heading(2, "Inconclusive, and why")];
    let unsure: Vec<_> = latest.values().filter(|one| one.outcome == Outcome::Inconclusive).collect();
    if unsure.is_empty() {
        blocks.push(paragraph("No check was inconclusive at its last evaluation."));
    }
    for one in unsure {
        blocks.push(Block::Text(vec![
            code(&one.check),
            text(" "),
            outcome(one.outcome),
            text(format!(" {}", counts(one))),
        ]));
        blocks.push(Block::List(one.why.iter().map(|why| plain(why.as_str())).collect()));
    }
    blocks.extend(unsure_controls(facts));
    let not_applicable: Vec<_> = latest.values().filter(|one| one.outcome == Outcome::NotApplicable).collect();
    if !not_applicable.is_empty() {
        blocks.push(heading(3, "Checks that are not applicable, and why"));
        let rows = not_applicable.into_iter().map(|one| vec![vec![code(&one.check)], plain(why(one))]);
        blocks.push(table(&[("check", 34), ("why", 66)], rows.collect()));
    }
    blocks.push(heading(2, "Subjects that fail"));
    let failing: Vec<_> = latest.values().filter(|one| one.outcome == Outcome::Fail).collect();
    if failing.is_empty() {
        blocks.push(paragraph("No check failed at its last evaluation."));
    }
    for one in failing {
        let title = facts.plan.checks.iter().find(|check| check.name == one.check);
        blocks.push(heading(3, title.map_or(one.check.as_str(), |check| check.title.as_str())));
        blocks.push(Block::Text(vec![code(&one.check), text(format!(" as of {}: {}", time(one.as_of), counts(one)))]));
        let Some(detail) = facts.summary.details.get(&one.check) else { continue };
        let failing: Vec<_> = detail.members.iter().filter(|(_, fails, _)| *fails).collect();
        let shown = failing.len() as u64;
        let rows = failing.into_iter().map(|(subject, _, reason)| vec![plain(subject), plain(reason)]).collect();
        blocks.push(table(&[("subject", 40), ("why", 60)], rows));
        if one.verdicts.fail > shown {
            blocks.push(Block::Text(vec![
                text(format!("{} more are in ", one.verdicts.fail - shown)),
                link("the evaluation", &one.path),
                text("."),
            ]));
        }
        if one.verdicts.unknown > 0 {
            blocks.push(paragraph(format!(
                "Beside these, it cannot be said of {} members whether they fail.",
                one.verdicts.unknown
            )));
        }
    }
    blocks
}

/// Every control that is inconclusive, with those of its checks that keep it from passing.
fn unsure_controls(facts: &Facts<'_>) -> Vec<Block> {
    let mut rows: Vec<Vec<Line>> = Vec::new();
    for framework in &facts.plan.frameworks {
        for control in &framework.controls {
            let latest = last(facts, &format!("{}/{}", framework.id, control.id));
            if roll_up(&latest, &control.coverage) != Outcome::Inconclusive.as_str() {
                continue;
            }
            let checks = latest.iter().filter(|one| one.outcome != Outcome::Pass);
            let words: Vec<String> = checks
                .map(|one| format!("{} is {}: {}", one.check, one.outcome.as_str().replace('_', " "), why(one)))
                .collect();
            rows.push(vec![
                vec![
                    link(&control.id, layout::control(&framework.id, &control.id)),
                    text(format!(" {}", control.title)),
                ],
                plain(&framework.title),
                plain(words.join("\n")),
            ]);
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    vec![
        heading(3, format!("Controls that are inconclusive: {}", rows.len())),
        table(&[("control", 28), ("framework", 18), ("because", 54)], rows),
    ]
}

/// Why a check neither passes nor fails.
fn why(one: &EvaluationNote) -> String {
    if one.why.is_empty() { counts(one) } else { one.why.join("; ") }
}

fn findings(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = vec![heading(2, "Findings")];
    if facts.summary.findings.is_empty() {
        blocks.push(paragraph("No finding was raised or changed in the period."));
        return blocks;
    }
    blocks.push(Block::Text(vec![
        text(
            "A draft finding is what the program proposes from the evidence; only a person confirms and classifies it. \
             Resolved means that a later, complete snapshot showed every member mended. ",
        ),
        link(layout::FINDINGS_CSV, layout::FINDINGS_CSV),
        text(" has a row for every failing member."),
    ]));
    for (id, log_index, finding) in facts.summary.findings.iter() {
        let word = |field: &str| crate::summary::text(finding, field);
        let class = word("class");
        let class =
            if class.is_empty() { format!("not classified, proposed {}", word("proposed_class")) } else { class };
        blocks.push(heading(3, format!("{id}: {}", word("title"))));
        blocks.push(Block::Pairs(
            [
                ("State", vec![mark(&word("state")), text(format!(" {class}"))]),
                ("Controls", plain(texts(finding, "controls").join(", "))),
                ("Criteria", plain(word("criteria"))),
                ("Condition", plain(word("condition"))),
                ("Impact", plain(word("impact"))),
                ("Action", plain(word("action"))),
                ("Owner and due date", plain(owner(&word("owner"), &word("due")))),
                ("Raised", plain(time_text(&word("raised_at")))),
                ("Last event", vec![link(format!("entry {log_index}"), layout::finding_event(log_index))]),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        ));
        let decided = decided(finding);
        if !decided.is_empty() {
            blocks.push(Block::Pairs(decided));
        }
        let empty = Vec::new();
        let items = finding.get("items").and_then(Value::as_array).unwrap_or(&empty);
        let rows: Vec<Vec<Line>> = items
            .iter()
            .take(MOST_ITEMS)
            .map(|item| {
                let word = |field: &str| crate::summary::text(item, field);
                let resolved = word("resolved_at");
                let until =
                    if resolved.is_empty() { "open".to_owned() } else { format!("resolved {}", time_text(&resolved)) };
                vec![plain(word("subject")), plain(word("reason")), plain(time_text(&word("first_seen"))), plain(until)]
            })
            .collect();
        if !rows.is_empty() {
            blocks.push(table(&[("member", 27), ("why", 37), ("first seen", 20), ("now", 16)], rows));
        }
        if items.len() > MOST_ITEMS {
            blocks.push(paragraph(format!("{} more are in findings/findings.csv.", items.len() - MOST_ITEMS)));
        }
    }
    blocks
}

/// What people decided about a finding, in order.
fn decided(finding: &Value) -> Vec<(String, Line)> {
    let mut pairs: Vec<(String, Line)> = Vec::new();
    let mut pair = |name: &str, text: String| pairs.push((name.to_owned(), plain(text)));
    let word = |what: &str| -> Option<String> {
        let by = said(finding, what, "by");
        let note = said(finding, what, "note");
        let note = if note.is_empty() { String::new() } else { format!(": {note}") };
        (!by.is_empty()).then(|| format!("by {by} at {}{note}", time_text(&said(finding, what, "at"))))
    };
    let plan = |field: &str| said(finding, "plan", field);
    if let Some(text) = word("confirmed") {
        pair("Confirmed", text);
    }
    if let Some(text) = word("dismissed") {
        pair("Dismissed", format!("as {} {text}", said(finding, "dismissed", "why").replace('_', " ")));
    }
    if let Some(text) = word("accepted") {
        pair("Risk accepted", format!("until {} {text}", said(finding, "accepted", "until")));
    }
    if let Some(text) = word("plan") {
        pair("Planned", text);
        for (name, field) in [
            ("Correction", "correction"),
            ("Root cause", "root_cause"),
            ("Found by", "method"),
            ("Similar cases", "similar"),
            ("Corrective action", "action"),
        ] {
            if !plan(field).is_empty() {
                pair(name, plan(field));
            }
        }
    }
    for change in finding.get("amendments").and_then(Value::as_array).into_iter().flatten() {
        let part = |field: &str| crate::summary::text(change, field);
        let (what, from, to) = (part("field"), part("from"), part("to"));
        pair(
            "Changed",
            format!("{what} from {from} to {to} by {} at {}: {}", part("by"), time_text(&part("at")), part("note")),
        );
    }
    if let Some(text) = word("implemented") {
        pair("Done", text);
    }
    if let Some(verified) = finding.get("verified") {
        let runs: Vec<String> = verified
            .get("shown_by")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|run| {
                format!(
                    "evaluation {} on {}",
                    crate::summary::text(run, "evaluation"),
                    texts(run, "snapshots").join(", ")
                )
            })
            .collect();
        let by = if runs.is_empty() {
            format!("by {}", said(verified, "word", "by"))
        } else {
            format!("by {}", runs.join("; "))
        };
        pair("Verified", format!("{by} at {}", time_text(&crate::summary::text(verified, "at"))));
    }
    if let Some(text) = word("closed") {
        pair("Closed", text);
    }
    pairs
}

fn owner(owner: &str, due: &str) -> String {
    match (owner, due) {
        ("", "") => "none named".to_owned(),
        (owner, "") => owner.to_owned(),
        ("", due) => format!("due {due}"),
        (owner, due) => format!("{owner}, due {due}"),
    }
}

fn exceptions_and_changes(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = vec![heading(2, "Exceptions and changes")];
    if facts.summary.exceptions.is_empty() {
        blocks.push(paragraph(NO_EXCEPTION));
    } else {
        blocks.push(Block::Text(vec![
            text(
                "An exception is asked for by one person and approved by another; it ends by itself. A member under one still \
                 fails, is counted as excepted, and counts as failing again from its end on. ",
            ),
            link(layout::EXCEPTIONS, layout::EXCEPTIONS),
            text(" has each of them whole."),
        ]));
        let rows = facts.summary.exceptions.iter().map(|(id, log_index, exception)| {
            let word = |field: &str| crate::summary::text(exception, field);
            let check = word("check");
            let members = excepted_members(facts.summary, &check, id);
            let people = format!("{} / {}", said(exception, "requested", "by"), said(exception, "approved", "by"));
            vec![
                vec![link(id, layout::exception_event(log_index)), text(format!(" {}", word("state")))],
                plain(format!("{check}: {} ({members} members)", texts(exception, "subjects").join(", "))),
                plain(format!("{}; instead: {}", word("reason"), word("compensating_control"))),
                plain(people),
                plain(time_text(&word("until"))),
            ]
        });
        let columns = [("exception", 16), ("covers", 26), ("because", 28), ("asked / approved", 16), ("until", 14)];
        blocks.push(table(&columns, rows.collect()));
    }
    if facts.changes.is_empty() {
        blocks.push(paragraph(
            "No shipped evaluation or snapshot shows a check, its parameters or a collector changing within the period, and \
             the log has no configuration entry in it.",
        ));
        return blocks;
    }
    blocks.push(paragraph("What was tested, or how, changed within the period:"));
    let short = |value: &str| {
        let digest = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digest { vec![code(format!("{}…", &value[..12]))] } else { plain(value) }
    };
    let rows = facts.changes.iter().take(MOST).map(|change| {
        vec![
            plain(time(change.at)),
            plain(format!("{} {}", change.what, change.subject)),
            short(&change.before),
            short(&change.after),
            plain(change.log_index.to_string()),
        ]
    });
    blocks.push(table(&[("at", 20), ("what", 34), ("before", 18), ("after", 18), ("entry", 10)], rows.collect()));
    if facts.changes.len() > MOST {
        blocks.push(paragraph(format!("{} more are in {}.", facts.changes.len() - MOST, layout::CHANGES)));
    }
    blocks
}

fn coverage(facts: &Facts<'_>) -> Vec<Block> {
    let calendar = calendar(facts.plan, facts.summary);
    let mut blocks = vec![heading(2, "Coverage")];
    blocks.push(Block::Text(vec![
        text(format!(
            "Whether what was due was seen, by source and day ({}). A day is whole only when every due run ended complete; an \
             empty cell means that nothing was due and nothing was run. Every run, with the reason of every gap, is in ",
            facts.plan.zone_name()
        )),
        link(layout::COVERAGE, layout::COVERAGE),
        text("."),
    ]));
    let (_, sources) = days(facts.plan, facts.summary);
    if sources.values().any(Days::lacking) {
        let at = |at: Option<Timestamp>| plain(at.map_or_else(|| "none in the period".to_owned(), time));
        let rows =
            sources.iter().map(|(source, days)| vec![plain(*source), at(days.first), at(days.last), plain(days.gap())]);
        blocks.push(table(
            &[("source", 28), ("first complete snapshot", 26), ("last", 26), ("days of the period without", 20)],
            rows.collect(),
        ));
    }
    if facts.plan.slots.is_empty() {
        blocks.push(Block::Notice(plain(
            "No due run is recorded for this period: no daemon kept a schedule. What follows was run because somebody asked, \
             and says nothing about the days between.",
        )));
    }
    if calendar.left_out > 0 {
        blocks.push(paragraph(format!("{} later months are not drawn.", calendar.left_out)));
    }
    if !calendar.sources.is_empty() {
        blocks.push(Block::Calendar(calendar));
    }
    let gaps: Vec<_> = facts.plan.slots.iter().filter(|slot| slot.outcome != "complete").collect();
    if !gaps.is_empty() {
        blocks.push(heading(3, format!("Due runs that did not end complete: {}", gaps.len())));
        let rows = gaps.iter().take(MOST).map(|slot| {
            let reason = slot.reason.clone().or_else(|| {
                let snapshot = facts.summary.snapshots.iter().find(|one| Some(&one.id) == slot.snapshot.as_ref())?;
                Some(snapshot.reasons.clone())
            });
            vec![
                plain(&slot.source),
                plain(time(slot.due_at)),
                vec![mark(&slot.outcome)],
                plain(reason.unwrap_or_default()),
            ]
        });
        blocks.push(table(&[("source", 18), ("due", 22), ("outcome", 14), ("why", 46)], rows.collect()));
        if gaps.len() > MOST {
            blocks.push(paragraph(format!("{} more are in {}.", gaps.len() - MOST, layout::COVERAGE)));
        }
    }
    let late = &facts.summary.gaps;
    if !late.is_empty() {
        blocks.push(heading(
            3,
            format!("Times without a timestamp token, longer than the cadence allows: {}", late.len()),
        ));
        let rows = late.iter().take(MOST).map(|gap| {
            let until = gap.until.map_or_else(|| "not within the period".to_owned(), time);
            vec![plain(&gap.authority), plain(time(gap.since)), plain(until), plain(&gap.reason)]
        });
        blocks.push(table(&[("authority", 14), ("from", 20), ("to", 20), ("why", 46)], rows.collect()));
        if late.len() > MOST {
            blocks.push(paragraph(format!("{} more are in {}.", late.len() - MOST, layout::COVERAGE)));
        }
    }
    blocks
}

fn populations(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = vec![heading(2, "Populations")];
    if facts.summary.populations.is_empty() {
        blocks.push(paragraph("No snapshot is in this pack."));
        return blocks;
    }
    blocks.push(paragraph(
        "Of each source the last complete snapshot, or the last one when none is complete. The statements in populations/ say \
         what was asked, as whom, what the counts were reconciled with, and the known limits.",
    ));
    let rows = facts.summary.populations.iter().map(|(source, note)| {
        let manifest = &note.manifest;
        let completeness = &manifest.completeness;
        let declared = completeness.declared.map_or_else(|| "not declared".to_owned(), |count| count.to_string());
        let why = completeness.basis.clone().unwrap_or_else(|| crate::summary::reasons(manifest));
        vec![
            vec![link(source, format!("populations/{}.html", crate::names::segment(source)))],
            plain(&manifest.population),
            vec![mark(manifest.status.as_str()), text(format!(" {why}"))],
            plain(format!("{} counted, {declared} by the source", completeness.counted)),
        ]
    });
    blocks.push(table(&[("source", 15), ("population", 33), ("seen whole", 36), ("members", 16)], rows.collect()));
    blocks
}

fn scope(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = vec![heading(2, "What is left out")];
    if !facts.plan.redact.is_empty() {
        let names: Vec<String> = facts.plan.redact.iter().map(|(table, column)| format!("{table}.{column}")).collect();
        blocks.push(Block::Notice(vec![
            strong("Redacted. "),
            text(format!(
                "The columns {} stand as salted commitments; the answers they were read from, and documents that name their \
                 values, are withheld. Those tables cannot be proven to be the sealed ones from this pack.",
                names.join(", ")
            )),
        ]));
    }
    if facts.plan.exclusions.is_empty() {
        blocks.push(paragraph(
            "The configuration records no exclusion. Systems that are not listed above are not covered.",
        ));
    } else {
        let rows = facts.plan.exclusions.iter().map(|one| vec![plain(&one.what), plain(&one.reason)]);
        blocks.push(table(&[("what", 35), ("why", 65)], rows.collect()));
    }
    if facts.plan.applicability.is_empty() {
        blocks.push(paragraph("The configuration records no Statement of Applicability: ask the organisation for it."));
    } else {
        blocks.push(heading(3, "Statement of Applicability, as the configuration records it"));
        let rows = facts.plan.applicability.iter().map(|one| {
            let word = if one.applicable { "applicable" } else { "not applicable" };
            vec![plain(&one.control), plain(word), plain(&one.justification)]
        });
        blocks.push(table(&[("control", 30), ("applies", 18), ("justification", 52)], rows.collect()));
    }
    blocks
}

fn limits(facts: &Facts<'_>) -> Vec<Block> {
    vec![
        heading(2, "What is not proven"),
        Block::List(readme::not_proven(facts.summary).iter().map(|words| plain(*words)).collect()),
    ]
}
