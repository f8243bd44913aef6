//! The proxy of an organisation's network, where the way to sources leads through one.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// A proxy that is asked for every connection but to those it is not for. TLS goes through it to the source itself, so it sees
/// which hosts are asked, and no answer of a source that is asked over https.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Its address: `http://proxy.example.com:3128`.
    pub url: Url,
    /// `user:password`, where it wants that.
    pub credential: Option<SecretString>,
    /// Hosts, domains and networks that are asked directly: `intranet.example.com`, `.corp.example.com`, `10.0.0.0/8`.
    pub except: Vec<String>,
}

impl Proxy {
    pub(crate) fn to_reqwest(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let mut proxy = reqwest::Proxy::all(self.url.clone())?;
        if let Some(credential) = &self.credential {
            let text = credential.expose_secret().trim();
            let (user, password) = text.split_once(':').unwrap_or((text, ""));
            proxy = proxy.basic_auth(user, password);
        }
        Ok(proxy.no_proxy(reqwest::NoProxy::from_string(&self.except.join(","))))
    }
}
