//! The steps people take with a finding, as forms: what is asked for, and what was filled in.

use crate::cli::instant;
use crate::failure::Failure;
use crate::line;
use crate::settings::Settings;
use crate::web::forms::{Form, Kind, Sent};
use crate::web::routes::may;
use axum::http::Method;
use model::Role;
use store::Reader;
use workflow::{Act, Class, Dismissal, Finding, Plan};

/// Every step, by the last part of its path.
const STEPS: [&str; 9] = ["confirm", "dismiss", "plan", "implement", "verify", "close", "accept", "due", "owner"];

/// The forms of the steps that lead on from where `finding` stands and that somebody of `role` may take. `last_event` is the
/// entry they looked at.
pub(super) fn forms(finding: &Finding, last_event: u64, role: Role, sent: Option<(&str, &Sent)>) -> Vec<Form> {
    STEPS
        .into_iter()
        .filter(|step| may(role, &Method::POST, &format!("/findings/{{id}}/{step}")))
        .filter_map(|step| form(step, finding))
        .map(|form| form.field("looked_at", "", Kind::Hidden).value(last_event.to_string()).filled(sent))
        .collect()
}

fn form(step: &str, finding: &Finding) -> Option<Form> {
    let new = |title, button| Form::new(format!("/findings/{}/{step}", finding.id), title, button);
    // what an empty one would lead from
    let leads = |step: &Act| step.from().contains(&finding.state);
    let text = String::new;
    let form = match step {
        "confirm" if leads(&Act::Confirm { class: Class::Minor, note: text() }) => {
            new("Confirm that it is a finding", "Confirm")
                .field("class", "How grave it is", classes())
                .value(finding.proposed_class.clone())
                .optional("note", "Anything to add", Kind::Lines)
        }
        "dismiss" if leads(&Act::Dismiss { why: Dismissal::Duplicate, reason: text() }) => {
            new("Say that it is no finding", "Dismiss")
                .help("It stays visible, and its members raise no other finding while they keep failing.")
                .field("why", "Which reason", dismissals())
                .field("reason", "In words", Kind::Lines)
        }
        "plan" if leads(&Act::Plan { plan: Plan::default(), owner: text(), due: text() }) => {
            let fields = [
                ("correction", "What was or will be done about the members at once"),
                ("root_cause", "Why it could happen"),
                ("method", "How that was found: five whys, interview, log review"),
                ("similar", "Where the same was looked for, and what was found"),
                ("action", "What keeps it from happening again"),
            ];
            let plan = new("Plan what to do", "Plan")
                .help("A nonconformity needs all five answers; others an owner and a day.");
            let plan = fields.into_iter().fold(plan, |form, (name, label)| {
                if finding.is_nonconformity() {
                    form.field(name, label, Kind::Lines)
                } else {
                    form.optional(name, label, Kind::Lines)
                }
            });
            plan.field("owner", "Who answers for it", Kind::Line)
                .value(finding.owner.clone().unwrap_or_default())
                .field("due", "Last day", Kind::Date)
        }
        "implement" if leads(&Act::Implement { note: text(), evidence: Vec::new() }) => {
            new("Say that it is done", "It is done")
                .help("Its owner says so, and names what shows it; a later, complete snapshot verifies it.")
                .optional("note", "What was done", Kind::Lines)
                .field("evidence", "Ids of snapshots or added evidence", Kind::Lines)
        }
        "verify" if finding.check.is_none() && leads(&Act::Verify { note: text(), evidence: Vec::new() }) => {
            new("Verify that it holds", "Verify")
                .help("By somebody who neither owns nor implemented it, where no check can show it.")
                .optional("note", "What was looked at", Kind::Lines)
                .field("evidence", "Ids of snapshots or added evidence", Kind::Lines)
        }
        "close"
            if leads(&Act::Close { effectiveness: text() })
                && (!finding.is_nonconformity() || finding.state == workflow::State::Verified) =>
        {
            new("Close it", "Close").field(
                "effectiveness",
                if finding.is_nonconformity() { "How effective the action is" } else { "Why it is over" },
                Kind::Lines,
            )
        }
        "accept" if finding.state == workflow::State::Confirmed || finding.state == workflow::State::Reopened => {
            new("Accept the risk for a time", "Accept")
                .help("By somebody other than its owner.")
                .field("owner", "Who owns the risk", Kind::Line)
                .value(finding.owner.clone().unwrap_or_default())
                .field("reason", "Why it is accepted", Kind::Lines)
                .field("until", "Last day", Kind::Date)
        }
        "due" if finding.due.is_some() && leads(&Act::Due { due: text(), reason: text() }) => {
            new("Change the due date", "Change")
                .help("The former one stays on record.")
                .field("due", "Last day", Kind::Date)
                .value(finding.due.clone().unwrap_or_default())
                .field("reason", "Why", Kind::Lines)
        }
        "owner" if leads(&Act::Owner { owner: text(), reason: text() }) => new("Change the owner", "Change")
            .help("The former one stays on record.")
            .field("owner", "Who answers for it from now on", Kind::Line)
            .value(finding.owner.clone().unwrap_or_default())
            .field("reason", "Why", Kind::Lines),
        _ => return None,
    };
    Some(form)
}

