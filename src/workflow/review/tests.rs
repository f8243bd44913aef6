use super::*;
use crate::finding::EvidenceRef;
use crate::refusal::Guard;
use crate::review::prove::Standing;
use std::collections::{BTreeMap, BTreeSet};

mod machine;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub(super) fn person(name: &str) -> Person {
    Person { key: format!("hr:{name}"), name: Some(name.to_owned()), email: Some(format!("{name}@acme.example")) }
}

pub(super) fn policy() -> Policy {
    Policy {
        name: "quarterly".to_owned(),
        sources: vec!["git".to_owned()],
        population: Population::All,
        owner: "olga".to_owned(),
        fallback: None,
        complete_within: 14 * 86_400,
        lapse_after: 7 * 86_400,
        remediate_within: 7 * 86_400,
        dormant_after: 90 * 86_400,
        conflicts: Vec::new(),
        safeguard: None,
    }
}

fn holder(name: &str) -> Holder {
    Holder {
        person: person(name),
        method: "email".to_owned(),
        department: Some("sales".to_owned()),
        employment_type: None,
        end_at: None,
    }
}

fn grant(role: &str) -> Entitlement {
    Entitlement { role: role.to_owned(), resource: None, privilege: None, via: None }
}

/// A human of `source` whose manager is Mia.
pub(super) fn account(source: &str, login: &str, holding: Option<&str>) -> Account {
    let mut item = Item::of(source, &format!("{source}:{login}"));
    item.login = Some(login.to_owned());
    item.kind = Some("human".to_owned());
    item.status = Some("enabled".to_owned());
    item.is_admin = Some(false);
    item.mfa = Some("enrolled".to_owned());
    item.last_active_at = Some(at(-10));
    item.entitlements = vec![grant("read"), grant("write")];
    item.person = holding.map(holder);
    Account { item, manager: Some(person("mia")) }
}

fn seen(accounts: u64) -> Seen {
    Seen {
        snapshot: "s1".to_owned(),
        manifest_sha256: Digest::of(b"s1"),
        log_index: 7,
        seen_at: at(-1),
        accounts,
        counted: accounts,
        declared: Some(accounts),
    }
}

pub(super) fn collecting(policy: Policy) -> Review {
    let word = Word { by: "olga".to_owned(), at: at(0), note: String::new() };
    let owners = policy.sources.iter().map(|source| (source.clone(), Some(person("ines")))).collect();
    let draft = Review::draft(1, policy, person("olga"), owners, word);
    act(&draft, &[], &ReviewAct::Begin, &person("olga"), at(0)).unwrap().access_review
}

pub(super) fn opening(accounts: Vec<Account>, departed: &dyn Fn(&Person) -> bool) -> Opening<'_> {
    let mut sources: BTreeMap<String, SourceSeen> = BTreeMap::new();
    for account in &accounts {
        let count = accounts.iter().filter(|other| other.item.source == account.item.source).count() as u64;
        sources.insert(account.item.source.clone(), Ok(seen(count)));
    }
    Opening {
        sources,
        accounts,
        previous: BTreeMap::new(),
        chain: Chain { fallback: None, departed: Box::new(departed) },
    }
}

/// The campaign and its items after `events`.
pub(super) fn after(events: &[ReviewEvent], items: &mut BTreeMap<String, Item>) -> Review {
    for event in events {
        items.extend(event.items.iter().map(|item| (item.account.clone(), item.clone())));
    }
    events.last().unwrap().access_review.clone()
}

fn opened(policy: Policy, accounts: Vec<Account>) -> (Review, BTreeMap<String, Item>) {
    let review = collecting(policy);
    let events = freeze(&review, opening(accounts, &|_| false), at(1)).unwrap();
    let mut items = BTreeMap::new();
    (after(&events, &mut items), items)
}

fn deciding(by: &Person, second: i64) -> Deciding<'_> {
    Deciding { by, at: at(second), looked_at: None, bulk: false, departed: false }
}

