//! Any steps in any order: what a closed campaign always is.

use super::*;
use proptest::prelude::*;

const PEOPLE: [&str; 6] = ["olga", "ines", "mia", "ada", "ben", "kim"];
const SOURCES: [&str; 2] = ["git", "wiki"];

/// One thing that may happen.
#[derive(Debug, Clone)]
enum Happens {
    Defer(usize, usize),
    Open([Option<bool>; 2]),
    Decide {
        account: usize,
        answer: usize,
        by: usize,
        other: usize,
        reason: bool,
        bulk: bool,
    },
    Conclude(usize),
    Claim(usize, usize),
    Attest(usize, usize, bool),
    Carry(usize, bool, bool),
    /// A later snapshot of a source, and which accounts it lists as enabled.
    Evidence(usize, [bool; 4], bool),
    Sign(usize),
    Cancel(usize),
    Time(i64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let person = 0..PEOPLE.len();
    let account = 0..8usize;
    prop_oneof![
        1 => (0..2usize, person.clone()).prop_map(|(source, by)| Happens::Defer(source, by)),
        3 => any::<[Option<bool>; 2]>().prop_map(Happens::Open),
        // who may is asked for more often than who may not
        20 => (account.clone(), 0..7usize, prop_oneof![3 => 0..3usize, 1 => person.clone()], person.clone(), any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(account, answer, by, other, reason, bulk)| Happens::Decide { account, answer, by, other, reason, bulk }),
        4 => prop_oneof![3 => Just(0usize), 1 => person.clone()].prop_map(Happens::Conclude),
        1 => (account.clone(), person.clone()).prop_map(|(account, by)| Happens::Claim(account, by)),
        1 => (account.clone(), person.clone(), any::<bool>()).prop_map(|(account, by, configured)| Happens::Attest(account, by, configured)),
        1 => (account, any::<bool>(), any::<bool>()).prop_map(|(account, whole, over)| Happens::Carry(account, whole, over)),
        6 => (0..2usize, any::<[bool; 4]>(), any::<bool>()).prop_map(|(source, enabled, later)| Happens::Evidence(source, enabled, later)),
        4 => prop_oneof![3 => Just(0usize), 1 => person.clone()].prop_map(Happens::Sign),
        1 => prop::bool::weighted(0.05).prop_flat_map(move |is| if is { (0..PEOPLE.len()).boxed() } else { Just(5usize).boxed() }).prop_map(Happens::Cancel),
        2 => (1..30i64).prop_map(Happens::Time),
    ]
}

fn accounts() -> Vec<Account> {
    let mut accounts = Vec::new();
    for source in SOURCES {
        for (number, name) in ["ada", "ben", "mia", "bot"].into_iter().enumerate() {
            let mut one = account(source, name, (name != "bot").then_some(name));
            one.item.is_admin = Some(number == 1);
            if name == "bot" {
                one.item.kind = Some("service".to_owned());
                one.item.owner = Some(person("ines"));
            }
            accounts.push(one);
        }
    }
    accounts
}

struct World {
    review: Review,
    items: BTreeMap<String, Item>,
    second: i64,
    /// What was last seen of each account by evidence that counts, and when: written down apart from the machine.
    last_good: BTreeMap<String, (Timestamp, bool)>,
}

impl World {
    fn take(&mut self, events: Result<Vec<ReviewEvent>, Refusal>) {
        let Ok(events) = events else { return };
        if !events.is_empty() {
            self.review = after(&events, &mut self.items);
        }
    }

    fn item(&self, number: usize) -> Option<Item> {
        self.items.values().nth(number).cloned()
    }

