use super::*;

fn member(subject: &str, verdict: Verdict, reason: &str) -> Member {
    let source = Some("idp".to_owned());
    Member {
        subject: subject.to_owned(),
        verdict,
        reason: reason.to_owned(),
        source,
        exception: None,
        detail: model::Detail::default(),
    }
}

fn entry(id: &str, outcome: Outcome, members: Vec<Member>, why: &[&str]) -> Entry {
    let count = |verdict| members.iter().filter(|member| member.verdict == verdict).count() as u64;
    let verdicts = VerdictCounts {
        pass: count(Verdict::Pass),
        fail: count(Verdict::Fail),
        unknown: count(Verdict::Unknown),
        excepted: count(Verdict::Excepted),
        ..VerdictCounts::default()
    };
    Entry {
        verdicts,
        id: id.to_owned(),
        check: id.to_owned(),
        title: format!("Title of {id}"),
        severity: "major".to_owned(),
        population: "every account".to_owned(),
        criteria: "c".to_owned(),
        impact: "i".to_owned(),
        action: "a".to_owned(),
        controls: vec!["soc2/CC6.1".to_owned()],
        as_of: "2026-03-10T12:00:00Z".parse().unwrap(),
        outcome,
        why: why.iter().map(|why| (*why).to_owned()).collect(),
        members,
        inputs: vec![Input {
            source: "idp".to_owned(),
            state: Some("good".to_owned()),
            snapshot: Some("20260310-idp-aa".to_owned()),
            sha256: Some(Digest::of(b"m")),
        }],
        log_index: 7,
    }
}

fn report(entries: Vec<Entry>, covering: &[&str]) -> Report {
    let covering = covering.iter().map(|check| (*check).to_owned()).collect();
    Report {
        organisation: "Acme <&> Ltd".to_owned(),
        origin: "acme.example/evidence".to_owned(),
        entries,
        covering: BTreeMap::from([("soc2/CC6.1".to_owned(), covering)]),
    }
}

/// One of every outcome, with subjects that try what each format could misread.
fn one_of_each() -> Report {
    let hostile = "=HYPERLINK(\"x\")\u{1}]]><!--";
    report(
        vec![
            entry(
                "passes",
                Outcome::Pass,
                vec![member("idp:ada", Verdict::Pass, "fine"), member("idp:ci", Verdict::Excepted, "tolerated")],
                &[],
            ),
            entry(
                "fails",
                Outcome::Fail,
                vec![member(hostile, Verdict::Fail, hostile), member("idp:bob", Verdict::Unknown, "no word")],
                &[],
            ),
            entry(
                "open",
                Outcome::Inconclusive,
                vec![member("idp:eve", Verdict::Unknown, "stale")],
                &["source `idp` is stale"],
            ),
            entry("broken", Outcome::Inconclusive, vec![], &["the worker process died"]),
            entry("none", Outcome::NotApplicable, vec![], &["no source provides `account`"]),
        ],
        &["passes", "fails", "open", "broken", "none"],
    )
}