fn say(review: &Review, item: &Item, answer: &Answer, reason: &str, by: &str, second: i64) -> Result<Item, Guard> {
    let event = decide(review, std::slice::from_ref(item), answer, reason, &deciding(&person(by), second));
    event.map(|mut event| event.items.remove(0)).map_err(|refusal| refusal.guard)
}

fn guard<T>(outcome: Result<T, Refusal>) -> Option<Guard> {
    outcome.err().map(|refusal| refusal.guard)
}

fn all(items: &BTreeMap<String, Item>) -> Vec<Item> {
    items.values().cloned().collect()
}

#[test]
fn a_campaign_begins_only_when_somebody_answers_for_each_source() {
    let word = Word { by: "olga".to_owned(), at: at(0), note: String::new() };
    let begin = |owners| {
        let draft = Review::draft(1, policy(), person("olga"), owners, word.clone());
        guard(act(&draft, &[], &ReviewAct::Begin, &person("olga"), at(0)))
    };
    assert_eq!(begin(vec![]), Some(Guard::Source));
    assert_eq!(begin(vec![("git".to_owned(), None)]), Some(Guard::Owner));
    assert_eq!(begin(vec![("git".to_owned(), Some(person("ines")))]), None);
}

#[test]
fn a_campaign_never_opens_on_a_source_that_was_not_seen_whole() {
    let review = collecting(policy());
    let open = |source: Option<SourceSeen>| {
        let departed = |_: &Person| false;
        let mut opening = opening(vec![account("git", "ada", Some("ada"))], &departed);
        opening.sources.clear();
        opening.sources.extend(source.map(|source| ("git".to_owned(), source)));
        guard(freeze(&review, opening, at(1)))
    };
    assert_eq!(open(None), Some(Guard::Source));
    assert_eq!(open(Some(Err("its latest run failed".to_owned()))), Some(Guard::Source));
    assert_eq!(open(Some(Ok(Seen { declared: Some(2), ..seen(1) }))), Some(Guard::Source));
    assert_eq!(open(Some(Ok(Seen { declared: None, ..seen(1) }))), None);
    assert_eq!(open(Some(Ok(seen(1)))), None);
}

#[test]
fn a_deferred_source_needs_a_reason_a_plan_and_whoever_answers_and_one_is_left() {
    let mut policy = policy();
    policy.sources = vec!["git".to_owned(), "wiki".to_owned()];
    let review = collecting(policy);
    let defer = |source: &str, reason: &str, plan: &str, by: &str| {
        let (source, reason, plan) = (source.to_owned(), reason.to_owned(), plan.to_owned());
        act(&review, &[], &ReviewAct::Defer { source, reason, plan }, &person(by), at(1))
    };
    assert_eq!(guard(defer("wiki", "", "next month", "ines")), Some(Guard::Reason));
    assert_eq!(guard(defer("wiki", "being moved", " ", "ines")), Some(Guard::Plan));
    assert_eq!(guard(defer("wiki", "being moved", "next month", "mia")), Some(Guard::Owner));
    assert_eq!(guard(defer("none", "being moved", "next month", "olga")), Some(Guard::Scope));
    let without_wiki = defer("wiki", "being moved", "next month", "ines").unwrap().access_review;
    let departed = |_: &Person| false;
    let accounts = || vec![account("git", "ada", Some("ada")), account("wiki", "ada", Some("ada"))];
    let events = freeze(&without_wiki, opening(accounts(), &departed), at(2)).unwrap();
    let mut items = BTreeMap::new();
    let open = after(&events, &mut items);
    assert_eq!(items.keys().collect::<Vec<_>>(), ["git:ada"], "nothing of a deferred source is reviewed");
    assert!(open.frozen("wiki").is_none() && open.frozen("git").is_some());
    let step = ReviewAct::Defer { source: "git".to_owned(), reason: "r".to_owned(), plan: "p".to_owned() };
    let nothing = act(&without_wiki, &[], &step, &person("olga"), at(2)).unwrap().access_review;
    assert_eq!(guard(freeze(&nothing, opening(accounts(), &departed), at(3))), Some(Guard::Source));
}

