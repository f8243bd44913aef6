use super::*;
use crate::finding::Item;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn text() -> FindingText {
    FindingText {
        title: "Keys are shared".into(),
        severity: "minor".into(),
        criteria: "c".into(),
        impact: "i".into(),
        action: "a".into(),
    }
}

fn manual() -> Finding {
    raise(1, &text(), "two people use one key", vec![], "Pat", at(0)).unwrap().finding
}

fn try_at(finding: &Finding, step: &Act, by: &str) -> Result<FindingEvent, Guard> {
    act(finding, step, Acting { by, at: at(10), looked_at: None, last_event: 4 }).map_err(|refusal| refusal.guard)
}

fn plan() -> Plan {
    Plan { correction: "c".into(), root_cause: "r".into(), method: "m".into(), similar: "s".into(), action: "a".into() }
}

fn evidence() -> Vec<EvidenceRef> {
    vec![EvidenceRef { id: "evidence-1".into(), log_index: 3 }]
}

/// One of each step, as it would be taken if nothing spoke against it.
fn steps() -> Vec<Act> {
    vec![
        Act::Confirm { class: Class::Major, note: String::new() },
        Act::Dismiss { why: Dismissal::Duplicate, reason: "see 2".into() },
        Act::Plan { plan: plan(), owner: "Ada".into(), due: "2026-03-31".into() },
        Act::Implement { note: String::new(), evidence: evidence() },
        Act::Verify { note: String::new(), evidence: evidence() },
        Act::Close { effectiveness: "it holds".into() },
        Act::Accept { owner: Some("Ada".into()), reason: "r".into(), until: at(100) },
        Act::Due { due: "2026-04-30".into(), reason: "r".into() },
        Act::Owner { owner: "Pat".into(), reason: "r".into() },
    ]
}

/// A finding in `state`, as its steps would have left it.
fn in_state(state: State) -> Finding {
    let mut finding = manual();
    finding.state = state;
    finding.class = Some(Class::Major);
    finding.owner = Some("Ada".into());
    if matches!(state, State::Implemented | State::Verified) {
        let word = Word { by: "Ada".into(), at: at(5), note: String::new() };
        finding.implemented = Some(Implemented { word, evidence: evidence(), shown_by: vec![] });
    }
    finding
}

#[test]
fn every_step_from_every_state_is_taken_or_refused_by_name() {
    let mut taken = Vec::new();
    for state in State::ALL {
        for step in steps() {
            let by = if matches!(step, Act::Implement { .. }) { "Ada" } else { "Grace" };
            match try_at(&in_state(state), &step, by) {
                Ok(event) => taken.push((state.as_str(), step.name(), event.finding.state.as_str())),
                Err(guard) => assert_eq!(guard, Guard::State, "{} from {}", step.name(), state.as_str()),
            }
        }
    }
    assert_eq!(
        taken,
        [
            ("draft", "confirm", "confirmed"),
            ("draft", "dismiss", "dismissed"),
            ("draft", "due", "draft"),
            ("draft", "owner", "draft"),
            ("confirmed", "plan", "planned"),
            ("confirmed", "accept", "accepted"),
            ("confirmed", "due", "confirmed"),
            ("confirmed", "owner", "confirmed"),
            ("planned", "implement", "implemented"),
            ("planned", "due", "planned"),
            ("planned", "owner", "planned"),
            ("implemented", "verify", "verified"),
            ("implemented", "due", "implemented"),
            ("implemented", "owner", "implemented"),
            ("verified", "close", "closed"),
            ("verified", "due", "verified"),
            ("verified", "owner", "verified"),
            ("accepted", "due", "accepted"),
            ("accepted", "owner", "accepted"),
            ("reopened", "plan", "planned"),
            ("reopened", "accept", "accepted"),
            ("reopened", "due", "reopened"),
            ("reopened", "owner", "reopened"),
        ]
    );
}

