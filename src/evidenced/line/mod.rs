//! The one line: schedule -> collect -> snapshot -> seal -> normalise -> check -> finding -> pack.
//!
//! This is where the rooms are joined. Each stage lives in its own crate; here a sealed thing of one stage is handed
//! to the next. Nothing here prints.

mod access;
pub(crate) mod anchor;
mod backtest;
mod blob;
mod check;
mod collect;
mod custody;
mod decide;
mod derive;
mod describe;
mod diff;
mod history;
mod inputs;
mod keep;
mod lend;
mod links;
pub(crate) mod manual;
pub(crate) mod overview;
mod packing;
mod program;
mod programme;
mod retention;
pub(crate) mod review;
mod scrub;
mod shape;
mod tell;
mod witness;

pub(crate) use access::{SESSION, SetUpLink, recognise};
pub(crate) use backtest::{Retold, backtest};
pub(crate) use check::{
    Checked, evaluation_failure, findings, last_sealed, load_checks, load_checks_and_cases, sealed_findings, worker,
};
pub(crate) use collect::{Capture, Trigger, capture};
pub(crate) use decide::{Declined, Raise, evidence, exceptions};
pub(crate) use derive::rederive;
pub(crate) use diff::difference;
pub(crate) use history::problems as history_problems;
pub(crate) use inputs::over_inputs;
pub(crate) use keep::{KeptLine, jobs};
pub(crate) use lend::Lending;
pub(crate) use links::{Approval, standing as standing_links};
pub(crate) use packing::{PackRequest, reveal};
pub(crate) use program::problem as program_problem;
pub(crate) use retention::{Due, Erased, plan};
pub(crate) use scrub::{Scrubbing, Standing, standing};
pub(crate) use shape::shape;
pub(crate) use tell::{Tried, Which};
pub(crate) use witness::Outcome;

use crate::failure::{Exit, Failure};
use crate::settings::{SecretRef, Settings};
use ledger::Body;
use model::Timestamp;
use secrecy::ExposeSecret;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use store::{Draft, Keeping, LogEntry, Reader, Restoration, Store, StoreError, StorePaths};
use tokio::runtime::Handle;

/// What is written into every entry: `evidenced/0.1.0`.
pub(crate) const TOOL: &str = concat!("evidenced/", env!("CARGO_PKG_VERSION"));

/// The line over one configuration and one open store.
pub(crate) struct Line {
    settings: RwLock<Arc<Settings>>,
    /// Whose turn it is at each credential.
    queues: egress::Queues,
    /// None while it is lent, and for good when it could not be opened again.
    store: Mutex<Option<Store>>,
    /// Whose store it is, if it is a daemon's; after `store`, which is closed before it goes back.
    loan: Option<lend::Loan>,
}

/// The one writer, held.
struct Held<'a>(MutexGuard<'a, Option<Store>>);

impl Deref for Held<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.0.as_ref().expect("looked at when it was taken")
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        self.0.as_mut().expect("looked at when it was taken")
    }
}

/// The present instant, cut to milliseconds: the only clock of the line.
pub(crate) fn now() -> Timestamp {
    model::time::to_millis(Timestamp::now())
}

impl Line {
    /// Opens the store for writing. It must exist: only `init` and `demo` make one.
    pub(crate) fn open(settings: Settings) -> Result<Self, Failure> {
        let store = open(&settings)?;
        Ok(Self::over(settings, store))
    }

    /// The same for a command: a daemon that has the store open lends it.
    pub(crate) fn borrow(settings: Settings) -> Result<Self, Failure> {
        let (store, loan) = match open(&settings) {
            Err(failure) if failure.exit == Exit::Busy => {
                let Some(loan) = lend::borrow(&settings)? else { return Err(failure) };
                (lend::insist(&settings, lend::PATIENCE)?, Some(loan))
            }
            outcome => (outcome?, None),
        };
        Ok(Self { loan, ..Self::over(settings, store) })
    }

