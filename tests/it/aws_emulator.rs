//! A thousand IAM users over several pages: complete, counted as declared, and every row as the emulator holds it.
//!
//! The emulator gives some of its listings whole where AWS pages; a proxy cuts them into pages of [`PAGE`] members, with
//! AWS's own markers. The members and everything else in the answers are the emulator's. It says less than AWS in
//! places: no rotation dates, no last use, no name of a policy among the authorisation details, nothing of root but that
//! it exists. Those columns are not compared here; recorded cases of the collector have them.

use crate::faults::Proxy;
use crate::peers::moto::{ACCOUNT, Moto};
use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::Value;

const USERS: usize = 1000;
const PAGE: usize = 300;

#[test]
fn a_thousand_iam_users_are_collected_as_the_emulator_holds_them() {
    let moto = Moto::start();
    let created = moto.populate(USERS);
    let proxy = Proxy::paging(moto.address(), PAGE);
    let url = proxy.url();
    let audit = Audit::with(&format!(
        "[sources.aws]\ncollector = \"aws_iam\"\naccount_id = \"{ACCOUNT}\"\nendpoint_url = \"{url}\"\n\
         other_credentials = false\n"
    ));

    let collected = audit.json(0, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    assert_eq!(snapshot["completeness"]["declared"], USERS);
    assert_eq!(snapshot["completeness"]["counted"], USERS);
    for count in snapshot["completeness"]["counts"].as_array().unwrap() {
        assert_eq!(count["declared"], count["counted"], "{count}");
    }
    assert_eq!(snapshot["caller"]["tenant"], ACCOUNT);

    let pages = |action: &str| {
        let asked = |call: &&crate::faults::Call| call.request.parameter("Action").is_some_and(|name| name == action);
        proxy.calls().iter().filter(asked).count()
    };
    assert_eq!(pages("ListUsers"), USERS.div_ceil(PAGE));
    assert!(pages("GetAccountAuthorizationDetails") > USERS / PAGE);

    let held = moto.dump(&created);
    let held: Vec<(&String, &Vec<Value>)> =
        held.as_object().unwrap().iter().map(|(table, rows)| (table, rows.as_array().unwrap())).collect();
    let rows = |wanted: &str| held.iter().find(|(table, _)| *table == wanted).unwrap().1;
    // that the emulator really was filled, and with users who differ
    assert_eq!(rows("aws_iam_user").len(), USERS);
    for (column, yes) in [("password_enabled", 334), ("mfa_active", 150), ("access_key_2_active", 250)] {
        assert_eq!(rows("aws_iam_user").iter().filter(|row| row[column] == 1).count(), yes, "{column}");
    }
    assert_eq!(rows("aws_iam_access_key").len(), 750);
    assert_eq!(rows("aws_iam_mfa_device").len(), 200);

    let compared: usize = held.iter().map(|(table, rows)| assert_rows(&audit, table, rows)).sum();
    println!("{compared} rows of {} tables are the emulator's", held.len());
    // what it leaves out is not reported, and not made up
    let named = audit.json(0, &["query", "SELECT count(*), count(policy_name) FROM aws_iam_policy"]);
    assert_eq!(named["rows"], serde_json::json!([[10, 0]]), "the emulator names policies now: compare the names");
    let root = audit.json(0, &["query", "SELECT count(*), count(DISTINCT login) FROM account"]);
    assert_eq!(root["rows"][0], serde_json::json!([USERS + 1, USERS + 1]), "the users and root");
    audit.assert_sound();
}

/// RDS and EBS snapshots over several pages, signed calls of a service without an SDK. The emulator has no backup jobs, so
/// the run is not complete, and says so of nothing else.
#[test]
fn rds_and_ebs_snapshots_are_collected_as_the_emulator_holds_them() {
    const REGION: &str = "eu-central-1";
    const EACH: usize = 11;
    let moto = Moto::start();
    let held = moto.snapshot(REGION, EACH);
    let proxy = Proxy::paging(moto.address(), 4);
    let url = proxy.url();
    let audit = Audit::with(&format!(
        "[sources.backups]\ncollector = \"aws_backup\"\naccount_id = \"{ACCOUNT}\"\nregion = \"{REGION}\"\n\
         endpoint_url = \"{url}\"\n"
    ));

    let collected = audit.json(3, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    let completeness = &snapshot["completeness"];
    let of_backup = |reason: &Value| {
        let tables = reason["tables"].as_array().unwrap();
        tables.iter().all(|table| table.as_str().is_some_and(|table| table.starts_with("aws_backup_")))
    };
    assert!(snapshot["reasons"].as_array().unwrap().iter().all(of_backup), "{snapshot:#}");
    for (table, rows) in held.as_object().unwrap() {
        let rows = rows.as_array().unwrap();
        assert!(rows.len() >= EACH, "{table}: {}", rows.len());
        assert_rows(&audit, table, rows);
        let counts = completeness["counts"].as_array().unwrap();
        let count = counts.iter().find(|count| count["table"] == *table).unwrap_or_else(|| panic!("{completeness:#}"));
        assert_eq!((&count["counted"], &count["declared"]), (&rows.len().into(), &rows.len().into()), "{table}");
    }
    let asked = |action: &str| {
        let of = |call: &&crate::faults::Call| call.request.parameter("Action").is_some_and(|name| name == action);
        proxy.calls().iter().filter(of).count()
    };
    for action in ["DescribeDBSnapshots", "DescribeDBClusterSnapshots", "DescribeSnapshots"] {
        assert!(asked(action) > 2 * EACH / 4, "{action}: too few pages");
    }
    let points = "SELECT count(*), count(created_at), sum(encrypted = 0) > 0, sum(encrypted = 1) > 0 FROM backup_point";
    let points = audit.json(0, &["query", points]);
    let all: usize = held.as_object().unwrap().values().map(|rows| rows.as_array().unwrap().len()).sum();
    assert_eq!(points["rows"][0], serde_json::json!([all, all, 1, 1]));
    audit.assert_sound();
}
