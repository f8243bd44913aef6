//! Access reviews: one page on which a reviewer decides on all that is theirs, and one for each account.

use super::{Frame, Said, answer, capital, render, sent, take, when, words};
use crate::cli::instant;
use crate::failure::Failure;
use crate::line::review::{self, Campaign, Choice, Removing, Saying, Summary};
use crate::line::{self, Declined};
use crate::settings::Settings;
use crate::web::forms::{Form, Kind, Sent};
use crate::web::guard::Visit;
use crate::web::routes::may;
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use model::Timestamp;
use store::Reader;
use workflow::review::{Item, RemediationState, Review, ReviewAct, ReviewState};

/// Accounts on one page: what a reviewer goes through in one sitting.
const A_PAGE: usize = 200;

#[derive(Template)]
#[template(path = "reviews.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    policies: Vec<String>,
    form: Option<Form>,
    said: Option<Said>,
}

struct Row {
    review: Review,
    decided: usize,
    items: usize,
    mine: usize,
    is_overdue: bool,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage<'a> {
    frame: Frame,
    said: Option<&'a Said>,
    review: &'a Review,
    is_overdue: bool,
    entry: u64,
    summary: Summary,
    show: &'static str,
    counts: [(&'static str, &'static str, usize); 4],
    rows: Vec<ItemRow>,
    can_decide: bool,
    total: usize,
    from: usize,
    next: Option<usize>,
    /// The newest entry of what is shown.
    seen: u64,
    looked_at: Timestamp,
    plain: usize,
    removals: Vec<String>,
    forms: Vec<Form>,
}

/// An account as it is decided on.
struct ItemRow {
    item: Item,
    /// Whether whoever looks may decide.
    is_theirs: bool,
    answer: String,
    reason: String,
}

impl ItemRow {
    fn whose(&self) -> String {
        match (&self.item.person, &self.item.owner) {
            (Some(holder), _) => holder.person.label().to_owned(),
            (None, Some(owner)) => format!("answers to {}", owner.label()),
            (None, None) => "nobody is linked to it".to_owned(),
        }
    }

    fn grants(&self) -> String {
        self.item.entitlements.iter().map(workflow::review::Entitlement::text).collect::<Vec<_>>().join(", ")
    }

    fn changed(&self) -> String {
        self.item.delta.iter().map(|delta| words(delta.as_str())).collect::<Vec<_>>().join(", ")
    }

    fn decision(&self) -> Option<String> {
        self.item.effective().map(|decision| words(decision.answer.as_str()))
    }

    fn before(&self) -> Option<String> {
        let last = self.item.earlier.first()?;
        Some(format!("{} by {}", words(last.answer.as_str()), last.by.label()))
    }

    fn path(&self, review: &str) -> String {
        item_path(review, &self.item.account)
    }
}

#[derive(Template)]
#[template(path = "review_item.html")]
struct ItemPage<'a> {
    frame: Frame,
    said: Option<&'a Said>,
    review: &'a Review,
    item: &'a Item,
    entry: u64,
    facts: Vec<(String, String)>,
    forms: Vec<Form>,
}

/// Every campaign, newest first.
pub(in crate::web) async fn reviews(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, settings, reader| list(visit, settings, reader, None)).await
}

/// One was started.
pub(in crate::web) async fn start_review(Extension(visit): Extension<Visit>) -> Response {
    take(
        visit,
        "/reviews".to_owned(),
        |visit| {
            let line = visit.app.line.line();
            let done = line.start_review(visit.sent.text("policy"), Some(&visit.person.user.name), None, None)?;
            let kept = line.keep_reviews(true)?;
            let last = kept.done.last().or(done.last()).map(|(entry, _)| *entry);
            Ok(last.unwrap_or_default())
        },
        |visit, settings, reader, said| list(visit, settings, reader, Some(said)),
    )
    .await
}

