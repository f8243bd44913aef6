//! Programs: only those named, as they are, and over when the run is.

use super::live;
use super::recorded;
use crate::{Egress, Policy, Program, RUN_VARIABLE, Ran};
use model::CollectError;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const RUN: &str = "run";

fn policy(programs: &[&str]) -> Policy {
    Policy {
        operations: vec![RUN.to_owned()],
        programs: programs.iter().map(PathBuf::from).collect(),
        request_timeout: Duration::from_secs(20),
        ..Policy::default()
    }
}

fn program(path: &str, arguments: &[&str]) -> Program {
    let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
    Program { path: path.into(), arguments, ..Program::default() }
}

/// A shell script as the program.
fn shell(script: &str) -> Program {
    program("/bin/sh", &["-c", script])
}

async fn run(policy: Policy, program: &Program) -> (Result<Ran, CollectError>, Egress) {
    let egress = live(policy);
    (egress.run(RUN, program).await, egress)
}

fn text(ran: &Ran) -> &str {
    std::str::from_utf8(&ran.stdout).unwrap()
}

/// The number of a process that a program wrote to `file`.
fn process_of(file: &Path) -> Option<String> {
    let process = std::fs::read_to_string(file).ok()?.trim().to_owned();
    (!process.is_empty()).then_some(process)
}