#[test]
fn the_chain_gives_people_to_their_manager_and_systems_to_their_owner_and_nobody_to_themselves() {
    let mut admin = account("git", "root", Some("ada"));
    admin.item.is_admin = Some(true);
    let mut bot = account("git", "bot", None);
    bot.item.kind = Some("service".to_owned());
    bot.item.owner = Some(person("ines"));
    let own = account("git", "mia", Some("mia"));
    let mut inadmin = account("git", "ines", Some("ines"));
    inadmin.item.is_admin = Some(true);
    let accounts = vec![account("git", "zoe", Some("zoe")), admin, bot, own, inadmin];
    let (_, items) = opened(policy(), accounts);
    let of = |account: &str| {
        let assigned = &items[account].assigned;
        (assigned.reviewer.as_ref().map(|one| one.label().to_owned()), assigned.capacity)
    };
    assert_eq!(of("git:zoe"), (Some("mia".to_owned()), Some(Capacity::Manager)));
    assert_eq!(of("git:mia"), (Some("ines".to_owned()), Some(Capacity::SourceOwner)), "her manager would be herself");
    // Ines administers git herself, so that she does not decide on its administrators; nor on what answers to her
    assert_eq!(of("git:root"), (Some("mia".to_owned()), Some(Capacity::Manager)));
    assert_eq!(of("git:bot"), (Some("mia".to_owned()), Some(Capacity::Manager)));
    assert_eq!(of("git:ines"), (Some("mia".to_owned()), Some(Capacity::Manager)));
    assert_eq!(items["git:bot"].assigned.passed_over[0].why, "the account answers to them");
}

#[test]
fn who_left_is_passed_over_and_named_and_a_firm_of_one_needs_a_recorded_safeguard() {
    let review = collecting(policy());
    let gone = |one: &Person| one.label() == "mia" || one.label() == "ines";
    let mut items = BTreeMap::new();
    after(&freeze(&review, opening(vec![account("git", "zoe", Some("zoe"))], &gone), at(1)).unwrap(), &mut items);
    let assigned = &items["git:zoe"].assigned;
    assert_eq!(assigned.reviewer.as_ref().map(Person::label), Some("olga"));
    assert_eq!(assigned.passed_over.iter().map(|one| one.why.as_str()).collect::<Vec<_>>(), ["has left"; 2]);

    let alone = |safeguard: Option<&str>| {
        let review = collecting(Policy { safeguard: safeguard.map(str::to_owned), ..policy() });
        let mut own = account("git", "olga", Some("olga"));
        own.manager = None;
        let nobody = |one: &Person| one.label() == "ines";
        let mut items = BTreeMap::new();
        let review = after(&freeze(&review, opening(vec![own], &nobody), at(1)).unwrap(), &mut items);
        let item = items["git:olga"].clone();
        (item.assigned.reviewer.is_some(), say(&review, &item, &Answer::Certify, "needed daily", "olga", 2))
    };
    assert_eq!(alone(None), (false, Err(Guard::OwnAccess)));
    let (assigned, decided) = alone(Some("the accountant looks at it each year"));
    let decision = decided.unwrap().decisions.remove(0);
    assert!(assigned);
    assert_eq!(decision.safeguard.as_deref(), Some("the accountant looks at it each year"));
}

