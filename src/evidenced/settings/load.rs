//! From the file to [`Settings`], or to every problem there is.

use super::document::KeyPath;
use super::fields::{Fields, Reading, kind_of};
use super::keys::{CHECKS, FINDINGS, LATER, LOG, NETWORK, ORGANISATION, RETENTION, SECTIONS, SERVE, STORE};
use super::layers::{Layers, Override, Variables};
use super::problem::{Place, Problem};
use super::reviews;
use super::sources::{Shipped, Specs};
use super::suggest::did_you_mean;
use super::{
    Checks, Findings, LogSettings, Network, Organisation, Retention, Serve, Settings, StoreSettings, handover, notify,
    register, sources, timestamp, witness,
};
use evaluate::Sandbox;
use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use model::Digest;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::Url;

/// No configuration is longer; a path to something else may be.
const LARGEST_BYTES: usize = 4 * 1024 * 1024;

/// Reads the configuration at `file` and finds every secret it refers to readable.
pub(crate) fn load(file: &Path, overrides: &[Override]) -> Result<Settings, Vec<Problem>> {
    load_in(file, overrides, &Shipped, &environment(), true)
}

/// The same for commands that read what is sealed and collect nothing: secrets need not be there.
pub(crate) fn load_without_secrets(file: &Path, overrides: &[Override]) -> Result<Settings, Vec<Problem>> {
    load_in(file, overrides, &Shipped, &environment(), false)
}

fn environment() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

pub(super) fn load_in(
    file: &Path,
    overrides: &[Override],
    specs: &dyn Specs,
    variables: &Variables,
    need_secrets: bool,
) -> Result<Settings, Vec<Problem>> {
    let whole = |message: String, help: &str| vec![Problem::new(Place::Whole(file.to_owned()), message, help)];
    let bytes = std::fs::read(file).map_err(|error| {
        whole(
            format!("cannot be read: {error}"),
            "name another file with `--config`, or make one with `evidenced init`",
        )
    })?;
    if bytes.len() > LARGEST_BYTES {
        return Err(whole(format!("holds {} bytes", bytes.len()), "that is no configuration file"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
        whole(format!("line {} is not UTF-8", valid.split('\n').count()), "save the file as UTF-8")
    })?;
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let base = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    let layers = Layers::merge(file, text, variables, overrides)?;
    let reading = Reading::new(&layers, variables, &base, need_secrets);
    let draft = read(&reading, specs);
    let problems = reading.into_problems();
    match draft {
        Some(draft) if problems.is_empty() => Ok(Settings {
            file: absolute,
            organisation: draft.organisation,
            store: draft.store,
            retention: draft.retention,
            log: draft.log,
            network: draft.network,
            sources: draft.sources,
            checks: draft.checks,
            findings: draft.findings,
            accounts: draft.accounts,
            links: draft.links,
            handover: draft.handover,
            notify: draft.notify,
            reviews: draft.reviews,
            serve: draft.serve,
            overrides: overrides.to_vec(),
            digest: Digest::of(&bytes),
        }),
        _ => Err(problems),
    }
}

struct Draft {
    organisation: Organisation,
    store: StoreSettings,
    retention: Retention,
    log: LogSettings,
    network: Network,
    sources: Vec<super::Source>,
    checks: Checks,
    findings: Findings,
    accounts: Vec<super::RegisteredAccount>,
    links: Vec<super::ApprovedLink>,
    handover: super::Handover,
    notify: Vec<super::Destination>,
    reviews: Vec<super::ReviewPolicy>,
    serve: Serve,
}

/// Reads every section before giving up, so that all problems come out together.
fn read<'a>(reading: &'a Reading<'a>, specs: &dyn Specs) -> Option<Draft> {
    let empty = Map::new();
    let root = reading.layers.root.as_object().unwrap_or(&empty);
    refuse_unknown_sections(reading, root);
    let section = |name: &str, keys: &[super::keys::Key]| -> Fields<'a> {
        let value = reading.layers.root.get(name);
        Fields::open(reading, value, vec![name.to_owned()], format!("[{name}]"), keys.to_vec())
    };
    let value = |name: &str| reading.layers.root.get(name);

    let organisation = organisation(&section("organisation", ORGANISATION));
    let zone = organisation.as_ref().map_or(TimeZone::UTC, |organisation| organisation.timezone.clone());
    let store = store(&section("store", STORE));
    let retention = retention(&section("retention", RETENTION));
    let log = log(&section("log", LOG));
    let sources = sources::sources(reading, value("sources"), specs, &zone);
    // a source whose own keys are wrong still exists for the register
    let names: Vec<&str> = value("sources")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|table| table.keys().map(String::as_str))
        .chain(sources.iter().map(|source| source.name.as_str()))
        .collect();
    let checks = checks(&section("checks", CHECKS));
    let findings = findings(&section("findings", FINDINGS));
    let accounts = register::accounts(reading, value("accounts"), &names, &zone);
    let links = register::links(reading, value("links"), &names, &zone);
    let handover = handover::handover(reading, value, &names);
    let notify = notify::destinations(reading, value("notify"), &zone);
    let reviews = reviews::reviews(reading, value("reviews"), &names, &zone);
    let network = network(&section("network", NETWORK));
    let serve = serve(&section("serve", SERVE));
    Some(Draft {
        organisation: organisation?,
        store: store?,
        retention: retention?,
        log: log?,
        network,
        sources,
        checks: checks?,
        findings: findings?,
        accounts,
        links,
        handover,
        notify,
        reviews,
        serve,
    })
}