fn list(visit: &Visit, settings: &Settings, reader: &Reader, said: Option<&Said>) -> Result<Option<String>, Failure> {
    let now = line::now();
    let mut rows = Vec::new();
    for Campaign { review, .. } in review::campaigns(reader)? {
        let items = review::population_of(reader, &review.id)?;
        let viewer = review::viewer(&review, &items, &visit.person.user.name);
        let undecided = || items.iter().filter(|item| !item.is_decided());
        rows.push(Row {
            decided: items.len() - undecided().count(),
            items: items.len(),
            mine: undecided().filter(|item| item.is_assigned_to(&viewer)).count(),
            is_overdue: review.is_overdue(now),
            review,
        });
    }
    rows.reverse();
    let policies: Vec<String> = settings.reviews.iter().map(|one| one.policy.name.clone()).collect();
    let may_start = !policies.is_empty() && may(visit.person.role(), &Method::POST, "/reviews");
    let form = may_start.then(|| {
        Form::new("/reviews".to_owned(), "Start a campaign now", "Start")
            .help("Campaigns with a schedule start by themselves.")
            .field("policy", "Policy, as the configuration names it", Kind::Line)
            .value(policies.first().cloned().unwrap_or_default())
    });
    let said = said.map(|said| Said { guard: said.guard, problem: said.problem.clone(), help: said.help.clone() });
    render(&List { frame: Frame::here(visit), rows, policies, form, said }).map(Some)
}

/// One campaign.
pub(in crate::web) async fn review(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, _, reader| fill(visit, reader, &id, None)).await
}

/// Takes a step of the campaign `id`, and comes back to its page.
async fn step(
    visit: Visit,
    id: String,
    work: impl FnOnce(&Visit, &str) -> Result<u64, Declined> + Send + 'static,
) -> Response {
    let acted = id.clone();
    take(
        visit,
        format!("/reviews/{id}"),
        move |visit| work(visit, &acted),
        move |visit, _, reader, said| fill(visit, reader, &id, Some(said)),
    )
    .await
}

/// A reviewer decided on some of the accounts of a page.
pub(in crate::web) async fn decide_in_review(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    step(visit, id, |visit, id| {
        let line = visit.app.line.line();
        let choices = choices(&visit.sent)?;
        let (looked_at, seen) = looked(&visit.sent)?;
        let by = visit.person.user.name.as_str();
        let saying = Saying { by, looked_at: Some(looked_at), seen: Some(seen), ..Saying::default() };
        line.decide_each(id, &choices, &saying)
    })
    .await
}

/// A reviewer certified everything plain that is theirs, in one look.
pub(in crate::web) async fn certify_plain(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    step(visit, id, |visit, id| {
        let line = visit.app.line.line();
        let (looked_at, _) = looked(&visit.sent)?;
        let by = visit.person.user.name.as_str();
        let accounts = review::plain_ones(&line.settings(), &line.reader()?, id, by)?;
        let saying = Saying { by, looked_at: Some(looked_at), bulk: true, ..Saying::default() };
        Ok(line.decide_in_review(id, &accounts, &review::Said::Certify, &saying)?.0)
    })
    .await
}

/// A step of the campaign as a whole.
pub(in crate::web) async fn act_on_review(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    step(visit, id, |visit, id| {
        let line = visit.app.line.line();
        let by = visit.person.user.name.as_str();
        let text = |name: &str| visit.sent.text(name).trim().to_owned();
        let step = match visit.route.path.rsplit('/').next() {
            Some("conclude") => ReviewAct::Conclude,
            Some("cancel") => ReviewAct::Cancel { reason: text("reason") },
            Some("defer") => ReviewAct::Defer { source: text("source"), reason: text("reason"), plan: text("plan") },
            _ => return Ok(line.sign_review(id, &text("statement"), by)?.0),
        };
        let (entry, _) = line.act_on_review(id, &step, by)?;
        // what follows from it follows now, and not at the daemon's next look
        line.keep_reviews(true)?;
        Ok(entry)
    })
    .await
}

/// One account of a campaign.
pub(in crate::web) async fn review_item(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, _, reader| {
        let account = visit.query.text("account").to_owned();
        fill_item(visit, reader, (&id, &account), None)
    })
    .await
}

