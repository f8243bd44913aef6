//! sudoers(5), as far as needed to say who may act as root: rules as lines, their subjects, user aliases resolved.
//! What it cannot follow it names; it never guesses that a rule grants less than it says.

use std::collections::{BTreeMap, BTreeSet};

/// One rule, continuation lines joined, comment removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    UserSpec { subjects: Vec<String>, grants_all: bool },
    UserAlias(Vec<(String, Vec<String>)>),
    CommandAlias(Vec<(String, Vec<String>)>),
    OtherAlias,
    Defaults,
    Include { path: String, folder: bool },
}

impl Kind {
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::UserSpec { .. } => "user_spec",
            Self::UserAlias(_) | Self::CommandAlias(_) | Self::OtherAlias => "alias",
            Self::Defaults => "defaults",
            Self::Include { .. } => "include",
        }
    }
}

/// The rules of one file. Aliases stay unresolved: they may be defined in another.
pub(super) fn parse(file: &str, content: &[u8]) -> Vec<Rule> {
    let text = String::from_utf8_lossy(content);
    let mut rules = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let mut joined = first.to_owned();
        while joined.ends_with('\\') {
            joined.pop();
            joined.push_str(lines.next().map(|(_, next)| next.trim_start()).unwrap_or_default());
        }
        let text = without_comment(&joined).split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            rules.push(Rule { file: file.to_owned(), line: index + 1, kind: kind(&text), text });
        }
    }
    rules
}

/// `#` begins a comment unless it begins an include or a numeric id.
fn without_comment(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("#include") {
        return trimmed;
    }
    let mut start = 0;
    while let Some(found) = line[start..].find('#') {
        let at = start + found;
        let escaped = line[..at].ends_with('\\');
        let numeric = line[at + 1..].starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if !escaped && !numeric {
            return &line[..at];
        }
        start = at + 1;
    }
    line
}

fn kind(text: &str) -> Kind {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    match first {
        "@include" | "#include" => Kind::Include { path: rest.trim_matches('"').to_owned(), folder: false },
        "@includedir" | "#includedir" => Kind::Include { path: rest.trim_matches('"').to_owned(), folder: true },
        "User_Alias" => Kind::UserAlias(aliases(rest)),
        "Cmnd_Alias" | "Cmd_Alias" => Kind::CommandAlias(aliases(rest)),
        "Runas_Alias" | "Host_Alias" => Kind::OtherAlias,
        _ if first.starts_with("Defaults") => Kind::Defaults,
        _ => user_spec(text),
    }
}

/// `A = x, y : B = z`
fn aliases(text: &str) -> Vec<(String, Vec<String>)> {
    text.split(':')
        .filter_map(|definition| definition.split_once('='))
        .map(|(name, members)| (name.trim().to_owned(), list(members)))
        .collect()
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|member| !member.is_empty()).map(str::to_owned).collect()
}

/// `ada, %wheel HOST = (ALL) NOPASSWD: ALL, /bin/ls : HOST2 = …`
fn user_spec(text: &str) -> Kind {
    let (left, commands) = text.split_once('=').unwrap_or((text, ""));
    // subjects end where the host list begins: at the last blank outside a comma list
    let left = left.replace(", ", ",").replace(" ,", ",");
    let subjects = left.trim().rsplit_once(' ').map_or(left.trim(), |(subjects, _)| subjects);
    Kind::UserSpec {
        subjects: list(subjects),
        grants_all: commands_of(commands).iter().any(|command| command == "ALL"),
    }
}

/// The commands and command aliases allowed, run-as lists and tags removed.
fn commands_of(text: &str) -> Vec<String> {
    let mut bare = String::new();
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare.split([',', ':', '=']).filter_map(|part| part.split_whitespace().last()).map(str::to_owned).collect()
}

/// What every rule of every file together says.
pub(super) struct Resolved {
    users: BTreeMap<String, Vec<String>>,
    all_commands: BTreeSet<String>,
}

impl Resolved {
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut users = BTreeMap::new();
        let mut all_commands = BTreeSet::new();
        for rule in rules {
            match &rule.kind {
                Kind::UserAlias(definitions) => users.extend(definitions.iter().cloned()),
                Kind::CommandAlias(definitions) => all_commands.extend(
                    definitions
                        .iter()
                        .filter(|(_, members)| members.iter().any(|member| member == "ALL"))
                        .map(|(name, _)| name.clone()),
                ),
                _ => {}
            }
        }
        Self { users, all_commands }
    }

    /// Subjects with user aliases replaced by their members, sorted.
    pub(super) fn subjects(&self, subjects: &[String]) -> Vec<String> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&String> = subjects.iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(subject) = open.pop() {
            if !seen.insert(subject) {
                continue;
            }
            match self.users.get(subject) {
                Some(members) => open.extend(members),
                None => {
                    found.insert(subject.clone());
                }
            }
        }
        found.into_iter().collect()
    }

    /// Whether the rule allows every command, by itself or through a command alias.
    pub(super) fn grants_all(&self, rule: &Rule) -> bool {
        let Kind::UserSpec { grants_all, .. } = &rule.kind else { return false };
        *grants_all
            || commands_of(rule.text.split_once('=').map_or("", |(_, commands)| commands))
                .iter()
                .any(|command| self.all_commands.contains(command))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Resolved, parse};

    const FILE: &[u8] = b"# head\n\
        Defaults env_reset\n\
        User_Alias ADMINS = ada, %ops : OTHERS = grace\n\
        Cmnd_Alias EVERY = /bin/ls, ALL\n\
        ADMINS, root ALL=(ALL:ALL) NOPASSWD: ALL   # all of them\n\
        backup, #1007 host1 = (root) /usr/bin/rsync, \\\n    /bin/tar\n\
        linus ALL = EVERY\n\
        %sudo\tALL=(ALL) ALL\n\
        @includedir /etc/sudoers.d\n";

    #[test]
    fn rules_name_their_subjects_and_whether_they_allow_everything() {
        let rules = parse("/etc/sudoers", FILE);
        let resolved = Resolved::new(rules.iter());
        let specs: Vec<_> = rules
            .iter()
            .filter_map(|rule| match &rule.kind {
                Kind::UserSpec { subjects, .. } => {
                    Some((rule.line, resolved.subjects(subjects).join(" "), resolved.grants_all(rule)))
                }
                _ => None,
            })
            .collect();
        assert_eq!(
            specs,
            [
                (5, "%ops ada root".to_owned(), true),
                (6, "#1007 backup".to_owned(), false),
                (8, "linus".to_owned(), true),
                (9, "%sudo".to_owned(), true),
            ]
        );
        assert_eq!(rules.last().unwrap().kind, Kind::Include { path: "/etc/sudoers.d".to_owned(), folder: true });
    }

    #[test]
    fn aliases_that_name_each_other_end() {
        let rules = parse("/etc/sudoers", b"User_Alias A = B\nUser_Alias B = A, ada\nA ALL=ALL\n");
        let resolved = Resolved::new(rules.iter());
        assert_eq!(resolved.subjects(&["A".to_owned()]), ["ada"]);
    }
}