/// Whether a process runs: one that ended and nobody has looked after yet does not.
fn lives(process: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

fn assert_gone(file: &Path) {
    let process = process_of(file).expect("it was started");
    let started = Instant::now();
    while lives(&process) {
        assert!(started.elapsed() < Duration::from_secs(5), "process {process} outlives the run");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_run_is_an_exchange_and_replays() {
    let mut echo = shell("echo \"$GREETING in $PWD\"; echo first >&2; echo second >&2; exit 3");
    echo.environment.insert("GREETING".to_owned(), "hello".to_owned());
    echo.folder = Some("/usr".into());
    let (ran, egress) = run(policy(&["/bin/sh"]), &echo).await;
    let ran = ran.unwrap();
    assert_eq!((ran.exit_code, text(&ran), ran.stderr.as_str()), (3, "hello in /usr\n", "first\nsecond\n"));
    let error = ran.clone().success(RUN).unwrap_err();
    assert_eq!(error.to_string(), "run failed: exit code 3: second");

    let recorded = recorded(&egress);
    let record = &recorded[0].record;
    assert_eq!((record.method.as_str(), record.url.as_str()), ("EXEC", "exec:///bin/sh"));
    assert_eq!((record.status, record.bytes), (Some(3), 14));
    let sent: serde_json::Value = serde_json::from_str(record.request_body.as_deref().unwrap()).unwrap();
    assert_eq!(sent["arguments"], serde_json::json!(["-c", echo.arguments[1]]));
    assert_eq!((&sent["environment"]["GREETING"], &sent["folder"]), (&"hello".into(), &"/usr".into()));

    let replay = Egress::replay(recorded);
    assert_eq!(replay.run(RUN, &echo).await.unwrap(), ran);
    let other = replay.run(RUN, &shell("echo other")).await.unwrap_err();
    assert!(other.to_string().contains("not in the recording"), "{other}");
}

#[tokio::test]
async fn metacharacters_mean_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let trap = folder.path().join("trap");
    let touch = format!("$(touch {0}) `touch {0}` ; touch {0} | > {0} && * ~ $HOME", trap.display());
    let arguments = ["%s|", &touch, "a  b", "'", "\"", "\\", "*", "~", "$HOME", "-n\n;"];
    let (ran, _) = run(policy(&["/usr/bin/printf"]), &program("/usr/bin/printf", &arguments)).await;
    let expected = arguments[1..].join("|") + "|";
    assert_eq!(text(&ran.unwrap()), expected);
    assert!(!trap.exists());
}

#[tokio::test]
async fn the_environment_is_what_is_given_and_standard_input_is_empty() {
    assert!(std::env::vars().any(|(name, _)| name == "PATH"), "the test has an environment to leak");
    let mut env = program("/usr/bin/env", &[]);
    env.environment.insert("LANG".to_owned(), "C".to_owned());
    env.secrets.insert("TOKEN".to_owned(), "canary-of-the-program".to_owned().into());
    let (ran, egress) = run(policy(&["/usr/bin/env"]), &env).await;
    let ran = ran.unwrap();
    let mut names: Vec<&str> = text(&ran).lines().map(|line| line.split('=').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, [RUN_VARIABLE, "LANG", "TOKEN"]);
    assert!(!format!("{:?} {ran:?}", recorded(&egress)).contains("canary"), "{ran:?}");
    assert_eq!(egress.redactions().len(), 1);

    let mut told = shell("echo \"$TOKEN\" >&2; exit ${#TOKEN}");
    told.secrets = env.secrets.clone();
    let (ran, egress) = run(policy(&["/bin/sh"]), &told).await;
    assert_eq!(ran.unwrap().exit_code, 21, "the program has the secret");
    assert!(!format!("{:?}", recorded(&egress)).contains("canary"), "and the recording has it nowhere");
    // secrets are not there in replay
    let replayed = Egress::replay(recorded(&egress)).run(RUN, &Program { secrets: [].into(), ..told }).await;
    assert_eq!(replayed.unwrap().exit_code, 21);

    let (ran, _) = run(policy(&["/bin/cat"]), &program("/bin/cat", &[])).await;
    assert_eq!(text(&ran.unwrap()), "");
}

#[tokio::test]
async fn a_program_that_is_not_named_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("sh");
    std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
    for path in ["/bin/echo", "/bin/../bin/sh", link.to_str().unwrap()] {
        let (ran, egress) = run(policy(&["/bin/sh"]), &program(path, &["-c", "echo x"])).await;
        let error = ran.unwrap_err();
        assert!(matches!(error, CollectError::Misconfigured { .. }), "{path}: {error}");
        assert!(recorded(&egress)[0].body.is_empty());
    }
    let (ran, _) = run(policy(&["sh"]), &program("sh", &[])).await;
    assert!(ran.unwrap_err().to_string().contains("not an absolute path"));
    let egress = live(policy(&["/bin/sh"]));
    let error = egress.run("other", &shell("echo x")).await.unwrap_err();
    assert!(error.to_string().contains("not an operation"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_absent_or_may_not_run_says_so_and_replays() {
    let folder = tempfile::tempdir().unwrap();
    let (absent, plain) = (folder.path().join("absent"), folder.path().join("plain"));
    std::fs::write(&plain, "no program").unwrap();
    let (absent, plain) = (absent.to_str().unwrap(), plain.to_str().unwrap());
    let egress = live(policy(&[absent, plain]));
    let missing = egress.run(RUN, &program(absent, &[])).await.unwrap_err();
    assert!(matches!(&missing, CollectError::Misconfigured { message, .. } if message.contains(absent)), "{missing}");
    let denied = egress.run(RUN, &program(plain, &[])).await.unwrap_err();
    let CollectError::Denied { permission, .. } = &denied else { panic!("{denied}") };
    assert_eq!(permission, &format!("execute {plain}"));
    let recorded = recorded(&egress);
    assert_eq!([recorded[0].record.status, recorded[1].record.status], [Some(404), Some(403)]);
    let replay = Egress::replay(recorded);
    assert_eq!(replay.run(RUN, &program(absent, &[])).await.unwrap_err(), missing);
    assert_eq!(replay.run(RUN, &program(plain, &[])).await.unwrap_err(), denied);
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["child", "own-session", "detached"].map(|name| folder.path().join(name));
    let [child, session, detached] = files.each_ref().map(|path| path.display());
    let script = format!(
        "echo begun; sh -c 'echo $$ > {child}; exec sleep 600' & \
         setsid sh -c 'echo $$ > {session}; exec sleep 600' & \
         (setsid sh -c 'echo $$ > {detached}; exec sleep 600' >/dev/null 2>&1 &) & \
         trap '' TERM INT HUP; while true; do sleep 1; done"
    );
    let started = Instant::now();
    let limit = Policy { request_timeout: Duration::from_secs(2), ..policy(&["/bin/sh"]) };
    let (ran, egress) = run(limit, &shell(&script)).await;
    let error = ran.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(matches!(&error, CollectError::Transient { message, .. } if message.contains("did not end")), "{error}");
    assert_eq!(recorded(&egress)[0].body.as_ref(), b"begun\n", "what had arrived is kept");
    for file in &files {
        assert_gone(file);
    }
    assert_eq!(Egress::replay(recorded(&egress)).run(RUN, &shell(&script)).await.unwrap_err(), error);
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("left");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}; exec sleep 600' >/dev/null 2>&1 & while [ ! -s {0} ]; do sleep 0.01; done; echo done",
        file.display()
    );
    let (ran, _) = run(policy(&["/bin/sh"]), &shell(&script)).await;
    assert_eq!(text(&ran.unwrap()), "done\n");
    assert_gone(&file);
}

#[tokio::test]
async fn output_that_is_still_held_when_the_program_ended_is_not_passed_on() {
    let limit = Policy { request_timeout: Duration::from_secs(1), ..policy(&["/bin/sh"]) };
    let (ran, _) = run(limit, &shell("(sleep 600; echo the rest) & echo begun")).await;
    let error = ran.unwrap_err();
    assert!(error.to_string().contains("held its output"), "{error}");
}

#[tokio::test]
async fn an_abandoned_run_ends_its_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("process");
    let hang = shell(&format!("echo $$ > {}; exec sleep 600", file.display()));
    let egress = live(policy(&["/bin/sh"]));
    let _ = tokio::time::timeout(Duration::from_secs(1), egress.run(RUN, &hang)).await.unwrap_err();
    assert_gone(&file);
    assert!(recorded(&egress)[0].record.error.as_deref().unwrap().starts_with("abandoned: "));
}

#[tokio::test]
async fn a_gigabyte_of_output_is_cut_at_the_cap() {
    let cap = Policy { max_body_bytes: 1_000_000, ..policy(&["/usr/bin/head"]) };
    let started = Instant::now();
    let (ran, egress) = run(cap, &program("/usr/bin/head", &["-c", "1073741824", "/dev/zero"])).await;
    let error = ran.unwrap_err();
    assert!(matches!(&error, CollectError::Malformed { message, .. } if message.contains("1000000 bytes")), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(recorded(&egress)[0].body.len() <= 1_000_000);

    let noisy = shell("head -c 300000000 /dev/zero | tr '\\0' x >&2; echo last >&2; echo fine");
    let (ran, egress) = run(
        policy(&["/bin/sh"]),
        &Program { environment: [("PATH".to_owned(), "/bin:/usr/bin".to_owned())].into(), ..noisy },
    )
    .await;
    let ran = ran.unwrap();
    assert_eq!((text(&ran), ran.stderr.len()), ("fine\n", 4096));
    assert!(ran.stderr.ends_with("xlast\n"));
    assert!(recorded(&egress)[0].record.headers["x-evidenced-stderr"].len() == 4096);
}

#[tokio::test]
async fn runs_together_count_towards_the_total() {
    let egress = live(Policy { max_total_bytes: 10, ..policy(&["/bin/echo"]) });
    egress.run(RUN, &program("/bin/echo", &["12345"])).await.unwrap();
    let error = egress.run(RUN, &program("/bin/echo", &["1234567"])).await.unwrap_err();
    assert!(matches!(error, CollectError::Incomplete { .. }), "{error}");
}

#[tokio::test]
async fn a_program_that_a_signal_ends_has_no_answer() {
    let (ran, egress) = run(policy(&["/bin/sh"]), &shell("echo half; kill -SEGV $$")).await;
    let error = ran.unwrap_err();
    assert!(matches!(&error, CollectError::Transient { message, .. } if message.contains("signal")), "{error}");
    assert_eq!(recorded(&egress)[0].record.status, None);
    assert_eq!(recorded(&egress)[0].body.as_ref(), b"half\n");
}

#[tokio::test]
async fn secrets_of_an_output_are_taken_out_before_it_is_kept_also_of_one_that_was_cut() {
    fn redact(output: &[u8]) -> (bytes::Bytes, Vec<String>) {
        let text = String::from_utf8_lossy(output).replace("secret", "REDACTED");
        (text.into(), vec!["a word".to_owned()])
    }
    for (script, ends) in [("echo secret", true), ("echo secret; kill -KILL $$", false)] {
        let egress = live(policy(&["/bin/sh"]));
        let ran = egress.run_redacted(RUN, &shell(script), redact).await;
        assert_eq!(ran.map(|ran| ran.stdout).ok(), ends.then(|| "REDACTED\n".into()), "{script}");
        assert_eq!(recorded(&egress)[0].body, "REDACTED\n", "{script}");
        assert_eq!(egress.redactions()[0].field, "a word", "{script}");
    }
}

#[tokio::test]
async fn a_file_that_is_handed_over_is_read_by_the_program_and_by_nobody_later() {
    let mut cat = shell("cat \"$1\"; stat -L -c %a \"$1\"; echo \"$1\"");
    cat.arguments.extend(["sh".to_owned(), "evidenced-file:config".to_owned()]);
    cat.files.insert("config".to_owned(), "a-secret-canary\n".to_owned().into());
    let (ran, egress) = run(policy(&["/bin/sh"]), &cat).await;
    let ran = ran.unwrap();
    let [content, mode, path] = text(&ran).lines().collect::<Vec<_>>()[..] else { panic!("{ran:?}") };
    assert_eq!((content, mode), ("a-secret-canary", "600"));
    assert!(path.starts_with("/proc/"), "it has no name in any folder: {path}");
    let sent = recorded(&egress)[0].record.request_body.clone().unwrap();
    assert!(sent.contains("evidenced-file:config") && !sent.contains("canary"), "{sent}");
    // what is recorded is enough to find the answer again
    let replay = Egress::replay(recorded(&egress));
    cat.files.clear();
    assert_eq!(replay.run(RUN, &cat).await.unwrap(), ran);

    cat.arguments.push("evidenced-file:other".to_owned());
    assert!(live(policy(&["/bin/sh"])).run(RUN, &cat).await.is_err(), "a file that nobody hands over");
}
