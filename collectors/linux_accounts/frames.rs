//! What remote.sh prints, read back. Pure; whatever is not understood is an error, and treated as a secret before
//! anything is kept.

use crate::linux_accounts::redact::{MARK, authorized_keys, second_field};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The first line; a script that prints something else gets another number.
const HEAD: &str = "evidenced linux_accounts 1";

/// More than remote.sh ever announces of a file of fixed records.
const MOST_OCTETS: usize = 64 * 1024 * 1024;

/// What one host said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its name as the kernel knows it.
    pub(super) host: String,
    /// As which user the files were read.
    pub(super) uid: String,
    /// By path.
    pub(super) sections: BTreeMap<String, Section>,
}

/// What came of one path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// The content of a file, or the names in a folder, a line each.
    Read(Bytes),
    Absent,
    Denied,
    /// It is there, and is not what it should be: `odd`, `large`, `failed`, or changed while it was read.
    Unusable(&'static str),
}

/// A line that opens a section: its kind, state, announced size and path.
struct Opening<'a> {
    kind: &'a str,
    state: &'a str,
    size: usize,
    path: &'a str,
}

fn opening(line: &str) -> Option<Opening<'_>> {
    let mut parts = line.splitn(4, ' ');
    let kind = parts.next().filter(|kind| matches!(*kind, "file" | "folder" | "octets"))?;
    let (state, size) = (parts.next()?, parts.next()?.parse().ok()?);
    let path = parts.next().filter(|path| path.starts_with('/'))?;
    Some(Opening { kind, state, size, path })
}

pub(super) fn parse(output: &[u8]) -> Result<Answer, String> {
    let Some(output) = output.strip_suffix(b"\ndone\n") else {
        return Err(match output.split(|byte| *byte == b'\n').next() {
            Some(first) if first == HEAD.as_bytes() => "the answer ends before its last word".to_owned(),
            _ => other_words(),
        });
    };
    let mut lines = output.split(|byte| *byte == b'\n').enumerate();
    let mut plain = |start: &str| {
        let (_, line) = lines.next()?;
        std::str::from_utf8(line).ok()?.strip_prefix(start).filter(|rest| !rest.is_empty() || start == HEAD)
    };
    plain(HEAD).filter(|rest| rest.is_empty()).ok_or_else(other_words)?;
    let host = plain("host ").ok_or("the answer does not say which host it is")?.to_owned();
    let uid = plain("uid ").ok_or("the answer does not say as which user the files were read")?.to_owned();

    let mut sections = BTreeMap::new();
    while let Some((index, line)) = lines.next() {
        let line = String::from_utf8_lossy(line);
        let strange = |index: usize| format!("line {} of the answer is none that was asked for", index + 1);
        let opening = opening(&line).ok_or_else(|| strange(index))?;
        let mut content: Vec<&[u8]> = Vec::new();
        let whole = loop {
            match lines.next() {
                Some((_, [b'+', line @ ..])) => content.push(line),
                // stands between a file that ends in the middle of a line and what follows
                Some((_, b"")) => {}
                Some((_, b"end")) => break true,
                Some((_, b"broken")) => break false,
                Some((index, _)) => return Err(strange(index)),
                None => return Err("the answer ends in the middle of a section".to_owned()),
            }
        };
        let section = section(&opening, &content, whole).ok_or_else(|| strange(index))?;
        if sections.insert(opening.path.to_owned(), section).is_some() {
            return Err(format!("the answer tells of `{}` twice", opening.path));
        }
    }
    Ok(Answer { host, uid, sections })
}

fn other_words() -> String {
    format!("the answer does not begin with `{HEAD}`: the login shell or a forced command prints something else")
}

fn section(opening: &Opening<'_>, content: &[&[u8]], whole: bool) -> Option<Section> {
    let unread = content.is_empty() && opening.size == 0;
    match opening.state {
        "read" if !whole => Some(Section::Unusable("could not be read to its end")),
        "read" if opening.kind == "octets" => Some(match octets(content) {
            Some(bytes) if bytes.len() == opening.size => Section::Read(bytes.into()),
            _ => Section::Unusable("changed while it was read"),
        }),
        "read" if content.len() != opening.size => Some(Section::Unusable("changed while it was read")),
        "read" => {
            let mut bytes = content.join(&b'\n');
            if !bytes.is_empty() || content.len() > 1 {
                bytes.push(b'\n');
            }
            Some(Section::Read(bytes.into()))
        }
        "absent" if unread => Some(Section::Absent),
        "denied" if unread => Some(Section::Denied),
        "odd" if unread => Some(Section::Unusable("is not a regular file, or not a folder of plain names")),
        "large" if unread => Some(Section::Unusable("is too large")),
        "failed" if unread => Some(Section::Unusable("could not be read")),
        _ => None,
    }
}

