//! Cuts an upstream's whole list into pages, with the paging the real source documents: `Marker` and `IsTruncated` in
//! IAM, `NextToken` in AWS Backup. The members are the upstream's own. GitHub pages by itself: it is asked for fewer.

use super::{Listing, Request, Response, upstream};
use std::net::SocketAddr;

const TOKEN: &str = "from-";

pub(super) fn ask(address: SocketAddr, request: &Request, size: usize) -> Response {
    if request.parameter("per_page").is_some() {
        return upstream::ask(address, &smaller(request, size));
    }
    let token = request.parameter("Marker").or_else(|| request.parameter("nextToken"));
    let from = token.as_deref().and_then(|token| token.strip_prefix(TOKEN)?.parse().ok()).unwrap_or(0);
    let response = upstream::ask(address, &request.whole());
    match Listing::of(request, &response) {
        Some(listing) if listing.next.is_none() => cut(listing, from, size).put_into(response),
        _ => response,
    }
}

/// Members `from..from + size` of all lists, one after the other.
fn cut(mut listing: Listing, from: usize, size: usize) -> Listing {
    let whole = listing.len();
    let mut at = 0;
    for list in &mut listing.lists {
        let inside = |index: usize| (from..from + size).contains(&index);
        let start = at;
        at += list.len();
        let mut index = start;
        list.retain(|_| {
            index += 1;
            inside(index - 1)
        });
    }
    listing.next = (from + size < whole).then(|| format!("{TOKEN}{}", from + size));
    listing
}

fn smaller(request: &Request, size: usize) -> Request {
    let given = request.parameter("per_page").unwrap_or_default();
    let target = request.target.replace(&format!("per_page={given}"), &format!("per_page={size}"));
    Request { target, ..request.clone() }
}