    /// Takes up a store again that others hold a newer checkpoint of. Returns the entry that says so.
    pub(crate) fn restore(settings: Settings, restoration: &Restoration<'_>) -> Result<(Self, LogEntry), Failure> {
        let (store, entry) =
            kept(&settings, |keeping| Store::restore(&paths(&settings), keeping, restoration, now(), TOOL))?;
        Ok((Self::over(settings, store), entry))
    }

    /// Changes the log's key to `new`.
    pub(crate) fn rotate(&self, new: &ledger::SigningKey) -> Result<LogEntry, Failure> {
        Ok(self.store()?.rotate(now(), new)?)
    }

    /// Makes an empty store for `settings`.
    pub(crate) fn init(settings: Settings) -> Result<Self, Failure> {
        let store = Store::init(&paths(&settings), &signing_key(&settings)?, now(), TOOL)?;
        // noted now, so that no collection has to; one that cannot be told is told then
        let _ = program::sha256(&settings);
        Ok(Self::over(settings, store))
    }

    fn over(settings: Settings, store: Store) -> Self {
        Self {
            settings: RwLock::new(Arc::new(settings)),
            queues: egress::Queues::default(),
            store: Mutex::new(Some(store)),
            loan: None,
        }
    }

    /// The configuration as it stands.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up a configuration that was read again, and notes it in the log. Another log or store is refused.
    fn adopt(&self, settings: Settings) -> Result<(), Failure> {
        let before = self.settings();
        if (&before.log.origin, &before.store.dir) != (&settings.log.origin, &settings.store.dir) {
            return Err(Failure::usage(
                "the log or the store changed, which a running daemon cannot follow",
                "restart the daemon",
            ));
        }
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.note_configuration()
    }

    /// Seals which configuration is in force, if it is not the one noted last.
    pub(crate) fn note_configuration(&self) -> Result<(), Failure> {
        let digest = self.settings().digest;
        let last = self.reader()?.last_of_series("configuration")?;
        if matches!(last.map(|last| last.entry.body.clone()), Some(Body::Configuration { digest: noted }) if noted == digest)
        {
            return Ok(());
        }
        let draft = Draft { body: Body::Configuration { digest }, series: "configuration".to_owned(), document: None };
        self.store()?.append(now(), vec![draft])?;
        Ok(())
    }

    /// The one writer, after waiting for whoever has it. A panic while it was held leaves the store as its last transaction left it.
    fn store(&self) -> Result<Held<'_>, Failure> {
        let wait = || self.store.lock().unwrap_or_else(PoisonError::into_inner);
        // a loan may last: the runtime gets another thread meanwhile
        let held = if Handle::try_current().is_ok() { tokio::task::block_in_place(wait) } else { wait() };
        if held.is_none() {
            return Err(Failure::store("the store was lent to a command and could not be opened again"));
        }
        Ok(Held(held))
    }

    /// Closes the store, and gives it back if it was lent. Nothing sealed is lost if that fails, but the disk is failing and the
    /// command must say so.
    pub(crate) fn close(self) -> Result<(), Failure> {
        let Self { store, loan, .. } = self;
        let closed = store.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Store::close);
        drop(loan);
        Ok(closed?)
    }

    /// A reader over the same store.
    pub(crate) fn reader(&self) -> Result<Reader, Failure> {
        open_reader(&self.settings())
    }
}

fn open_reader(settings: &Settings) -> Result<Reader, Failure> {
    Ok(Reader::open(&paths(settings), signing_key(settings)?.verifier())?)
}

/// Opens the store of `settings` for reading; works beside a running daemon, and warns where it is not the newest copy.
pub(crate) fn reader(settings: &Settings) -> Result<Reader, Failure> {
    let reader = open_reader(settings)?;
    if let Ok(Some(problem)) = reader.behind(settings.log.mirror.as_deref()) {
        tracing::warn!(
            problem,
            "this store is not the newest copy of its log: it can be read, and nothing is written to it"
        );
    }
    Ok(reader)
}

