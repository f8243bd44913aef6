//! The pages: what is collected, checked and found, each with what it rests on, and the forms by which people act on it.
//!
//! Nothing is shown to anybody who is not signed in, no role may what its routes do not name, and nothing is written without a
//! session, the form's own token and the browser's word that the form is ours. No script, no third-party request.

mod answers;
mod door;
mod forms;
mod guard;
mod limits;
mod pages;
mod routes;
mod sign_in;
#[cfg(test)]
mod tests;
mod users;

use crate::failure::{Exit, Failure};
use crate::line::KeptLine;
use crate::settings::Serve;
use door::Door;
use guard::Address;
use limits::Limits;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Hashing a password takes 19 MiB: so many are hashed at once, the others wait.
const HASHING: usize = 2;

/// What every request is answered with.
pub(crate) struct App {
    line: Arc<KeptLine>,
    address: Address,
    door: Door,
    limits: Limits,
    hashing: Semaphore,
}

impl App {
    /// Pages over `line`, reached at `listening` or where the configuration says.
    pub(crate) fn new(line: Arc<KeptLine>, listening: SocketAddr) -> Result<Self, Failure> {
        let settings = line.line().settings();
        Ok(Self {
            address: Address::new(settings.serve.base_url.as_ref(), listening)?,
            door: Door::default(),
            limits: Limits::default(),
            hashing: Semaphore::new(HASHING),
            line,
        })
    }

    /// What to tell whoever started it, where nobody can sign in yet.
    pub(crate) fn invitation(&self) -> Result<Option<String>, Failure> {
        if !self.line.line().reader()?.users()?.is_empty() {
            return Ok(None);
        }
        let Some(origin) = self.address.loopback() else {
            return Ok(Some(
                "nobody can sign in to the pages yet: `evidenced user add NAME --role administrator --by NAME` prints a link"
                    .to_owned(),
            ));
        };
        let link = self.door.invite()?;
        Ok(Some(format!(
            "nobody can sign in to the pages yet: this link makes the first administrator, once\n  {origin}/set-up/{}",
            link.text()
        )))
    }

    /// A link that signs `user` in for as long as this process runs: for the demo, whose data is nobody's.
    pub(crate) fn open_door(&self, user: &str) -> Result<String, Failure> {
        let origin = self
            .address
            .loopback()
            .ok_or_else(|| Failure::usage("the demo is for this machine alone", "listen on a loopback address"))?;
        Ok(format!("{origin}/open/{}", self.door.open_for(user)?.text()))
    }
}

/// Binds `listen`. Beyond loopback only where people come through TLS.
pub(crate) async fn bind(listen: SocketAddr, serve: Option<&Serve>) -> Result<TcpListener, Failure> {
    let is_protected = serve.and_then(|serve| serve.base_url.as_ref()).is_some_and(|url| url.scheme() == "https");
    if !listen.ip().is_loopback() && !is_protected {
        return Err(Failure::usage(
            format!("the pages would listen on {listen}, which is not loopback, without TLS"),
            "listen on 127.0.0.1 and reach it by an ssh tunnel",
        ));
    }
    TcpListener::bind(listen).await.map_err(|error| Failure {
        exit: Exit::Usage,
        message: format!("cannot listen on {listen}: {error}"),
        help: Some(
            "another program has the port, perhaps another evidenced: name another with `--listen` or `[serve] listen`"
                .to_owned(),
        ),
    })
}

/// Serves until `stop` resolves.
pub(crate) async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let router = routes::router(&Arc::new(app), routes::ROUTES);
    axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(Failure::store)
}
