//! Turns SIGTERM, SIGINT and SIGHUP into events of the loop.

use super::Event;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Listens for SIGTERM and SIGINT (stop) and SIGHUP (read the configuration again) until the receiver is dropped.
pub(crate) fn signals() -> std::io::Result<mpsc::Receiver<Event>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (events, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                _ = terminate.recv() => Event::Stop,
                _ = interrupt.recv() => Event::Stop,
                _ = hangup.recv() => Event::Reload,
            };
            if events.send(event).await.is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}