#[test]
fn only_the_reviewer_and_the_owner_of_the_campaign_decide_and_a_flagged_item_needs_a_reason() {
    let mut dormant = account("git", "dora", Some("dora"));
    dormant.item.last_active_at = Some(at(-100 * 86_400));
    let (review, items) = opened(policy(), vec![account("git", "zoe", Some("zoe")), dormant]);
    let zoe = &items["git:zoe"];
    assert_eq!(say(&review, zoe, &Answer::Certify, "", "zoe", 2).err(), Some(Guard::Reviewer));
    assert_eq!(say(&review, zoe, &Answer::Certify, "", "eve", 2).err(), Some(Guard::Reviewer));
    assert_eq!(say(&review, zoe, &Answer::Certify, "", "mia", 2).unwrap().state, ItemState::Decided);
    assert_eq!(
        say(&review, zoe, &Answer::Certify, "", "olga", 2).unwrap().decisions[0].capacity,
        Capacity::CampaignOwner
    );
    let dora = &items["git:dora"];
    assert!(dora.has(Flag::Dormant));
    assert_eq!(say(&review, dora, &Answer::Certify, " ", "mia", 2).err(), Some(Guard::Reason));
    assert!(say(&review, dora, &Answer::Certify, "on leave until May", "mia", 2).is_ok());
    assert_eq!(say(&review, zoe, &Answer::Revoke, "", "mia", 2).err(), Some(Guard::Reason));
}

#[test]
fn of_several_reviewers_any_revocation_wins_and_a_later_word_of_the_same_one_replaces_the_earlier() {
    let (review, items) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let revoked = say(&review, &items["git:zoe"], &Answer::Revoke, "moved on", "mia", 2).unwrap();
    let both = say(&review, &revoked, &Answer::Certify, "", "olga", 3).unwrap();
    assert_eq!(both.effective().unwrap().answer, Answer::Revoke);
    assert!(both.remediation.is_some());
    let changed = say(&review, &both, &Answer::Certify, "", "mia", 4).unwrap();
    assert_eq!(changed.effective().unwrap().answer, Answer::Certify);
    assert_eq!(changed.remediation, None);
    assert_eq!(changed.decisions[2].supersedes, Some(0));
    let withdrawn = say(&review, &revoked, &Answer::NotMine, "not my team", "mia", 3).unwrap();
    assert_eq!((withdrawn.state, withdrawn.remediation.is_none()), (ItemState::Pending, true));
    assert_eq!(withdrawn.assigned.reviewer.unwrap().label(), "olga");
}

#[test]
fn passing_on_never_leads_in_a_circle_nor_to_whose_account_it_is() {
    let (review, items) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let to = |name: &str| Answer::Reassign { to: person(name) };
    let zoe = &items["git:zoe"];
    assert_eq!(say(&review, zoe, &to("zoe"), "", "mia", 2).err(), Some(Guard::Reviewer));
    assert_eq!(say(&review, zoe, &to("mia"), "", "mia", 2).err(), Some(Guard::Reviewer));
    let at_ben = say(&review, zoe, &to("ben"), "", "mia", 2).unwrap();
    assert_eq!(at_ben.state, ItemState::Pending);
    assert_eq!(say(&review, &at_ben, &to("mia"), "", "ben", 3).err(), Some(Guard::Reviewer));
    assert_eq!(say(&review, &at_ben, &Answer::Certify, "", "mia", 3).err(), Some(Guard::Reviewer));
    let by = person("ben");
    let gone = Deciding { departed: true, ..deciding(&by, 3) };
    let refused = decide(&review, &[at_ben], &to("kim"), "", &gone);
    assert_eq!(guard(refused), Some(Guard::Reviewer));
}

