//! `evidenced notify`: the outbox as it stands, and sending from it.

use super::args::{Format, Global};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, Line, Tried, Which};
use crate::notify;
use crate::settings::{Settings, did_you_mean};
use model::Timestamp;
use model::time::seconds_text;
use serde_json::{Value, json};
use store::{MessageRow, MessageState};

pub(super) fn list(settings: &Settings, all: bool, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let messages = reader.messages(!all)?;
    let mut waiting = Vec::new();
    for destination in &settings.notify {
        waiting.push((destination.name.as_str(), reader.waiting_notices(&destination.name)?));
    }
    if global.format() == Format::Json {
        let waiting: Vec<Value> = waiting
            .iter()
            .flat_map(|(destination, notices)| notices.iter().map(move |notice| (destination, notice)))
            .map(|(destination, notice)| json!({"destination": destination, "key": notice.key, "noted_at": notice.at}))
            .collect();
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                json!({
                    "id": message.id, "destination": message.destination, "state": message.state.as_str(),
                    "notices": message.notices, "made_at": message.made_at, "attempts": message.attempts,
                    "next_at": (message.state == MessageState::Waiting).then_some(message.next_at),
                    "done_at": message.done_at, "problem": message.problem,
                })
            })
            .collect();
        print::json(&json!({"schema": "evidenced/outbox/v1", "messages": messages, "gathering": waiting}))?;
        return Ok(Exit::Done);
    }
    if settings.notify.is_empty() {
        print::text_line("nobody is told anything: add a section `[notify.NAME]`")?;
    }
    for (destination, notices) in waiting.iter().filter(|(_, notices)| !notices.is_empty()) {
        print::text_line(&format!("{destination}: {} to be told, in the next message", notices.len()))?;
    }
    let rows = messages.iter().map(|message| row(settings, message)).collect();
    print::table(["STATE", "DESTINATION", "NOTICES", "MADE", "TRIED", "NEXT OR DONE", "PROBLEM"], rows)?;
    Ok(Exit::Done)
}

fn row(settings: &Settings, message: &MessageRow) -> [String; 7] {
    let known = settings.notify.iter().any(|destination| destination.name == message.destination);
    let problem = message.problem.clone().unwrap_or_default();
    [
        message.state.as_str().replace('_', " "),
        message.destination.clone(),
        message.notices.to_string(),
        seconds_text(message.made_at),
        message.attempts.to_string(),
        seconds_text(message.done_at.unwrap_or(message.next_at)),
        if known { problem } else { "no such destination is configured any more".to_owned() },
    ]
}

pub(super) async fn send(settings: Settings, given_up: bool, global: &Global) -> Result<Exit, Failure> {
    if settings.notify.is_empty() {
        return Err(Failure::usage("nobody is to be told anything", "add a section `[notify.NAME]`"));
    }
    let checks = line::load_checks(Some(&settings))?;
    let line = Line::borrow(settings)?;
    line.take_back_messages()?;
    let reader = line.reader()?;
    line.note_news(&reader, &checks, true)?;
    let which = if given_up { Which::GivenUp } else { Which::Waiting };
    let tried = line.send_messages(&reader, which).await?;
    drop(reader);
    line.close()?;
    match global.format() {
        Format::Json => {
            let messages: Vec<Value> = tried.iter().map(report).collect();
            print::json(&json!({"schema": "evidenced/sent/v1", "messages": messages}))?;
        }
        Format::Table => {
            for one in &tried {
                print::text_line(&print::safe(&sentence(one)))?;
            }
            if tried.is_empty() {
                print::text_line("there is nothing to be told")?;
            }
        }
    }
    // as `doctor` says of a source that cannot be asked
    Ok(if tried.iter().any(|one| one.trouble.is_some()) { Exit::Usage } else { Exit::Done })
}

fn report(tried: &Tried) -> Value {
    let trouble = tried.trouble.as_ref();
    json!({
        "id": tried.id, "destination": tried.destination, "notices": tried.notices, "sent": trouble.is_none(),
        "problem": trouble.map(|trouble| &trouble.problem), "help": trouble.map(|trouble| &trouble.help),
        "again_at": tried.again_at,
    })
}

fn sentence(tried: &Tried) -> String {
    let Tried { id, destination, notices, trouble, again_at } = tried;
    let what = format!("{destination}: message {id} of {notices}");
    match (trouble, again_at) {
        (None, _) => format!("{what} sent"),
        (Some(trouble), Some(again_at)) => format!(
            "{what} not sent: {} (help: {}); tried again at {}",
            trouble.problem,
            trouble.help,
            seconds_text(*again_at)
        ),
        (Some(trouble), None) => format!("{what} given up: {} (help: {})", trouble.problem, trouble.help),
    }
}

pub(super) async fn test(settings: &Settings, name: &str, global: &Global) -> Result<Exit, Failure> {
    let Some(destination) = settings.notify.iter().find(|destination| destination.name == name) else {
        let known = settings.notify.iter().map(|destination| destination.name.as_str());
        return Err(Failure::usage(format!("there is no destination `{name}`"), did_you_mean(name, known)));
    };
    let parcel = notify::trial(settings, destination, Timestamp::now())?;
    notify::send(&parcel)
        .await
        .map_err(|trouble| Failure::usage(format!("{name}: {}", trouble.problem), trouble.help))?;
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/sent/v1", "destination": name, "sent": true}))?,
        Format::Table => print::text_line(&format!("{name} took a test message"))?,
    }
    Ok(Exit::Done)
}
