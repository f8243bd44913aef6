//! One message in plain text, as a simple page, and as a chat shows it.

use super::compose::Told;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a chat takes in one message, with room to spare.
const LONGEST_CHAT: usize = 30_000;

/// Notices, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    /// The organisation.
    pub(crate) organisation: String,
    /// The log.
    pub(crate) log: String,
    /// The key under which it is sent.
    pub(crate) id: String,
    /// What is told, oldest first.
    pub(crate) told: Vec<Told>,
    /// Whether people are named.
    pub(crate) personal: bool,
    /// It says nothing but that it is a test.
    pub(crate) is_test: bool,
}

/// What a test says.
const TEST: &str = "This is a test: somebody ran `evidenced notify test`. Nothing happened.";

impl Digest {
    /// One line.
    pub(crate) fn subject(&self) -> String {
        let what = match self.told.as_slice() {
            _ if self.is_test => "this is a test".to_owned(),
            [one] => one.headline.clone(),
            many => {
                let mut counts: BTreeMap<String, usize> = BTreeMap::new();
                for one in many {
                    *counts.entry(format!("{} {}", one.kind, one.event.replace('_', " "))).or_default() += 1;
                }
                let parts: Vec<String> = counts.into_iter().map(|(what, count)| format!("{count} {what}")).collect();
                parts.join(", ")
            }
        };
        format!("[evidenced] {}: {what}", self.organisation)
    }

    /// Findings, then access reviews, then evidence.
    fn parts(&self) -> [(&'static str, Vec<&Told>); 3] {
        let (evidence, others): (Vec<&Told>, Vec<&Told>) = self.told.iter().partition(|told| told.is_of_evidence());
        let (reviews, findings) = others.into_iter().partition(|told| told.kind == "access_review");
        [("Findings", findings), ("Access reviews", reviews), ("Evidence", evidence)]
    }

    fn foot(&self) -> String {
        let people = if self.personal { "" } else { " People and accounts are counted here, not named." };
        format!("Log {}, message {}.{people}", self.log, self.id)
    }

    /// Plain text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if self.is_test {
            let _ = writeln!(text, "{TEST}\n");
        }
        for (title, told) in self.parts().iter().filter(|(_, told)| !told.is_empty()) {
            let _ = writeln!(text, "{}\n", title.to_uppercase());
            for one in told {
                let _ = writeln!(text, "* {}", plain(&one.headline));
                for line in lines(one) {
                    let _ = writeln!(text, "    {}", plain(&line));
                }
                let _ = writeln!(text, "    {}\n", plain(&one.look));
            }
        }
        let _ = writeln!(text, "-- \n{}", self.foot());
        text
    }

    /// A page that says the same.
    pub(crate) fn html(&self) -> String {
        let mut html = "<!DOCTYPE html><html><head><meta charset=\"utf-8\"></head><body>\n".to_owned();
        if self.is_test {
            let _ = writeln!(html, "<p>{}</p>", escaped(TEST));
        }
        for (title, told) in self.parts().iter().filter(|(_, told)| !told.is_empty()) {
            let _ = writeln!(html, "<h2>{title}</h2>\n<ul>");
            for one in told {
                let _ = write!(html, "<li><strong>{}</strong>", escaped(&one.headline));
                for line in lines(one) {
                    let _ = write!(html, "<br>{}", escaped(&line));
                }
                let _ = writeln!(html, "<br><code>{}</code></li>", escaped(&one.look));
            }
            html.push_str("</ul>\n");
        }
        let _ = writeln!(html, "<p><small>{}</small></p>\n</body></html>", escaped(&self.foot()));
        html
    }

    /// As Slack's `mrkdwn` has it, no longer than a chat takes.
    pub(crate) fn chat(&self) -> String {
        let mut text = format!("*{}*\n", chat_escaped(&self.subject()));
        if self.is_test {
            text.push_str(TEST);
        }
        for (position, one) in self.told.iter().enumerate() {
            let mut piece = format!("• {}", chat_escaped(&one.headline));
            for line in lines(one) {
                let _ = write!(piece, "\n    {}", chat_escaped(&line));
            }
            let _ = writeln!(piece, "\n    `{}`", chat_escaped(&one.look));
            if text.len() + piece.len() > LONGEST_CHAT {
                let _ = writeln!(text, "and {} more: `evidenced findings list`", self.told.len() - position);
                break;
            }
            text.push_str(&piece);
        }
        let _ = write!(text, "_{}_", chat_escaped(&self.foot()));
        text
    }
}

/// What stands below the headline.
pub(crate) fn lines(told: &Told) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(told.state.iter().map(|state| format!("state: {state}")));
    facts.extend(told.class.iter().map(|class| format!("class: {class}")));
    facts.extend(told.due.iter().map(|due| format!("due: {due}")));
    facts.extend(told.until.iter().map(|until| format!("until: {until}")));
    facts.extend(told.owner.iter().map(|owner| format!("owner: {owner}")));
    let mut lines = Vec::new();
    if !facts.is_empty() {
        lines.push(facts.join(", "));
    }
    if !told.controls.is_empty() {
        lines.push(format!("controls: {}", told.controls.join(", ")));
    }
    lines.extend(told.details.iter().cloned());
    lines.extend(told.members.iter().map(|member| format!("- {member}")));
    lines
}

/// Without control characters: what a source sent makes no line of its own.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The three characters that mean something to Slack, and the mark of code.
fn chat_escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, headline: &str) -> Told {
        Told {
            kind: kind.to_owned(),
            event: "raised".to_owned(),
            headline: headline.to_owned(),
            members: vec!["aws:<b>\r\nSubject: x</b>".to_owned()],
            look: "evidenced findings show x-1".to_owned(),
            ..Told::default()
        }
    }

    fn digest(told: Vec<Told>) -> Digest {
        Digest {
            organisation: "Acme".to_owned(),
            log: "acme.example/evidence".to_owned(),
            id: "key-1".to_owned(),
            told,
            personal: false,
            is_test: false,
        }
    }

    #[test]
    fn what_a_source_sent_is_text_and_nothing_else() {
        let digest = digest(vec![told("finding", "<script>alert(1)</script> & <!channel>")]);
        assert!(!digest.html().contains("<script>") && !digest.html().contains("<b>"));
        assert!(!digest.chat().contains("<!channel>"));
        assert!(!digest.text().contains("\r\nSubject"), "{}", digest.text());
    }

    #[test]
    fn a_hundred_are_counted_in_the_subject_and_told_one_by_one_below() {
        let many: Vec<Told> = (0..100).map(|number| told("finding", &format!("finding {number}"))).collect();
        let digest = digest([many, vec![told("check", "check x is inconclusive")]].concat());
        assert_eq!(digest.subject(), "[evidenced] Acme: 1 check raised, 100 finding raised");
        assert_eq!(digest.text().matches("\n* ").count(), 101);
        assert!(digest.text().find("EVIDENCE").unwrap() > digest.text().find("finding 99").unwrap());
        assert_eq!(digest.html().matches("<li>").count(), 101);
    }

    #[test]
    fn a_chat_takes_no_more_than_it_can() {
        let many: Vec<Told> = (0..2000).map(|number| told("finding", &format!("finding {number}"))).collect();
        let chat = digest(many).chat();
        assert!(chat.len() < LONGEST_CHAT + 500 && chat.contains(" more: `evidenced findings list`"));
    }
}
