//! `evidenced reviews`: campaigns in which reviewers decide on every account, from the first look to the signature.

use super::args::{Format, Global};
use super::print;
use super::review_args::{DecideArgs, ItemStateWord, RemovalArgs, ReviewsCommand};
use crate::failure::{Exit, Failure};
use crate::line;
use crate::line::review::{self, Campaign, Directory, Kept, Removing, Said, Saying};
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::{Value, json};
use std::path::Path;
use workflow::review::{
    Entitlement, Item, ItemState, Person, Review, ReviewAct, ReviewChange, ReviewEvent, ReviewState,
};

pub(super) fn reviews(settings: Settings, command: Option<ReviewsCommand>, global: &Global) -> Result<Exit, Failure> {
    let act = |settings: Settings, review: &str, step: ReviewAct, by: &str| {
        let done = super::writing(settings, |line| Ok(line.act_on_review(review, &step, by)?))?;
        told(&[done], global)
    };
    match command {
        None | Some(ReviewsCommand::List) => list(&settings, global),
        Some(ReviewsCommand::Show { review }) => show(&settings, &review, global),
        Some(ReviewsCommand::Items { review, reviewer, state, plain }) => {
            items(&settings, &review, reviewer.as_deref(), state, plain, global)
        }
        Some(ReviewsCommand::Item { review, account }) => item(&settings, &review, &account, global),
        Some(ReviewsCommand::Start { policy, by, corrects }) => {
            let (mut done, kept) = super::writing(settings, |line| {
                let done = line.start_review(&policy, Some(&by), None, corrects)?;
                Ok((done, line.keep_reviews(true)?))
            })?;
            done.extend(kept.done);
            told(&done, global)?;
            waits(&kept.waiting, global);
            if done.iter().all(|(_, event)| event.event == ReviewChange::Drafted) {
                waits_for_an_owner(&done, global);
            }
            Ok(Exit::Done)
        }
        Some(ReviewsCommand::Advance) => {
            let Kept { done, waiting } = super::writing(settings, |line| line.keep_reviews(true))?;
            told(&done, global)?;
            waits(&waiting, global);
            Ok(Exit::Done)
        }
        Some(ReviewsCommand::Defer { review, source, reason, plan, by }) => {
            act(settings, &review, ReviewAct::Defer { source, reason, plan }, &by)
        }
        Some(ReviewsCommand::Decide(args)) => decide(settings, args, global),
        Some(ReviewsCommand::Conclude { review, by }) => {
            let done = super::writing(settings, |line| {
                let mut done = vec![line.act_on_review(&review, &ReviewAct::Conclude, &by)?];
                done.extend(
                    line.keep_reviews(true)?.done.into_iter().filter(|(_, event)| event.access_review.id == review),
                );
                Ok(done)
            })?;
            told(&done, global)
        }
        Some(ReviewsCommand::Assign { of, assignee, ticket }) => {
            remove(settings, &of, Removing::Assign { assignee, ticket }, global)
        }
        Some(ReviewsCommand::Claim { of, note }) => remove(settings, &of, Removing::Claim { note }, global),
        Some(ReviewsCommand::Attest { of, note, evidence }) => {
            remove(settings, &of, Removing::Attest { note, evidence }, global)
        }
        Some(ReviewsCommand::Carry { of, finding, reason }) => {
            remove(settings, &of, Removing::Carry { finding, reason }, global)
        }
        Some(ReviewsCommand::SignOff { review, statement, by }) => {
            let done = super::writing(settings, |line| Ok(line.sign_review(&review, &statement, &by)?))?;
            told(&[done], global)
        }
        Some(ReviewsCommand::Cancel { review, reason, by }) => {
            act(settings, &review, ReviewAct::Cancel { reason }, &by)
        }
        Some(ReviewsCommand::Export { review, output }) => export(&settings, &review, &output, global),
    }
}

fn remove(settings: Settings, of: &RemovalArgs, step: Removing, global: &Global) -> Result<Exit, Failure> {
    let done = super::writing(settings, |line| Ok(line.remedy_in_review(&of.review, &of.account, step, &of.by)?))?;
    told(&[done], global)
}

fn decide(settings: Settings, args: DecideArgs, global: &Global) -> Result<Exit, Failure> {
    let instant = |text: &str| super::evaluate::instant(text, &settings);
    let looked_at = args.looked_at.as_deref().map(instant).transpose()?;
    let said = match (args.except_until, args.reassign) {
        (Some(until), _) => Said::Exception { approver: args.approver.unwrap_or_default(), until: instant(&until)? },
        (None, Some(to)) => Said::Reassign(to),
        (None, None) if args.certify => Said::Certify,
        (None, None) if args.revoke => Said::Revoke,
        (None, None) if args.escalate => Said::Escalate,
        (None, None) if args.not_mine => Said::NotMine,
        (None, None) => Said::Modify(args.keep),
    };
    let accounts = if args.plain {
        review::plain_ones(&settings, &line::reader(&settings)?, &args.review, &args.by)?
    } else {
        args.accounts
    };
    let (by, reason) = (args.by.as_str(), args.reason.as_str());
    let saying = Saying { by, reason, looked_at, bulk: args.bulk, seen: args.seen };
    let done = super::writing(settings, |line| Ok(line.decide_in_review(&args.review, &accounts, &said, &saying)?))?;
    told(&[done], global)
}

