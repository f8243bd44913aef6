//! A PostgreSQL cluster in a folder of the test, over TCP with TLS and passwords. It belongs to a user that is not root, because
//! PostgreSQL runs as no other.

use super::tsa::Issuer;
use std::net::TcpListener;
use std::process::{Command, Stdio};

const POSTGRES: &str = "/usr/lib/postgresql/15/bin";

/// Whether this process can become the cluster's user.
pub(crate) fn may_run() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

pub(crate) struct Postgres {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Postgres {
    /// A cluster that shows `certificate` of `issuer`.
    pub(crate) fn start(issuer: &Issuer, certificate: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder: tempfile::tempdir().unwrap(), port };
        let place = cluster.place();
        for ending in ["pem", "key"] {
            std::fs::copy(issuer.path(&format!("{certificate}.{ending}")), format!("{place}/server.{ending}")).unwrap();
        }
        let done = Command::new("/bin/sh")
            .args(["-c", &format!("chmod 755 {place} && chmod 600 {place}/server.key && chown -R postgres {place}")])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        cluster.run(&format!(
            "{POSTGRES}/initdb -D {place}/pg --auth-local=trust --auth-host=scram-sha-256 --no-sync --encoding=UTF8"
        ));
        cluster.run(&format!(
            "printf '%s\\n' listen_addresses=\\'127.0.0.1\\' port={port} unix_socket_directories=\\'{place}\\' fsync=off ssl=on \
             ssl_cert_file=\\'{place}/server.pem\\' ssl_key_file=\\'{place}/server.key\\' >> {place}/pg/postgresql.conf"
        ));
        cluster.run(&format!(
            "{POSTGRES}/pg_ctl -D {place}/pg -w -l {place}/pg.log start || {{ cat {place}/pg.log >&2; false; }}"
        ));
        cluster
    }

    fn place(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Runs statements as the cluster's owner; what they print.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let script = format!(
            "{POSTGRES}/psql -h {} -p {} -d postgres -X -q -A -t -v ON_ERROR_STOP=1 <<'END'\n{statements}\nEND",
            self.place(),
            self.port
        );
        self.run(&script)
    }

    fn run(&self, script: &str) -> String {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "/bin/sh", "-c", script]);
        command.env("TZ", "UTC").stdin(Stdio::null()).current_dir(self.folder.path());
        let done = command.output().unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run(&format!("{POSTGRES}/pg_ctl -D {}/pg -w -m immediate stop || true", self.place()));
    }
}
