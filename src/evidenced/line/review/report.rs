//! What a campaign is handed over as: one dataset, as JSON, CSV, a workbook, HTML or PDF.

use crate::failure::Failure;
use crate::settings::Settings;
use model::Timestamp;
use model::time::seconds_text;
use pack::paper::{Paper, Part, SheetColumn, csv, xlsx};
use serde::Serialize;
use std::collections::BTreeMap;
use workflow::review::{
    Answer, Decision, Delta, Entitlement, Flag, Item, ItemState, Person, RemediationState, Removal, Review, ReviewState,
};

/// All of a campaign.
#[derive(Debug, Serialize)]
pub(crate) struct Dataset<'a> {
    schema: &'static str,
    access_review: &'a Review,
    summary: Summary,
    items: &'a [Item],
}

/// How many of what.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) items: u64,
    pub(crate) decided: u64,
    pub(crate) not_reviewed: u64,
    pub(crate) pending: u64,
    pub(crate) without_reviewer: u64,
    /// By the answer that counts.
    pub(crate) answers: BTreeMap<&'static str, u64>,
    /// Decided many at once.
    pub(crate) in_bulk: u64,
    /// The largest number decided at once.
    pub(crate) largest_bulk: u64,
    /// Seconds between the first look and the decision, the middle one of those that are known.
    pub(crate) median_dwell_seconds: Option<u64>,
    /// Decided on their own access, under the recorded safeguard.
    pub(crate) under_safeguard: u64,
    pub(crate) removals: u64,
    pub(crate) removals_verified: u64,
    pub(crate) removals_carried: u64,
    pub(crate) flagged: u64,
}

impl Summary {
    pub(crate) fn of(items: &[Item]) -> Self {
        let mut summary = Self { items: items.len() as u64, ..Self::default() };
        let mut dwells = Vec::new();
        for item in items {
            match item.state {
                ItemState::Decided => summary.decided += 1,
                ItemState::NotReviewed => summary.not_reviewed += 1,
                ItemState::Pending => summary.pending += 1,
            }
            summary.without_reviewer += u64::from(item.assigned.reviewer.is_none() && item.state != ItemState::Decided);
            summary.flagged += u64::from(!item.flags.is_empty());
            if let Some(decision) = item.effective() {
                *summary.answers.entry(decision.answer.as_str()).or_default() += 1;
                dwells.extend(decision.dwell_seconds);
                summary.under_safeguard += u64::from(decision.safeguard.is_some());
                if let Some(bulk) = &decision.bulk {
                    summary.in_bulk += 1;
                    summary.largest_bulk = summary.largest_bulk.max(bulk.size);
                }
            }
            if let Some(remediation) = &item.remediation {
                summary.removals += 1;
                summary.removals_verified += u64::from(remediation.state == RemediationState::Verified);
                summary.removals_carried += u64::from(remediation.state == RemediationState::Carried);
            }
        }
        dwells.sort_unstable();
        summary.median_dwell_seconds = dwells.get(dwells.len() / 2).copied();
        summary
    }
}

/// The dataset of a campaign.
pub(crate) fn dataset<'a>(review: &'a Review, items: &'a [Item]) -> Dataset<'a> {
    Dataset { schema: "evidenced/access-review/v1", access_review: review, summary: Summary::of(items), items }
}

const COLUMNS: [SheetColumn; 22] = {
    const fn text(title: &'static str, width: u32) -> SheetColumn {
        SheetColumn { title, width, number: false }
    }
    [
        text("account", 30),
        text("source", 12),
        text("display name", 20),
        text("kind", 10),
        text("status", 10),
        text("administrator", 13),
        text("second factor", 13),
        text("created", 20),
        text("last active", 20),
        text("person", 24),
        text("department", 16),
        text("owner", 20),
        text("purpose", 24),
        text("entitlements", 40),
        text("changed", 16),
        text("flags", 30),
        text("reviewer", 22),
        text("reviews as", 16),
        text("state", 12),
        text("decision", 12),
        text("decided by, when, why", 44),
        text("removal", 44),
    ]
};