fn classes() -> Kind {
    let words = |class: Class| match class {
        Class::Major => "major: it questions the control as a whole",
        Class::Minor => "minor: a nonconformity that does not",
        Class::Opportunity => "opportunity: it could be better",
        Class::Observation => "observation: noted",
    };
    Kind::Choice(Class::ALL.into_iter().map(|class| (class.as_str(), words(class).to_owned())).collect())
}

fn dismissals() -> Kind {
    let words = |why: Dismissal| match why {
        Dismissal::FalsePositive => "the members do not fail",
        Dismissal::Duplicate => "another finding says the same",
        Dismissal::OutOfScope => "outside what the control covers",
        Dismissal::CoveredByException => "an exception covers it",
    };
    Kind::Choice(Dismissal::ALL.into_iter().map(|why| (why.as_str(), words(why).to_owned())).collect())
}

/// The step that was filled in.
pub(super) fn step(step: &str, sent: &Sent, settings: &Settings, reader: &Reader) -> Result<Act, Failure> {
    let text = |name: &str| sent.text(name).trim().to_owned();
    let chosen = || Failure::usage("nothing was chosen of the list", "choose one");
    let evidence = || line::evidence(reader, &sent.words("evidence"));
    Ok(match step {
        "confirm" => {
            let class = Class::ALL.into_iter().find(|class| class.as_str() == sent.text("class"));
            Act::Confirm { class: class.ok_or_else(chosen)?, note: text("note") }
        }
        "dismiss" => {
            let why = Dismissal::ALL.into_iter().find(|why| why.as_str() == sent.text("why"));
            Act::Dismiss { why: why.ok_or_else(chosen)?, reason: text("reason") }
        }
        "plan" => Act::Plan {
            plan: Plan {
                correction: text("correction"),
                root_cause: text("root_cause"),
                method: text("method"),
                similar: text("similar"),
                action: text("action"),
            },
            owner: text("owner"),
            due: text("due"),
        },
        "implement" => Act::Implement { note: text("note"), evidence: evidence()? },
        "verify" => Act::Verify { note: text("note"), evidence: evidence()? },
        "close" => Act::Close { effectiveness: text("effectiveness") },
        "accept" => Act::Accept {
            owner: sent.said("owner").map(str::to_owned),
            reason: text("reason"),
            until: instant(&text("until"), settings)?,
        },
        "due" => Act::Due { due: text("due"), reason: text("reason") },
        "owner" => Act::Owner { owner: text("owner"), reason: text("reason") },
        other => return Err(Failure::usage(format!("there is no step `{other}`"), "go back to the finding")),
    })
}
