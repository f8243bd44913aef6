//! A source that misbehaves on demand, between a collector and what it reads.
//!
//! A [`Proxy`] answers either from a recorded run or from a running upstream, cuts the upstream's lists into pages
//! where it does not page by itself, keeps what it was asked, and injects one [`Fault`] into one call. It is written by
//! hand for the faults alone: what is not faulted comes from a recording or a real program, byte for byte.

pub(crate) mod drift;
mod fault;
mod http;
mod listing;
mod recording;
mod repage;
mod upstream;

#[cfg(test)]
mod tests;

pub(crate) use fault::Fault;
pub(crate) use http::{Reply, Request, Response};
pub(crate) use listing::Listing;
pub(crate) use recording::request_of;
pub(crate) use upstream::ask;

use model::Exchange;
use recording::Recording;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The call a fault is put into: the n-th of its kind (from 0) in the recorded run.
#[derive(Debug, Clone)]
pub(crate) struct Injection {
    /// The request that is hit, as the clean run made it.
    pub(crate) request: Request,
    /// Which of the same requests, from 0.
    pub(crate) nth: usize,
    /// What happens to it.
    pub(crate) fault: Fault,
    /// How often it happens before the true answer comes; for ever when none.
    pub(crate) times: Option<usize>,
}

/// One request that reached the proxy, and the status it was answered with; none for a broken connection.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) status: Option<u16>,
}

enum Source {
    Recording(Recording),
    Upstream { address: SocketAddr, page_size: Option<usize> },
}

struct State {
    source: Source,
    injection: Option<Injection>,
    injected: usize,
    calls: Vec<Call>,
}

/// A server on a loopback port of its own, stopped when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Answers as the recorded run was answered. A request the run did not make is answered 404.
    pub(crate) fn replaying(recorded: &[Exchange]) -> Self {
        Self::start(|own| Source::Recording(Recording::new(recorded, own)))
    }

    /// Hands every request on to the program at `address`.
    pub(crate) fn forwarding(address: SocketAddr) -> Self {
        Self::start(|_| Source::Upstream { address, page_size: None })
    }

    /// Hands every request on, and cuts the lists in the answers into pages of `page_size`.
    pub(crate) fn paging(address: SocketAddr, page_size: usize) -> Self {
        Self::start(|_| Source::Upstream { address, page_size: Some(page_size) })
    }

    fn start(source: impl FnOnce(SocketAddr) -> Source) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { source: source(address), injection: None, injected: 0, calls: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let serving = Arc::downgrade(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), Some(state)) = (stream, serving.upgrade()) else { return };
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts a fault into one call from now on, in place of the one before; recorded answers start anew.
    pub(crate) fn inject(&self, injection: Option<Injection>) {
        let mut state = self.state();
        state.injection = injection;
        state.injected = 0;
        state.calls.clear();
        if let Source::Recording(recording) = &mut state.source {
            recording.rewind();
        }
    }

    /// What was asked since the last injection.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How often the fault happened.
    pub(crate) fn injected(&self) -> usize {
        self.state().injected
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // wakes the accepting thread, which then finds the state gone
        let address = self.address;
        self.state = Arc::new(Mutex::new(State {
            source: Source::Upstream { address, page_size: None },
            injection: None,
            injected: 0,
            calls: Vec::new(),
        }));
        drop(TcpStream::connect(address));
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some(request) = Request::read(&mut stream) else { return };
    let reply = answer(&request, state);
    lock(state).calls.push(Call { request, status: reply.status() });
    reply.write(stream);
}

fn answer(request: &Request, state: &Mutex<State>) -> Reply {
    let mut locked = lock(state);
    let state = &mut *locked;
    let due = state.injection.as_ref().filter(|injection| {
        injection.times.is_none_or(|times| state.injected < times)
            && match &state.source {
                Source::Recording(recording) => recording.is_hit(request, injection),
                Source::Upstream { .. } => {
                    let same = |call: &&Call| call.request.is_same(&injection.request);
                    let before = state.calls.iter().filter(same).count();
                    (request.is_same(&injection.request) && before >= injection.nth)
                        || (injection.fault.is_sticky() && state.injected > 0 && request.is_page_of(&injection.request))
                }
            }
    });
    match &mut state.source {
        Source::Recording(recording) => match due {
            Some(injection) => {
                let (clean, before) = recording.faulted(injection);
                state.injected += 1;
                // its own page, asked of this address
                let asked = Request { headers: request.headers.clone(), ..injection.request.clone() };
                injection.fault.apply(&asked, clean, before, state.injected)
            }
            None => Reply::Whole(recording.next(request)),
        },
        Source::Upstream { address, page_size } => {
            let (address, page_size) = (*address, *page_size);
            let injection = due.cloned();
            if injection.is_some() {
                state.injected += 1;
            }
            let nth = state.injected;
            // an upstream may take its time; other calls need not wait for it
            drop(locked);
            let asked = match &injection {
                Some(injection) => Request { headers: request.headers.clone(), ..injection.request.clone() },
                None => request.clone(),
            };
            let clean = match page_size {
                Some(size) => repage::ask(address, &asked, size),
                None => upstream::ask(address, &asked),
            };
            match injection {
                Some(injection) => injection.fault.apply(&asked, clean, None, nth),
                None => Reply::Whole(clean),
            }
        }
    }
}