#[test]
fn only_a_pass_is_reported_as_one() {
    let report = one_of_each();
    let sarif = sarif::write(&report);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let kinds = |id: &str| -> Vec<&str> {
        results.iter().filter(|result| result["ruleId"] == id).map(|result| result["kind"].as_str().unwrap()).collect()
    };
    assert_eq!(kinds("passes"), ["fail", "pass"], "what fails under an exception is shown");
    let suppressed = results.iter().filter(|result| result.get("suppressions").is_some()).count();
    assert_eq!(suppressed, 1);
    assert_eq!(kinds("fails"), ["fail", "open"]);
    assert_eq!(kinds("open"), ["open", "open"]);
    assert_eq!(kinds("broken"), ["open"]);
    assert_eq!(kinds("none"), ["notApplicable"]);

    let status = |event: &serde_json::Value| event["compliance"]["status_id"].as_i64().unwrap();
    assert_eq!(ocsf::write(&report).iter().map(status).collect::<Vec<_>>(), [1, 3, 2, 2, 99]);

    let junit = junit::write(&report);
    assert!(junit.contains("tests=\"5\" failures=\"1\" errors=\"2\" skipped=\"1\""), "{junit}");
    for id in ["open", "broken"] {
        let from = junit.find(&format!("<testcase name=\"{id}\"")).unwrap();
        let case = &junit[from..from + junit[from..].find("</testcase>").unwrap()];
        assert!(case.contains("<error type=\"inconclusive\""), "{case}");
    }
    let csv = csv::write(&report).unwrap();
    assert_eq!(csv.lines().filter(|line| line.contains(",pass,")).count(), 2, "{csv}");
    for id in ["passes", "fails", "open", "broken", "none"] {
        assert!(csv.lines().any(|line| line.starts_with(&format!("{id},"))), "{id} is missing\n{csv}");
    }
}

#[test]
fn a_control_is_satisfied_only_when_each_of_its_checks_is_reported_and_passes() {
    let state = |entries: Vec<Entry>, covering: &[&str]| {
        let document = oscal::write(&report(entries, covering));
        let findings = document["assessment-results"]["results"][0]["findings"].clone();
        findings[0]["target"]["status"]["state"].as_str().map(str::to_owned)
    };
    let pass = |id| entry(id, Outcome::Pass, vec![member("a", Verdict::Pass, "r")], &[]);
    let fail = |id| entry(id, Outcome::Fail, vec![member("a", Verdict::Fail, "r")], &[]);
    let open = |id| entry(id, Outcome::Inconclusive, vec![], &["why"]);
    assert_eq!(state(vec![pass("one"), pass("two")], &["one", "two"]).as_deref(), Some("satisfied"));
    assert_eq!(state(vec![pass("one"), fail("two")], &["one", "two"]).as_deref(), Some("not-satisfied"));
    assert_eq!(state(vec![open("one"), fail("two")], &["one", "two"]).as_deref(), Some("not-satisfied"));
    assert_eq!(state(vec![pass("one"), open("two")], &["one", "two"]), None, "inconclusive is neither");
    assert_eq!(state(vec![pass("one")], &["one", "two"]), None, "the other check is not reported");
    assert_eq!(state(vec![entry("one", Outcome::NotApplicable, vec![], &["why"])], &["one"]), None);
}

#[test]
fn what_runs_in_a_spreadsheet_or_breaks_xml_is_inert() {
    let report = one_of_each();
    let csv = csv::write(&report).unwrap();
    let mut rows = ::csv::Reader::from_reader(csv.as_bytes());
    let cells: Vec<String> =
        rows.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(cells.iter().any(|cell| cell.starts_with("'=HYPERLINK")), "{csv}");
    assert!(!cells.iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])), "{csv}");
    let junit = junit::write(&report);
    assert!(junit.contains("Acme &lt;&amp;&gt; Ltd"), "{junit}");
    assert!(!junit.chars().any(|c| c.is_control() && c != '\n'), "{junit}");
}

#[test]
fn ids_are_the_same_for_the_same_results_and_cite_what_they_rest_on() {
    let (one, two) = (one_of_each(), one_of_each());
    for write in [sarif::write, oscal::write] {
        assert_eq!(write(&one), write(&two));
        let text = write(&one).to_string();
        assert!(text.contains(&Digest::of(b"m").to_string()) && text.contains("20260310-idp-aa"), "{text}");
    }
    assert_eq!(ocsf::write(&one), ocsf::write(&two));
    assert!(junit::write(&one).contains("sealed in log acme.example/evidence as entry 7"));
    assert_ne!(uuid(&["a", "b"]), uuid(&["a", "c"]));
    assert_eq!(uuid(&["a"]).as_bytes()[14], b'5');
}
