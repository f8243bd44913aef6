//! The formats of passwd(5), shadow(5), group(5) and lastlog(8). Pure; every line is an entry or a named problem.

use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Parsed entries beside the lines that are none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed<T> {
    pub(super) entries: Vec<T>,
    /// Line number and what is wrong with it.
    pub(super) problems: Vec<(usize, String)>,
    /// Lines that should be entries: neither empty nor comments.
    pub(super) lines: usize,
}

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), problems: Vec::new(), lines: 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswdEntry {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) full_name: Option<String>,
    pub(super) home: String,
    pub(super) shell: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShadowEntry {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) changed_on: Option<Date>,
    /// Days after which the password must be changed; none: it need not be.
    pub(super) max_days: Option<i64>,
    pub(super) expires_on: Option<Date>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupEntry {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

fn entries<T>(content: &[u8], parse: impl Fn(&[&str]) -> Result<T, String>) -> Parsed<T> {
    let mut parsed = Parsed::default();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) || line.starts_with(b"#") {
            continue;
        }
        parsed.lines += 1;
        let entry = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned()).and_then(|text| {
            if text.starts_with(['+', '-']) {
                return Err("refers to NIS accounts, which this file does not list".to_owned());
            }
            parse(&text.split(':').collect::<Vec<_>>())
        });
        match entry {
            Ok(entry) => parsed.entries.push(entry),
            Err(problem) => parsed.problems.push((index + 1, problem)),
        }
    }
    parsed
}

fn number(text: &str, what: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("has the {what} `{text}`, which is not a number"))
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("has no name".to_owned()) } else { Ok(text.to_owned()) }
}

pub(super) fn passwd(content: &[u8]) -> Parsed<PasswdEntry> {
    entries(content, |fields| {
        let [login, password, uid, gid, gecos, home, shell] = fields else {
            return Err(format!("has {} fields instead of 7", fields.len()));
        };
        let full_name = gecos.split(',').next().filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(PasswdEntry {
            name: name(login)?,
            password: (*password).to_owned(),
            uid: number(uid, "uid")?,
            gid: number(gid, "gid")?,
            full_name,
            home: (*home).to_owned(),
            // passwd(5): an empty field means /bin/sh
            shell: if shell.is_empty() { "/bin/sh".to_owned() } else { (*shell).to_owned() },
        })
    })
}

pub(super) fn shadow(content: &[u8]) -> Parsed<ShadowEntry> {
    entries(content, |fields| {
        let [login, password, changed, _, most, _, _, expires, ..] = fields else {
            return Err(format!("has {} fields instead of 9", fields.len()));
        };
        Ok(ShadowEntry {
            name: name(login)?,
            password: (*password).to_owned(),
            // without a day of the last change nothing is counted from it
            max_days: days(most, "longest age")?.filter(|_| !changed.is_empty()),
            // 0 means that the password must be changed at the next login, not a date
            changed_on: day(changed, "day of the last change")?.filter(|_| *changed != "0"),
            expires_on: day(expires, "day of expiry")?,
        })
    })
}

pub(super) fn group(content: &[u8]) -> Parsed<GroupEntry> {
    entries(content, |fields| {
        let [group, _, gid, members] = fields else {
            return Err(format!("has {} fields instead of 4", fields.len()));
        };
        Ok(GroupEntry {
            name: name(group)?,
            gid: number(gid, "gid")?,
            members: members.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    })
}

/// Days since 1970-01-01.
fn day(text: &str, what: &str) -> Result<Option<Date>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("has the {what} `{text}`, which is no number of days");
    let days: i64 = text.parse().map_err(|_| wrong())?;
    let instant =
        days.checked_mul(86_400).and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(wrong)?;
    Ok(Some(instant.to_zoned(jiff::tz::TimeZone::UTC).date()))
}

/// A number of days; -1 is what chage(1) takes to mean none.
fn days(text: &str, what: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let days: i64 = text.parse().map_err(|_| format!("has the {what} `{text}`, which is no number of days"))?;
    Ok(Some(days).filter(|days| *days >= 0))
}

/// What a password field says. Works on redacted fields: only marks and the algorithm's name are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswordState {
    pub(super) state: &'static str,
    pub(super) algorithm: Option<String>,
}

pub(super) fn password_state(field: &str) -> PasswordState {
    let hash = field.trim_start_matches(['!', '*']);
    let marked = hash.len() < field.len();
    let state = match (marked, hash.is_empty()) {
        (false, true) => "empty",
        (true, true) => "unusable",
        (true, false) => "locked",
        (false, false) => "set",
    };
    let algorithm = if hash.is_empty() {
        None
    } else {
        Some(hash.strip_prefix('$').and_then(|rest| rest.split('$').next()).unwrap_or("des").to_owned())
    };
    PasswordState { state, algorithm }
}

/// Whether `shell` lets somebody in.
pub(super) fn is_login_shell(shell: &str) -> bool {
    let program = shell.rsplit('/').next().unwrap_or(shell);
    !matches!(program, "nologin" | "false" | "true" | "sync" | "halt" | "shutdown")
}

/// Last logins by uid, from a file of fixed-size records indexed by uid. The record size depends on the machine
/// that wrote it (292 bytes, or 296 where time is 64 bits wide), so it is taken from the content, not from this machine.
pub(super) fn lastlog(content: &[u8], not_after: Timestamp) -> Result<BTreeMap<u32, Timestamp>, String> {
    let narrow = lastlog_of(content, 4, not_after);
    let wide = || lastlog_of(content, 8, not_after);
    narrow.or_else(wide).ok_or_else(|| format!("its {} bytes are no lastlog records", content.len()))
}