fn refuse_unknown_sections(reading: &Reading<'_>, root: &Map<String, Value>) {
    for (path, what) in LATER {
        let path: KeyPath = path.iter().map(|part| (*part).to_owned()).collect();
        let found = path.iter().try_fold(&reading.layers.root, |value, part| value.get(part));
        if found.is_some() {
            reading.problem(
                reading.layers.key_place(&path),
                format!("`{}` is not in this version: {what}", path.join(".")),
                "take it out; nothing here is ignored silently",
            );
        }
    }
    for name in root.keys() {
        let known = SECTIONS.iter().map(|section| section.name);
        let later = LATER.iter().any(|(path, _)| path == &[name.as_str()]);
        if later || known.clone().any(|known| known == name) {
            continue;
        }
        let in_section = SECTIONS.iter().find(|section| section.keys.iter().any(|key| key.name == *name));
        let help = match in_section {
            Some(section) => format!("`{name}` is a key of `[{}]`", section.name),
            None => did_you_mean(name, known),
        };
        reading.problem(
            reading.layers.key_place(std::slice::from_ref(name)),
            format!("unknown section `{name}`"),
            help,
        );
    }
}

fn organisation(fields: &Fields<'_>) -> Option<Organisation> {
    fields.refuse_unknown(&[]);
    let name = fields.text("name");
    let zone = fields.zone("timezone");
    // midnight is the end of the day, which is no time of it
    let last_day_ends = fields.text("last_day_ends").and_then(|text| match text.as_str() {
        "24:00" => Some(Time::midnight()),
        text => {
            let time = Time::strptime("%H:%M", text).ok().filter(|time| *time > Time::midnight());
            if time.is_none() {
                fields.problem(
                    "last_day_ends",
                    format!("`{text}` is not a time of day after midnight"),
                    "write it like `18:00`; `24:00` is the end of the day",
                );
            }
            time
        }
    });
    let domains = fields.texts("domains");
    let fold_local_part = fields.boolean("fold_local_part");
    for domain in domains.iter().flatten().filter(|domain| !is_domain(domain)) {
        fields.problem(
            "domains",
            format!("`{domain}` is not a mail domain"),
            "write it like `acme.example`, without `@`",
        );
    }
    let (timezone_name, timezone) = zone?;
    let domains = domains?.iter().map(|domain| domain.to_lowercase()).collect();
    Some(Organisation {
        name: name?,
        timezone,
        timezone_name,
        last_day_ends: last_day_ends.filter(|time| *time > Time::midnight()),
        domains,
        fold_local_part: fold_local_part?,
    })
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    text.split('.').all(label)
}

