//! Verifies a pack of either form, whoever wrote it, from its bytes alone.
//!
//! Damage is reported, never an error, and never ends the examination early unless nothing is left to examine.

mod anchors;
mod container;
mod documents;
mod findings;
mod history;
mod log;
mod policy;
mod previous;
mod published;
mod report;
mod rotations;
mod witnesses;

pub use policy::{Policy, TimestampRule, WitnessRule};
pub use report::{Problem, VerifyOptions, VerifyReport};

use crate::error::VerifyError;
use crate::layout;
use crate::manifest::{self, MANIFEST, PackManifest, SIGNATURE, SUMS};
use crate::names::is_safe_path;
use container::{Container, Seen, fold};
use findings::Findings;
use ledger::VerifierKey;
use std::collections::BTreeSet;
use std::path::Path;

/// Largest `MANIFEST.json`.
const MAX_MANIFEST: u64 = 80 * 1024 * 1024;
/// Largest key or signature file.
const MAX_SMALL: u64 = 1024 * 1024;

/// Examines what is at `path`: a pack, a store, or the published log of one. It writes nothing, opens no connection, follows
/// no link and ends on any bytes.
pub fn verify(path: &Path, options: &VerifyOptions) -> Result<VerifyReport, VerifyError> {
    if let Some(log) = published::find(path) {
        return published::verify(&log, options);
    }
    let mut findings = Findings::default();
    let Some(container) = Container::open(path, &mut findings.problems)? else {
        findings.doubt("anything: the archive could not be read");
        return Ok(findings.report());
    };
    if container.number(MANIFEST).is_none() {
        let marks = [SUMS, layout::CHECKPOINT, layout::ENTRIES];
        if !marks.iter().any(|mark| container.seen(mark).is_some()) {
            return Err(VerifyError::NotAPack(path.to_owned()));
        }
        findings.problem(MANIFEST, "it is missing");
    }
    let mut examination = Examination { container, findings };
    let manifest = examination.manifest(options);
    if let Some((manifest, _)) = manifest.as_ref().filter(|(manifest, _)| {
        let schema = if manifest.redaction.is_some() { PackManifest::REDACTED } else { PackManifest::SCHEMA };
        manifest.schema != schema
    }) {
        return Err(VerifyError::Newer { path: path.to_owned(), schema: manifest.schema.chars().take(200).collect() });
    }
    if let Some((mut manifest, key)) = manifest {
        examination.files(&manifest);
        manifest.files = Vec::new();
        let log = examination.log(&manifest, &key, options)?;
        examination.documents(&manifest, &log);
    }
    limits(options, &mut examination.findings);
    examination.findings.doubt(
        "the summaries (README, report, scope, index, requests, coverage, exceptions, changes, controls, populations, findings.csv, findings.json) and evidence.sqlite: they are signed by the key but derived by the program that made the pack; the sealed documents count",
    );
    Ok(examination.findings.report())
}

struct Examination {
    container: Container,
    findings: Findings,
}

impl Examination {
    fn problem(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.findings.problem(path, problem);
    }

    /// A file that must be there, or a problem that says so; damage to it has been reported already.
    fn read(&mut self, path: &str, limit: u64) -> Option<Vec<u8>> {
        match self.container.read(path, limit) {
            Ok(bytes) => Some(bytes),
            Err(problem) => {
                if !self.container.is_broken(path) {
                    self.problem(path, problem);
                }
                None
            }
        }
    }

    /// The manifest and the key that signed it. Its content is used only if the signature holds.
    fn manifest(&mut self, options: &VerifyOptions) -> Option<(PackManifest, VerifierKey)> {
        let bytes = self.container.read(MANIFEST, MAX_MANIFEST).ok();
        let key = self.key(options);
        let bytes = bytes?;
        let key = key?;
        let signature = self.read(SIGNATURE, MAX_SMALL)?;
        if let Err(problem) = manifest::verify(&bytes, &signature, &key) {
            // which of the two was altered shows in the digest list, where that is whole
            if !self.compare_with_sums() {
                self.problem(SIGNATURE, format!("it is not the log key's signature of {MANIFEST}: {problem}"));
            }
            return None;
        }
        match serde_json::from_slice::<PackManifest>(&bytes) {
            Ok(manifest) => Some((manifest, key)),
            Err(error) => {
                // signed, and not of this form: only a program with another form can have signed it
                self.problem(MANIFEST, format!("it cannot be read: {error}"));
                None
            }
        }
    }

