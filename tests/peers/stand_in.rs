//! Stands before an emulator and gives the answers it lacks, as a test says them. Everything else is the emulator's own.

use crate::faults::{Reply, Request, Response, ask};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server on a loopback port of its own, stopped when dropped.
pub(crate) struct StandIn {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl StandIn {
    /// Asks `lacking` first, and the emulator where it knows nothing.
    pub(crate) fn before(
        emulator: SocketAddr,
        lacking: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::answering(move |request| lacking(request).unwrap_or_else(|| ask(emulator, request)))
    }

    /// Gives every answer itself, for what no emulator can be: a system over years.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stand_in = Self { address: listener.local_addr().unwrap(), stopped: Arc::default() };
        let answer = Arc::new(answer);
        let stopped = stand_in.stopped.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), false) = (stream, stopped.load(Ordering::Relaxed)) else { return };
                let answer = answer.clone();
                std::thread::spawn(move || {
                    if let Some(request) = Request::read(&mut stream) {
                        Reply::Whole(answer(&request)).write(stream);
                    }
                });
            }
        });
        stand_in
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}