#[test]
fn many_at_once_are_unchanged_unflagged_and_certified_and_the_size_is_kept() {
    let mut admin = account("git", "root", Some("kim"));
    admin.item.is_admin = Some(true);
    let accounts = vec![account("git", "zoe", Some("zoe")), account("git", "max", Some("max")), admin];
    let (review, first) = opened(policy(), accounts.clone());
    let mia = person("mia");
    let bulk = |review: &Review, items: &BTreeMap<String, Item>, names: &[&str], answer: &Answer| {
        let items: Vec<Item> = names.iter().map(|name| items[*name].clone()).collect();
        let looked_at = Some(at(2));
        decide(review, &items, answer, "r", &Deciding { bulk: true, looked_at, ..deciding(&mia, 62) })
    };
    let names = ["git:zoe", "git:max"];
    assert_eq!(guard(bulk(&review, &first, &names, &Answer::Certify)), Some(Guard::Bulk), "they are new");
    // the next campaign has them unchanged
    let previous = Previous { review: review.id.clone(), items: first };
    let departed = |_: &Person| false;
    let mut opening = opening(accounts, &departed);
    opening.previous.insert("git".to_owned(), previous);
    let mut items = BTreeMap::new();
    let review = after(&freeze(&collecting(policy()), opening, at(1)).unwrap(), &mut items);
    assert_eq!(items["git:zoe"].delta, [Delta::Unchanged]);
    assert_eq!(guard(bulk(&review, &items, &["git:zoe", "git:root"], &Answer::Certify)), Some(Guard::Bulk));
    assert_eq!(guard(bulk(&review, &items, &names, &Answer::Revoke)), Some(Guard::Bulk));
    let event = bulk(&review, &items, &names, &Answer::Certify).unwrap();
    for item in &event.items {
        let decision = &item.decisions[0];
        assert_eq!((decision.bulk.as_ref().unwrap().size, decision.dwell_seconds), (2, Some(60)));
    }
}

#[test]
fn what_changed_since_the_last_campaign_is_told() {
    let (review, first) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let delta_of = |change: &dyn Fn(&mut Account)| {
        let mut zoe = account("git", "zoe", Some("zoe"));
        change(&mut zoe);
        let departed = |_: &Person| false;
        let mut opening = opening(vec![zoe], &departed);
        let previous = Previous { review: review.id.clone(), items: first.clone() };
        opening.previous.insert("git".to_owned(), previous);
        let mut items = BTreeMap::new();
        after(&freeze(&collecting(policy()), opening, at(1)).unwrap(), &mut items);
        items["git:zoe"].clone()
    };
    assert_eq!(delta_of(&|_| {}).delta, [Delta::Unchanged]);
    assert_eq!(delta_of(&|one| one.item.entitlements.push(grant("deploy"))).delta, [Delta::RoleAdded]);
    assert_eq!(delta_of(&|one| _ = one.item.entitlements.pop()).delta, [Delta::RoleRemoved]);
    let admin = delta_of(&|one| one.item.is_admin = Some(true));
    assert_eq!((admin.delta.clone(), admin.has(Flag::NewAdmin)), (vec![Delta::BecameAdmin], true));
    assert_eq!(delta_of(&|one| one.item.owner = Some(person("kim"))).delta, [Delta::OwnerChanged]);
    assert_eq!(delta_of(&|one| one.item.person = Some(holder("kim"))).delta, [Delta::PersonChanged]);
    let moved = delta_of(&|one| one.item.person.as_mut().unwrap().department = Some("finance".to_owned()));
    assert!(moved.has(Flag::RoleCreep));
}