    fn happen(&mut self, one: &Happens) {
        self.second += 10;
        let (review, now) = (self.review.clone(), at(self.second));
        let items: Vec<Item> = self.items.values().cloned().collect();
        let one_event = |event: Result<ReviewEvent, Refusal>| event.map(|event| vec![event]);
        match one {
            Happens::Defer(source, by) => {
                let (reason, plan) = ("moved".to_owned(), "next".to_owned());
                let step = ReviewAct::Defer { source: SOURCES[*source].to_owned(), reason, plan };
                self.take(one_event(act(&review, &items, &step, &person(PEOPLE[*by]), now)));
            }
            Happens::Open(states) => {
                let departed = |one: &Person| one.label() == "kim";
                let mut opening = opening(accounts(), &departed);
                for (source, state) in SOURCES.iter().zip(states) {
                    match state {
                        Some(true) => {}
                        Some(false) => {
                            _ = opening.sources.insert((*source).to_owned(), Err("its run failed".to_owned()));
                        }
                        None => _ = opening.sources.remove(*source),
                    }
                }
                self.take(freeze(&review, opening, now));
            }
            Happens::Decide { account, answer, by, other, reason, bulk } => {
                let Some(item) = self.item(*account) else { return };
                let other = person(PEOPLE[*other]);
                let answer = match answer {
                    0 => Answer::Certify,
                    1 => Answer::Revoke,
                    2 => Answer::Modify { keep: vec!["read".to_owned()] },
                    3 => Answer::Exception { approver: other, until: at(self.second + 1_000) },
                    4 => Answer::Reassign { to: other },
                    5 => Answer::Escalate,
                    _ => Answer::NotMine,
                };
                let by = person(PEOPLE[*by]);
                let deciding = Deciding { by: &by, at: now, looked_at: None, bulk: *bulk, departed: false };
                let reason = if *reason { "because" } else { "" };
                self.take(one_event(decide(&review, &[item], &answer, reason, &deciding)));
            }
            Happens::Conclude(by) => {
                self.take(one_event(act(&review, &items, &ReviewAct::Conclude, &person(PEOPLE[*by]), now)));
            }
            Happens::Claim(account, by) => {
                let Some(item) = self.item(*account) else { return };
                self.take(one_event(remedy(
                    &review,
                    &item,
                    &ItemAct::Claim { note: "done".to_owned() },
                    &person(PEOPLE[*by]),
                    now,
                )));
            }
            Happens::Attest(account, by, has_collector) => {
                let Some(item) = self.item(*account) else { return };
                let evidence = vec![EvidenceRef { id: "e".to_owned(), log_index: 1 }];
                let step = ItemAct::Attest { note: "seen".to_owned(), evidence, has_collector: *has_collector };
                self.take(one_event(remedy(&review, &item, &step, &person(PEOPLE[*by]), now)));
            }
            Happens::Carry(account, whole, is_over) => {
                let Some(item) = self.item(*account) else { return };
                let step = ItemAct::Carry {
                    finding: "manual-1".to_owned(),
                    owner: whole.then(|| "kim".to_owned()),
                    due: whole.then(|| "2027-01-31".to_owned()),
                    is_over: *is_over,
                    reason: "slow".to_owned(),
                };
                self.take(one_event(remedy(&review, &item, &step, &person("olga"), now)));
            }
            Happens::Evidence(source, enabled, later) => {
                let source = SOURCES[*source];
                // begun now, or long ago
                let begun = if *later { self.second } else { 0 };
                let mut accounts = BTreeMap::new();
                for (name, enabled) in ["ada", "ben", "mia", "bot"].iter().zip(enabled) {
                    let account = format!("{source}:{name}");
                    // what comes after the end says nothing of it
                    if *later && !review.state.is_over() {
                        self.last_good.insert(account.clone(), (at(begun + 1), *enabled));
                    }
                    if *enabled {
                        let grants = ["read", "write"].iter().map(|grant| (*grant).to_owned()).collect();
                        accounts.insert(account, Standing { status: Some("enabled".to_owned()), grants });
                    }
                }
                let seen = SystemSeen {
                    snapshot: format!("s{begun}"),
                    log_index: 9,
                    started_at: at(begun),
                    seen_at: at(begun + 1),
                    accounts,
                };
                self.take(prove(&review, &items, &BTreeMap::from([(source.to_owned(), seen)]), now));
            }
            Happens::Sign(by) => {
                let finished = Finished { items: &items, report_sha256: Digest::of(b"report") };
                self.take(one_event(sign(&review, &finished, "reviewed", &person(PEOPLE[*by]), now)));
            }
            Happens::Cancel(by) => {
                let step = ReviewAct::Cancel { reason: "no".to_owned() };
                self.take(one_event(act(&review, &items, &step, &person(PEOPLE[*by]), now)));
            }
            Happens::Time(days) => {
                self.second += days * 86_400;
                let now = at(self.second);
                self.take(Ok(lapse(&review, &items, now).into_iter().collect()));
                let review = self.review.clone();
                self.take(Ok(remind(&review, &items, now).into_iter().collect()));
            }
        }
    }

