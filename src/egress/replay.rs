//! Serves a recording back. Never touches the network, the disk or the clock.

use crate::Answer;
use crate::conclude::{conclude, conclude_path, is_passing};
use crate::database::{self, Database};
use crate::file::Reading;
use crate::program::{self, Program, Ran};
use crate::record::{Key, Recorded, date};
use bytes::Bytes;
use model::{CollectError, Exchange, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// All attempts at one request, first to last.
type Call = Vec<Exchange>;

pub(crate) struct Replay {
    state: Mutex<State>,
}

struct State {
    waiting: BTreeMap<Key, VecDeque<Call>>,
    served: BTreeMap<u32, Exchange>,
}

impl Replay {
    pub(crate) fn new(mut exchanges: Vec<Exchange>) -> Self {
        exchanges.sort_by_key(|exchange| exchange.record.seq);
        let mut waiting: BTreeMap<Key, VecDeque<Call>> = BTreeMap::new();
        for exchange in exchanges {
            let calls = waiting.entry(Key::of_record(&exchange.record)).or_default();
            // two calls for the same thing may have run side by side: an attempt belongs to the oldest call that waits for it
            let open = calls
                .iter_mut()
                .find(|call| call.len() + 1 == exchange.record.attempt as usize && call.last().is_some_and(is_passing));
            match open {
                Some(call) => call.push(exchange),
                None => calls.push_back(vec![exchange]),
            }
        }
        Self { state: Mutex::new(State { waiting, served: BTreeMap::new() }) }
    }

    pub(crate) fn send(&self, operation: &str, request: &http::Request<Bytes>) -> Result<Answer, CollectError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|error| CollectError::Malformed {
            operation: operation.to_owned(),
            message: format!("the address of the request cannot be read: {error}"),
        })?;
        let call = self.take(&Key::of_request(operation, request.method(), &url, request.body()))?;
        call.last().map_or_else(|| Err(not_recorded(operation)), |last| conclude(last, call.len()))
    }

    pub(crate) fn read_path(&self, operation: &str, path: &Path, reading: Reading) -> Result<Answer, CollectError> {
        let url = Url::from_file_path(path).map_err(|()| crate::file::relative(path))?;
        let call = self.take(&Key::of_path(operation, reading.method(), &url))?;
        call.last().map_or_else(|| Err(not_recorded(operation)), conclude_path)
    }

    pub(crate) fn run(&self, operation: &str, program: &Program) -> Result<Ran, CollectError> {
        let call = self.take(&program.key(operation)?)?;
        call.last().map_or_else(|| Err(not_recorded(operation)), program::conclude)
    }

    pub(crate) fn query(&self, operation: &str, database: &Database, statement: &str) -> Result<Bytes, CollectError> {
        let call = self.take(&database.key(operation, statement)?)?;
        call.last().map_or_else(|| Err(not_recorded(operation)), database::conclude)
    }

    fn take(&self, key: &Key) -> Result<Call, CollectError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let call =
            state.waiting.get_mut(key).and_then(VecDeque::pop_front).ok_or_else(|| not_recorded(&key.operation))?;
        state.served.extend(call.iter().map(|exchange| (exchange.record.seq, exchange.clone())));
        Ok(call)
    }

    /// The newest `date` header of what was served.
    pub(crate) fn last_date(&self) -> Option<Timestamp> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.served.values().filter_map(|exchange| date(&exchange.record)).max()
    }

    pub(crate) fn served(&self) -> Vec<Recorded> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.served.values().cloned().map(Recorded::from).collect()
    }
}

fn not_recorded(operation: &str) -> CollectError {
    CollectError::Transient { operation: operation.to_owned(), message: "not in the recording".to_owned() }
}