#[test]
fn what_stands_out_is_flagged_with_the_reason() {
    let flags = |change: &dyn Fn(&mut Account)| -> Vec<Flag> {
        let mut one = account("git", "zoe", Some("zoe"));
        change(&mut one);
        let (_, items) = opened(policy(), vec![one, account("git", "max", Some("max"))]);
        items["git:zoe"].flags.iter().map(|one| one.flag).collect()
    };
    assert_eq!(flags(&|_| {}), []);
    assert_eq!(flags(&|one| one.item.person = None), [Flag::Orphan]);
    assert_eq!(flags(&|one| one.item.person.as_mut().unwrap().end_at = Some(at(0))), [Flag::Leaver]);
    assert_eq!(flags(&|one| one.item.person.as_mut().unwrap().end_at = Some(at(100))), []);
    let contractor = |one: &mut Account| {
        let holder = one.item.person.as_mut().unwrap();
        holder.employment_type = Some("Contractor".to_owned());
        holder.end_at = Some(at(0));
    };
    assert_eq!(flags(&contractor), [Flag::ContractorPastEnd]);
    assert_eq!(flags(&|one| one.item.last_active_at = None), [Flag::NeverUsed]);
    assert_eq!(flags(&|one| one.item.mfa = Some("none".to_owned())), [Flag::NoMfa]);
    assert_eq!(flags(&|one| one.item.mfa = None), [], "what is not said is no flag");
    assert_eq!(flags(&|one| one.item.kind = Some("shared".to_owned())), [Flag::Shared, Flag::ServiceWithoutOwner]);
    assert_eq!(flags(&|one| one.item.is_admin = Some(true)), [Flag::Privileged]);

    let conflicting = Policy { conflicts: vec![("git:write".to_owned(), "bank:pay".to_owned())], ..policy() };
    let conflicting = Policy { sources: vec!["git".to_owned(), "bank".to_owned()], ..conflicting };
    let mut pays = account("bank", "zoe", Some("zoe"));
    pays.item.entitlements = vec![grant("pay")];
    let (_, items) =
        opened(conflicting, vec![account("git", "zoe", Some("zoe")), pays, account("git", "max", Some("max"))]);
    assert!(items["git:zoe"].has(Flag::DutiesConflict) && items["bank:zoe"].has(Flag::DutiesConflict));
    assert!(!items["git:max"].has(Flag::DutiesConflict));
}

/// `git` as a snapshot begun at `second` shows it.
pub(super) fn system(second: i64, accounts: &[(&str, Option<&str>, &[&str])]) -> BTreeMap<String, SystemSeen> {
    let accounts = accounts
        .iter()
        .map(|(account, status, grants)| {
            let grants: BTreeSet<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            ((*account).to_owned(), Standing { status: status.map(str::to_owned), grants })
        })
        .collect();
    let (snapshot, started_at, seen_at) = (format!("s{second}"), at(second), at(second + 1));
    BTreeMap::from([("git".to_owned(), SystemSeen { snapshot, log_index: 9, started_at, seen_at, accounts })])
}

#[test]
fn a_removal_is_verified_by_a_later_snapshot_only_and_undone_when_it_is_there_again() {
    use RemediationState::{Open, Verified};
    let (review, mut items) =
        opened(policy(), vec![account("git", "zoe", Some("zoe")), account("git", "max", Some("max"))]);
    let zoe = say(&review, &items["git:zoe"], &Answer::Revoke, "left the team", "mia", 10).unwrap();
    let keep = Answer::Modify { keep: vec!["read".to_owned()] };
    let max = say(&review, &items["git:max"], &keep, "reads only", "mia", 10).unwrap();
    items.extend([("git:zoe".to_owned(), zoe), ("git:max".to_owned(), max)]);
    let review = act(&review, &all(&items), &ReviewAct::Conclude, &person("olga"), at(11)).unwrap().access_review;
    assert_eq!(review.state, ReviewState::Remediating);

    let states = |items: &BTreeMap<String, Item>| {
        let of = |name: &str| items[name].remediation.as_ref().unwrap().state;
        (of("git:zoe"), of("git:max"))
    };
    let look = |review: &Review, items: &mut BTreeMap<String, Item>, seen: BTreeMap<String, SystemSeen>| {
        let events = prove(review, &all(items), &seen, at(100)).unwrap();
        if events.is_empty() { review.clone() } else { after(&events, items) }
    };
    // begun before the decision, it proves nothing of what was done after it
    let review = look(&review, &mut items, system(9, &[]));
    assert_eq!(states(&items), (Open, Open));
    // still there, and what the source does not say is not said
    let review =
        look(&review, &mut items, system(20, &[("git:zoe", None, &[]), ("git:max", Some("enabled"), &["write"])]));
    assert_eq!(states(&items), (Open, Open));
    let review = look(
        &review,
        &mut items,
        system(30, &[("git:zoe", Some("disabled"), &[]), ("git:max", Some("enabled"), &["write", "read"])]),
    );
    assert_eq!(states(&items), (Verified, Open));
    assert_eq!(review.state, ReviewState::Remediating);
    let review = look(&review, &mut items, system(40, &[("git:max", Some("enabled"), &["read"])]));
    assert_eq!((states(&items), review.state), ((Verified, Verified), ReviewState::AwaitingSignOff));
    // an account that is back before it is signed is not gone
    let review = look(&review, &mut items, system(50, &[("git:zoe", Some("enabled"), &[])]));
    assert_eq!((states(&items), review.state), ((Open, Verified), ReviewState::Remediating));
    assert_eq!(items["git:zoe"].remediation.as_ref().unwrap().came_back, 1);
    let finished = Finished { items: &all(&items), report_sha256: Digest::of(b"report") };
    assert_eq!(guard(sign(&review, &finished, "reviewed", &person("olga"), at(60))), Some(Guard::State));
    let review = look(&review, &mut items, system(70, &[]));
    let finished = Finished { items: &all(&items), report_sha256: Digest::of(b"report") };
    assert_eq!(guard(sign(&review, &finished, "", &person("olga"), at(80))), Some(Guard::Reason));
    assert_eq!(guard(sign(&review, &finished, "reviewed", &person("mia"), at(80))), Some(Guard::Owner));
    let closed = sign(&review, &finished, "reviewed", &person("olga"), at(80)).unwrap().access_review;
    assert_eq!(closed.state, ReviewState::Closed);
    assert_eq!(closed.signed.unwrap().decisions_sha256, Digest::of(&decisions_text(&all(&items)).unwrap()));
}

