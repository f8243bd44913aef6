//! Whatever people and evaluations do in whatever order: what the log may never show of a finding.

use super::*;
use crate::refusal::{Guard, same_person};
use proptest::prelude::*;

const PEOPLE: [&str; 3] = ["Ada", "Grace", "Pat"];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Thing {
    Act(Act, &'static str),
    /// Verdicts of the members a and b, and whether the evidence is good.
    Evaluation([Verdict; 2], bool),
    /// Time passes.
    Wait,
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![3 => Just(PASS), 2 => Just(FAIL), 1 => Just(Verdict::Unknown), 1 => Just(Verdict::NotApplicable)]
}

fn a_step() -> impl Strategy<Value = Act> {
    let text = || prop_oneof![4 => Just("because"), 1 => Just(" ")].prop_map(str::to_owned);
    let person = || prop::sample::select(&PEOPLE[..]).prop_map(str::to_owned);
    let plan = || {
        text().prop_map(|word| Plan {
            correction: word.clone(),
            root_cause: word.clone(),
            method: word.clone(),
            similar: word.clone(),
            action: word,
        })
    };
    let due = || prop_oneof![4 => Just("2026-02-28"), 1 => Just("2026-02-30")].prop_map(str::to_owned);
    let evidence =
        || prop_oneof![4 => Just(vec![EvidenceRef { id: "s0".into(), log_index: 3 }]), 1 => Just(Vec::new())];
    prop_oneof![
        prop::sample::select(&Class::ALL[..]).prop_map(|class| Act::Confirm { class, note: String::new() }),
        (prop::sample::select(&Dismissal::ALL[..]), text()).prop_map(|(why, reason)| Act::Dismiss { why, reason }),
        (plan(), person(), due()).prop_map(|(plan, owner, due)| Act::Plan { plan, owner, due }),
        evidence().prop_map(|evidence| Act::Implement { note: String::new(), evidence }),
        evidence().prop_map(|evidence| Act::Verify { note: String::new(), evidence }),
        text().prop_map(|effectiveness| Act::Close { effectiveness }),
        (prop::option::of(person()), text(), 0i64..2000).prop_map(|(owner, reason, until)| Act::Accept {
            owner,
            reason,
            until: at(until)
        }),
        (due(), text()).prop_map(|(due, reason)| Act::Due { due, reason }),
        (person(), text()).prop_map(|(owner, reason)| Act::Owner { owner, reason }),
    ]
}

fn a_thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        4 => (a_step(), prop::sample::select(&PEOPLE[..])).prop_map(|(step, by)| Thing::Act(step, by)),
        4 => (verdict(), verdict(), prop::bool::weighted(0.8))
            .prop_map(|(a, b, good)| Thing::Evaluation([a, b], good)),
        1 => Just(Thing::Wait),
    ]
}

/// Steps that lead a finding all the way, so that the later states are met often; random ones come between them.
fn the_way() -> Vec<Thing> {
    let plan = Plan {
        correction: "c".into(),
        root_cause: "r".into(),
        method: "m".into(),
        similar: "s".into(),
        action: "a".into(),
    };
    let evidence = vec![EvidenceRef { id: "s0".into(), log_index: 3 }];
    vec![
        Thing::Evaluation([FAIL, PASS], true),
        Thing::Act(Act::Confirm { class: Class::Major, note: String::new() }, "Grace"),
        Thing::Act(Act::Plan { plan, owner: "Ada".into(), due: "2026-02-01".into() }, "Grace"),
        Thing::Act(Act::Implement { note: String::new(), evidence }, "Ada"),
        Thing::Evaluation([PASS, PASS], true),
        Thing::Act(Act::Close { effectiveness: "it holds".into() }, "Grace"),
    ]
}

/// The states every step leads to.
fn leads(from: State, to: State) -> bool {
    use State::{Accepted, Closed, Confirmed, Dismissed, Draft, Implemented, Planned, Reopened, Resolved, Verified};
    from == to
        || matches!(
            (from, to),
            (Draft, Confirmed | Dismissed | Resolved)
                | (Confirmed | Reopened, Planned | Accepted | Closed)
                | (Planned, Implemented | Closed)
                | (Implemented, Verified | Reopened | Closed)
                | (Verified, Closed | Reopened)
                | (Accepted, Reopened)
                | (Dismissed, Draft)
        )
}