fn row(item: &Item) -> Vec<String> {
    let instant = |at: Option<Timestamp>| at.map(seconds_text).unwrap_or_default();
    let person = |person: Option<&Person>| person.map(who).unwrap_or_default();
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let joined = |words: Vec<String>| words.join("; ");
    let holder = item.person.as_ref();
    vec![
        item.account.clone(),
        item.source.clone(),
        said(&item.display_name),
        said(&item.kind),
        said(&item.status),
        item.is_admin.map_or("", |is| if is { "yes" } else { "no" }).to_owned(),
        said(&item.mfa),
        instant(item.created_at),
        instant(item.last_active_at),
        person(holder.map(|holder| &holder.person)),
        holder.and_then(|holder| holder.department.clone()).unwrap_or_default(),
        person(item.owner.as_ref()),
        said(&item.purpose),
        joined(item.entitlements.iter().map(Entitlement::text).collect()),
        joined(item.delta.iter().copied().map(|delta| words(Delta::as_str(delta))).collect()),
        joined(item.flags.iter().map(|one| format!("{}: {}", words(one.flag.as_str()), one.why)).collect()),
        person(item.assigned.reviewer.as_ref()),
        item.assigned.capacity.map(|capacity| words(capacity.as_str())).unwrap_or_default(),
        words(item.state.as_str()),
        item.effective().map(|decision| words(decision.answer.as_str())).unwrap_or_default(),
        joined(item.decisions.iter().map(decision_words).collect()),
        removal_words(item).unwrap_or_default(),
    ]
}

fn words(word: &str) -> String {
    word.replace('_', " ")
}

/// `Ada Byron <ada@acme.example>`
pub(crate) fn who(person: &Person) -> String {
    match (&person.name, &person.email) {
        (Some(name), Some(email)) => format!("{name} <{email}>"),
        _ => person.label().to_owned(),
    }
}

/// What one answer says, in a line.
pub(crate) fn decision_words(decision: &Decision) -> String {
    let more = match &decision.answer {
        Answer::Modify { keep } if keep.is_empty() => " (keeps nothing)".to_owned(),
        Answer::Modify { keep } => format!(" (keeps {})", keep.join(", ")),
        Answer::Exception { approver, until } => {
            format!(" (approved by {}, until {})", approver.label(), seconds_text(*until))
        }
        Answer::Reassign { to } => format!(" to {}", to.label()),
        _ => String::new(),
    };
    let mut line = format!(
        "{}{more} by {} as {} at {}",
        words(decision.answer.as_str()),
        decision.by.label(),
        words(decision.capacity.as_str()),
        seconds_text(decision.at)
    );
    if let Some(bulk) = &decision.bulk {
        line.push_str(&format!(", one of {} at once", bulk.size));
    }
    if let Some(seconds) = decision.dwell_seconds {
        line.push_str(&format!(", {seconds} s after the first look"));
    }
    if decision.safeguard.is_some() {
        line.push_str(", own access under the recorded safeguard");
    }
    if !decision.reason.is_empty() {
        line.push_str(&format!(": {}", decision.reason));
    }
    line
}

/// What became of what was to go, in a line.
pub(crate) fn removal_words(item: &Item) -> Option<String> {
    let remediation = item.remediation.as_ref()?;
    let what = match &remediation.remove {
        Removal::Account => "the account".to_owned(),
        Removal::Roles(roles) => roles.join(", "),
    };
    let mut line = format!("{what}: {}", words(remediation.state.as_str()));
    match (remediation.state, &remediation.proof, &remediation.carried) {
        (RemediationState::Verified, Some(proof), _) => {
            let by = match (&proof.snapshot, &proof.word) {
                (Some(snapshot), _) => format!("snapshot {snapshot}"),
                (None, Some(word)) => format!("{} on attached evidence", word.by),
                (None, None) => "nothing".to_owned(),
            };
            line.push_str(&format!(", {} as of {}, shown by {by}", words(&proof.how), seconds_text(proof.at)));
        }
        (RemediationState::Carried, _, Some(carried)) => {
            line.push_str(&format!(" as finding {}, {} until {}", carried.finding, carried.owner, carried.due));
        }
        _ => line.push_str(&format!(", due {}", seconds_text(remediation.due_at))),
    }
    if let Some(ticket) = &remediation.ticket {
        line.push_str(&format!(", ticket {ticket}"));
    }
    if remediation.came_back > 0 {
        line.push_str(&format!(", {} times there again", remediation.came_back));
    }
    Some(line)
}

/// A campaign as files.
pub(crate) struct Rendered {
    pub(crate) html: String,
    pub(crate) pdf: Vec<u8>,
    pub(crate) csv: Vec<u8>,
    pub(crate) xlsx: Vec<u8>,
}

/// A campaign as files.
pub(crate) fn rendered(settings: &Settings, review: &Review, items: &[Item]) -> Result<Rendered, Failure> {
    let paper = paper(settings, review, items);
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    let failed = |error: pack::PackError| Failure::store(error);
    Ok(Rendered {
        html: paper.html(),
        pdf: paper.pdf(&settings.organisation.name).map_err(failed)?,
        csv: csv(&COLUMNS, &rows).map_err(failed)?,
        xlsx: xlsx("review", &COLUMNS, &rows).map_err(failed)?,
    })
}

