//! What the sources of the company say: its roster, the files of its host, the answers of its identity provider, of AWS and
//! of its CRM, each in the format of the real thing.

mod aws;

use super::days::{CHANGED, COLLECTED, Day, USED, at, by, on};
use super::faults::Fault;
use super::lives::{Company, Factor, Kind, Listed, Shown, ShownKey, Source, Tells};
use crate::faults::{Request, Response};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How many users the identity provider gives at once.
pub(super) const PAGE: usize = 50;

fn time(day: Day, hour: i64) -> String {
    model::time::seconds_text(at(day, hour))
}

/// The roster as HR's system exports it.
pub(super) fn roster(company: &Company, day: Day, fault: Option<Fault>, file: &Path) {
    if fault == Some(Fault::Down) {
        fs::remove_file(file).unwrap();
        return;
    }
    let mut all = company.roster(day);
    if fault == Some(Fault::Half) {
        all = Fault::Half.left_of_roster(all);
    }
    let mut text = "ID,Name,Email,Type,Manager,Department,Start,End,Recorded,Status\n".to_owned();
    for listed in &all {
        text += &spells(company, listed, day);
    }
    if fault == Some(Fault::Twice) {
        // the number of somebody who is employed, once more and of somebody else
        let employed = all.iter().find(|listed| listed.spells.len() == 1 && listed.spells[0].end.is_none()).unwrap();
        text += &spells(company, employed, day).replace(&company.people[employed.person].name, "Somebody Else");
    }
    if fault == Some(Fault::Cut) {
        text.truncate(text.trim_end().rfind(',').unwrap());
    }
    fs::write(file, text).unwrap();
    let modified: std::time::SystemTime = at(day, COLLECTED - 1).into();
    fs::File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
}

fn spells(company: &Company, listed: &Listed, day: Day) -> String {
    let person = &company.people[listed.person];
    let mut text = String::new();
    for spell in &listed.spells {
        let kind = if person.contractor { "contractor" } else { "employee" };
        let manager = by(&person.manager, day).map(|manager| company.people[*manager].number.clone());
        let told = match (spell.told, spell.tells) {
            (Some(told), Tells::Instant) => time(told, CHANGED),
            (Some(told), Tells::Day) => on(told).to_string(),
            _ => String::new(),
        };
        let cells = [
            person.number.clone(),
            person.name.clone(),
            listed.address.clone().unwrap_or_default(),
            kind.to_owned(),
            manager.unwrap_or_default(),
            by(&person.department, day).copied().unwrap_or_default().to_owned(),
            on(spell.start).to_string(),
            spell.end.map(|end| on(end).to_string()).unwrap_or_default(),
            told,
            listed.word.to_owned(),
        ];
        text += &(cells.join(",") + "\n");
    }
    text
}

/// After how many days a password of the host must be changed; none: never.
pub(super) fn max_days(company: &Company, login: &str) -> Option<u32> {
    [Some(90), None, Some(365), Some(366), Some(99_999)][company.uid(login) % 5]
}

/// The files of the host.
pub(super) fn host(company: &Company, day: Day, fault: Option<Fault>, root: &Path) {
    let etc = root.join("etc");
    fs::create_dir_all(etc.join("ssh")).unwrap();
    let (mut passwd, mut shadow, mut sudo) = (String::new(), String::new(), Vec::new());
    for account in company.shown(Source::Host, day) {
        let login = &account.login;
        let (number, shell) = match account.kind {
            Kind::Root => (0, "/bin/bash"),
            Kind::Service => (company.uid(login) % 900 + 1, "/usr/sbin/nologin"),
            _ => (company.uid(login), "/bin/bash"),
        };
        writeln!(passwd, "{login}:x:{number}:{number}::/home/{login}:{shell}").unwrap();
        let hash = match (account.password == Some(true), account.kind) {
            (true, _) => "$6$salt$nohashofanything",
            (false, Kind::Root | Kind::Service) => "*",
            (false, _) => "!$6$salt$nohashofanything",
        };
        let most = max_days(company, login).map(|days| days.to_string()).unwrap_or_default();
        writeln!(shadow, "{login}:{hash}:19000:0:{most}:7:::").unwrap();
        if account.admin && account.kind != Kind::Root {
            sudo.push(login.clone());
        }
    }
    if fault == Some(Fault::Cut) {
        passwd.truncate(passwd.trim_end().rfind("::").unwrap());
    }
    if fault == Some(Fault::Down) {
        fs::remove_file(etc.join("passwd")).unwrap();
    } else {
        fs::write(etc.join("passwd"), passwd).unwrap();
    }
    fs::write(etc.join("shadow"), shadow).unwrap();
    fs::write(etc.join("group"), format!("root:x:0:\nsudo:x:27:{}\n", sudo.join(","))).unwrap();
    fs::write(etc.join("sudoers"), "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n").unwrap();
    fs::write(etc.join("ssh/sshd_config"), "UsePAM yes\nGSSAPIAuthentication no\n").unwrap();
    fs::write(etc.join("hostname"), "build-1\n").unwrap();
}

