//! Other people's verifiers of transparency logs: Go's `sumdb/note` and `sumdb/tlog`, `aics-tlog`, and bash with openssl
//! and coreutils. Each prints what it checked, or why it does not hold.

use super::{folder, installed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a judge says: what it checked, or what does not hold.
pub(crate) type Judgement = Result<String, String>;

/// A judge, which takes arguments.
pub(crate) type Judge = fn(&[&str]) -> Judgement;

/// Go's packages, copied out of the toolchain and built with it, without a network.
pub(crate) fn go(arguments: &[&str]) -> Judgement {
    static JUDGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, judge) = JUDGE.get_or_init(|| {
        let module = tempfile::tempdir().unwrap();
        let root = installed("go/go");
        for package in ["note", "tlog"] {
            let from = root.join("src/cmd/vendor/golang.org/x/mod/sumdb").join(package);
            fs::create_dir(module.path().join(package)).unwrap();
            for file in fs::read_dir(from).expect("run tests/peers/install") {
                let file = file.unwrap();
                fs::copy(file.path(), module.path().join(package).join(file.file_name())).unwrap();
            }
        }
        fs::copy(folder().join("tlog/judge.go"), module.path().join("judge.go")).unwrap();
        fs::write(module.path().join("go.mod"), "module judge\n\ngo 1.27\n").unwrap();
        let judge = module.path().join("judge");
        let built = said(
            Command::new(root.join("bin/go"))
                .args(["build", "-o"])
                .arg(&judge)
                .current_dir(module.path())
                .env("GOROOT", &root)
                .env("GOCACHE", installed("go/cache"))
                .env("GOPATH", module.path().join("path"))
                .env("GOENV", "off")
                .env("GOFLAGS", "-mod=mod")
                .env("GOPROXY", "off")
                .env("GOTOOLCHAIN", "local")
                .env("CGO_ENABLED", "0"),
        );
        built.unwrap_or_else(|problem| panic!("{problem}"));
        (module, judge)
    });
    said(Command::new(judge).args(arguments))
}

/// `aics-tlog`; none where there was no Python new enough to install it into.
pub(crate) fn python() -> Option<Judge> {
    let judge: Judge = |arguments| {
        said(Command::new(installed("witness/bin/python")).arg(folder().join("tlog/judge.py")).args(arguments))
    };
    installed("witness/witness.txt").exists().then_some(judge)
}

/// Bash, openssl and coreutils, over an unpacked pack.
pub(crate) fn shell(pack: &Path) -> Judgement {
    said(Command::new(folder().join("tlog/judge.sh")).arg(pack).env("LC_ALL", "C"))
}

fn said(command: &mut Command) -> Judgement {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/peers/install"));
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }
}