fn paper(settings: &Settings, review: &Review, items: &[Item]) -> Paper {
    let summary = Summary::of(items);
    let mut parts = vec![Part::Pairs(heads(review, &summary))];
    if let Some(safeguard) = &review.policy.safeguard {
        parts.push(Part::Notice(format!(
            "Reviewers may decide on their own access, under this recorded safeguard: {safeguard} {} decisions were made so.",
            summary.under_safeguard
        )));
    }
    if summary.decided > 0 {
        let dwell = summary.median_dwell_seconds.map_or_else(
            || "how long reviewers looked is not known".to_owned(),
            |seconds| format!("the median time between first look and decision is {seconds} s"),
        );
        parts.push(Part::Text(format!(
            "{} of {} decisions were made many at once, the largest {} at a time; {dwell}.",
            summary.in_bulk, summary.decided, summary.largest_bulk
        )));
    }
    parts.push(Part::Heading("Sources".to_owned()));
    parts.push(Part::Table {
        columns: vec![("Source", 14), ("Owner", 22), ("Population", 64)],
        rows: sources(review),
        marked: false,
    });
    let removals: Vec<Vec<String>> =
        items.iter().filter_map(|item| Some(vec![item.account.clone(), removal_words(item)?])).collect();
    parts.push(Part::Heading("What was to go".to_owned()));
    if removals.is_empty() {
        parts.push(Part::Text("Nothing was to go.".to_owned()));
    } else {
        parts.push(Part::Table { columns: vec![("Account", 30), ("Removal", 70)], rows: removals, marked: false });
    }
    parts.push(Part::Heading("Decisions".to_owned()));
    let columns = vec![("Account", 20), ("Whose", 18), ("What it may do", 22), ("Stands out", 16), ("Decision", 24)];
    parts.push(Part::Table { columns, rows: items.iter().map(decision_row).collect(), marked: false });
    Paper {
        title: format!("Access review {}", review.id),
        subtitle: format!("{}. {}", settings.organisation.name, words(review.state.as_str())),
        parts,
    }
}

