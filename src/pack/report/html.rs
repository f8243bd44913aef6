//! Blocks as one HTML file: no script, nothing loaded from anywhere, links only to files of the pack.

use super::blocks::{Block, Document, Line, Span, Table, Tone};
use super::calendar::{Calendar, Cell, Day, Month};
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
/// Chapters from which on a list of them helps.
const LIST_CHAPTERS: usize = 4;

/// The page. `up` leads from its folder to the pack's root: empty, `../` ...
pub(crate) fn page(document: &Document, up: &str) -> String {
    let title = escape(&document.title);
    // the policy lets a browser run and load nothing, whatever a source managed to put into a name
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<header>\n<h1>{title}</h1>\n<p>{}</p>\n</header>\n<main>\n",
        escape(&document.subtitle)
    );
    let chapters: Vec<&String> = document
        .blocks
        .iter()
        .filter_map(|block| if let Block::Heading(2, words) = block { Some(words) } else { None })
        .collect();
    let mut chapter = 0;
    for (at, block) in document.blocks.iter().enumerate() {
        if let Block::Heading(2, _) = block {
            if chapter == 0 && chapters.len() >= LIST_CHAPTERS {
                contents(&mut out, &chapters);
            }
            chapter += 1;
        }
        render(&mut out, block, chapter, at, up);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn contents(out: &mut String, chapters: &[&String]) {
    out.push_str("<nav aria-label=\"Contents\">\n<ol>\n");
    for (number, words) in (1..).zip(chapters) {
        // writing to a String cannot fail
        let _ = writeln!(out, "<li><a href=\"#chapter-{number}\">{}</a></li>", escape(words));
    }
    out.push_str("</ol>\n</nav>\n");
}

fn render(out: &mut String, block: &Block, chapter: usize, at: usize, up: &str) {
    let _ = match block {
        Block::Heading(2, words) => writeln!(out, "<h2 id=\"chapter-{chapter}\">{}</h2>", escape(words)),
        Block::Heading(level, words) => writeln!(out, "<h{level}>{}</h{level}>", escape(words)),
        Block::Text(line) => writeln!(out, "<p>{}</p>", spans(line, up)),
        Block::Notice(line) => writeln!(out, "<p class=\"notice\">{}</p>", spans(line, up)),
        Block::Code(lines) => writeln!(out, "<pre>{}</pre>", escape(lines)),
        Block::List(items) => {
            out.push_str("<ul>\n");
            for item in items {
                let _ = writeln!(out, "<li>{}</li>", spans(item, up));
            }
            writeln!(out, "</ul>")
        }
        Block::Pairs(pairs) => {
            out.push_str("<div class=\"scroll\"><table class=\"pairs\">\n");
            for (name, value) in pairs {
                let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(name), spans(value, up));
            }
            writeln!(out, "</table></div>")
        }
        Block::Figures(figures) => {
            out.push_str("<ul class=\"figures\">\n");
            for figure in figures {
                let (number, label) = (escape(&figure.number), escape(&figure.label));
                let _ = writeln!(out, "<li class=\"{}\"><b>{number}</b>{label}</li>", class(figure.tone));
            }
            writeln!(out, "</ul>")
        }
        Block::Table(table) => {
            rows(out, table, up);
            Ok(())
        }
        Block::Calendar(calendar) => {
            months(out, calendar, at);
            Ok(())
        }
    };
}

fn rows(out: &mut String, table: &Table, up: &str) {
    let whole: u32 = table.columns.iter().map(|column| u32::from(column.share)).sum();
    out.push_str("<div class=\"scroll\"><table>\n<colgroup>");
    for column in &table.columns {
        let _ = write!(out, "<col style=\"width:{}%\">", u32::from(column.share) * 100 / whole.max(1));
    }
    out.push_str("</colgroup>\n<thead><tr>");
    for column in &table.columns {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(column.title));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", spans(cell, up));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn spans(line: &Line, up: &str) -> String {
    line.iter().fold(String::new(), |mut out, span| {
        let _ = match span {
            Span::Text(words) => write!(out, "{}", escape(words)),
            Span::Strong(words) => write!(out, "<strong>{}</strong>", escape(words)),
            Span::Code(words) => write!(out, "<code>{}</code>", escape(words)),
            Span::Mark(tone, words) => write!(out, "<span class=\"mark {}\">{}</span>", class(*tone), escape(words)),
            // paths of a pack are plain ASCII without anything a URL would need escaped
            Span::Link(words, path) => write!(out, "<a href=\"{up}{}\">{}</a>", escape(path), escape(words)),
        };
        out
    })
}

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unsure => "unsure",
        Tone::Plain => "plain",
    }
}

