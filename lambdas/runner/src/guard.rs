//! Blocks addresses that a pipeline's URLs must not reach: Lambda's runtime API, and link-local addresses such as the
//! metadata service with its credentials.

use std::env;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;
use url::{Host, Url};

/// Where Lambda's runtime API listens, as host and port.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The metadata service over IPv6, which is not link-local.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

/// Decides which addresses are refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    runtime_port: Option<u16>,
}

/// An address that may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the address {0} is not allowed: it belongs to the function's own environment")]
pub(crate) struct Refused(IpAddr);

impl Guard {
    /// A guard of the runtime API that this process belongs to.
    pub fn from_env() -> Self {
        Self::new(env::var(RUNTIME_API).ok().and_then(|address| address.rsplit(':').next()?.parse().ok()))
    }

    /// A guard of the runtime API at a port of the loopback address.
    pub fn new(runtime_port: Option<u16>) -> Self {
        Self { runtime_port }
    }

    /// The addresses that the URL's host name may resolve to. An IP address as host is checked here.
    pub(crate) fn check(self, url: &Url) -> Result<Reach, Refused> {
        let is_runtime_port = self.runtime_port.is_some() && url.port_or_known_default() == self.runtime_port;
        let reach = if is_runtime_port { Reach::Beyond } else { Reach::BeyondAndLoopback };
        match url.host() {
            Some(Host::Ipv4(ip)) => reach.check(ip.into())?,
            Some(Host::Ipv6(ip)) => reach.check(ip.into())?,
            Some(Host::Domain(_)) | None => {}
        }
        Ok(reach)
    }
}

/// Which addresses may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All but link-local ones.
    BeyondAndLoopback,
    /// All but link-local ones and this machine's.
    Beyond,
}

impl Reach {
    fn check(self, ip: IpAddr) -> Result<(), Refused> {
        let refuses_it = match self {
            Self::BeyondAndLoopback => is_link_local(ip),
            Self::Beyond => is_link_local(ip) || is_this_machine(ip),
        };
        if refuses_it { Err(Refused(ip)) } else { Ok(()) }
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip == METADATA_V6 || ip.to_ipv4().is_some_and(|ip| ip.is_link_local())
        }
    }
}

fn is_this_machine(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        // The unspecified address connects to the loopback one.
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4().is_some_and(|ip| ip.is_loopback()),
    }
}

/// Resolves names without refused addresses, so that the client connects only to addresses that were checked.
impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let mut allowed = Vec::new();
            let mut refused = None;
            for address in found {
                match reach.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                Some(error) if allowed.is_empty() => Err(error.into()),
                Some(_) | None => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(url: &str) -> bool {
        Guard::new(Some(9001)).check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn the_runtime_api_is_refused_however_it_is_spelt() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "127.8.8.8",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(!allows(&format!("http://{host}:9001/")), "{host}");
            assert!(allows(&format!("http://{host}:9002/")), "{host}");
        }
        assert!(allows("http://192.0.2.1:9001/"));
    }

    #[test]
    fn link_local_addresses_are_refused_on_every_port() {
        for host in
            ["169.254.169.254", "169.254.0.1", "[fe80::1]", "[febf::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"]
        {
            assert!(!allows(&format!("http://{host}/")), "{host}");
        }
        assert!(allows("http://[fd00:ec2::253]/"));
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_resolve_to() {
        let resolve = |reach: Reach| reach.resolve("localhost".parse().unwrap());
        assert!(resolve(Reach::BeyondAndLoopback).await.is_ok());
        let error = resolve(Reach::Beyond).await.err().unwrap();
        assert!(error.downcast_ref::<Refused>().is_some(), "{error}");
    }
}
