//! Forms: what was sent, and what is shown to be filled in.

use std::collections::BTreeMap;

/// Names and values of a form or a query; of a name that is there twice, the first.
#[derive(Debug, Default)]
pub(super) struct Sent(BTreeMap<String, String>);

impl Sent {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            // as browsers send what is typed over several lines
            fields.entry(name.into_owned()).or_insert_with(|| value.replace("\r\n", "\n"));
        }
        Self(fields)
    }

    /// The value of `name`; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The same without white space around it; none where nothing is left.
    pub(super) fn said(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// What is listed in one field, by white space or commas.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        let separates = |letter: char| letter.is_whitespace() || letter == ',';
        self.text(name).split(separates).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// What is listed in one field, a line each.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        self.text(name).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

/// A form as it is shown.
pub(super) struct Form {
    pub(super) action: String,
    pub(super) title: &'static str,
    pub(super) help: String,
    pub(super) button: &'static str,
    pub(super) fields: Vec<Field>,
    /// Shown opened: the step somebody tried and was refused.
    pub(super) is_open: bool,
}

/// One of its fields.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) is_required: bool,
}

/// How a field is filled in.
pub(super) enum Kind {
    Line,
    Lines,
    Date,
    Hidden,
    /// Value and words.
    Choice(Vec<(&'static str, String)>),
}

impl Kind {
    /// Which of the templates' ways it is shown in.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Lines => "lines",
            Self::Date => "date",
            Self::Hidden => "hidden",
            Self::Choice(_) => "choice",
        }
    }

    pub(super) fn choices(&self) -> &[(&'static str, String)] {
        match self {
            Self::Choice(choices) => choices,
            _ => &[],
        }
    }
}

impl Form {
    pub(super) fn new(action: String, title: &'static str, button: &'static str) -> Self {
        Self { action, title, help: String::new(), button, fields: Vec::new(), is_open: false }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// One more field, which has to be filled in.
    pub(super) fn field(mut self, name: &'static str, label: &'static str, kind: Kind) -> Self {
        let is_required = !matches!(kind, Kind::Hidden);
        self.fields.push(Field { name, label, hint: "", kind, value: String::new(), is_required });
        self
    }

    /// One more that may stay empty.
    pub(super) fn optional(self, name: &'static str, label: &'static str, kind: Kind) -> Self {
        let mut form = self.field(name, label, kind);
        if let Some(last) = form.fields.last_mut() {
            last.is_required = false;
        }
        form
    }

    /// Says more of the last field.
    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        if let Some(last) = self.fields.last_mut() {
            last.hint = hint;
        }
        self
    }

    /// What the last field holds at first.
    pub(super) fn value(mut self, value: impl Into<String>) -> Self {
        if let Some(last) = self.fields.last_mut() {
            last.value = value.into();
        }
        self
    }

    /// Holds what was sent, where this is the form that was: nobody types twice. What is hidden is not theirs.
    pub(super) fn filled(mut self, sent: Option<(&str, &Sent)>) -> Self {
        let Some((action, sent)) = sent else { return self };
        if action != self.action {
            return self;
        }
        self.is_open = true;
        for field in self.fields.iter_mut().filter(|field| !matches!(field.kind, Kind::Hidden)) {
            sent.text(field.name).clone_into(&mut field.value);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let sent = Sent::parse(b"reason=a+b%0D%0Ac&evidence=one%2C+two%0Athree&reason=later&empty=+");
        assert_eq!(sent.text("reason"), "a b\nc");
        assert_eq!(sent.words("evidence"), ["one", "two", "three"]);
        assert_eq!((sent.said("empty"), sent.said("absent")), (None, None));
    }

    #[test]
    fn what_was_typed_is_kept_and_what_is_hidden_is_made_anew() {
        let sent = Sent::parse(b"note=typed&looked_at=1");
        let form = |action: &str| {
            Form::new("/x/act".to_owned(), "Act", "Act")
                .field("looked_at", "", Kind::Hidden)
                .value("7")
                .field("note", "Note", Kind::Lines)
                .filled(Some((action, &sent)))
        };
        let values = |form: &Form| form.fields.iter().map(|field| field.value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&form("/x/act")), ["7", "typed"]);
        assert_eq!(values(&form("/x/other")), ["7", ""]);
    }
}