#[test]
fn every_guard_refuses_and_changes_nothing() {
    use State::{Confirmed, Draft, Implemented, Planned, Verified};
    let of = |step: Act, state, by: &str| try_at(&in_state(state), &step, by).map(|event| event.event);
    let dismiss = |reason: &str| Act::Dismiss { why: Dismissal::OutOfScope, reason: reason.into() };
    assert_eq!(of(dismiss("  "), Draft, "Grace"), Err(Guard::Reason));
    assert_eq!(of(dismiss("it is"), Draft, "  "), Err(Guard::Person));

    let hole = Plan { root_cause: String::new(), ..plan() };
    let plan_of =
        |plan: &Plan, owner: &str, due: &str| Act::Plan { plan: plan.clone(), owner: owner.into(), due: due.into() };
    assert_eq!(of(plan_of(&hole, "Ada", "2026-03-31"), Confirmed, "Grace"), Err(Guard::Plan));
    assert_eq!(of(plan_of(&plan(), "", "2026-03-31"), Confirmed, "Grace"), Err(Guard::Plan));
    for due in ["2026-02-30", "31.3.2026", "2026-03-31T00:00:00Z", ""] {
        assert_eq!(of(plan_of(&plan(), "Ada", due), Confirmed, "Grace"), Err(Guard::Date), "{due}");
    }
    // an opportunity needs no root cause
    let mut opportunity = in_state(Confirmed);
    opportunity.class = Some(Class::Opportunity);
    assert!(try_at(&opportunity, &plan_of(&Plan::default(), "Ada", "2026-03-31"), "Grace").is_ok());

    let implement = |evidence: Vec<EvidenceRef>| Act::Implement { note: String::new(), evidence };
    assert_eq!(of(implement(evidence()), Planned, "Grace"), Err(Guard::Owner));
    assert_eq!(of(implement(vec![]), Planned, "Ada"), Err(Guard::Evidence));

    let verify = |evidence: Vec<EvidenceRef>| Act::Verify { note: String::new(), evidence };
    assert_eq!(of(verify(evidence()), Implemented, " ADA "), Err(Guard::SecondPerson));
    assert_eq!(of(verify(vec![]), Implemented, "Grace"), Err(Guard::Evidence));
    let mut checked = in_state(Implemented);
    checked.check = Some("mfa_missing".into());
    assert_eq!(try_at(&checked, &verify(evidence()), "Grace").map(|event| event.event), Err(Guard::Check));

    let close = |text: &str| Act::Close { effectiveness: text.into() };
    assert_eq!(of(close("it holds"), Verified, "ada"), Err(Guard::SecondPerson));
    assert_eq!(of(close(" "), Verified, "Grace"), Err(Guard::Effectiveness));

    let accept = |owner: Option<&str>, reason: &str, until| Act::Accept {
        owner: owner.map(str::to_owned),
        reason: reason.into(),
        until: at(until),
    };
    assert_eq!(of(accept(None, "r", 100), Confirmed, "Ada"), Err(Guard::SecondPerson));
    assert_eq!(of(accept(Some("Grace"), "r", 100), Confirmed, "Grace"), Err(Guard::SecondPerson));
    assert_eq!(of(accept(None, "", 100), Confirmed, "Grace"), Err(Guard::Reason));
    assert_eq!(of(accept(None, "r", 10), Confirmed, "Grace"), Err(Guard::Expiry));
    let mut nobody = in_state(Confirmed);
    nobody.owner = None;
    assert_eq!(try_at(&nobody, &accept(None, "r", 100), "Grace").map(|event| event.event), Err(Guard::Owner));

    assert_eq!(of(Act::Due { due: "2026-03-31".into(), reason: String::new() }, Planned, "Grace"), Err(Guard::Reason));
}

#[test]
fn who_handed_the_finding_over_is_no_second_person() {
    let handed =
        try_at(&in_state(State::Verified), &Act::Owner { owner: "Pat".into(), reason: "on leave".into() }, "Ada");
    let handed = handed.unwrap().finding;
    assert_eq!(handed.amendments[0].from.as_deref(), Some("Ada"));
    let close = Act::Close { effectiveness: "it holds".into() };
    assert_eq!(try_at(&handed, &close, "Ada").map(|event| event.event), Err(Guard::SecondPerson));
    assert_eq!(try_at(&handed, &close, "Pat").map(|event| event.event), Err(Guard::SecondPerson));
    assert_eq!(try_at(&handed, &close, "Grace").map(|event| event.event), Ok(Change::Closed));
}

#[test]
fn of_two_people_at_once_the_second_is_told() {
    let finding = manual();
    let acting = |looked_at| Acting { by: "Grace", at: at(10), looked_at, last_event: 4 };
    let confirm = Act::Confirm { class: Class::Minor, note: String::new() };
    assert_eq!(act(&finding, &confirm, acting(Some(3))).unwrap_err().guard, Guard::Conflict);
    assert!(act(&finding, &confirm, acting(Some(4))).is_ok());
}

#[test]
fn what_is_no_nonconformity_may_end_without_verification() {
    for class in Class::ALL {
        let mut finding = in_state(State::Confirmed);
        finding.class = Some(class);
        let closed = try_at(&finding, &Act::Close { effectiveness: "noted".into() }, "Ada").map(|event| event.event);
        assert_eq!(closed.is_ok(), !class.is_nonconformity(), "{class:?}");
    }
}

#[test]
fn a_finding_as_the_first_version_wrote_it_is_read() {
    let old = r#"{"id":"mfa_missing-1","check":"mfa_missing","scope":"organisation","state":"draft","class":null,
        "proposed_class":"major","title":"t","criteria":"c","condition":"d","impact":"i","action":"a","controls":[],
        "items":[{"subject":"a","source":null,"reason":"r","first_seen":"2026-01-01T00:00:00Z",
        "last_seen":"2026-01-01T00:00:00Z","resolved_at":null,"failed_on":[]}],
        "raised_at":"2026-01-01T00:00:00Z","repeat_of":null,"owner":null,"due":null}"#;
    let finding: Finding = serde_json::from_str(old).unwrap();
    assert!(finding.items.iter().all(Item::is_open));
    let again: serde_json::Value = serde_json::to_value(&finding).unwrap();
    assert_eq!(
        again,
        serde_json::from_str::<serde_json::Value>(old).unwrap(),
        "no field is added to what nobody decided"
    );
}