#[test]
fn a_claim_proves_nothing_and_only_where_nothing_is_collected_do_two_people_and_evidence() {
    let (review, items) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let zoe = say(&review, &items["git:zoe"], &Answer::Revoke, "left the team", "mia", 10).unwrap();
    let review =
        act(&review, std::slice::from_ref(&zoe), &ReviewAct::Conclude, &person("olga"), at(11)).unwrap().access_review;
    let step = |item: &Item, step: ItemAct, by: &str| remedy(&review, item, &step, &person(by), at(12));
    let claimed = step(&zoe, ItemAct::Claim { note: "ticket 12 is done".to_owned() }, "kim").unwrap().items.remove(0);
    assert_eq!(claimed.remediation.as_ref().unwrap().state, RemediationState::Claimed);
    assert!(!claimed.is_settled());
    let attest = |has_collector, evidence: &[&str]| ItemAct::Attest {
        note: "looked at the screen".to_owned(),
        evidence: evidence.iter().map(|id| EvidenceRef { id: (*id).to_owned(), log_index: 3 }).collect(),
        has_collector,
    };
    assert_eq!(guard(step(&claimed, attest(true, &["e1"]), "mia")), Some(Guard::Check));
    assert_eq!(guard(step(&claimed, attest(false, &[]), "mia")), Some(Guard::Evidence));
    assert_eq!(guard(step(&claimed, attest(false, &["e1"]), "kim")), Some(Guard::SecondPerson));
    assert_eq!(guard(step(&zoe, attest(false, &["e1"]), "mia")), Some(Guard::SecondPerson));
    assert!(step(&claimed, attest(false, &["e1"]), "mia").unwrap().items[0].is_settled());
    let carry = |owner: Option<&str>, is_over| ItemAct::Carry {
        finding: "manual-1".to_owned(),
        owner: owner.map(str::to_owned),
        due: Some("2027-01-31".to_owned()),
        is_over,
        reason: "the vendor takes a month".to_owned(),
    };
    assert_eq!(guard(step(&zoe, carry(None, false), "olga")), Some(Guard::Remediation));
    assert_eq!(guard(step(&zoe, carry(Some("kim"), true), "olga")), Some(Guard::Remediation));
    assert!(step(&zoe, carry(Some("kim"), false), "olga").unwrap().items[0].is_settled());
}