fn heads(review: &Review, summary: &Summary) -> Vec<(String, String)> {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let instant = |at: Option<Timestamp>| at.map_or_else(|| "not yet".to_owned(), seconds_text);
    let mut pairs = vec![
        pair("State", words(review.state.as_str())),
        pair("Owner", who(&review.owner)),
        pair("Started", format!("{} by {}", seconds_text(review.started.at), review.started.by)),
        pair("Opened", instant(review.opened_at)),
        pair("Due", instant(review.due_at)),
        pair(
            "Reviewed",
            format!(
                "{} of {} accounts decided, {} not reviewed in time",
                summary.decided, summary.items, summary.not_reviewed
            ),
        ),
        pair(
            "Decisions",
            summary
                .answers
                .iter()
                .map(|(answer, count)| format!("{count} {}", words(answer)))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        pair(
            "Removals",
            format!(
                "{} of {} shown by later evidence, {} carried on as findings",
                summary.removals_verified, summary.removals, summary.removals_carried
            ),
        ),
    ];
    if let Some(corrected) = &review.corrects {
        pairs.push(pair("Corrects", corrected.clone()));
    }
    if let Some(signed) = &review.signed {
        pairs.push(pair(
            "Signed",
            format!("{} by {}: {}", seconds_text(signed.word.at), signed.word.by, signed.word.note),
        ));
        pairs.push(pair("SHA-256 of all decisions", signed.decisions_sha256.to_string()));
    }
    if let Some(word) = review.cancelled.as_ref().filter(|_| review.state == ReviewState::Cancelled) {
        pairs.push(pair("Cancelled", format!("{} by {}: {}", seconds_text(word.at), word.by, word.note)));
    }
    pairs
}

fn sources(review: &Review) -> Vec<Vec<String>> {
    let population = |source: &workflow::review::ReviewSource| match (&source.frozen, &source.deferred) {
        (Some(frozen), _) => {
            let declared = frozen.declared.map_or_else(
                || "the source declares no total".to_owned(),
                |declared| format!("{} counted, {declared} declared", frozen.counted),
            );
            format!(
                "{} of {} accounts reviewed, frozen as of {}; {declared}; snapshot {} (entry {})",
                frozen.items,
                frozen.accounts,
                seconds_text(frozen.seen_at),
                frozen.snapshot,
                frozen.log_index
            )
        }
        (None, Some(deferred)) => {
            format!("left out by {}: {} Instead: {}", deferred.word.by, deferred.word.note, deferred.plan)
        }
        (None, None) => "not frozen yet".to_owned(),
    };
    let row = |source: &workflow::review::ReviewSource| {
        vec![source.source.clone(), source.owner.as_ref().map_or_else(|| "nobody".to_owned(), who), population(source)]
    };
    review.sources.iter().map(row).collect()
}

fn decision_row(item: &Item) -> Vec<String> {
    let whose = match (&item.person, &item.owner) {
        (Some(holder), _) => who(&holder.person),
        (None, Some(owner)) => format!("answers to {}", owner.label()),
        (None, None) => "nobody is linked to it".to_owned(),
    };
    let mut may: Vec<String> = item.entitlements.iter().map(Entitlement::text).collect();
    if item.is_admin == Some(true) {
        may.insert(0, "administrator".to_owned());
    }
    let flags: Vec<String> = item.flags.iter().map(|one| words(Flag::as_str(one.flag))).collect();
    let decisions: Vec<String> = item.decisions.iter().map(decision_words).collect();
    let decisions = if decisions.is_empty() { words(item.state.as_str()) } else { decisions.join("; ") };
    vec![item.account.clone(), whose, may.join(", "), flags.join(", "), decisions]
}

/// What became of what was to go of one account, in a line that names it.
pub(crate) fn removal_line(item: &Item) -> Option<String> {
    Some(format!("{} ({})", item.account, removal_words(item)?))
}

/// A campaign in lines for a terminal.
pub(crate) fn overview(settings: &Settings, review: &Review, items: &[Item]) -> Vec<String> {
    let summary = Summary::of(items);
    let mut lines = vec![format!("{} of {}", review.id, settings.organisation.name)];
    let width = |name: &str| format!("{name:<12}");
    lines.extend(
        heads(review, &summary).into_iter().map(|(name, value)| format!("{} {value}", width(&name.to_lowercase()))),
    );
    for source in sources(review) {
        lines.push(format!("{} {}, owner {}: {}", width("source"), source[0], source[1], source[2]));
    }
    if summary.without_reviewer > 0 {
        lines.push(format!(
            "{} {} accounts have nobody who may decide: pass them on by name (`evidenced reviews decide --reassign`), or name a `fallback`",
            width("attention"),
            summary.without_reviewer
        ));
    }
    lines.extend(items.iter().filter_map(removal_line).map(|line| format!("{} {line}", width("removal"))));
    lines
}

/// One account of a campaign in lines for a terminal.
pub(crate) fn item_lines(item: &Item, log_index: u64) -> Vec<String> {
    let head = format!("{} ({}), entry {log_index}", item.account, words(item.state.as_str()));
    let facts = item_facts(item).into_iter().map(|(name, value)| format!("{name:<12} {value}"));
    std::iter::once(head).chain(facts).collect()
}

/// Everything known and said of one account, by name.
pub(crate) fn item_facts(item: &Item) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            facts.push((name.to_owned(), value));
        }
    };
    for (column, value) in COLUMNS.iter().zip(row(item)).skip(1) {
        let is_told_below = matches!(
            column.title,
            "entitlements" | "flags" | "decided by, when, why" | "state" | "reviewer" | "reviews as"
        );
        if !is_told_below {
            add(column.title, value);
        }
    }
    for grant in &item.entitlements {
        let via = grant.via.as_ref().map(|via| format!(" ({via})")).unwrap_or_default();
        add("grant", format!("{}{via}", grant.text()));
    }
    for one in &item.flags {
        add("stands out", format!("{}: {}", words(one.flag.as_str()), one.why));
    }
    let reviewer = item.assigned.reviewer.as_ref().map_or_else(|| "nobody may decide".to_owned(), who);
    let capacity =
        item.assigned.capacity.map(|capacity| format!(", as {}", words(capacity.as_str()))).unwrap_or_default();
    add("reviewer", format!("{reviewer}{capacity}"));
    for one in &item.assigned.passed_over {
        let whom = one.person.as_ref().map_or_else(|| "nobody".to_owned(), |person| person.label().to_owned());
        add("not", format!("{whom} as {}: {}", words(one.capacity.as_str()), one.why));
    }
    for decision in &item.decisions {
        add("said", decision_words(decision));
    }
    for earlier in &item.earlier {
        let reason = if earlier.reason.is_empty() { String::new() } else { format!(": {}", earlier.reason) };
        let (answer, by, at) = (words(earlier.answer.as_str()), earlier.by.label(), seconds_text(earlier.at));
        add("before", format!("{answer} by {by} at {at} in {}{reason}", earlier.review));
    }
    facts
}
