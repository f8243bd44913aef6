//! A running daemon lends its store to commands that write, takes it back, and goes on keeping schedules.

use crate::support::Audit;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

const ROSTER: &str = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\nschedule = \"manual\"\n\
                      columns = { employee_id = \"ID\", name = \"Name\" }\n";

pub(crate) struct Daemon {
    pub(crate) child: Child,
    log: std::io::Lines<BufReader<ChildStderr>>,
}

impl Daemon {
    pub(crate) fn start(audit: &Audit) -> Self {
        let mut child = audit.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut daemon = Self { child, log };
        daemon.says("keeping schedules");
        daemon
    }

    /// Waits until it logs `what`.
    pub(crate) fn says(&mut self, what: &str) {
        assert!(self.log.any(|line| line.unwrap().contains(what)), "the daemon ended before it said: {what}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Has it read a changed configuration, which it seals by itself.
    pub(crate) fn writes(&self, audit: &Audit) {
        let before = size(audit);
        audit.add("[checks.parameters]\nleaver_still_active.grace = \"48h\"\n");
        self.signal(Signal::HUP);
        let until = Instant::now() + Duration::from_mins(1);
        while size(audit) == before {
            assert!(Instant::now() < until, "the daemon seals nothing any more");
            std::thread::sleep(Duration::from_millis(100));
        }
        let tail = audit.json(0, &["log", "tail", "-n", "1"]);
        assert_eq!(tail["entries"][0]["entry"]["kind"], "configuration");
    }

    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        // what it still says must not fill the pipe
        self.log.by_ref().for_each(drop);
        assert!(self.child.wait().unwrap().success());
    }
}

fn size(audit: &Audit) -> u64 {
    audit.json(0, &["log", "checkpoint"])["size"].as_u64().unwrap()
}

fn audit(more: &str) -> Audit {
    let audit = Audit::with(&format!("{ROSTER}{more}"));
    audit.write("hr.csv", "ID,Name\nE1,Ada\n");
    audit
}

#[test]
fn a_running_daemon_lends_its_store_to_commands_and_goes_on() {
    let audit = audit("");
    let mut daemon = Daemon::start(&audit);
    for command in [&["collect"][..], &["check"], &["pack", "create", "-o", "out.zip"], &["scrub"]] {
        let outcome = audit.run(command);
        // of a roster of one name, not every check can say something
        assert!(outcome.code == 0 || outcome.code == 3 && command == ["check"], "{command:?}: {outcome:#?}");
    }
    daemon.says("store taken back");
    assert_eq!(audit.run(&["verify", "out.zip"]).code, 0);
    assert_eq!(audit.json(0, &["snapshots", "list"])["snapshots"].as_array().unwrap().len(), 1);
    // two keep no schedules over one store
    let second = audit.run(&["run"]);
    assert_eq!(second.code, 75, "{second:#?}");
    assert!(second.stderr.contains("help:"), "{second:#?}");
    daemon.writes(&audit);
    daemon.stop();
    assert!(!audit.path("evidence/daemon.sock").exists());
    audit.assert_sound();
}

#[test]
fn several_commands_wait_for_each_other() {
    let audit = audit("");
    let daemon = Daemon::start(&audit);
    let spawn = || audit.command(&["collect"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let commands: Vec<Child> = std::iter::repeat_with(spawn).take(4).collect();
    for mut command in commands {
        assert!(command.wait().unwrap().success());
    }
    daemon.writes(&audit);
    daemon.stop();
    assert_eq!(audit.json(0, &["snapshots", "list"])["snapshots"].as_array().unwrap().len(), 4);
    audit.assert_sound();
}

/// An audit with a source that accepts and never answers: whoever collects it has borrowed the store and waits.
fn waiting() -> (Audit, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let audit = audit(&format!(
        "[sources.gh]\ncollector = \"github_org\"\norg = \"acme\"\nschedule = \"manual\"\n\
         api_url = \"http://{}\"\ntoken = {{ env = \"GITHUB_TOKEN\" }}\n",
        silent.local_addr().unwrap()
    ));
    (audit, silent)
}

fn borrow(audit: &Audit, daemon: &mut Daemon) -> Child {
    let mut command = audit.command(&["collect", "gh"]);
    let borrower = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    daemon.says("store lent");
    borrower
}

#[test]
fn a_daemon_that_is_stopped_meanwhile_waits_for_the_command() {
    let (audit, _silent) = waiting();
    let mut daemon = Daemon::start(&audit);
    let mut borrower = borrow(&audit, &mut daemon);
    daemon.signal(Signal::TERM);
    borrower.kill().unwrap();
    borrower.wait().unwrap();
    daemon.log.by_ref().for_each(drop);
    assert!(daemon.child.wait().unwrap().success());
    assert_eq!(audit.run(&["collect", "hr"]).code, 0);
    audit.assert_sound();
}

#[test]
fn a_command_that_is_killed_gives_the_store_back() {
    let (audit, _silent) = waiting();
    let mut daemon = Daemon::start(&audit);
    let mut borrower = borrow(&audit, &mut daemon);
    borrower.kill().unwrap();
    borrower.wait().unwrap();
    daemon.says("store taken back");
    daemon.writes(&audit);
    assert_eq!(audit.run(&["collect", "hr"]).code, 0);
    daemon.stop();
    audit.assert_sound();
}

#[test]
fn a_daemon_that_was_killed_leaves_nothing_that_stops_the_next() {
    let audit = audit("");
    let mut first = Daemon::start(&audit);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(audit.path("evidence/daemon.sock").exists(), "nobody was there to remove it");
    assert_eq!(audit.run(&["collect"]).code, 0);
    audit.assert_sound();
    let mut second = Daemon::start(&audit);
    assert_eq!(audit.run(&["collect"]).code, 0);
    second.says("store taken back");
    second.stop();
}