#[test]
fn without_an_answer_an_item_goes_to_the_owner_then_counts_as_not_reviewed_and_keeps_the_campaign_open() {
    let (review, items) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let day = 86_400;
    assert_eq!(lapse(&review, &all(&items), at(13 * day)), None);
    let escalated = lapse(&review, &all(&items), at(15 * day)).unwrap().items.remove(0);
    assert_eq!(escalated.assigned.reviewer.as_ref().unwrap().label(), "olga");
    assert_eq!(escalated.state, ItemState::Pending);
    assert_eq!(lapse(&review, std::slice::from_ref(&escalated), at(16 * day)), None, "once");
    let lapsed = lapse(&review, std::slice::from_ref(&escalated), at(22 * day)).unwrap().items.remove(0);
    assert_eq!(lapsed.state, ItemState::NotReviewed);
    let conclude = act(&review, std::slice::from_ref(&lapsed), &ReviewAct::Conclude, &person("olga"), at(23 * day));
    assert_eq!(guard(conclude), Some(Guard::Decided));
    assert_eq!(say(&review, &lapsed, &Answer::Certify, "", "olga", 23 * day).unwrap().state, ItemState::Decided);
}

#[test]
fn reviewers_are_reminded_once_of_each_date_and_daily_after_the_last() {
    use ReminderKind::{Due, Escalation, HalfTime, OneDay, Opened, ThreeDays};
    let (mut review, items) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let day = 86_400;
    let mut told = Vec::new();
    for hour in (0..17 * 24).step_by(6) {
        if let Some(event) = remind(&review, &all(&items), at(1 + hour * 3600)) {
            review = event.access_review;
            let last = review.reminders.last().unwrap();
            told.push((hour / 24, last.kind, last.reviewers.len()));
        }
    }
    let expected = [
        (0, Opened, 1),
        (7, HalfTime, 1),
        (11, ThreeDays, 1),
        (13, OneDay, 1),
        (14, Due, 2),
        (15, Escalation, 2),
        (16, Escalation, 2),
    ];
    assert_eq!(told, expected);
    // a daemon that slept tells the newest only
    let (fresh, items) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let slept = remind(&fresh, &all(&items), at(20 * day)).unwrap().access_review;
    assert_eq!(slept.reminders.iter().map(|one| one.kind).collect::<Vec<_>>(), [Escalation]);
    let decided = say(&fresh, &items["git:zoe"], &Answer::Certify, "", "mia", 5).unwrap();
    assert_eq!(remind(&fresh, &[decided], at(20 * day)), None);
}

#[test]
fn a_campaign_that_is_over_never_opens_again() {
    let (review, items) = opened(policy(), vec![account("git", "zoe", Some("zoe"))]);
    let cancel = ReviewAct::Cancel { reason: "wrong sources".to_owned() };
    assert_eq!(guard(act(&review, &[], &cancel, &person("mia"), at(5))), Some(Guard::Owner));
    let over = act(&review, &[], &cancel, &person("olga"), at(5)).unwrap().access_review;
    for step in [ReviewAct::Begin, ReviewAct::Conclude, cancel] {
        assert_eq!(guard(act(&over, &all(&items), &step, &person("olga"), at(6))), Some(Guard::State));
    }
    assert_eq!(say(&over, &items["git:zoe"], &Answer::Certify, "", "mia", 6).err(), Some(Guard::State));
    assert_eq!(guard(prove(&over, &all(&items), &BTreeMap::new(), at(6))), Some(Guard::State));
}

#[test]
fn an_event_reads_back_as_it_was_written() {
    let review = collecting(policy());
    let departed = |_: &Person| false;
    let events = freeze(&review, opening(vec![account("git", "zoe", Some("zoe"))], &departed), at(1)).unwrap();
    let mut items = BTreeMap::new();
    let open = after(&events, &mut items);
    let mia = person("mia");
    let event = decide(&open, &all(&items), &Answer::Revoke, "gone", &deciding(&mia, 2)).unwrap();
    for event in events.iter().chain([&event]) {
        let text = model::canonical_json(event).unwrap();
        assert_eq!(&serde_json::from_slice::<ReviewEvent>(&text).unwrap(), event);
    }
}
