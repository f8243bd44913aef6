//! A stranger's tools agree: every command in the README is run as it stands there.

use super::fixture::pack;
use crate::Form;
use std::path::Path;
use std::process::Command;

/// Standard output of a shell script; none where its tools are not installed.
fn bash(folder: &Path, script: &str) -> Option<String> {
    for tool in ["sha256sum", "sqlite3", "openssl", "python3", "unzip"] {
        let there = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success();
        if script.contains(tool) && !there {
            eprintln!("skipped, {tool} is not installed: {script}");
            return None;
        }
    }
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", script]).current_dir(folder).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    Some(out.into_owned())
}

/// Blocks of lines that are all indented by four spaces, and here-documents, which are not.
fn commands(readme: &str) -> Vec<String> {
    let blocks = readme.split("\n\n").map(|block| block.trim_matches('\n'));
    let code = blocks.filter(|block| {
        !block.is_empty() && (block.lines().all(|line| line.starts_with("    ")) || block.contains("<<"))
    });
    code.map(|block| {
        block
            .lines()
            .map(|line| if block.starts_with("    ") { &line[4..] } else { line })
            .collect::<Vec<_>>()
            .join("\n")
    })
    .collect()
}

#[test]
fn every_command_in_the_readme_works_and_shows_what_it_should() {
    let (folder, path) = pack(Form::Folder);
    let scratch = format!("{}/", folder.path().display());
    let readme = std::fs::read_to_string(path.join("00_README.txt")).unwrap();
    let scripts = commands(&readme);
    assert_eq!(scripts.len(), 10, "{scripts:#?}");
    let mut run = 0;
    for script in scripts.iter().filter(|script| !script.starts_with("evidenced")) {
        let Some(out) = bash(&path, &script.replace("/tmp/", &scratch)) else { continue };
        run += 1;
        let lines: Vec<&str> = out.lines().collect();
        let same = |a: &str, b: &str| assert!(a.contains(b) || b.contains(a), "{script}\n{out}");
        if script.contains("--check") || script.contains("diff") {
            assert_eq!(out, "", "{script}");
        } else if script.contains("openssl pkey ") {
            assert_eq!(lines.len(), 2);
            same(lines[0], lines[1]);
        } else if script.contains("openssl") {
            assert!(out.contains("Signature Verified Successfully"), "{script}\n{out}");
            if let [_, stated, found] = &lines[..] {
                same(found, stated);
            }
        } else if script.contains("python3") {
            assert_eq!(lines.len(), 2);
            same(lines[0], lines[1]);
        } else if script.contains("sqlite3") {
            assert_eq!(
                out.replace('\r', ""),
                "subject,verdict,reason,source\n\
                 aws:ada,fail,\"ended at 2026-01-01T00:00:00Z\",hr\n\
                 aws:bob,pass,\"ended at 2026-01-01T00:00:00Z\",hr\n",
                "the rows the evaluation sealed"
            );
        } else {
            // the digest of a document and what names it
            let digest = &lines[0][..64];
            assert_eq!(lines.len(), 2, "{script}\n{out}");
            same(lines[1], digest);
        }
    }
    assert!(run > 0, "no tool of the README is installed");
}

#[test]
fn an_unpacked_archive_is_the_folder() {
    let (folder, path) = pack(Form::Archive);
    let script =
        format!("unzip -q {} -d unpacked && cd unpacked && sha256sum --quiet --check SHA256SUMS", path.display());
    if bash(folder.path(), &script).is_some() {
        let report = super::verdict(&folder.path().join("unpacked"));
        assert_eq!(report.problems, []);
    }
}