fn lastlog_of(content: &[u8], time_bytes: usize, not_after: Timestamp) -> Option<BTreeMap<u32, Timestamp>> {
    const LINE: usize = 32;
    const HOST: usize = 256;
    let size = time_bytes + LINE + HOST;
    if !content.len().is_multiple_of(size) {
        return None;
    }
    let mut logins = BTreeMap::new();
    for (uid, record) in content.chunks_exact(size).enumerate() {
        let (time, texts) = record.split_at(time_bytes);
        let seconds = match time_bytes {
            4 => i64::from(u32::from_le_bytes(time.try_into().ok()?)),
            _ => i64::from_le_bytes(time.try_into().ok()?),
        };
        if !texts.iter().all(|byte| *byte == 0 || byte.is_ascii_graphic() || *byte == b' ') {
            return None;
        }
        if seconds == 0 {
            continue;
        }
        // a day of slack for a clock that was corrected
        let at = Timestamp::from_second(seconds).ok().filter(|at| at.as_second() <= not_after.as_second() + 86_400)?;
        logins.insert(u32::try_from(uid).ok()?, at);
    }
    Some(logins)
}

#[cfg(test)]
mod tests {
    use super::{group, is_login_shell, lastlog, passwd, password_state, shadow};
    use jiff::Timestamp;

    #[test]
    fn every_line_is_an_entry_or_a_problem() {
        let parsed = passwd(
            b"# comment\nroot:x:0:0:root,,,:/root:\n\nada:x:one:5::/:/bin/sh\n+::::::\nshort:x:1\n\xff:x:1:1:::\n",
        );
        assert_eq!(parsed.lines, 5);
        assert_eq!(parsed.entries.len() + parsed.problems.len(), parsed.lines);
        assert_eq!(parsed.entries[0].shell, "/bin/sh");
        assert_eq!(parsed.entries[0].full_name.as_deref(), Some("root"));
        assert_eq!(parsed.problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5, 6, 7]);
    }

    #[test]
    fn days_since_the_epoch_become_dates() {
        let parsed = shadow(b"ada:$6$REDACTED:20454:0:99999:7::20500:\nnew:!:0:0:::::\nbad:x:1:1:1:1:1:soon:\n");
        assert_eq!(parsed.entries[0].changed_on.unwrap().to_string(), "2026-01-01");
        assert_eq!(parsed.entries[0].expires_on.unwrap().to_string(), "2026-02-16");
        assert_eq!(parsed.entries[1].changed_on, None);
        assert_eq!(parsed.problems.len(), 1);
    }

    #[test]
    fn a_password_expires_where_the_line_says_after_how_many_days() {
        let most = |change: &str, most: &str| {
            let parsed = shadow(format!("ada:$6$REDACTED:{change}:0:{most}:7:::\n").as_bytes());
            parsed.entries.first().map(|entry| entry.max_days)
        };
        assert_eq!(most("20454", "90"), Some(Some(90)));
        assert_eq!(most("20454", "0"), Some(Some(0)));
        assert_eq!(most("0", "90"), Some(Some(90)));
        assert_eq!(most("20454", "99999"), Some(Some(99_999)));
        assert_eq!(most("20454", ""), Some(None));
        assert_eq!(most("20454", "-1"), Some(None));
        assert_eq!(most("", "90"), Some(None));
        assert_eq!(most("20454", "often"), None);
    }

    #[test]
    fn password_fields_say_whether_somebody_can_come_in() {
        let states = ["", "*", "!", "!!", "!$6$REDACTED", "$y$REDACTED", "REDACTED"].map(|field| {
            let state = password_state(field);
            (state.state, state.algorithm)
        });
        let algorithm = |name: &str| Some(name.to_owned());
        assert_eq!(
            states,
            [
                ("empty", None),
                ("unusable", None),
                ("unusable", None),
                ("unusable", None),
                ("locked", algorithm("6")),
                ("set", algorithm("y")),
                ("set", algorithm("des")),
            ]
        );
        assert!(is_login_shell("/bin/bash") && is_login_shell("/usr/bin/zsh"));
        assert!(!is_login_shell("/usr/sbin/nologin") && !is_login_shell("/bin/false"));
    }

    #[test]
    fn group_members_are_split() {
        assert_eq!(group(b"sudo:x:27:ada, grace,\n").entries[0].members, ["ada", "grace"]);
    }

    #[test]
    fn lastlog_records_of_both_sizes_are_read() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let at: Timestamp = "2026-01-01T00:00:05Z".parse().unwrap();
        for time_bytes in [4_usize, 8] {
            let mut content = vec![0_u8; 3 * (time_bytes + 288)];
            let second = 2 * (time_bytes + 288);
            content[second..second + time_bytes].copy_from_slice(&at.as_second().to_le_bytes()[..time_bytes]);
            content[second + time_bytes..second + time_bytes + 5].copy_from_slice(b"pts/0");
            let logins = lastlog(&content, now).unwrap();
            assert_eq!(logins.into_iter().collect::<Vec<_>>(), [(2, at)]);
        }
        assert!(lastlog(b"", now).unwrap().is_empty());
        assert!(lastlog(b"not a lastlog", now).is_err());
    }
}
