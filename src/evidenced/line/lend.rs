//! One writer, several programs: a running daemon lends its store to a command that asks, and takes it back when the command ends.
//!
//! The daemon closes the store while it is lent, and opens it anew afterwards with everything that opening looks at. What it wants to
//! seal meanwhile waits. A command that is killed gives the store back too, because its connection ends.

use super::{KeptLine, Line, open};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use store::Store;

/// What the daemon says when the store is the command's.
const LENT: &[u8] = b"lent\n";

/// How long a command waits for a daemon that is sealing something, or for another command.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// How long to wait before trying again to open a store that a third one holds.
const AGAIN: Duration = Duration::from_millis(200);

/// A store on loan: it goes back when this is dropped, or when the process ends.
#[derive(Debug)]
pub(super) struct Loan {
    _connection: UnixStream,
}

fn socket(settings: &Settings) -> PathBuf {
    settings.store.dir.join(store::DAEMON_SOCKET)
}

/// Asks the daemon that holds the store of `settings` for it. None: nobody lends it.
pub(super) fn borrow(settings: &Settings) -> Result<Option<Loan>, Failure> {
    let Ok(mut connection) = UnixStream::connect(socket(settings)) else { return Ok(None) };
    let mut answer = [0; LENT.len()];
    let asked = connection.set_read_timeout(Some(PATIENCE)).and_then(|()| connection.read_exact(&mut answer));
    match asked {
        Ok(()) if answer == LENT => Ok(Some(Loan { _connection: connection })),
        // it is ending, or is not one of ours
        Ok(()) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(Failure {
            exit: Exit::Busy,
            message: format!(
                "the daemon that holds the store did not lend it within {} s: {error}",
                PATIENCE.as_secs()
            ),
            help: Some("look at what the daemon does, and try again".to_owned()),
        }),
    }
}

/// Opens the store of `settings`, which somebody who was quicker may hold for a moment.
pub(super) fn insist(settings: &Settings, patience: Duration) -> Result<Store, Failure> {
    let started = Instant::now();
    loop {
        match open(settings) {
            Err(failure) if failure.exit == Exit::Busy && started.elapsed() < patience => std::thread::sleep(AGAIN),
            outcome => return outcome,
        }
    }
}

/// Where the daemon hears who wants its store.
#[derive(Debug)]
pub(crate) struct Lending {
    listener: tokio::net::UnixListener,
    path: PathBuf,
}

impl Lending {
    /// Listens beside the store of `line`, which is open for writing: so whatever is there is a dead daemon's. None, after saying
    /// why, where the file system or the length of the path allows no socket: commands that write then find the store in use.
    pub(crate) fn begin(line: &Line) -> Option<Self> {
        let path = socket(&line.settings());
        let listen = || {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            tokio::net::UnixListener::from_std(listener)
        };
        match listen() {
            Ok(listener) => Some(Self { listener, path }),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "commands cannot borrow the store from this daemon");
                None
            }
        }
    }

    /// Lends the store of `line` to one command after the other. Ends only with the store's failure.
    pub(crate) async fn keep(&self, line: Arc<KeptLine>) -> Failure {
        loop {
            let connection = match self.listener.accept().await {
                Ok((connection, _)) => connection,
                Err(error) => {
                    tracing::warn!(%error, "a command that wants the store was not heard");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            };
            let lender = Arc::clone(&line);
            let lent = tokio::task::spawn_blocking(move || lender.line().lend(connection.into_std()?));
            match lent.await.map_err(io::Error::other).flatten() {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => return failure,
                Err(error) => tracing::warn!(%error, "a command that wanted the store is gone"),
            }
        }
    }
}

impl Drop for Lending {
    fn drop(&mut self) {
        // the next daemon removes what this one could not
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Line {
    /// Hands the store over for as long as `connection` lasts. The inner error is the store's, the outer one the connection's.
    fn lend(&self, mut connection: UnixStream) -> io::Result<Result<(), Failure>> {
        connection.set_nonblocking(false)?;
        let mut place = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(store) = place.take() else { return Ok(Ok(())) };
        if let Err(error) = store.close() {
            return Ok(Err(error.into()));
        }
        tracing::info!("store lent to a command");
        let used = connection.write_all(LENT).and_then(|()| connection.read_to_end(&mut Vec::new()));
        match insist(&self.settings(), Duration::MAX) {
            Ok(store) => *place = Some(store),
            Err(failure) => return Ok(Err(failure)),
        }
        tracing::info!("store taken back");
        used.map(|_| Ok(()))
    }
}