fn store(fields: &Fields<'_>) -> Option<StoreSettings> {
    fields.refuse_unknown(&[]);
    let folder = |name: &str, scheme: &str, later: &[&str]| -> Option<PathBuf> {
        let text = fields.text(name)?;
        if let Some(path) = text.strip_prefix(scheme).filter(|path| !path.is_empty() && !path.starts_with("//")) {
            return Some(fields.reading.absolute(path));
        }
        // an address of another kind of store may carry a password: name the scheme only
        let other = text.split_once(':').map_or(text.as_str(), |(scheme, _)| scheme);
        if later.contains(&other) {
            fields.problem(
                name,
                format!("`{other}:` is not in this version"),
                format!("use a folder: `{name} = \"{scheme}./evidence\"`"),
            );
        } else {
            fields.problem(
                name,
                format!("`{name}` in [store] does not begin with `{scheme}`"),
                format!("write a folder like `{name} = \"{scheme}./evidence\"`"),
            );
        }
        None
    };
    let dir = folder("url", "sqlite:", &["postgres", "postgresql"]);
    let blobs =
        if fields.has("blobs") { folder("blobs", "file:", &["s3"]) } else { dir.as_ref().map(|dir| dir.join("blobs")) };
    let scrub_rate = fields.text("scrub_rate").and_then(|text| {
        let rate = rate(&text);
        if rate.is_none() {
            fields.problem(
                "scrub_rate",
                format!("`scrub_rate` in [store] is no rate: `{text}`"),
                "write it like `10 MiB/s` or `500 KiB/s`, or `off`",
            );
        }
        rate
    });
    Some(StoreSettings { dir: dir?, blobs: blobs?, scrub_rate: scrub_rate? })
}

/// Bytes a second: `10 MiB/s`; none of them for `off`.
#[expect(clippy::option_option, reason = "the outer one says whether it is a rate at all")]
fn rate(text: &str) -> Option<Option<u64>> {
    if text == "off" {
        return Some(None);
    }
    Some(Some(super::bytes_a_second(text)?))
}

fn retention(fields: &Fields<'_>) -> Option<Retention> {
    fields.refuse_unknown(&[]);
    let duration = |name: &str| -> Option<Option<SignedDuration>> {
        if fields.has(name) { fields.duration(name).map(|(duration, _)| Some(duration)) } else { Some(None) }
    };
    let (default, evaluations) = (duration("default"), duration("evaluations"));
    Some(Retention { default: default?, evaluations: evaluations? })
}

fn findings(fields: &Fields<'_>) -> Option<Findings> {
    fields.refuse_unknown(&[]);
    let count = |name: &str| fields.integer(name).and_then(|count| u32::try_from(count).ok());
    let (raise_after, verify_runs) = (count("raise_after"), count("verify_runs"));
    Some(Findings { rules: workflow::Rules { raise_after: raise_after?, verify_runs: verify_runs? } })
}

fn log(fields: &Fields<'_>) -> Option<LogSettings> {
    fields.refuse_unknown(&["timestamp", "witness"]);
    let origin = fields.text("origin").filter(|origin| {
        let problem = origin_problem(origin);
        if let Some(problem) = problem {
            fields.problem(
                "origin",
                format!("`{origin}` cannot name a log: {problem}"),
                "write it like `acme.example/evidence`",
            );
        }
        problem.is_none()
    });
    let key = fields.secret("key");
    let previous_key = fields.secret("previous_key");
    let mirror = fields.text("mirror").map(|text| fields.reading.absolute(&text));
    let witness_every = fields.duration("witness_every");
    let witnesses = witness::witnesses(fields.reading, fields.raw("witness"));
    let timestamp_every = fields.duration("timestamp_every");
    let authorities = timestamp::authorities(fields.reading, fields.raw("timestamp"));
    Some(LogSettings {
        origin: origin?,
        key: key?,
        previous_key,
        mirror,
        witnesses,
        witness_every: witness_every?.0,
        authorities,
        timestamp_every: timestamp_every?.0,
    })
}

/// An origin is the name in signed notes (no blank, no plus) and the first line of every checkpoint.
fn origin_problem(origin: &str) -> Option<&'static str> {
    if origin.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Some("it has a blank")
    } else if origin.contains('+') {
        Some("it has a `+`")
    } else if origin.contains("://") {
        Some("it has a scheme")
    } else if origin.len() > 255 {
        Some("it is longer than 255 bytes")
    } else {
        None
    }
}