const LEFT: usize = 150;
const CELL: usize = 17;
const TOP: usize = 20;
const WIDTH: usize = LEFT + 31 * CELL + 4;

fn months(out: &mut String, calendar: &Calendar, at: usize) {
    out.push_str("<div class=\"scroll\">\n");
    legend(out);
    for month in &calendar.months {
        figure(out, calendar, month, at);
    }
    out.push_str("</div>\n");
}

fn legend(out: &mut String) {
    let _ = write!(out, "<svg viewBox=\"0 0 {WIDTH} 24\" role=\"img\" aria-label=\"Legend\">");
    let mut x = 2;
    for day in Day::ALL {
        cell(out, x, 4, day);
        let _ = write!(out, "<text x=\"{}\" y=\"16\">{}</text>", x + 19, day.meaning());
        x += 26 + day.meaning().len() * 6;
    }
    out.push_str("</svg>\n");
}

fn figure(out: &mut String, calendar: &Calendar, month: &Month, at: usize) {
    let height = TOP + calendar.sources.len() * CELL + 8;
    let _ = write!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"month-{at}-{0}\"><title id=\"month-{at}-{0}\">Runs due and complete in {0}, by source and day</title><text x=\"2\" y=\"14\" class=\"soft\">{0}</text>",
        month.name
    );
    for day in (1..=month.days).filter(|day| *day == 1 || day % 5 == 0) {
        let _ = write!(out, "<text x=\"{}\" y=\"14\" class=\"soft\">{day}</text>", left(day) + 1);
    }
    for (number, (source, days)) in calendar.sources.iter().zip(&month.rows).enumerate() {
        let y = TOP + number * CELL;
        let shown: String = source.chars().take(22).collect();
        let shown = if shown == *source { shown } else { format!("{shown}…") };
        let _ = write!(out, "<text x=\"2\" y=\"{}\">{}</text>", y + 12, escape(&shown));
        let known: std::collections::BTreeMap<u8, &Cell> = days.iter().map(|cell| (cell.day, cell)).collect();
        for day in 1..=month.days {
            match known.get(&day) {
                Some(found) => {
                    let _ = write!(
                        out,
                        "<g><title>{} {}-{day:02}: {}</title>",
                        escape(source),
                        month.name,
                        escape(&found.words)
                    );
                    cell(out, left(day), y, found.what);
                    out.push_str("</g>");
                }
                None => {
                    let _ = write!(
                        out,
                        "<rect class=\"none\" x=\"{}\" y=\"{y}\" width=\"14\" height=\"14\" rx=\"2\"/>",
                        left(day)
                    );
                }
            }
        }
    }
    out.push_str("</svg>\n");
}

fn left(day: u8) -> usize {
    LEFT + (usize::from(day) - 1) * CELL
}

fn cell(out: &mut String, x: usize, y: usize, day: Day) {
    let class = match day {
        Day::Whole => "whole",
        Day::Partly => "partly",
        Day::Gap => "gap",
        Day::Unscheduled => "unscheduled",
    };
    let _ = write!(out, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" rx=\"2\"/>");
    // a mark beside the colour, for print and for whoever does not see the colour
    let _ = match day {
        Day::Whole => Ok(()),
        Day::Partly => write!(out, "<rect class=\"half\" x=\"{x}\" y=\"{}\" width=\"14\" height=\"7\"/>", y + 7),
        Day::Gap => {
            let (left, top, right, low) = (x + 4, y + 4, x + 10, y + 10);
            write!(out, "<path class=\"cross\" d=\"M{left} {top}L{right} {low}M{right} {top}L{left} {low}\"/>")
        }
        Day::Unscheduled => write!(out, "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", x + 7, y + 7),
    };
}

/// Text that is text in HTML. What would steer a terminal or reorder the line is shown as a replacement mark.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_override(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Marks that reorder the text around them: `exe.txt` could be shown for `txt.exe`.
pub(crate) const fn is_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::super::blocks::{link, mark, plain, table, text};
    use super::*;

    #[test]
    fn foreign_text_is_inert() {
        let hostile = "<script>alert(1)</script>\" onload='x' \u{202e}gpj.exe";
        let document = Document {
            title: hostile.to_owned(),
            subtitle: hostile.to_owned(),
            blocks: vec![
                Block::Heading(2, hostile.to_owned()),
                Block::Notice(plain(hostile)),
                table(&[("a", 1)], vec![vec![vec![text(hostile), mark(hostile), link(hostile, "x/y.json")]]]),
                Block::Code(hostile.to_owned()),
            ],
        };
        let html = page(&document, "../");
        assert!(!html.contains("<script") && !html.contains("onload='") && !html.contains('\u{202e}'), "{html}");
        assert!(html.contains("href=\"../x/y.json\""), "{html}");
    }
}