/// The bytes of `od -A x -t x1`: a place and sixteen bytes a line, a star for lines like the one before, the length last.
fn octets(lines: &[&[u8]]) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    let mut repeats = false;
    let mut ended = false;
    for line in lines {
        let line = std::str::from_utf8(line).ok()?;
        if ended {
            return None;
        }
        if line == "*" {
            repeats = true;
            continue;
        }
        let mut parts = line.split_ascii_whitespace();
        let place = usize::from_str_radix(parts.next()?, 16).ok().filter(|place| *place <= MOST_OCTETS)?;
        if std::mem::take(&mut repeats) {
            if last.is_empty() || place < bytes.len() || !(place - bytes.len()).is_multiple_of(last.len()) {
                return None;
            }
            while bytes.len() < place {
                bytes.extend_from_slice(&last);
            }
        }
        if place != bytes.len() {
            return None;
        }
        last = parts.map(|part| u8::from_str_radix(part, 16).ok()).collect::<Option<_>>()?;
        ended = last.is_empty();
        bytes.extend_from_slice(&last);
    }
    ended.then_some(bytes)
}

/// Takes out of the output of remote.sh what is not kept: password hashes and key material, should they have come, and
/// every line that is none of its own.
pub(super) fn redact(output: &[u8]) -> (Bytes, Vec<String>) {
    let mut fields = Vec::new();
    let mut kept: Vec<u8> = Vec::with_capacity(output.len());
    let (mut kind, mut path, mut number) = (String::new(), String::new(), 0_usize);
    for (index, line) in output.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            kept.push(b'\n');
        }
        if let [b'+', content @ ..] = line {
            number += 1;
            let (clean, replaced) = content_of(&kind, &path, content);
            fields.extend(replaced.into_iter().map(|what| format!("{path} line {number} {what}")));
            kept.push(b'+');
            kept.extend_from_slice(&clean);
            continue;
        }
        let text = String::from_utf8_lossy(line);
        if let Some(opening) = opening(&text) {
            (kind, path, number) = (opening.kind.to_owned(), opening.path.to_owned(), 0);
        } else if !is_frame(&text) {
            fields.push(format!("line {} (not understood)", index + 1));
            kept.extend_from_slice(MARK.as_bytes());
            continue;
        }
        kept.extend_from_slice(line);
    }
    (kept.into(), fields)
}

/// A line between sections, or the beginning of one whose rest was cut.
fn is_frame(line: &str) -> bool {
    matches!(line, "" | "end" | "broken" | "done")
        || line == HEAD
        || line.strip_prefix("host ").is_some_and(|name| name.len() <= 255 && !name.contains(char::is_whitespace))
        || line.strip_prefix("uid ").is_some_and(|uid| uid.bytes().all(|byte| byte.is_ascii_digit()))
}

