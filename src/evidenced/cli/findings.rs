//! `evidenced findings`: what fails, and what people do about it.

use super::args::{Format, Global, ListCommand};
use super::decisions::{ActArgs, FindingsCommand};
use super::list::absent;
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, Raise, overview};
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::{Value, json};
use std::fmt::Write;
use workflow::{Act, Finding, FindingEvent, FindingText, Plan};

pub(super) fn findings(settings: Settings, command: Option<FindingsCommand>, global: &Global) -> Result<Exit, Failure> {
    let Some(command) = command else { return list(&settings, global) };
    let ids = |ids: &[String]| line::evidence(&line::reader(&settings)?, ids);
    let (acting, step) = match command {
        FindingsCommand::Look(ListCommand::List) => return list(&settings, global),
        FindingsCommand::Look(ListCommand::Show { id }) => return show(&settings, &id, global),
        FindingsCommand::Raise { title, criteria, condition, impact, action, class, control, by } => {
            let text = FindingText { title, severity: class.class().as_str().to_owned(), criteria, impact, action };
            let raise = Raise { text, condition, controls: control };
            let (index, event) = super::writing(settings, |line| line.raise(&raise, &by))?;
            return told(index, &event, global);
        }
        FindingsCommand::Confirm { acting, class, note } => (acting, Act::Confirm { class: class.class(), note }),
        FindingsCommand::Dismiss { acting, why, reason } => (acting, Act::Dismiss { why: why.dismissal(), reason }),
        FindingsCommand::Plan { acting, correction, root_cause, method, similar, action, owner, due } => {
            let plan = Plan { correction, root_cause, method, similar, action };
            (acting, Act::Plan { plan, owner, due })
        }
        FindingsCommand::Implement { acting, note, evidence } => {
            let evidence = ids(&evidence)?;
            (acting, Act::Implement { note, evidence })
        }
        FindingsCommand::Verify { acting, note, evidence } => {
            let evidence = ids(&evidence)?;
            (acting, Act::Verify { note, evidence })
        }
        FindingsCommand::Close { acting, effectiveness } => (acting, Act::Close { effectiveness }),
        FindingsCommand::Accept { acting, owner, reason, until } => {
            let until = super::evaluate::instant(&until, &settings)?;
            (acting, Act::Accept { owner, reason, until })
        }
        FindingsCommand::Due { acting, due, reason } => (acting, Act::Due { due, reason }),
        FindingsCommand::Owner { acting, owner, reason } => (acting, Act::Owner { owner, reason }),
    };
    let ActArgs { id, by, looked_at } = acting;
    let (index, event) = super::writing(settings, |line| Ok(line.act(&id, &step, &by, looked_at)?))?;
    told(index, &event, global)
}

/// What a decision led to.
fn told(index: u64, event: &FindingEvent, global: &Global) -> Result<Exit, Failure> {
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/finding-decision/v1", "log_index": index, "event": event.event,
            "finding": event.finding,
        }))?,
        Format::Table => print::text_line(&format!(
            "{} {} by {} (entry {index}): it is {}",
            event.finding.id,
            event.event.as_str(),
            print::safe(event.by.as_deref().unwrap_or_default()),
            event.finding.state.as_str(),
        ))?,
    }
    Ok(Exit::Done)
}

fn show(settings: &Settings, id: &str, global: &Global) -> Result<Exit, Failure> {
    let findings = line::findings(&line::reader(settings)?)?;
    let Some(finding) = findings.iter().find(|finding| finding.id == id) else {
        return Err(absent("finding", id));
    };
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/finding-show/v1", "finding": finding}))?,
        Format::Table => print::text_line(&finding_text(finding))?,
    }
    Ok(Exit::Done)
}

fn list(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    if let Some(format) = global.report() {
        super::report::findings(format, settings, &reader, &line::sealed_findings(&reader)?)?;
        return Ok(Exit::Done);
    }
    let findings = line::findings(&reader)?;
    match global.format() {
        Format::Json => {
            let findings: Vec<Value> = findings.iter().map(|finding| json!(finding)).collect();
            print::json(&json!({"schema": "evidenced/findings/v1", "findings": findings}))?;
        }
        Format::Table => print::table(
            ["FINDING", "STATE", "OPEN", "RESOLVED", "RAISED", "OWNER", "DUE", "TITLE"],
            findings
                .iter()
                .map(|finding| {
                    let open = finding.open_items().count();
                    [
                        finding.id.clone(),
                        finding.state.as_str().to_owned(),
                        open.to_string(),
                        (finding.items.len() - open).to_string(),
                        seconds_text(finding.raised_at),
                        print::safe(finding.owner.as_deref().unwrap_or_default()),
                        finding.due.clone().unwrap_or_default(),
                        finding.title.clone(),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

/// A finding whole, for people.
fn finding_text(finding: &Finding) -> String {
    let mut text = String::new();
    let time = model::time::seconds_text;
    // writing to a String cannot fail
    let _ = write!(
        text,
        "{} ({}), {}\n{}\n\ncriteria   {}\ncondition  {}\nimpact     {}\naction     {}\ncontrols   {}\nraised     {}\n",
        finding.id,
        finding.state.as_str(),
        finding
            .class
            .map_or_else(|| format!("proposed class {}", finding.proposed_class), |class| class.as_str().to_owned()),
        finding.title,
        finding.criteria,
        finding.condition,
        finding.impact,
        finding.action,
        finding.controls.join(" "),
        time(finding.raised_at),
    );
    if let Some(before) = &finding.repeat_of {
        let _ = writeln!(text, "repeats    {before}");
    }
    for (what, said) in overview::decided(finding) {
        let _ = writeln!(text, "{what:<10} {}", print::safe(&said));
    }
    for item in &finding.items {
        let _ = write!(
            text,
            "\n{}\n  {}\n  first seen {}, last seen {}, {}",
            print::safe(&item.subject),
            print::safe(&item.reason),
            time(item.first_seen),
            time(item.last_seen),
            match (item.resolved_at, &item.exception) {
                (Some(at), _) => format!("resolved {}", time(at)),
                (None, Some(exception)) => format!("open under {exception}"),
                (None, None) => "open".to_owned(),
            },
        );
        let shown_by = if item.resolved_at.is_some() { &item.resolved_on } else { &item.failed_on };
        // a snapshot's id is its start, its source and a part of a digest
        let own = |id: &&String| {
            let source = id.split_once('-').and_then(|(_, rest)| rest.rsplit_once('-')).map(|(source, _)| source);
            source == item.source.as_deref()
        };
        let (own, others): (Vec<&String>, Vec<&String>) = shown_by.iter().partition(own);
        let join = |ids: Vec<&String>| ids.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match (own.is_empty(), others.is_empty()) {
            (true, _) => write!(text, "\n  shown by {}", join(others)),
            (false, true) => write!(text, "\n  shown by {}", join(own)),
            (false, false) => {
                write!(text, "\n  shown by {}\n  the check also read {}", join(own), join(others))
            }
        }
        .unwrap_or_default();
    }
    text
}
