//! Which addresses may be talked to: decided anew for every connection, by the address itself and not by the name.
//!
//! A name in the configuration is somebody's to change. Wherever it points, no source is reached where a cloud hands out
//! the machine's own credentials, and no name but the machine's own leads back to the machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Where AWS answers for the machine's credentials over IPv6.
const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Where Alibaba Cloud does.
const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

/// Why nothing is at `address` that evidence could come from; none where something may be.
fn forbidden(address: IpAddr) -> Option<&'static str> {
    let address = within(address);
    match address {
        IpAddr::V4(v4) if v4.is_link_local() => Some("a link-local address, where clouds hand out credentials"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V4(ALIBABA_METADATA) | IpAddr::V6(AWS_METADATA) => Some("an address where clouds hand out credentials"),
        _ if address.is_unspecified() => Some("no address of a machine"),
        _ if address.is_multicast() => Some("an address of many machines"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("an address of many machines"),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, or translated (RFC 6052, 64:ff9b::/96).
fn within(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let embedded = match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if (high, low) != (0, 0) && (high, low) != (0, 1) => Some((high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        _ => None,
    };
    embedded.map_or(address, |(high, low)| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))))
}

/// Why `origin` cannot be a source's, when its host is written as an address that cannot.
pub(crate) fn forbidden_origin(origin: &Url) -> Option<&'static str> {
    match origin.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(v4) => forbidden(v4.into()),
        Host::Ipv6(v6) => forbidden(v6.into()),
    }
}

/// Those of `addresses` that `name` may be reached at; an error when there is none.
fn admitted(name: &str, addresses: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let own = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    let why = |address: IpAddr| match forbidden(address) {
        None if within(address).is_loopback() && !own => Some("this machine itself"),
        why => why,
    };
    let (refused, admitted): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.into_iter().partition(|address| why(address.ip()).is_some());
    match (admitted.is_empty(), refused.first()) {
        (true, Some(refused)) => {
            let (ip, why) = (refused.ip(), why(refused.ip()).unwrap_or_default());
            Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("`{name}` leads to {ip}: {why}; no source is asked there"),
            ))
        }
        _ => Ok(admitted),
    }
}

/// Where the machine `host`, a name or an address, may be reached.
pub(crate) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let Ok(address) = host.parse::<IpAddr>() else {
        return admitted(host, tokio::net::lookup_host((host, port)).await?.collect());
    };
    match forbidden(address) {
        None => Ok(vec![SocketAddr::new(address, port)]),
        Some(why) => {
            let message = format!("{address} is {why}; no source is asked there");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
        }
    }
}

/// The system's resolver, whose answers are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolver;

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let name = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            let admitted: reqwest::dns::Addrs = Box::new(admitted(name, found)?.into_iter());
            Ok(admitted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn no_name_leads_to_credentials_or_nowhere() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "::ffff:127.0.0.1",
        ] {
            let error = admitted("api.example.com", addresses(&[address])).unwrap_err();
            assert!(error.to_string().contains("api.example.com"), "{error}");
        }
    }

    #[test]
    fn a_name_is_reached_at_those_of_its_addresses_that_may_be() {
        let of = |name: &str, texts: &[&str]| admitted(name, addresses(texts)).unwrap();
        assert_eq!(of("api.example.com", &["169.254.169.254", "203.0.113.7"]), addresses(&["203.0.113.7"]));
        // companies keep servers at private addresses
        assert_eq!(of("git.corp.example", &["10.1.2.3", "fd12::1"]), addresses(&["10.1.2.3", "fd12::1"]));
        assert_eq!(of("localhost", &["127.0.0.1", "::1"]), addresses(&["127.0.0.1", "::1"]));
        assert_eq!(of("nobody.example", &[]), Vec::new());
    }

    #[test]
    fn an_address_is_told_however_it_is_spelled() {
        for spelling in [
            "http://169.254.169.254/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://169.254.169.254./",
            "http://%31%36%39.254.169.254/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[fd00:ec2::254]/",
            "http://0/",
            "http://①⑥⑨.254.169.254/",
        ] {
            let origin = Url::parse(spelling).unwrap();
            assert!(forbidden_origin(&origin).is_some(), "{spelling} is {origin}");
        }
        for spelling in ["http://127.0.0.1:5000/", "http://[::1]/", "http://10.0.0.1/", "https://api.example.com/"] {
            assert_eq!(forbidden_origin(&Url::parse(spelling).unwrap()), None, "{spelling}");
        }
    }
}
