//! Where things are in a pack, and what they are called.

use crate::names::segment;
use model::{ExchangeRecord, Timestamp};

pub(crate) const README_TEXT: &str = "00_README.txt";
pub(crate) const README_HTML: &str = "00_README.html";
pub(crate) const SCOPE: &str = "01_SCOPE.json";
pub(crate) const INDEX_CSV: &str = "02_EVIDENCE_INDEX.csv";
pub(crate) const INDEX_JSON: &str = "02_EVIDENCE_INDEX.json";
pub(crate) const INDEX_XLSX: &str = "02_EVIDENCE_INDEX.xlsx";
pub(crate) const REQUESTS: &str = "03_REQUESTS.csv";
pub(crate) const COVERAGE: &str = "04_COVERAGE.csv";
pub(crate) const EXCEPTIONS: &str = "05_EXCEPTIONS.csv";
pub(crate) const CHANGES: &str = "06_CHECK_CHANGES.csv";
pub(crate) const REPORT_HTML: &str = "report.html";
pub(crate) const REPORT_PDF: &str = "report.pdf";
pub(crate) const VERIFY_SH: &str = "verify.sh";
pub(crate) const DATABASE: &str = "evidence.sqlite";
pub(crate) const FINDINGS_CSV: &str = "findings/findings.csv";
pub(crate) const FINDINGS_JSON: &str = "findings/findings.json";
pub(crate) const CHECKPOINT: &str = "log/checkpoint";
pub(crate) const ENTRIES: &str = "log/entries.jsonl";
/// The pack exported before this one, and the growth of the log from there.
pub(crate) const PREVIOUS: &str = "log/previous/pack.json";
pub(crate) const PREVIOUS_GROWTH: &str = "log/previous/consistency";
pub(crate) const LOG_KEY: &str = "log/log-key.vkey";
pub(crate) const LOG_KEY_PEM: &str = "log/log-key.pem";

/// Files of a table: its lines, and the sheet that shows them.
#[cfg(feature = "write")]
pub(crate) const FILES_OF_TABLE: usize = 2;
/// Sealed lines of a table, and lines with fields hidden.
pub(crate) const LINES_SUFFIX: &str = ".jsonl";
pub(crate) const REDACTED_SUFFIX: &str = ".redacted.jsonl";

pub(crate) fn opening(index: u64) -> String {
    format!("log/openings/{index}.txt")
}

/// Folder of the checkpoints that show how the log's key changed.
pub(crate) const ROTATIONS: &str = "log/rotation/";

/// The first checkpoint with both signatures after the entry at `index` changed the log's key.
pub(crate) fn rotation(index: u64) -> String {
    format!("{ROTATIONS}{index}")
}

pub(crate) fn proof(index: u64) -> String {
    format!("log/proofs/{index}.tlog-proof")
}

/// The stamped checkpoint of a log of `size` entries; `ledger::timestamp` says what lies beside it.
pub(crate) fn stamped(size: u64) -> String {
    format!("log/anchors/{size}/checkpoint")
}

/// An authority's answer about it.
pub(crate) fn stamp(size: u64, authority: &str) -> String {
    format!("log/anchors/{size}/{authority}.tsr")
}

/// The growth from it to the pack's checkpoint.
pub(crate) fn stamp_growth(size: u64) -> String {
    format!("log/anchors/{size}/consistency")
}

/// The roots of an authority.
pub(crate) fn authority_roots(authority: &str) -> String {
    format!("log/anchors/roots/{authority}.pem")
}

pub(crate) fn check(name: &str) -> String {
    format!("checks/{}.sql", segment(name))
}

pub(crate) fn original_check(name: &str) -> String {
    format!("checks/original/{}.sql", segment(name))
}

/// The page of one control.
pub(crate) fn control(framework: &str, control: &str) -> String {
    format!("controls/{}/{}/index.html", segment(framework), segment(control))
}

pub(crate) fn exception_event(index: u64) -> String {
    format!("documents/exception/{index}.json")
}

pub(crate) fn finding_event(index: u64) -> String {
    format!("findings/events/{index}.json")
}

pub(crate) fn controls(framework: &str) -> String {
    format!("controls/{}.csv", segment(framework))
}

/// Folder of a snapshot, before it is made unique.
pub(crate) fn snapshot(source: &str, started_at: Timestamp, id: &str) -> String {
    format!("evidence/{}/{}/{}", segment(source), started_at.strftime("%Y-%m-%d"), segment(id))
}

pub(crate) fn evaluation(check: &str, as_of: Timestamp, index: u64) -> String {
    format!("evaluations/{}/{}-{index}.json", segment(check), as_of.strftime("%Y%m%dT%H%M%SZ"))
}

/// What the name of an exchange's file begins with; no other file of the snapshot does.
pub(crate) fn exchange_prefix(seq: u32) -> String {
    format!("{seq:04}-")
}

/// `0001-iam-ListUsers.xml.txt`. Only JSON keeps an extension that programs act on: a spreadsheet would run formulas in a
/// raw CSV file, and a browser scripts in raw HTML or XML.
pub(crate) fn exchange(record: &ExchangeRecord, body: &[u8]) -> String {
    let kind = record.headers.get("content-type").map(|kind| kind.to_ascii_lowercase()).unwrap_or_default();
    let text = std::str::from_utf8(body).is_ok();
    let extension = if text && kind.contains("json") {
        "json"
    } else if text && kind.contains("html") {
        "html.txt"
    } else if text && kind.contains("xml") {
        "xml.txt"
    } else if text && kind.contains("csv") {
        "csv.txt"
    } else if text {
        "txt"
    } else {
        "bin"
    };
    format!("{}{}.{extension}", exchange_prefix(record.seq), segment(&record.operation))
}

/// Extension for a document of a kind without a place of its own.
pub(crate) fn extension(media_type: &str) -> &'static str {
    if media_type.ends_with("json") {
        "json"
    } else if media_type.contains("jsonl") || media_type.contains("ndjson") {
        "jsonl"
    } else {
        // of files that people add; it only says how to open them
        match media_type {
            "application/pdf" => "pdf",
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "text/csv" => "csv",
            "text/markdown" => "md",
            "message/rfc822" => "eml",
            "application/zip" => "zip",
            "application/octet-stream" => "bin",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
            "application/vnd.oasis.opendocument.text" => "odt",
            _ => "txt",
        }
    }
}