/// What the CRM's export prints.
pub(super) fn crm(company: &Company, day: Day, fault: Option<Fault>, file: &Path) {
    if fault == Some(Fault::Down) {
        fs::remove_file(file).unwrap();
        return;
    }
    let mut lines = vec![json!({"type": "start", "schema": "evidenced/envelope/v1"})];
    let (mut users, mut keys) = (0, 0);
    let all = company.shown(Source::Crm, day);
    let mut record = |count: &mut u64, table: &str, row: Value| {
        *count += 1;
        lines.push(json!({"type": "record", "table": table, "row": row}));
    };
    for account in &all {
        for ShownKey { id, active, made, used } in &account.keys {
            let used = used.map(|used| time(used, USED));
            record(
                &mut keys,
                "key",
                json!({"login": account.login, "id": id, "active": active, "made": time(*made, CHANGED), "used": used}),
            );
        }
        record(&mut users, "user", crm_user(account));
    }
    if fault == Some(Fault::Twice) {
        // a line more than the program counted
        record(&mut 0, "user", crm_user(all.first().unwrap()));
    }
    lines.push(json!({"type": "end", "counts": {"user": users, "key": keys}}));
    let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if fault == Some(Fault::Cut) {
        // without its last user and its end
        let kept: Vec<&str> = text.lines().collect();
        text = kept[..kept.len() - 2].iter().map(|line| format!("{line}\n")).collect();
    }
    fs::write(file, text).unwrap();
}

fn crm_user(account: &Shown) -> Value {
    let factor = match account.factor {
        Some(Factor::None) => "none",
        Some(Factor::Enforced) => "enforced",
        _ => "enrolled",
    };
    json!({
        "login": account.login, "email": account.address, "kind": account.kind.word(), "active": account.open,
        "admin": account.admin, "factor": factor, "strong": account.strong, "password": account.password,
        "created": account.created.map(|created| time(created, CHANGED)), "used": account.used.map(|used| time(used, USED)),
    })
}

/// What the identity provider and AWS answer on the morning of `day`.
pub(super) fn answer(company: &Company, day: Day, faults: &[(Source, Fault)], request: &Request) -> Response {
    let fault_of = |source| faults.iter().find(|(of, _)| *of == source).map(|(_, fault)| *fault);
    let (source, mut response) = if request.target.starts_with("/scim/") {
        (Source::Idp, scim(company, day, fault_of(Source::Idp), request))
    } else {
        (Source::Aws, aws::answer(company, day, fault_of(Source::Aws), request))
    };
    let told = if fault_of(source) == Some(Fault::Skewed) { day - 2 } else { day };
    let date = jiff::fmt::rfc2822::to_string(&at(told, COLLECTED).to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
    response = response.with("date", &date.replace("+0000", "GMT"));
    response
}

fn scim(company: &Company, day: Day, fault: Option<Fault>, request: &Request) -> Response {
    const KIND: &str = "application/scim+json";
    let answer = |value: Value| Response::new(200, KIND, value.to_string());
    let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
    if fault == Some(Fault::Refused) {
        return Response::new(403, KIND, json!({"status": "403", "detail": "no permission"}).to_string());
    }
    let path = request.target.split('?').next().unwrap_or_default();
    if path.ends_with("/ServiceProviderConfig") {
        let off = json!({"supported": false});
        return answer(
            json!({"patch": off, "bulk": off, "filter": off, "changePassword": off, "sort": off, "etag": off,
            "authenticationSchemes": [{"type": "oauthbearertoken"}]}),
        );
    }
    let users = company.shown(Source::Idp, day);
    let all: Vec<Value> = if path.ends_with("/Users") {
        users.iter().map(scim_user).collect()
    } else {
        let members: Vec<Value> =
            users.iter().filter(|user| user.admin).map(|user| json!({"value": scim_id(user)})).collect();
        vec![json!({"id": "g-1", "displayName": "Administrators", "members": members})]
    };
    let total = all.len();
    let (start, count) = (number("startIndex").unwrap_or(1).max(1) - 1, number("count").unwrap_or(PAGE));
    let listed: Vec<Value> = match fault {
        Some(Fault::PageMissing) if path.ends_with("/Users") => {
            let left = all[..PAGE.min(total)].to_vec();
            let page: Vec<Value> = left.into_iter().skip(start).take(count).collect();
            let said = if count == 0 { total } else { PAGE.min(total) };
            return answer(json!({"totalResults": said, "startIndex": start + 1, "Resources": page}));
        }
        Some(Fault::Twice) if path.ends_with("/Users") => {
            let mut all = all;
            let place = PAGE.min(total - 1);
            all[place] = all[place - 1].clone();
            all
        }
        _ => all,
    };
    let page: Vec<Value> = listed.into_iter().skip(start).take(count).collect();
    answer(json!({"totalResults": total, "startIndex": start + 1, "Resources": page}))
}

fn scim_id(user: &Shown) -> String {
    format!("u-{}", user.login)
}

fn scim_user(user: &Shown) -> Value {
    let mut value = json!({
        "id": scim_id(user), "userName": user.login, "active": user.open, "displayName": user.login,
        "meta": {"created": user.created.map(|created| time(created, CHANGED))},
    });
    if let Some(address) = &user.address {
        value["emails"] = json!([{"value": address, "primary": true}]);
    }
    if let Some(number) = &user.number {
        value["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = json!({"employeeNumber": number});
    }
    value
}
