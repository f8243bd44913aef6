//! Blocks as a PDF (ISO 32000-1) that holds its own fonts and nothing that acts: no script, form, link or attachment.
//!
//! The same blocks give the same bytes: no date, no identifier drawn at random.

mod drawing;
mod file;
mod flow;
mod fonts;

use super::blocks::{Document, plain};
use crate::error::PackError;
use flow::Flow;

/// The document as a file. `author` is the organisation.
pub(crate) fn pdf(document: &Document, author: &str) -> Result<Vec<u8>, PackError> {
    let mut flow = Flow::new(&document.title).map_err(PackError::Plan)?;
    flow.title(&document.title, &document.subtitle);
    flow.blocks(&document.blocks);
    if flow.fonts.missing > 0 {
        flow.notice(&plain(format!(
            "{} characters that this document's fonts do not have (scripts other than Latin, Greek, Cyrillic, Armenian and \
             Georgian) are shown by their code points, such as [U+674E]. Nothing was dropped: report.html shows the characters \
             themselves.",
            flow.fonts.missing
        )));
    }
    file::assemble(flow.finish(), &document.title, author).map_err(PackError::Plan)
}

#[cfg(test)]
mod tests {
    use super::super::blocks::{Block, heading, paragraph, plain, table};
    use super::*;

    fn document() -> Document {
        let long = "x".repeat(500);
        let rows = (0..200).map(|row| vec![plain(format!("Łukasz {row}")), plain(&long)]).collect();
        Document {
            title: "Evidence report: Zoë & 李".to_owned(),
            subtitle: "2026".to_owned(),
            blocks: vec![
                heading(2, "Names"),
                paragraph("Łukasz, Zoë, Ångström, Ωμέγα, Жанна, 李, محمد, \u{202e}gpj.exe, e\u{301}, \u{0}"),
                Block::List(vec![plain("one"), plain("two")]),
                table(&[("name", 30), ("text", 70)], rows),
                Block::Code("    indented\n\nlast".to_owned()),
            ],
        }
    }

    #[test]
    fn the_same_document_gives_the_same_file_without_a_date() {
        let one = pdf(&document(), "Acme").unwrap();
        assert!(one == pdf(&document(), "Acme").unwrap());
        assert!(one.starts_with(b"%PDF-1.7") && one.ends_with(b"%%EOF"));
        let text = String::from_utf8_lossy(&one);
        for forbidden in
            ["CreationDate", "ModDate", "/JavaScript", "/JS", "/OpenAction", "/URI", "/Launch", "/EmbeddedFile"]
        {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn what_the_fonts_lack_is_shown_by_code_point() {
        let mut flow = Flow::new("t").unwrap();
        flow.block(&paragraph("Łukasz Zoë Ωμέγα Жанна"));
        assert_eq!(flow.fonts.missing, 0);
        flow.block(&paragraph("李 محمد \u{202e}"));
        assert_eq!(flow.fonts.missing, 1 + 4 + 1);
    }

    /// What another program reads out of it; Chromium and poppler are where they are installed.
    #[test]
    fn a_stranger_reads_the_same_text() {
        let there = std::process::Command::new("sh").args(["-c", "command -v pdftotext"]).output().unwrap();
        if !there.status.success() {
            eprintln!("skipped, pdftotext is not installed");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.pdf");
        std::fs::write(&path, pdf(&document(), "Acme").unwrap()).unwrap();
        let output = std::process::Command::new("pdftotext").arg(&path).arg("-").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Łukasz, Zoë, Ångström, Ωμέγα, Жанна, [U+674E]"), "{text}");
        assert!(text.contains("Łukasz 199"), "{text}");
    }
}