    fn key(&mut self, options: &VerifyOptions) -> Option<VerifierKey> {
        let text = self.read(layout::LOG_KEY, MAX_SMALL)?;
        let parsed = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| text.strip_suffix('\n'))
            .ok_or_else(|| "it is not a line of text".to_owned())
            .and_then(|text| text.parse::<VerifierKey>().map_err(|error| error.to_string()));
        match parsed {
            // whether it is the expected one, or one that came after it, the log says
            Ok(key) => Some(key),
            Err(problem) => {
                self.problem(layout::LOG_KEY, problem);
                options.expected_key.clone()
            }
        }
    }

    /// Without a manifest to trust, the digest list can still name what does not fit it. It is signed by nobody.
    fn compare_with_sums(&mut self) -> bool {
        let sums = self.container.read(SUMS, MAX_MANIFEST).unwrap_or_default();
        let mut found = false;
        for line in String::from_utf8_lossy(&sums).lines() {
            let Some((digest, path)) = line.split_once("  ") else { continue };
            if self.container.seen(path).is_some_and(|seen| seen.sha256.to_string() != digest) {
                found |= path == MANIFEST || path == SIGNATURE;
                self.problem(path, "its digest is not the one in SHA256SUMS");
            }
        }
        found
    }

    /// Every file has the digest the manifest gives it, and there is no other.
    fn files(&mut self, manifest: &PackManifest) {
        let mut expected = vec![false; self.container.len()];
        let mut names = BTreeSet::from([MANIFEST, SIGNATURE, SUMS].map(fold));
        let mut intact = 0_u64;
        for path in [MANIFEST, SIGNATURE, SUMS] {
            if let Some(number) = self.container.number(path) {
                expected[number] = true;
            }
        }
        for file in &manifest.files {
            if !is_safe_path(&file.path) || !names.insert(fold(&file.path)) {
                self.problem(MANIFEST, format!("it lists a name that no pack holds, or twice: `{}`", file.path));
                continue;
            }
            if let Some(number) = self.container.number(&file.path) {
                expected[number] = true;
            }
            match self.container.seen(&file.path) {
                Some(seen) if seen == (Seen { size: file.size, sha256: file.sha256 }) => intact += 1,
                Some(seen) => {
                    let problem = format!("its digest is {}, the signed manifest says {}", seen.sha256, file.sha256);
                    self.problem(&file.path, problem);
                }
                None if self.container.is_broken(&file.path) => {}
                None => self.problem(&file.path, "it is missing"),
            }
        }
        drop(names);
        let Self { container, findings } = self;
        for (number, path, _) in container.files() {
            if !expected[number] {
                findings.problem(path, "it is not part of the pack: somebody added it");
            }
        }
        self.sums(manifest);
        self.findings.prove(format!(
            "all {intact} files are those the log's key signed in MANIFEST.json at {}; none was changed, removed or added",
            model::time::seconds_text(manifest.created_at)
        ));
    }

    fn sums(&mut self, manifest: &PackManifest) {
        let digest = |path| self.container.seen(path).map(|seen| seen.sha256);
        let (Some(manifest_sha256), Some(signature_sha256)) = (digest(MANIFEST), digest(SIGNATURE)) else { return };
        let Some(found) = self.read(SUMS, MAX_MANIFEST) else { return };
        if found != manifest::sums(manifest, manifest_sha256, signature_sha256).as_bytes() {
            self.problem(SUMS, "it is not the list of the files in the signed manifest");
        }
    }
}

/// What no log proves, and what this one does not for want of something.
fn limits(options: &VerifyOptions, findings: &mut Findings) {
    if options.expected_key.is_none() {
        findings.doubt("that the key belongs to the organisation: get it by another channel and give it with --key");
    }
    if options.pinned_checkpoint.is_none() && options.policy.as_ref().is_none_or(|policy| policy.witnesses.is_none()) {
        findings.doubt(
            "that no second history was prepared beside this one: compare with a checkpoint you kept (--checkpoint), or ask for witnesses (--policy)",
        );
    }
    findings.doubt("that the sources told the truth, or that the collecting machine was honest at that moment");
}
