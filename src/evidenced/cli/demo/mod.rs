//! `evidenced demo`: the whole line on this machine, with no account, no server and no credential.
//!
//! The host's own accounts are real. The sample organisation is not, and says so everywhere: a roster file, and an AWS
//! account and a GitHub organisation that a loopback server in this process answers for, so that the real collectors
//! read them over real HTTP.

mod sample;

use super::args::Global;
use super::{ConsoleProgress, collect, evaluate, init, print};
use crate::failure::{Exit, Failure};
use crate::line::{self, KeptLine, Line, PackRequest, Trigger};
use crate::settings::{self, Settings};
use crate::web;
use model::{Outcome, Role, SnapshotStatus};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Whom the demo signs in.
const VISITOR: &str = "visitor@demo.example";

const ORIGIN: &str = "demo.evidenced.example/sample";

/// Runs the demo in `dir`; serves the pages on `listen` afterwards unless that is none.
pub(crate) async fn run(dir: &Path, listen: Option<SocketAddr>, global: &Global) -> Result<Exit, Failure> {
    let say = |text: &str| if global.quiet { Ok(()) } else { print::text_line(text) };
    // before any work: a port that is taken should not cost a minute first
    let listener = match listen {
        Some(listen) => Some(web::bind(listen, None).await?),
        None => None,
    };
    let sample = sample::start().await?;
    let again = dir.join("evidenced.toml").exists();
    let settings = prepare(dir, &sample, again)?;
    let line = if again { Line::open(settings)? } else { Line::init(settings)? };
    say(&format!(
        "{} the log {ORIGIN} in {}\n`host` is this machine, for real; sources marked SAMPLE are an invented organisation.\n",
        if again { "Continuing" } else { "Started" },
        dir.display()
    ))?;

    say("COLLECT AND SEAL")?;
    let mut unseen = Vec::new();
    let settings = line.settings();
    for source in &settings.sources {
        let progress = Arc::new(ConsoleProgress::start(&source.name, global));
        let sealed = line.collect(source, Trigger::User, progress.clone()).await;
        progress.finish();
        let sealed = sealed?;
        say(&format!("{} {}", if source.sample { "SAMPLE" } else { "real  " }, collect::summary(&sealed)))?;
        if sealed.value().status != SnapshotStatus::Complete {
            unseen.push(source.name.clone());
        }
    }

    say("\nCHECK")?;
    let checks = line::load_checks(Some(&settings))?;
    let checked = line.check(&checks, &[], None)?;
    say(&evaluate::summary(&checked))?;

    say("\nDRAFT FINDINGS")?;
    for finding in line::findings(&line.reader()?)? {
        say(&format!("{:<31} {:<9} {}", finding.id, finding.state.as_str(), finding.condition))?;
    }

    say("\nPACK")?;
    let pack = dir.join(format!("evidence-pack-{}.zip", checked.as_of.strftime("%Y%m%dT%H%M%SZ")));
    let request = PackRequest { from: None, to: None, framework: None, redact: Vec::new(), output: pack.clone() };
    let packed = line.pack(&checks, &request, &mut |_| {})?;
    let report = pack::verify(&pack, &pack::VerifyOptions::default()).map_err(Failure::store)?;
    say(&format!("{} ({} files)", pack.display(), packed.files))?;
    say(&report.to_string())?;

    let count = |outcome| checked.evaluations.iter().filter(|(_, evaluation)| evaluation.outcome == outcome).count();
    say(&format!(
        "\nSUMMARY\nchecks: {} fail, {} inconclusive, {} pass, {} do not apply; not seen whole: {}.",
        count(Outcome::Fail),
        count(Outcome::Inconclusive),
        count(Outcome::Pass),
        count(Outcome::NotApplicable),
        if unseen.is_empty() { "nothing".to_owned() } else { unseen.join(", ") },
    ))?;
    say(&format!(
        "Look further:\n  evidenced -c {0} findings\n  evidenced verify {1}",
        dir.join("evidenced.toml").display(),
        pack.display()
    ))?;
    if !report.verified {
        return Ok(Exit::Failed);
    }

    let Some(listener) = listener else {
        line.close()?;
        return Ok(Exit::Done);
    };
    let visitor = visitor(&line)?;
    let kept = Arc::new(KeptLine::new(line, checks));
    let app = web::App::new(Arc::clone(&kept), listener.local_addr().map_err(Failure::store)?)?;
    say(&format!(
        "\nThe pages are served until Ctrl-C; this link signs you in as `{VISITOR}`:\n  {}",
        app.open_door(&visitor)?
    ))?;
    web::serve(listener, app, async {
        // without a signal handler the pages are served until the process is killed
        let _ = tokio::signal::ctrl_c().await;
    })
    .await?;
    if let Some(kept) = Arc::into_inner(kept) {
        kept.close()?;
    }
    Ok(Exit::Done)
}

/// Whoever looks at the demo: an administrator without a password, so that the link of this run is the only way in.
fn visitor(line: &Line) -> Result<String, Failure> {
    if let Some(user) = line.reader()?.user_named(VISITOR)? {
        return Ok(user.id);
    }
    let (user, _) = line.add_user(VISITOR, Role::Administrator, VISITOR)?;
    Ok(user.id)
}

/// Writes the demo's configuration, roster and keys, and loads the configuration like any other.
fn prepare(dir: &Path, sample: &sample::Sample, again: bool) -> Result<Settings, Failure> {
    let file = dir.join("evidenced.toml");
    let at = |path: &Path| Failure::usage(format!("cannot write {}", path.display()), "name a folder that is yours");
    std::fs::create_dir_all(dir).map_err(|_| at(dir))?;
    if !again {
        init::make_key(&dir.join("evidenced.key"), ORIGIN)?;
    }
    for (name, content) in sample::files() {
        let path = dir.join(name);
        std::fs::write(&path, content).map_err(|_| at(&path))?;
        restrict(&path)?;
    }
    std::fs::write(&file, sample.configuration(ORIGIN)).map_err(|_| at(&file))?;
    settings::load(&file, &[]).map_err(|problems| Failure {
        exit: Exit::Usage,
        message: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        help: Some(format!("remove {} to start the demo afresh", dir.display())),
    })
}

/// The sample's secrets are no secrets, but the loader rightly refuses readable ones.
fn restrict(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(Failure::store)
}
