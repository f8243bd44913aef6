//! `evidenced exceptions`: failures that are tolerated for a time, by whom and why.

use super::args::{Format, Global, ListCommand};
use super::decisions::ExceptionsCommand;
use super::list::absent;
use super::print;
use crate::failure::{Exit, Failure};
use crate::line;
use crate::settings::Settings;
use model::Timestamp;
use model::time::seconds_text;
use serde_json::{Value, json};
use workflow::{Exception, ExceptionAct, ExceptionEvent, Request};

pub(super) fn exceptions(
    settings: Settings,
    command: Option<ExceptionsCommand>,
    global: &Global,
) -> Result<Exit, Failure> {
    let (id, by, step) = match command {
        None | Some(ExceptionsCommand::Look(ListCommand::List)) => return list(&settings, global),
        Some(ExceptionsCommand::Look(ListCommand::Show { id })) => return show(&settings, &id, global),
        Some(ExceptionsCommand::Request { check, subjects, source, reason, instead, from, until, by }) => {
            let instant = |text: &str| super::evaluate::instant(text, &settings);
            let from = from.as_deref().map(|text| super::pack::first_instant(text, &settings)).transpose()?;
            let until = instant(&until)?;
            let request = Request { check, subjects, source, reason, compensating_control: instead, from, until };
            let (named, (index, event)) =
                super::writing(settings, |line| Ok((line.named_by(&request)?, line.request_exception(request, &by)?)))?;
            let seen = match named {
                None => "it was never evaluated, so nobody can say whom that names".to_owned(),
                Some((0, _)) => {
                    "no member of the last evaluation has such a name: look at `evidenced check`".to_owned()
                }
                Some((named, failing)) => {
                    format!("it names {named} members of the last evaluation, {failing} of them fail")
                }
            };
            told(index, &event, global)?;
            if !global.quiet {
                print::line_to_stderr(&format!("note: {seen}"));
            }
            return Ok(Exit::Done);
        }
        Some(ExceptionsCommand::Approve { id, by, note }) => (id, by, ExceptionAct::Approve { note }),
        Some(ExceptionsCommand::Refuse { id, by, reason }) => (id, by, ExceptionAct::Refuse { reason }),
        Some(ExceptionsCommand::Revoke { id, by, reason }) => (id, by, ExceptionAct::Revoke { reason }),
    };
    let (index, event) = super::writing(settings, |line| Ok(line.act_on_exception(&id, &step, &by)?))?;
    told(index, &event, global)
}

fn told(index: u64, event: &ExceptionEvent, global: &Global) -> Result<Exit, Failure> {
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/exception-decision/v1", "log_index": index, "event": event.event,
            "exception": event.exception,
        }))?,
        Format::Table => {
            let Exception { id, request, .. } = &event.exception;
            let next = match event.event {
                workflow::ExceptionState::Requested => "; it has no effect until somebody else approves it",
                _ => "",
            };
            print::text_line(&format!(
                "{id} {} by {} (entry {index}): {} for {}, until {}{next}",
                event.event.as_str(),
                print::safe(&event.by),
                request.check,
                print::safe(&request.subjects.join(", ")),
                seconds_text(request.until),
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn json_of((index, exception): &(u64, Exception), now: Timestamp) -> Value {
    json!({"log_index": index, "standing": exception.standing(now), "exception": exception})
}

fn list(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let now = line::now();
    let exceptions = line::exceptions(&line::reader(settings)?)?;
    match global.format() {
        Format::Json => {
            let exceptions: Vec<Value> = exceptions.iter().map(|one| json_of(one, now)).collect();
            print::json(&json!({"schema": "evidenced/exceptions/v1", "exceptions": exceptions}))?;
        }
        Format::Table => print::table(
            ["EXCEPTION", "STANDING", "UNTIL", "CHECK", "SUBJECTS", "REQUESTED BY", "APPROVED BY"],
            exceptions
                .iter()
                .map(|(_, exception)| {
                    [
                        exception.id.clone(),
                        exception.standing(now).to_owned(),
                        seconds_text(exception.request.until),
                        exception.request.check.clone(),
                        print::safe(&exception.request.subjects.join(", ")),
                        print::safe(&exception.requested.by),
                        print::safe(exception.approved.as_ref().map_or("", |word| &word.by)),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

fn show(settings: &Settings, id: &str, global: &Global) -> Result<Exit, Failure> {
    let now = line::now();
    let exceptions = line::exceptions(&line::reader(settings)?)?;
    let Some(one) = exceptions.iter().find(|(_, exception)| exception.id == id) else {
        return Err(absent("exception", id));
    };
    if global.format() == Format::Json {
        print::json(&json!({"schema": "evidenced/exception-show/v1", "exception": json_of(one, now)}))?;
        return Ok(Exit::Done);
    }
    let exception = &one.1;
    let request = &exception.request;
    let mut lines = vec![
        format!("{id} ({}), entry {}", exception.standing(now), one.0),
        format!("check      {}", request.check),
        format!("subjects   {}", print::safe(&request.subjects.join(", "))),
        format!("reason     {}", print::safe(&request.reason)),
        format!("instead    {}", print::safe(&request.compensating_control)),
        format!("until      {}", seconds_text(request.until)),
    ];
    lines.extend(request.source.iter().map(|source| format!("source     {source}")));
    lines.extend(request.from.iter().map(|from| format!("from       {}", seconds_text(*from))));
    let words = [
        ("requested", Some(&exception.requested)),
        ("approved", exception.approved.as_ref()),
        ("ended", exception.ended.as_ref()),
    ];
    for (what, word) in words.iter().filter_map(|(what, word)| word.map(|word| (what, word))) {
        lines.push(format!(
            "{what:<10} by {} at {} {}",
            print::safe(&word.by),
            seconds_text(word.at),
            print::safe(&word.note)
        ));
    }
    print::text_line(&lines.join("\n"))?;
    Ok(Exit::Done)
}
