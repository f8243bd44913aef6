//! A workbook of one sheet (Office Open XML, ECMA-376) whose cells are text or whole numbers and nothing else.
//!
//! Text is an inline string, which no spreadsheet evaluates; there is no formula, link, macro or external part in it. The
//! header is frozen and filtered. The same rows give the same bytes.

use crate::archive::ArchiveWriter;
use std::fmt::Write as _;
use std::io;

/// Longest text of a cell (Excel's limit), in UTF-16 units.
const MAX_TEXT: usize = 32_767;
/// Most rows of a sheet, with the header.
const MAX_ROWS: usize = 1_048_576;

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#;
const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK_RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
/// Style 0: text from the top, wrapped; style 1: the header; style 2: a whole number.
const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="2"><font><sz val="10"/><name val="Calibri"/></font><font><b/><sz val="10"/><name val="Calibri"/></font></fonts><fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"><fgColor rgb="FFE4E9F0"/></patternFill></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3"><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf><xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyFont="1" applyFill="1" applyAlignment="1"><alignment vertical="center" wrapText="1"/></xf><xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top"/></xf></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"#;

/// A column: its header and its width in characters.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) width: u32,
    /// Whether its cells are whole numbers where they read as such.
    pub(crate) number: bool,
}

/// The workbook of `rows`, on a sheet called `name` (plain letters, at most 31).
pub(crate) fn workbook(name: &str, columns: &[Column], rows: &[Vec<String>]) -> io::Result<Vec<u8>> {
    if rows.len() >= MAX_ROWS {
        return Err(io::Error::other(format!("{} rows do not fit into a spreadsheet", rows.len())));
    }
    let last = format!("{}{}", letters(columns.len().saturating_sub(1)), rows.len() + 1);
    let book = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"{name}\" sheetId=\"1\" r:id=\"rId1\"/></sheets><definedNames><definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"0\" hidden=\"1\">{name}!$A$1:${}${}</definedName></definedNames></workbook>",
        letters(columns.len().saturating_sub(1)),
        rows.len() + 1
    );
    let sheet = sheet(columns, rows, &last);
    let mut archive = ArchiveWriter::new(Vec::new());
    for (path, part) in [
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELATIONS),
        ("xl/workbook.xml", &book),
        ("xl/_rels/workbook.xml.rels", BOOK_RELATIONS),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", &sheet),
    ] {
        archive.add(path, part.len() as u64, &mut part.as_bytes())?;
    }
    archive.finish()
}

fn sheet(columns: &[Column], rows: &[Vec<String>], last: &str) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><dimension ref=\"A1:{last}\"/><sheetViews><sheetView tabSelected=\"1\" workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><cols>"
    );
    for (number, column) in (1..).zip(columns) {
        // writing to a String cannot fail
        let _ = write!(xml, "<col min=\"{number}\" max=\"{number}\" width=\"{}\" customWidth=\"1\"/>", column.width);
    }
    xml.push_str("</cols><sheetData><row r=\"1\" ht=\"30\" customHeight=\"1\">");
    for (at, column) in columns.iter().enumerate() {
        text(&mut xml, &format!("{}1", letters(at)), 1, column.title);
    }
    xml.push_str("</row>");
    for (number, row) in (2..).zip(rows) {
        let _ = write!(xml, "<row r=\"{number}\">");
        for (at, (cell, column)) in row.iter().zip(columns).enumerate() {
            let place = format!("{}{number}", letters(at));
            if column.number && is_whole(cell) {
                let _ = write!(xml, "<c r=\"{place}\" s=\"2\"><v>{cell}</v></c>");
            } else if !cell.is_empty() {
                text(&mut xml, &place, 0, cell);
            }
        }
        xml.push_str("</row>");
    }
    let _ = write!(xml, "</sheetData><autoFilter ref=\"A1:{last}\"/></worksheet>");
    xml
}

/// A whole number that every spreadsheet holds exactly.
fn is_whole(cell: &str) -> bool {
    (1..=15).contains(&cell.len())
        && cell.bytes().all(|byte| byte.is_ascii_digit())
        && (cell == "0" || !cell.starts_with('0'))
}

fn text(xml: &mut String, place: &str, style: u8, value: &str) {
    let _ = write!(xml, "<c r=\"{place}\" s=\"{style}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
    let cut = "… (cut: the JSON index holds the whole)";
    let room = MAX_TEXT - cut.len();
    let whole = value.encode_utf16().count() <= MAX_TEXT;
    let mut units = 0;
    for c in value.chars() {
        units += c.len_utf16();
        if !whole && units > room {
            xml.push_str(cut);
            break;
        }
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\t' | '\n' => xml.push(c),
            '\r' => xml.push_str("&#13;"),
            // what XML cannot hold is shown, not dropped
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
    xml.push_str("</t></is></c>");
}

/// `A`, `B` … `Z`, `AA` …
fn letters(mut column: usize) -> String {
    let mut name = Vec::new();
    loop {
        name.push(b'A' + u8::try_from(column % 26).unwrap_or(0));
        column /= 26;
        if column == 0 {
            break;
        }
        column -= 1;
    }
    name.iter().rev().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const COLUMNS: [Column; 2] =
        [Column { title: "name", width: 20, number: false }, Column { title: "count", width: 8, number: true }];

    fn part(book: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn nothing_in_it_is_a_formula_and_everything_is_escaped() {
        let rows: Vec<Vec<String>> = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "<&>\u{1}", "Łukasz 李"]
            .iter()
            .map(|text| vec![(*text).to_owned(), "12".to_owned()])
            .collect();
        let book = workbook("Evidence", &COLUMNS, &rows).unwrap();
        let sheet = part(&book, "xl/worksheets/sheet1.xml");
        assert!(!sheet.contains("<f>") && !sheet.contains("<f "), "{sheet}");
        assert_eq!(sheet.matches("t=\"inlineStr\"").count(), 2 + rows.len());
        assert!(
            sheet.contains("<c r=\"A2\" s=\"0\" t=\"inlineStr\"><is><t xml:space=\"preserve\">=1+1</t>"),
            "{sheet}"
        );
        assert!(sheet.contains("&lt;&amp;&gt;\u{fffd}") && sheet.contains("Łukasz 李"), "{sheet}");
        assert!(sheet.contains("<c r=\"B2\" s=\"2\"><v>12</v></c>"), "{sheet}");
        assert!(sheet.contains("state=\"frozen\"") && sheet.contains("<autoFilter ref=\"A1:B9\"/>"), "{sheet}");
        assert_eq!(book, workbook("Evidence", &COLUMNS, &rows).unwrap(), "the same rows give the same bytes");
    }

    #[test]
    fn a_cell_too_long_says_that_it_was_cut() {
        let book = workbook("Evidence", &COLUMNS, &[vec!["é".repeat(40_000), String::new()]]).unwrap();
        let sheet = part(&book, "xl/worksheets/sheet1.xml");
        assert!(sheet.contains("(cut: the JSON index holds the whole)"));
        assert!(sheet.matches('é').count() < MAX_TEXT);
    }

    #[test]
    fn columns_are_lettered_as_spreadsheets_do() {
        let names: Vec<String> = [0, 25, 26, 51, 52, 701, 702].into_iter().map(letters).collect();
        assert_eq!(names, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }
}