fn content_of(kind: &str, path: &str, content: &[u8]) -> (Bytes, Vec<String>) {
    let words = |(clean, replaced): (Bytes, Vec<String>)| {
        let replaced = replaced.iter().map(|field| field.trim_start_matches("line 1 ").to_owned()).collect();
        (clean, replaced)
    };
    match (kind, path) {
        ("file", "/etc/passwd" | "/etc/shadow" | "/etc/group") => words(second_field(content)),
        ("file", "/etc/sudoers") | ("folder", "/etc/sudoers.d") => (content.to_vec().into(), Vec::new()),
        ("file", path) if path.starts_with("/etc/sudoers.d/") => (content.to_vec().into(), Vec::new()),
        ("file", "/etc/ssh/sshd_config") | ("folder", "/etc/ssh/sshd_config.d") => {
            (content.to_vec().into(), Vec::new())
        }
        ("file", path) if path.starts_with("/etc/ssh/sshd_config.d/") => (content.to_vec().into(), Vec::new()),
        ("file", path) if path.ends_with("/.ssh/authorized_keys") || path.ends_with("/.ssh/authorized_keys2") => {
            let (clean, replaced) = words(authorized_keys(content));
            (Bytes::copy_from_slice(clean.trim_ascii_end()), replaced)
        }
        ("octets", "/var/log/lastlog")
            if content.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'*')) =>
        {
            (content.to_vec().into(), Vec::new())
        }
        _ => (Bytes::from_static(MARK.as_bytes()), vec!["(not understood)".to_owned()]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Section, octets, parse, redact};

    const WHOLE: &str = "evidenced linux_accounts 1\nhost db1\nuid 0\nfile read 2 /etc/passwd\n+root:x:0:0:root:/root:/bin/sh\n\
        +ada:x:1:1::/home/ada:/bin/sh\n\nend\nfile denied 0 /etc/shadow\nend\nfolder read 1 /etc/sudoers.d\n+ada\nend\n\
        octets read 3 /var/log/lastlog\n+000000 01 02 03\n+000003\n\nend\ndone\n";

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let answer = parse(WHOLE.as_bytes()).unwrap();
        assert_eq!((answer.host.as_str(), answer.uid.as_str()), ("db1", "0"));
        let passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1:1::/home/ada:/bin/sh\n";
        assert_eq!(answer.sections["/etc/passwd"], Section::Read(passwd.into()));
        assert_eq!(answer.sections["/etc/shadow"], Section::Denied);
        assert_eq!(answer.sections["/etc/sudoers.d"], Section::Read("ada\n".into()));
        assert_eq!(answer.sections["/var/log/lastlog"], Section::Read(vec![1, 2, 3].into()));
        for cut in 0..WHOLE.len() {
            assert!(parse(&WHOLE.as_bytes()[..cut]).is_err(), "cut after {cut} bytes");
        }
    }

    #[test]
    fn no_line_can_be_taken_out_or_put_in() {
        let lines: Vec<&str> = WHOLE.lines().collect();
        let unusable = |text: &str| match parse(text.as_bytes()) {
            Err(_) => true,
            Ok(answer) => answer.sections.values().any(|section| matches!(section, Section::Unusable(_))),
        };
        let (mut tried, mut blank) = (0, 0);
        for index in 0..lines.len() {
            let mut less = lines.clone();
            let gone = less.remove(index);
            if gone.is_empty() {
                blank += 1;
                continue;
            }
            let less = less.join("\n") + "\n";
            assert!(unusable(&less), "without `{gone}`");
            let mut more = lines.clone();
            more.insert(index, "+ada");
            assert!(unusable(&(more.join("\n") + "\n")), "`+ada` before line {index}");
            tried += 1;
        }
        assert_eq!((tried, blank), (lines.len() - 2, 2));
    }

    #[test]
    fn bytes_come_back_from_their_dump() {
        let lines = |text: &'static str| text.lines().map(str::as_bytes).collect::<Vec<_>>();
        let zeros = "000000 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n*\n000040 01\n000041";
        let mut expected = vec![0_u8; 64];
        expected.push(1);
        assert_eq!(octets(&lines(zeros)), Some(expected));
        assert_eq!(octets(&lines("000000")), Some(Vec::new()));
        for broken in
            ["", "000000 00", "000001 00\n000002", "*\n000010", "000000 00\n*\nffffffffffff", "000000 0g\n000001"]
        {
            assert_eq!(octets(&lines(broken)), None, "{broken}");
        }
    }

    #[test]
    fn what_should_not_have_come_is_not_kept() {
        let sent = "welcome to db1\nevidenced linux_accounts 1\nfile read 1 /etc/shadow\n+ada:$6$salt$hash:1::::::\nend\n\
            file read 2 /home/ada/.ssh/authorized_keys\n+not a key\n+# hers\nend\nfile read 1 /etc/motd\n+words\nend\n+ada:$6$sa";
        let (kept, fields) = redact(sent.as_bytes());
        assert_eq!(
            String::from_utf8(kept.to_vec()).unwrap(),
            "REDACTED\nevidenced linux_accounts 1\nfile read 1 /etc/shadow\n+ada:$6$REDACTED:1::::::\nend\n\
             file read 2 /home/ada/.ssh/authorized_keys\n+REDACTED\n+\nend\nfile read 1 /etc/motd\n+REDACTED\nend\n+REDACTED"
        );
        assert_eq!(
            fields,
            [
                "line 1 (not understood)",
                "/etc/shadow line 1 (password hash)",
                "/home/ada/.ssh/authorized_keys line 1 (not a key)",
                "/etc/motd line 1 (not understood)",
                "/etc/motd line 2 (not understood)",
            ]
        );
        let (again, fields) = redact(&kept);
        assert_eq!((again, fields.len()), (kept, 4));
    }
}
