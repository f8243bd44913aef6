use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn request() -> Request {
    Request {
        check: "access_key_too_old".into(),
        subjects: vec!["aws:ci-*".into()],
        source: None,
        reason: "the vendor rotates in June".into(),
        compensating_control: "network rule 12".into(),
        from: None,
        until: at(100),
    }
}

fn asked() -> Exception {
    Exception::request(1, request(), "Ada", at(0)).unwrap().exception
}

fn approve() -> ExceptionAct {
    ExceptionAct::Approve { note: String::new() }
}

#[test]
fn it_holds_from_its_approval_to_its_end() {
    assert_eq!(asked().holds(), None);
    let approved = asked().act(&approve(), "Grace", at(10)).unwrap();
    assert_eq!((approved.event, approved.exception.holds()), (ExceptionState::Approved, Some((at(10), at(100)))));
    assert_eq!([approved.exception.standing(at(99)), approved.exception.standing(at(100))], ["approved", "expired"]);
    let later = Exception::request(2, Request { from: Some(at(50)), ..request() }, "Ada", at(0)).unwrap().exception;
    assert_eq!(later.act(&approve(), "Grace", at(10)).unwrap().exception.holds(), Some((at(50), at(100))));

    let revoke = ExceptionAct::Revoke { reason: "not needed".into() };
    let revoked = approved.exception.act(&revoke, "Ada", at(20)).unwrap().exception;
    assert_eq!((revoked.holds(), revoked.standing(at(21))), (Some((at(10), at(20))), "revoked"));
    let before = later.act(&approve(), "Grace", at(10)).unwrap().exception.act(&revoke, "Ada", at(20)).unwrap();
    assert_eq!(before.exception.holds(), None, "it ended before it began");
}

#[test]
fn every_guard_refuses() {
    let guard =
        |request, by: &str| Exception::request(1, request, by, at(0)).map_err(|refusal| refusal.guard).unwrap_err();
    assert_eq!(guard(request(), " "), Guard::Person);
    assert_eq!(guard(Request { reason: String::new(), ..request() }, "Ada"), Guard::Reason);
    assert_eq!(guard(Request { compensating_control: " ".into(), ..request() }, "Ada"), Guard::Reason);
    assert_eq!(guard(Request { subjects: vec![], ..request() }, "Ada"), Guard::Scope);
    assert_eq!(guard(Request { until: at(0), ..request() }, "Ada"), Guard::Expiry);
    assert_eq!(guard(Request { from: Some(at(100)), ..request() }, "Ada"), Guard::Expiry);
    assert_eq!(guard(Request { from: Some(at(-1)), ..request() }, "Ada"), Guard::Date);

    let step = |exception: &Exception, step: &ExceptionAct, by: &str, second| {
        exception.act(step, by, at(second)).map(|event| event.event).map_err(|refusal| refusal.guard)
    };
    assert_eq!(step(&asked(), &approve(), " ada", 1), Err(Guard::SecondPerson));
    assert_eq!(step(&asked(), &approve(), "Grace", 100), Err(Guard::Expiry));
    assert_eq!(step(&asked(), &ExceptionAct::Refuse { reason: String::new() }, "Grace", 1), Err(Guard::Reason));
    assert_eq!(step(&asked(), &ExceptionAct::Revoke { reason: "r".into() }, "Grace", 1), Err(Guard::State));
    let refused = asked().act(&ExceptionAct::Refuse { reason: "no".into() }, "Grace", at(1)).unwrap().exception;
    assert_eq!(step(&refused, &approve(), "Grace", 2), Err(Guard::State));
    assert_eq!(refused.holds(), None);
}