/// Opens the store of `settings` for writing.
fn open(settings: &Settings) -> Result<Store, Failure> {
    kept(settings, |keeping| Store::open_with(&paths(settings), keeping, now(), TOOL))
}

/// Hands what keeps the log of `settings` to `work`.
fn kept<T>(settings: &Settings, work: impl FnOnce(&Keeping<'_>) -> Result<T, StoreError>) -> Result<T, Failure> {
    let key = signing_key(settings)?;
    let previous_key = settings.log.previous_key.as_ref().map(|key| key_of(settings, key)).transpose()?;
    let consult =
        |reader: &Reader, checkpoint: &ledger::SignedCheckpoint| witness::consult(settings, reader, checkpoint);
    let keeping = Keeping {
        key: &key,
        previous_key: previous_key.as_ref(),
        mirror: settings.log.mirror.as_deref(),
        consult: (!settings.log.witnesses.is_empty()).then_some(&consult),
    };
    Ok(work(&keeping)?)
}

/// The way out of the network.
pub(crate) fn proxy(settings: &Settings) -> Result<Option<egress::Proxy>, Failure> {
    let Some(url) = settings.network.proxy.clone() else { return Ok(None) };
    let credential =
        settings.network.proxy_credential.as_ref().map(SecretRef::resolve).transpose().map_err(|problem| {
            Failure::usage(
                format!("the proxy's credential cannot be read: {problem}"),
                "point `[network] proxy_credential` at it",
            )
        })?;
    Ok(Some(egress::Proxy { url, credential, except: settings.network.no_proxy.clone() }))
}

/// Where the store of `settings` is.
pub(crate) fn paths(settings: &Settings) -> StorePaths {
    StorePaths { dir: settings.store.dir.clone(), blobs: settings.store.blobs.clone() }
}

/// The log's signing key, named as the configured origin.
pub(crate) fn signing_key(settings: &Settings) -> Result<ledger::SigningKey, Failure> {
    key_of(settings, &settings.log.key)
}

fn key_of(settings: &Settings, reference: &SecretRef) -> Result<ledger::SigningKey, Failure> {
    let text = reference.resolve().map_err(|problem| Failure {
        exit: Exit::Usage,
        message: format!("the log's key cannot be read: {problem}"),
        help: Some(problem.help()),
    })?;
    let key = ledger::SigningKey::from_text(text.expose_secret().trim())
        .map_err(|error| Failure::usage(format!("the log's key is unusable: {error}"), key_help(reference)))?;
    if key.name() == settings.log.origin {
        return Ok(key);
    }
    Err(Failure::usage(
        format!("the key is for the log `{}`, the configuration says `{}`", key.name(), settings.log.origin),
        "set `[log] origin` to the name the store was made with",
    ))
}

fn key_help(key: &SecretRef) -> String {
    match key {
        SecretRef::Env(name) => format!("set {name} to the one line that `evidenced init` wrote to its key file"),
        SecretRef::File(path) => format!("{} must hold the one line `evidenced init` wrote", path.display()),
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Busy { .. } => Exit::Busy,
            error if is_usage(error) => Exit::Usage,
            _ => Exit::Store,
        };
        Self { exit, message: error.to_string(), help: error.help() }
    }
}

/// Whether the disk is sound, and a person has to decide or to name something else.
fn is_usage(error: &StoreError) -> bool {
    match error {
        StoreError::Unpublished { source } => is_usage(source),
        StoreError::NotAStore { .. }
        | StoreError::Rollback { .. }
        | StoreError::NotBehind { .. }
        | StoreError::MirrorAway { .. }
        | StoreError::FormerKey { .. }
        | StoreError::UnsignedRotation { .. } => true,
        _ => false,
    }
}

impl From<model::CanonicalError> for Failure {
    fn from(error: model::CanonicalError) -> Self {
        Self::store(error)
    }
}