fn checks(fields: &Fields<'_>) -> Option<Checks> {
    fields.refuse_unknown(&[]);
    let paths =
        fields.texts("paths").map(|texts| texts.iter().map(|text| fields.reading.absolute(text)).collect::<Vec<_>>());
    for path in paths.iter().flatten().filter(|path| !path.is_dir()) {
        fields.problem(
            "paths",
            format!("there is no folder {}", path.display()),
            "paths are relative to the configuration file",
        );
    }
    let mut parameters = BTreeMap::new();
    let parameters_path = fields.child("parameters");
    if let Some(value) = fields.raw("parameters") {
        let Some(table) = value.as_object() else {
            fields.problem("parameters", format!("`parameters` is {}, not a table", kind_of(value)), PARAMETER_FORM);
            return None;
        };
        for (check, values) in table {
            let check_path = [parameters_path.as_slice(), std::slice::from_ref(check)].concat();
            let Some(values) = values.as_object() else {
                fields.reading.problem(
                    fields.reading.layers.value_place(&check_path),
                    format!("`{check}` is {}, not a check with parameters", kind_of(values)),
                    PARAMETER_FORM,
                );
                continue;
            };
            for (parameter, value) in values {
                if value.is_object() || value.is_null() {
                    fields.reading.problem(
                        fields
                            .reading
                            .layers
                            .value_place(&[check_path.as_slice(), std::slice::from_ref(parameter)].concat()),
                        format!("parameter `{check}.{parameter}` is {}", kind_of(value)),
                        PARAMETER_FORM,
                    );
                }
            }
            parameters
                .insert(check.clone(), values.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
        }
    }
    let sandbox = match fields.word("sandbox").as_deref() {
        Some("required") => Sandbox::Required,
        _ => Sandbox::BestEffort,
    };
    Some(Checks { paths: paths?, parameters, sandbox, custody: fields.custody() })
}

const PARAMETER_FORM: &str = "write it like `leaver_still_active.grace = \"24h\"` under `[checks.parameters]`";

fn network(fields: &Fields<'_>) -> Network {
    fields.refuse_unknown(&[]);
    let proxy = fields.url("proxy").and_then(|text| Url::parse(&text).ok());
    let proxy_credential = fields.secret("proxy_credential");
    if proxy.is_none() && proxy_credential.is_some() && fields.raw("proxy").is_none() {
        let help = "add `proxy`, or take the credential out";
        fields.problem("proxy_credential", "a credential for a proxy that is not named", help);
    }
    Network { proxy, proxy_credential, no_proxy: fields.texts("no_proxy").unwrap_or_default() }
}

fn serve(fields: &Fields<'_>) -> Serve {
    fields.refuse_unknown(&[]);
    let base_url = fields.url("base_url").and_then(|text| Url::parse(&text).ok()).filter(|url| {
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare {
            let help = "the pages have a host of their own: leave out what follows it";
            fields.problem("base_url", format!("`{url}` has a path"), help);
        }
        bare
    });
    let is_protected = base_url.as_ref().is_some_and(|url| url.scheme() == "https");
    let listen = fields.text("listen").and_then(|text| match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() || is_protected => Some(address),
        Ok(address) => {
            fields.problem(
                "listen",
                format!("{address} is not a loopback address, and without TLS whoever listens in could sign in"),
                format!(
                    "write `listen = \"127.0.0.1:{}\"`, or put a proxy that does TLS before it and name it: \
                     `base_url = \"https://…\"`",
                    address.port()
                ),
            );
            None
        }
        Err(_) => {
            fields.problem("listen", format!("`{text}` is not an address and port"), "write it like `127.0.0.1:8080`");
            None
        }
    });
    if let (Some(url), Some(listen)) = (&base_url, listen)
        && url.scheme() == "http"
        && !listen.ip().is_loopback()
    {
        fields.problem("base_url", "people would sign in over http", "write https, and let a proxy do TLS");
    }
    Serve { listen, base_url }
}
