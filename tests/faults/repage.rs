//! Cuts an upstream's whole list into pages, with the paging the real source documents: `Marker` and `IsTruncated` in
//! IAM, `NextToken` in AWS Backup, `Marker` alone in RDS and `nextToken` in EC2. The members are the upstream's own. What pages by itself, as GitHub does and moto for
//! a few of IAM's lists, is asked for fewer.

use super::{Listing, Request, Response, upstream};
use std::net::SocketAddr;

const TOKEN: &str = "from-";

pub(super) fn ask(address: SocketAddr, request: &Request, size: usize) -> Response {
    if request.parameter("per_page").is_some() {
        return upstream::ask(address, &smaller(request, "per_page", size));
    }
    let token = ["Marker", "NextToken", "nextToken"].iter().find_map(|name| request.parameter(name));
    let from = token.as_deref().and_then(|token| token.strip_prefix(TOKEN)?.parse().ok()).unwrap_or(0);
    let response = upstream::ask(address, &request.whole());
    match Listing::of(request, &response) {
        Some(listing) if listing.next.is_none() => cut(listing, from, size).put_into(response),
        Some(_) => upstream::ask(address, &smaller(request, "MaxItems", size)),
        None => response,
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

/// The same page, with fewer members in it.
fn smaller(request: &Request, parameter: &str, size: usize) -> Request {
    let given = format!("{parameter}={}", request.parameter(parameter).unwrap_or_default());
    let smaller = |text: &str| text.replace(&given, &format!("{parameter}={size}"));
    Request { target: smaller(&request.target), body: smaller(&request.body), ..request.clone() }
}