/// A reviewer decided on one account, or somebody took a step with its removal.
pub(in crate::web) async fn act_on_item(Extension(visit): Extension<Visit>, Path(id): Path<String>) -> Response {
    let (acted, account) = (id.clone(), visit.sent.text("account").to_owned());
    let back = item_path(&id, &account);
    let decided = account.clone();
    take(
        visit,
        back,
        move |visit| {
            let line = visit.app.line.line();
            let by = visit.person.user.name.as_str();
            let sent = &visit.sent;
            if visit.route.path.ends_with("/removal") {
                return Ok(line.remedy_in_review(&acted, &decided, removing(sent)?, by)?.0);
            }
            let (looked_at, seen) = looked(sent)?;
            let saying = Saying {
                by,
                reason: sent.text("reason"),
                looked_at: Some(looked_at),
                seen: Some(seen),
                ..Saying::default()
            };
            let said = said_of(sent, &line.settings())?;
            Ok(line.decide_in_review(&acted, std::slice::from_ref(&decided), &said, &saying)?.0)
        },
        move |visit, _, reader, said| fill_item(visit, reader, (&id, &account), Some(said)),
    )
    .await
}

fn item_path(review: &str, account: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("account", account);
    format!("/reviews/{review}/item?{}", query.finish())
}

/// When the page was first looked at, and the newest entry of what it showed.
fn looked(sent: &Sent) -> Result<(Timestamp, u64), Declined> {
    let missing = || Declined::from(Failure::usage("the form does not say what you looked at", "reload the page"));
    let looked_at = sent.text("looked_at").parse().map_err(|_| missing())?;
    Ok((looked_at, sent.text("seen").parse().map_err(|_| missing())?))
}

/// What was chosen on the page of a campaign.
fn choices(sent: &Sent) -> Result<Vec<Choice>, Declined> {
    let mut choices = Vec::new();
    for number in 0..A_PAGE {
        let field = |name: &str| sent.text(&format!("{name}.{number}")).to_owned();
        let said = match field("answer").as_str() {
            "certify" => review::Said::Certify,
            "revoke" => review::Said::Revoke,
            "escalate" => review::Said::Escalate,
            _ => continue,
        };
        choices.push(Choice { account: field("account"), said, reason: field("reason") });
    }
    if choices.is_empty() {
        return Err(Failure::usage("nothing was chosen", "choose an answer for at least one account").into());
    }
    Ok(choices)
}

fn said_of(sent: &Sent, settings: &Settings) -> Result<review::Said, Declined> {
    let whom = |name: &str| {
        sent.said(name)
            .map(str::to_owned)
            .ok_or_else(|| Failure::usage("nobody is named", "say who, by address or name"))
    };
    Ok(match sent.text("answer") {
        "certify" => review::Said::Certify,
        "revoke" => review::Said::Revoke,
        "modify" => review::Said::Modify(sent.lines("keep")),
        "exception" => review::Said::Exception {
            approver: whom("approver")?,
            until: instant(sent.text("until").trim(), settings)?,
        },
        "reassign" => review::Said::Reassign(whom("to")?),
        "escalate" => review::Said::Escalate,
        "not_mine" => review::Said::NotMine,
        _ => return Err(Failure::usage("no answer was chosen", "choose one").into()),
    })
}

fn removing(sent: &Sent) -> Result<Removing, Declined> {
    let text = |name: &str| sent.text(name).trim().to_owned();
    Ok(match sent.text("step") {
        "assign" => Removing::Assign { assignee: text("who"), ticket: sent.said("ticket").map(str::to_owned) },
        "claim" => Removing::Claim { note: text("note") },
        "attest" => Removing::Attest { note: text("note"), evidence: sent.words("evidence") },
        "carry" => Removing::Carry { finding: text("finding"), reason: text("note") },
        _ => return Err(Failure::usage("no step was chosen", "choose one").into()),
    })
}