/// What was sealed.
fn told(done: &[(u64, ReviewEvent)], global: &Global) -> Result<Exit, Failure> {
    match global.format() {
        Format::Json => {
            let events: Vec<Value> =
                done.iter().map(|(index, event)| json!({"log_index": index, "event": event})).collect();
            print::json(&json!({"schema": "evidenced/access-review-events/v1", "events": events}))?;
        }
        Format::Table => {
            for (index, event) in done.iter().filter(|(_, event)| review::is_news(event.event)) {
                print::text_line(&format!("{} (entry {index})", print::safe(&sentence(event))))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn sentence(event: &ReviewEvent) -> String {
    let Review { id, state, sources, due_at, owner, .. } = &event.access_review;
    let by = event.by.as_ref().map(|person| format!(" by {}", person.label())).unwrap_or_default();
    match event.event {
        ReviewChange::Opened => {
            let items: u64 = sources.iter().filter_map(|one| one.frozen.as_ref()).map(|frozen| frozen.items).sum();
            let due = due_at.map(seconds_text).unwrap_or_default();
            format!("{id} opened: {items} accounts to decide on, due {due}")
        }
        ReviewChange::Decided => {
            let answer = event.items.first().and_then(|item| item.decisions.last());
            let answer = answer.map_or_else(String::new, |decision| decision.answer.as_str().replace('_', " "));
            let accounts: Vec<&str> = event.items.iter().take(5).map(|item| item.account.as_str()).collect();
            let more =
                if event.items.len() > 5 { format!(" and {} more", event.items.len() - 5) } else { String::new() };
            format!("{id}: {answer}{by}: {}{more}", accounts.join(", "))
        }
        ReviewChange::Verified => {
            let shown = event.items.iter().filter_map(review::removal_line);
            format!("{id}: {}", shown.collect::<Vec<_>>().join("; "))
        }
        ReviewChange::Remediation => {
            let shown = event.items.iter().filter_map(review::removal_line);
            format!("{id}{by}: {}", shown.collect::<Vec<_>>().join("; "))
        }
        ReviewChange::Reminded => {
            let last = event.access_review.reminders.last();
            let who: Vec<String> = last
                .iter()
                .flat_map(|reminder| &reminder.reviewers)
                .map(|one| format!("{} ({} to decide)", one.person.label(), one.pending))
                .collect();
            let kind = last.map_or("", |reminder| reminder.kind.as_str()).replace('_', " ");
            format!("{id}: reminder ({kind}) to {}", who.join(", "))
        }
        ReviewChange::Lapsed => format!("{id}: {} accounts without an answer in time", event.items.len()),
        ReviewChange::Finished => format!("{id} awaits the sign-off of {}", owner.label()),
        ReviewChange::Closed => format!("{id} closed{by}, its report is sealed with it"),
        change => format!("{id} {}{by}: {}", change.as_str(), state.as_str().replace('_', " ")),
    }
}

fn waits(waiting: &[(String, String)], global: &Global) {
    for (_, why) in waiting.iter().filter(|_| !global.quiet) {
        print::line_to_stderr(&format!("waiting: {}", print::safe(why)));
    }
}

fn waits_for_an_owner(done: &[(u64, ReviewEvent)], global: &Global) {
    for (_, event) in done.iter().filter(|_| !global.quiet) {
        let missing: Vec<&str> = event
            .access_review
            .sources
            .iter()
            .filter(|one| one.owner.is_none())
            .map(|one| one.source.as_str())
            .collect();
        print::line_to_stderr(&format!(
            "waiting: nobody answers for {}; name an `owner` in the section of each, then `evidenced reviews advance`",
            missing.join(", ")
        ));
    }
}

fn list(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let now = line::now();
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for Campaign { log_index, review } in review::campaigns(&reader)? {
        let items = review::population_of(&reader, &review.id)?;
        let decided = items.iter().filter(|item| item.is_decided()).count();
        values.push(json!({
            "log_index": log_index, "overdue": review.is_overdue(now), "items": items.len(), "decided": decided,
            "access_review": review,
        }));
        let state =
            if review.is_overdue(now) { "open, overdue".to_owned() } else { review.state.as_str().replace('_', " ") };
        let waiting: Vec<&str> = match review.state {
            ReviewState::Open => review::waiting_for(&items).into_iter().collect(),
            ReviewState::AwaitingSignOff => vec![review.owner.label()],
            _ => Vec::new(),
        };
        rows.push([
            review.id.clone(),
            state,
            format!("{decided} of {}", items.len()),
            review.due_at.map(seconds_text).unwrap_or_default(),
            waiting.join(", "),
            review.owner.label().to_owned(),
        ]);
    }
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/access-reviews/v1", "reviews": values}))?,
        Format::Table => print::table(["REVIEW", "STATE", "DECIDED", "DUE", "WAITS FOR", "OWNER"], rows)?,
    }
    Ok(Exit::Done)
}

fn show(settings: &Settings, id: &str, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let Campaign { log_index, review } = review::campaign(&reader, id)?;
    let items = review::population_of(&reader, id)?;
    if global.format() == Format::Json {
        let dataset = review::dataset(&review, &items);
        print::json(&json!({"schema": "evidenced/access-review-show/v1", "log_index": log_index, "review": dataset}))?;
        return Ok(Exit::Done);
    }
    for line in review::overview(settings, &review, &items) {
        print::text_line(&print::safe(&line))?;
    }
    Ok(Exit::Done)
}

fn items(
    settings: &Settings,
    id: &str,
    reviewer: Option<&str>,
    state: Option<ItemStateWord>,
    plain: bool,
    global: &Global,
) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    review::campaign(&reader, id)?;
    let reviewer = match reviewer {
        Some(words) => Some(Directory::as_of_now(settings, &reader)?.resolve(words)),
        None => None,
    };
    let wanted = state.map(|state| match state {
        ItemStateWord::Pending => ItemState::Pending,
        ItemStateWord::NotReviewed => ItemState::NotReviewed,
        ItemStateWord::Decided => ItemState::Decided,
    });
    let mut found: Vec<(u64, Item)> = review::items(&reader, id)?
        .into_iter()
        .filter(|(_, item)| {
            let theirs = reviewer.as_ref().is_none_or(|person| item.is_assigned_to(person));
            theirs && wanted.is_none_or(|state| item.state == state) && (!plain || item.is_plain())
        })
        .collect();
    // what needs a look comes first
    found.sort_by_key(|(_, item)| (item.is_decided(), item.is_plain(), item.flags.is_empty()));
    match global.format() {
        Format::Json => {
            let items: Vec<Value> =
                found.iter().map(|(index, item)| json!({"log_index": index, "item": item})).collect();
            print::json(&json!({"schema": "evidenced/access-review-items/v1", "review": id, "items": items}))?;
        }
        Format::Table => print::table(
            ["ACCOUNT", "STATE", "WHOSE", "MAY", "CHANGED", "STANDS OUT", "REVIEWER"],
            found.iter().map(|(_, item)| row(item)).collect(),
        )?,
    }
    Ok(Exit::Done)
}

fn row(item: &Item) -> [String; 7] {
    let state = item.effective().map_or_else(|| item.state.as_str(), |decision| decision.answer.as_str());
    let mut may: Vec<String> = item.entitlements.iter().map(Entitlement::text).collect();
    if item.is_admin == Some(true) {
        may.insert(0, "administrator".to_owned());
    }
    let whose = item.person.as_ref().map(|holder| holder.person.label()).or(item.owner.as_ref().map(Person::label));
    [
        item.account.clone(),
        state.replace('_', " "),
        whose.unwrap_or("nobody").to_owned(),
        may.join(", "),
        item.delta.iter().map(|delta| delta.as_str().replace('_', " ")).collect::<Vec<_>>().join(", "),
        item.flags.iter().map(|one| one.flag.as_str().replace('_', " ")).collect::<Vec<_>>().join(", "),
        item.assigned.reviewer.as_ref().map_or("nobody may", |one| one.label()).to_owned(),
    ]
}

fn item(settings: &Settings, id: &str, account: &str, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    review::campaign(&reader, id)?;
    let Some((index, item)) = review::item_of(&reader, id, account)? else {
        return Err(Failure::usage(
            format!("{id} does not review `{account}`"),
            format!("`evidenced reviews items {id}` names every account"),
        ));
    };
    if global.format() == Format::Json {
        print::json(
            &json!({"schema": "evidenced/access-review-item/v1", "review": id, "log_index": index, "item": item}),
        )?;
        return Ok(Exit::Done);
    }
    for line in review::item_lines(&item, index) {
        print::text_line(&print::safe(&line))?;
    }
    Ok(Exit::Done)
}

fn export(settings: &Settings, id: &str, output: &Path, global: &Global) -> Result<Exit, Failure> {
    let reader = line::reader(settings)?;
    let review = review::campaign(&reader, id)?.review;
    let items = review::population_of(&reader, id)?;
    let ending = output.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let bytes = match ending {
        "json" => serde_json::to_vec_pretty(&review::dataset(&review, &items)).map_err(Failure::store)?,
        "csv" | "xlsx" | "html" | "pdf" => {
            let rendered = review::rendered(settings, &review, &items)?;
            match ending {
                "csv" => rendered.csv,
                "xlsx" => rendered.xlsx,
                "html" => rendered.html.into_bytes(),
                _ => rendered.pdf,
            }
        }
        _ => {
            return Err(Failure::usage(
                format!("{} does not say as what", output.display()),
                "let the name end in .csv, .xlsx, .json, .html or .pdf",
            ));
        }
    };
    std::fs::write(output, bytes)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", output.display()), "name another file"))?;
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/access-review-export/v1", "review": id, "file": output, "items": items.len(),
        }))?,
        Format::Table => {
            print::text_line(&format!("{} accounts of {id} written to {}", items.len(), output.display()))?;
        }
    }
    Ok(Exit::Done)
}
