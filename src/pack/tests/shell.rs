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

/// What `verify.sh` says of the pack in `path`, and whether it found everything right.
pub(super) fn verify_sh(path: &Path, options: &[&str]) -> (bool, String) {
    let output = Command::new("bash").arg("verify.sh").args(options).current_dir(path).output().unwrap();
    (
        output.status.success(),
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    )
}

pub(super) fn tools_are_there() -> bool {
    let there =
        Command::new("sh").args(["-c", "command -v bash && command -v openssl"]).output().unwrap().status.success();
    if !there {
        eprintln!("skipped, bash or openssl is not installed");
    }
    there
}

#[test]
fn verify_sh_finds_a_good_pack_good_and_says_what_it_did_not_see() {
    if !tools_are_there() {
        return;
    }
    let (_folder, path) = pack(Form::Folder);
    let (right, said) = verify_sh(&path, &[]);
    assert!(right, "{said}");
    for words in [
        "9 entries give the root",
        "6 of 6 documents",
        "the key signed MANIFEST.json",
        "not said whose key",
        "not said when things happened",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let key = super::fixture::key().verifier().to_string();
    let (right, said) = verify_sh(&path, &["--key", &key]);
    assert!(right && said.contains("the key is the one you gave"), "{said}");
    let (right, said) = verify_sh(&path, &["--key", "acme.example/evidence+00000000+AAAA"]);
    assert!(!right && said.contains("not the one you gave"), "{said}");
}

/// It needs nothing but what it says: a PATH with bash, openssl and coreutils alone is enough.
#[test]
fn verify_sh_needs_only_bash_openssl_and_coreutils() {
    if !tools_are_there() {
        return;
    }
    let (folder, path) = pack(Form::Folder);
    let tools = folder.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    for tool in ["bash", "openssl", "sha256sum", "base64", "cut", "tail", "tr", "od", "mktemp", "rm", "realpath"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        std::os::unix::fs::symlink(found.trim(), tools.join(tool)).unwrap();
    }
    let output =
        Command::new(tools.join("bash")).arg("verify.sh").env("PATH", &tools).current_dir(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn verify_sh_finds_what_was_altered_also_by_whoever_holds_the_digest_list() {
    if !tools_are_there() {
        return;
    }
    let resum = |path: &Path| {
        // whoever alters a file can make the list anew; the signature is what they cannot make
        bash(
            path,
            "find . -type f ! -name SHA256SUMS | sed 's|^\\./||' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS",
        );
    };
    let alter = |path: &Path, name: &str, from: &str, to: &str| {
        let file = path.join(name);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        std::fs::write(file, text.replacen(from, to, 1)).unwrap();
    };
    let hr = "evidence/hr/2026-02-01/20260201T000000Z-hr-1";
    let cases: &[(&str, &str, &str, &str)] = &[
        (&format!("{hr}/tables/hr_person.csv"), "Ada", "Eva", "hr_person.csv"),
        (&format!("{hr}/manifest.json"), "single document", "all documents!!", "manifest.json"),
        ("log/entries.jsonl", "missed", "passed", "does not give the root"),
        ("log/openings/1.txt", "nonce ", "nonce 0", "log/openings/1.txt"),
        ("log/proofs/1.tlog-proof", "index 1", "index 2", "does not lead to the root"),
        ("log/checkpoint", "\n9\n", "\n8\n", "log/checkpoint is not signed"),
        ("MANIFEST.json", "Acme", "Emca", "not the one the key signed"),
        ("MANIFEST.json.sig", "size ", "size 1", "not a signature of the key"),
        ("log/log-key.pem", "MC", "MD", "log/log-key.pem is not the key"),
    ];
    for (name, from, to, words) in cases {
        let (_folder, path) = pack(Form::Folder);
        alter(&path, name, from, to);
        let (right, said) = verify_sh(&path, &[]);
        assert!(!right && said.contains("NOT VERIFIED"), "{name}: {said}");
        resum(&path);
        let (right, said) = verify_sh(&path, &[]);
        assert!(!right && said.contains(words), "{name}, listed anew: {said}");
    }
    let (_folder, path) = pack(Form::Folder);
    std::fs::write(path.join("evidence/extra.txt"), "x").unwrap();
    assert!(verify_sh(&path, &[]).1.contains("evidence/extra.txt was added"));
    std::fs::remove_file(path.join("evidence/extra.txt")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", path.join("link")).unwrap();
    assert!(verify_sh(&path, &[]).1.contains("link is a link"));
    std::fs::remove_file(path.join("link")).unwrap();
    std::fs::remove_file(path.join("log/proofs/3.tlog-proof")).unwrap();
    assert!(!verify_sh(&path, &[]).0);
}