fn fill(visit: &Visit, reader: &Reader, id: &str, said: Option<&Said>) -> Result<Option<String>, Failure> {
    let Some(Campaign { log_index, review }) = review::find(reader, id)? else { return Ok(None) };
    let mut items = review::items(reader, id)?;
    let all: Vec<Item> = items.iter().map(|(_, item)| item.clone()).collect();
    let viewer = review::viewer(&review, &all, &visit.person.user.name);
    let undecided = |item: &Item| !item.is_decided();
    let mine = all.iter().filter(|item| undecided(item) && item.is_assigned_to(&viewer)).count();
    let counts = [
        ("mine", "yours to decide", mine),
        ("undecided", "undecided", all.iter().filter(|item| undecided(item)).count()),
        ("decided", "decided", all.iter().filter(|item| !undecided(item)).count()),
        ("all", "all", all.len()),
    ];
    let asked = visit.query.text("show");
    let show = counts.iter().map(|(word, ..)| *word).find(|word| *word == asked);
    let show = show.unwrap_or(if mine > 0 { "mine" } else { "all" });
    items.retain(|(_, item)| match show {
        "mine" => undecided(item) && item.is_assigned_to(&viewer),
        "undecided" => undecided(item),
        "decided" => !undecided(item),
        _ => true,
    });
    // what changed and stands out needs the look; the rest follows
    items.sort_by_key(|(_, item)| (!undecided(item), item.is_plain(), item.flags.is_empty()));
    let total = items.len();
    let from = visit.query.text("from").parse().unwrap_or(0_usize).min(total);
    let page: Vec<(u64, Item)> = items.into_iter().skip(from).take(A_PAGE).collect();
    let seen = page.iter().map(|(entry, _)| *entry).max().unwrap_or_default();
    let owns = review.owner.is(&viewer);
    let is_open = review.state == ReviewState::Open;
    let can = is_open && may(visit.person.role(), &Method::POST, "/reviews/{id}/decide");
    let again = sent(visit, "").map(|(_, sent)| sent);
    let rows: Vec<ItemRow> = page
        .into_iter()
        .map(|(_, item)| {
            let typed = |name: &str| {
                let sent = again.as_ref()?;
                let number = (0..A_PAGE).find(|number| sent.text(&format!("account.{number}")) == item.account)?;
                Some(sent.text(&format!("{name}.{number}")).to_owned())
            };
            let is_theirs = can && undecided(&item) && (owns || item.is_assigned_to(&viewer));
            let (answer, reason) = (typed("answer").unwrap_or_default(), typed("reason").unwrap_or_default());
            ItemRow { item, is_theirs, answer, reason }
        })
        .collect();
    let plain = all.iter().filter(|item| undecided(item) && item.is_plain() && item.is_assigned_to(&viewer)).count();
    let forms = review_forms(visit, &review, owns);
    render(&ReviewPage {
        frame: Frame::here(visit),
        said,
        is_overdue: review.is_overdue(line::now()),
        entry: log_index,
        summary: Summary::of(&all),
        show,
        counts,
        can_decide: rows.iter().any(|row| row.is_theirs),
        rows,
        total,
        from,
        next: Some(from + A_PAGE).filter(|next| *next < total),
        seen,
        looked_at: line::now(),
        plain: if can { plain } else { 0 },
        removals: all.iter().filter_map(review::removal_line).take(A_PAGE).collect(),
        forms,
        review: &review,
    })
    .map(Some)
}

fn review_forms(visit: &Visit, review: &Review, owns: bool) -> Vec<Form> {
    let id = &review.id;
    let path = |step: &str| format!("/reviews/{id}/{step}");
    let new = |step: &'static str, title, button| (step, Form::new(path(step), title, button));
    let mut forms = Vec::new();
    if owns && review.state == ReviewState::Open {
        let (step, form) = new("conclude", "Say that the deciding is over", "It is over");
        forms.push((step, form.help("Every account needs a decision. What was to go is then waited for.")));
    }
    if owns && review.state == ReviewState::AwaitingSignOff {
        let (step, form) = new("sign-off", "Sign the campaign", "Sign");
        forms.push((
            step,
            form.help("The report is sealed with your signature, and the campaign never opens again.").field(
                "statement",
                "What you sign",
                Kind::Lines,
            ),
        ));
    }
    if matches!(review.state, ReviewState::Draft | ReviewState::Collecting) {
        let (step, form) = new("defer", "Leave a source out this time", "Leave it out");
        forms.push((
            step,
            form.help("By whoever answers for the source or the campaign.")
                .field("source", "Source", Kind::Line)
                .field("reason", "Why", Kind::Lines)
                .field("plan", "How it is made up for", Kind::Lines),
        ));
    }
    if owns && !review.state.is_over() {
        let (step, form) = new("cancel", "End it without a result", "Cancel the campaign");
        forms.push((step, form.help("It stays in sight.").field("reason", "Why", Kind::Lines)));
    }
    let action = visit.route.path.replace("{id}", id);
    let sent = sent(visit, &action);
    let sent = sent.as_ref().map(|(action, sent)| (action.as_str(), &**sent));
    let allowed = |step: &str| may(visit.person.role(), &Method::POST, &format!("/reviews/{{id}}/{step}"));
    forms.into_iter().filter(|(step, _)| allowed(step)).map(|(_, form)| form.filled(sent)).collect()
}

