//! OpenSSH's server on loopback, with a host key, a configuration and a login key of the test's own, for the user that
//! runs the test.

use crate::peers::PATIENCE;
use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Sshd {
    folder: tempfile::TempDir,
    server: Child,
    pub(crate) port: u16,
}

/// What a command prints, without its last line end.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A new key pair at `place`; its public half.
pub(crate) fn key_pair(place: &Path) -> String {
    said("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", place.to_str().unwrap()]);
    std::fs::read_to_string(place.with_extension("pub")).unwrap()
}

impl Sshd {
    /// Starts a server with `more` lines of configuration.
    pub(crate) fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        key_pair(&folder.path().join("host"));
        std::fs::write(folder.path().join("authorized_keys"), key_pair(&folder.path().join("login"))).unwrap();
        if said("id", &["-u"]) == "0" {
            // where root's server puts the half of itself that has no rights
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.path().join("sshd_config");
        std::fs::write(&config, configuration(folder.path(), port, more)).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("sshd: {error}: run tests/peers/install"));
        let mut sshd = Self { folder, server, port };
        assert!(sshd.greets(), "{}", std::fs::read_to_string(sshd.path("log")).unwrap());
        sshd.know_itself();
        sshd
    }

    /// Whether it greets; no, when it ended.
    fn greets(&mut self) -> bool {
        let started = Instant::now();
        while self.server.try_wait().unwrap().is_none() {
            let mut greeting = [0; 7];
            if TcpStream::connect(("127.0.0.1", self.port))
                .is_ok_and(|mut stream| stream.read_exact(&mut greeting).is_ok())
                && &greeting == b"SSH-2.0"
            {
                return true;
            }
            assert!(started.elapsed() < PATIENCE, "sshd does not greet");
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// A file of its own: `login` is the key that is let in, `known_hosts` what the other side knows.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn public(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name).with_extension("pub")).unwrap()
    }

    /// Writes known_hosts as if this server had `key`.
    pub(crate) fn know(&self, key: &str) {
        std::fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
    }

    /// Writes known_hosts as it should be.
    pub(crate) fn know_itself(&self) {
        self.know(&self.public("host"));
    }

    /// A program of the test below its folder.
    pub(crate) fn script(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

fn configuration(folder: &Path, port: u16, more: &str) -> String {
    let folder = folder.display();
    let mut text = String::new();
    for line in [
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".to_owned(),
        format!("HostKey {folder}/host"),
        format!("AuthorizedKeysFile {folder}/authorized_keys"),
        "PidFile none".to_owned(),
        "StrictModes no".to_owned(),
        "UsePAM no".to_owned(),
        "PasswordAuthentication no".to_owned(),
        "KbdInteractiveAuthentication no".to_owned(),
        "PermitRootLogin prohibit-password".to_owned(),
        "PermitUserRC no".to_owned(),
        format!("SetEnv PATH={folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        more.replace("FOLDER", &folder.to_string()),
    ] {
        writeln!(text, "{line}").unwrap();
    }
    text
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