/// What must hold of every event.
fn look(before: Option<&Finding>, event: &FindingEvent, shown: &[(String, Vec<&str>)]) {
    let finding = &event.finding;
    if let Some(before) = before {
        assert!(leads(before.state, finding.state), "{:?} to {:?}", before.state, finding.state);
        assert!(finding.items.len() >= before.items.len(), "an item is gone");
        assert!(finding.amendments.starts_with(&before.amendments), "an amendment is gone");
        assert!(finding.reopened >= before.reopened);
    } else {
        assert_eq!((finding.state, event.event), (State::Draft, Change::Raised));
    }
    assert_eq!(finding.class.is_some(), finding.confirmed.is_some(), "a class that nobody set");
    if finding.state == State::Closed {
        let closer = &finding.closed.as_ref().unwrap().by;
        if finding.is_nonconformity() {
            let done = finding.implemented.as_ref().unwrap();
            assert!(!same_person(closer, &done.word.by) && !same_person(closer, finding.owner.as_ref().unwrap()));
            assert!(!done.evidence.is_empty());
            assert!(finding.plan.is_some() && finding.due.is_some());
            for run in &finding.verified.as_ref().unwrap().shown_by {
                let (_, fine) = shown.iter().find(|(snapshot, _)| run.snapshots == [snapshot.as_str()]).unwrap();
                let good = finding.items.iter().all(|item| fine.contains(&item.subject.as_str()));
                assert!(good, "verified by an evaluation that does not show it");
                assert!(run.snapshots.iter().all(|id| begun(id).unwrap() > done.word.at));
            }
            assert!(!finding.verified.as_ref().unwrap().shown_by.is_empty());
            assert_eq!(finding.open_items().count(), 0);
        }
    }
    if let (State::Accepted, Some(accepted)) = (finding.state, &finding.accepted) {
        assert!(!same_person(&accepted.word.by, finding.owner.as_ref().unwrap()));
    }
}

fn live(things: &[Thing]) -> (Vec<Finding>, bool) {
    let mut known: Vec<Finding> = Vec::new();
    // by snapshot, the members that good evidence shows mended
    let mut shown: Vec<(String, Vec<&str>)> = Vec::new();
    let mut closed = false;
    for (n, thing) in (1..).zip(things) {
        let second = n * 10;
        let mut events = Vec::new();
        match thing {
            Thing::Wait => events.extend(known.iter().filter_map(|finding| expire(finding, at(second * 20)))),
            Thing::Act(step, by) => {
                let Some(finding) = known.last() else { continue };
                let acting = Acting { by, at: at(second), looked_at: None, last_event: 1 };
                match act(finding, step, acting) {
                    Ok(event) => events.push(event),
                    // a refusal has the guard's name; of a wrong state it is that guard's
                    Err(refusal) => {
                        if !step.from().contains(&finding.state) {
                            assert_eq!(refusal.guard, Guard::State);
                        }
                    }
                }
            }
            Thing::Evaluation([a, b], good) => {
                let state = if *good { InputState::Good } else { InputState::Incomplete };
                // begun just before it is evaluated
                let snapshot = format!("s{n}");
                let mut evaluation = evaluation(second, &snapshot, state, &[("a", *a), ("b", *b)]);
                if !good {
                    evaluation.outcome = Outcome::Inconclusive;
                }
                let fine = |verdict: &Verdict| matches!(verdict, Verdict::Pass | Verdict::NotApplicable);
                if *good {
                    let mended = [("a", a), ("b", b)].into_iter().filter(|(_, verdict)| fine(verdict));
                    shown.push((snapshot, mended.map(|(subject, _)| subject).collect()));
                }
                events = all(&known, &evaluation, u64::try_from(n).unwrap());
            }
        }
        for event in events {
            let before = known.iter().position(|finding| finding.id == event.finding.id);
            look(before.map(|at| &known[at]), &event, &shown);
            closed |= event.event == Change::Closed;
            match before {
                Some(at) => known[at] = event.finding,
                None => known.push(event.finding),
            }
            assert!(
                known.iter().filter(|finding| !finding.state.is_over()).count() < 2,
                "two findings are open at once"
            );
        }
    }
    (known, closed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_is_refused_or_keeps_every_promise(things in prop::collection::vec(a_thing(), 1..30)) {
        live(&things);
    }

    #[test]
    fn also_on_the_way_to_its_end(between in prop::collection::vec((0usize..6, a_thing()), 0..8)) {
        let mut things = the_way();
        for (at, thing) in between {
            things.insert(at, thing);
        }
        live(&things);
    }
}

#[test]
fn the_way_leads_to_the_end() {
    let (known, closed) = live(&the_way());
    assert!(closed);
    assert_eq!(known[0].state, State::Closed);
}
