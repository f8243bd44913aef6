//! A recorded run served over the wire: the same request gets the same answer, whatever the order.

use super::{Injection, Request, Response};
use model::Exchange;
use std::net::SocketAddr;

pub(super) struct Recording {
    answers: Vec<Recorded>,
}

struct Recorded {
    request: Request,
    responses: Vec<Response>,
    served: usize,
}

/// The request an exchange recorded.
pub(crate) fn request_of(exchange: &Exchange) -> Request {
    let url = &exchange.record.url;
    let target = url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |rest| format!("/{rest}"));
    let body = exchange.record.request_body.as_deref().unwrap_or_default();
    let mut request = Request::new(&exchange.record.method, &target, body);
    // no header is recorded, so the one that names the call of AWS's JSON protocol comes from the operation
    if let Some(call) = exchange.record.operation.strip_prefix("organizations:") {
        request.headers.push(("x-amz-target".to_owned(), format!("AWSOrganizationsV20161128.{call}")));
    }
    request
}

fn response_of(exchange: &Exchange, own: SocketAddr) -> Option<Response> {
    let record = &exchange.record;
    // failed attempts are the clean run's own bad luck
    if record.error.is_some() {
        return None;
    }
    let origin: String = record.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let framing = ["content-length", "content-encoding", "location"];
    let headers = record.headers.iter().filter(|(name, _)| !framing.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.clone(), value.replace(&origin, &format!("http://{own}"))));
    // no recording holds the token that was granted, and no collector takes the words in its place for one; a next page is
    // at this address
    let next = "\"@odata.nextLink\":\"";
    let body = match std::str::from_utf8(&exchange.body) {
        Ok(text) => text
            .replace("[secret removed by evidenced]", "a-token-granted-to-the-tests")
            .replace(&format!("{next}{origin}/"), &format!("{next}http://{own}/"))
            .into_bytes(),
        Err(_) => exchange.body.to_vec(),
    };
    Some(Response { status: record.status?, headers: headers.collect(), body })
}

impl Recording {
    pub(super) fn new(recorded: &[Exchange], own: SocketAddr) -> Self {
        let mut answers: Vec<Recorded> = Vec::new();
        for exchange in recorded {
            let Some(response) = response_of(exchange, own) else { continue };
            let request = request_of(exchange);
            match answers.iter_mut().find(|answer| answer.request.is_same(&request)) {
                Some(answer) => answer.responses.push(response),
                None => answers.push(Recorded { request, responses: vec![response], served: 0 }),
            }
        }
        Self { answers }
    }

    pub(super) fn rewind(&mut self) {
        self.answers.iter_mut().for_each(|answer| answer.served = 0);
    }

    /// The next answer to `request`; the last one again when all were served, as a source would.
    pub(super) fn next(&mut self, request: &Request) -> Response {
        let Some(answer) = self.answers.iter_mut().find(|answer| answer.request.is_same(request)) else {
            return Response::new(404, "text/plain", "the recorded run did not ask this");
        };
        let at = answer.served.min(answer.responses.len() - 1);
        answer.served += 1;
        answer.responses[at].clone()
    }

    /// Whether `request` runs into the injection now.
    pub(super) fn is_hit(&self, request: &Request, injection: &Injection) -> bool {
        let Some(answer) = self.answers.iter().find(|answer| answer.request.is_same(&injection.request)) else {
            return false;
        };
        let reached = answer.served >= injection.nth;
        reached
            && (request.is_same(&injection.request)
                // a source that is stuck on a page is so for every page asked after it
                || (injection.fault.is_sticky() && !self.knows(request) && request.is_page_of(&injection.request)))
    }

    fn knows(&self, request: &Request) -> bool {
        self.answers.iter().any(|answer| answer.request.is_same(request))
    }

    /// The true answer to the call that is hit, and that to the page before it.
    pub(super) fn faulted(&self, injection: &Injection) -> (Response, Option<Response>) {
        let at = self.answers.iter().position(|answer| answer.request.is_same(&injection.request));
        let at = at.expect("a fault is injected into a recorded call");
        let answer = &self.answers[at];
        let clean = answer.responses[injection.nth.min(answer.responses.len() - 1)].clone();
        let before = self.answers[..at].iter().rev().find(|earlier| earlier.request.is_page_of(&injection.request));
        // what was asked again until it was there is a page only in its last answer
        (clean, before.and_then(|earlier| earlier.responses.last().cloned()))
    }
}