fn fill_item(
    visit: &Visit,
    reader: &Reader,
    (id, account): (&str, &str),
    said: Option<&Said>,
) -> Result<Option<String>, Failure> {
    let Some(Campaign { review, .. }) = review::find(reader, id)? else { return Ok(None) };
    let Some((entry, item)) = review::item_of(reader, id, account)? else { return Ok(None) };
    let viewer = review::viewer(&review, std::slice::from_ref(&item), &visit.person.user.name);
    let is_theirs = item.is_assigned_to(&viewer) || review.owner.is(&viewer);
    let action = visit.route.path.replace("{id}", id);
    let sent = sent(visit, &action);
    let sent = sent.as_ref().map(|(action, sent)| (action.as_str(), &**sent));
    let mut forms = Vec::new();
    let allowed = |step: &str| may(visit.person.role(), &Method::POST, &format!("/reviews/{{id}}/{step}"));
    if is_theirs && review.state == ReviewState::Open && allowed("item") {
        forms.push(decision_form(id, &item, entry));
    }
    let is_to_go = item.remediation.as_ref().is_some_and(|one| one.state != RemediationState::Verified);
    if is_to_go && !review.state.is_over() && allowed("removal") {
        forms.push(removal_form(id, &item));
    }
    let forms = forms.into_iter().map(|form| form.filled(sent)).collect();
    let facts = review::item_facts(&item);
    let frame = Frame::here(visit);
    render(&ItemPage { frame, said, review: &review, item: &item, entry, facts, forms }).map(Some)
}

fn decision_form(id: &str, item: &Item, entry: u64) -> Form {
    let answers = [
        ("certify", "it may stay as it is"),
        ("revoke", "it goes"),
        ("modify", "it keeps some of its grants only"),
        ("exception", "it stays for now although it should not"),
        ("reassign", "somebody else decides"),
        ("escalate", "the campaign's owner decides"),
        ("not_mine", "it is not mine to decide"),
    ];
    let answers = answers.into_iter().map(|(word, text)| (word, text.to_owned())).collect();
    let keep: Vec<String> = item.entitlements.iter().map(workflow::review::Entitlement::text).collect();
    Form::new(format!("/reviews/{id}/item"), "Decide", "Decide")
        .field("account", "", Kind::Hidden)
        .value(item.account.clone())
        .field("looked_at", "", Kind::Hidden)
        .value(line::now().to_string())
        .field("seen", "", Kind::Hidden)
        .value(entry.to_string())
        .field("answer", "Answer", Kind::Choice(answers))
        .optional("reason", "Why", Kind::Lines)
        .hint("needed for all but the certifying of what does not stand out")
        .optional("keep", "What it keeps, one a line", Kind::Lines)
        .value(keep.join("\n"))
        .optional("to", "Who decides instead", Kind::Line)
        .optional("approver", "Who approved the exception", Kind::Line)
        .optional("until", "Last day of the exception", Kind::Date)
}

fn removal_form(id: &str, item: &Item) -> Form {
    let steps = [
        ("assign", "somebody does it"),
        ("claim", "it is done: a later snapshot proves it"),
        ("attest", "a second person attests it, where nothing is collected"),
        ("carry", "it goes on as a finding"),
    ];
    let steps = steps.into_iter().map(|(word, text)| (word, text.to_owned())).collect();
    Form::new(format!("/reviews/{id}/removal"), "What is to go", "Record")
        .field("account", "", Kind::Hidden)
        .value(item.account.clone())
        .field("step", "Step", Kind::Choice(steps))
        .optional("who", "Who does it", Kind::Line)
        .optional("ticket", "Ticket", Kind::Line)
        .optional("note", "What was done or looked at, or why", Kind::Lines)
        .optional("evidence", "Ids of snapshots or added evidence", Kind::Lines)
        .optional("finding", "The finding it goes on as", Kind::Line)
}