    /// What holds after every step, said without the machine's own words for it.
    fn check(&self) -> Result<(), TestCaseError> {
        let Self { review, items, last_good, .. } = self;
        for item in items.values() {
            for decision in &item.decisions {
                let own = item.person.as_ref().is_some_and(|holder| holder.person.key == decision.by.key);
                let theirs = item.owner.as_ref().is_some_and(|owner| owner.key == decision.by.key);
                let settles = matches!(decision.answer.as_str(), "certify" | "revoke" | "modify" | "exception");
                prop_assert!(!settles || !(own || theirs), "{} decided on {}", decision.by.key, item.account);
            }
        }
        if matches!(review.state, ReviewState::Draft | ReviewState::Collecting) {
            prop_assert!(items.is_empty());
            return Ok(());
        }
        if review.state != ReviewState::Cancelled {
            for source in &review.sources {
                prop_assert!(source.frozen.is_some() != source.deferred.is_some(), "{}", source.source);
            }
        }
        if review.state != ReviewState::Closed {
            return Ok(());
        }
        let expected: usize = review.sources.iter().filter(|one| one.deferred.is_none()).count() * 4;
        prop_assert_eq!(items.len(), expected);
        for item in items.values() {
            let mut last: BTreeMap<&str, &str> = BTreeMap::new();
            for decision in &item.decisions {
                last.insert(&decision.by.key, decision.answer.as_str());
            }
            let said: Vec<&str> = last.into_values().collect();
            let settled = said.iter().any(|word| matches!(*word, "certify" | "revoke" | "modify" | "exception"));
            prop_assert!(settled, "{} is undecided in a closed campaign", item.account);
            if said.contains(&"revoke") || said.contains(&"modify") {
                let remediation = item.remediation.as_ref().unwrap();
                let carried = remediation.state == RemediationState::Carried;
                let attested = remediation.proof.as_ref().is_some_and(|proof| proof.how == "attested");
                let gone =
                    last_good.get(&item.account).is_some_and(|(when, enabled)| *when > remediation.since && !enabled);
                prop_assert!(carried || attested || gone, "{} was never shown gone", item.account);
            }
        }
        Ok(())
    }
}

fn begun() -> World {
    let review = collecting(Policy { sources: SOURCES.map(str::to_owned).to_vec(), ..policy() });
    World { review, items: BTreeMap::new(), second: 10, last_good: BTreeMap::new() }
}

/// Steps that lead a campaign all the way; random ones come between them.
fn the_way() -> Vec<Happens> {
    let mut way = vec![Happens::Open([Some(true); 2])];
    for account in 0..8 {
        // Olga answers for the campaign, and may decide on everything
        let answer = account % 3;
        way.push(Happens::Decide { account, answer, by: 0, other: 0, reason: true, bulk: false });
    }
    way.push(Happens::Conclude(0));
    way.extend([Happens::Evidence(0, [false; 4], true), Happens::Evidence(1, [false; 4], true), Happens::Sign(0)]);
    way
}

fn steps() -> impl Strategy<Value = Vec<Happens>> {
    let way = the_way();
    prop::collection::vec(prop::collection::vec(happens(), 0..5), way.len()).prop_map(move |between| {
        way.iter().cloned().zip(between).flat_map(|(step, between)| between.into_iter().chain([step])).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_closed_campaign_has_no_undecided_item_no_failed_source_and_no_removal_that_is_not_shown(steps in steps()) {
        let mut world = begun();
        for step in &steps {
            let before = world.review.state;
            world.happen(step);
            prop_assert!(!before.is_over() || world.review.state == before);
            world.check()?;
        }
    }
}

/// The steps above do lead to closed campaigns: otherwise the property would say nothing.
#[test]
fn random_steps_close_campaigns() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut closed, mut removals) = (0, 0);
    for _ in 0..100 {
        let mut world = begun();
        for step in &steps().new_tree(&mut runner).unwrap().current() {
            world.happen(step);
        }
        if world.review.state == ReviewState::Closed {
            closed += 1;
            removals += usize::from(world.items.values().any(|item| item.remediation.is_some()));
        }
    }
    assert!(closed >= 10 && removals >= 10, "{closed} closed, {removals} of them with removals");
}
