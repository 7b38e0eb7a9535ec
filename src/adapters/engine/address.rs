//! Where the engine is.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bollard::{API_DEFAULT_VERSION, Docker};
use http::HeaderValue;
use url::{Host, Url};

use super::{EngineError, Options, PATIENCE};

/// Docker's own socket ("dockerd", "Daemon socket option").
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// Podman's socket where it runs as root ("podman-system-service(1)").
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// The header with the credentials for a registry.
const REGISTRY_AUTH: &str = "X-Registry-Auth";

/// The address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Socket(PathBuf),
    /// HTTP without encryption, on the loopback interface: `127.0.0.1:2375`.
    Loopback(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Loopback(host) => write!(f, "tcp://{host}"),
        }
    }
}

/// Why a text is not the address of an engine that is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither a socket nor TCP.
    #[error("is not an address such as unix:///var/run/docker.sock")]
    Unknown,
    /// `ssh://`.
    #[error("needs ssh, which is not supported: name a socket (unix://..) of this machine")]
    Ssh,
    /// TCP to another machine, or with TLS: published ports would not be on this machine.
    #[error(
        "is not on this machine: published ports have to be on the loopback interface; name a \
         socket (unix://..), or tcp:// with a loopback address"
    )]
    Remote,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.starts_with('/') {
            return Ok(Self::Socket(PathBuf::from(text)));
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Unknown)?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Socket(PathBuf::from(rest))),
            "ssh" => Err(AddressError::Ssh),
            "tcp" | "http" => {
                // The host of a scheme that `url` does not know stays a text; `http` is parsed.
                let url =
                    Url::parse(&format!("http://{rest}")).map_err(|_| AddressError::Unknown)?;
                let loopback = match url.host() {
                    Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
                    Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
                    Some(Host::Domain(name)) => name == "localhost",
                    None => false,
                };
                let host = url.host_str().unwrap_or_default();
                let port = url.port().unwrap_or(2375);
                let plain = url.username().is_empty() && url.password().is_none();
                if loopback && plain && matches!(url.path(), "" | "/") {
                    Ok(Self::Loopback(format!("{host}:{port}")))
                } else {
                    Err(AddressError::Remote)
                }
            }
            "https" => Err(AddressError::Remote),
            _ => Err(AddressError::Unknown),
        }
    }
}

impl Address {
    /// Makes the client; nothing is sent yet.
    pub(super) fn open(&self) -> Result<Docker, EngineError> {
        let seconds = PATIENCE.as_secs();
        match self {
            #[cfg(unix)]
            Self::Socket(path) => {
                let text = path.to_string_lossy();
                Docker::connect_with_unix(&text, seconds, API_DEFAULT_VERSION)
            }
            #[cfg(not(unix))]
            Self::Socket(path) => {
                let text = path.to_string_lossy();
                Docker::connect_with_socket(&text, seconds, API_DEFAULT_VERSION)
            }
            Self::Loopback(host) => {
                Docker::connect_with_http(&format!("http://{host}"), seconds, API_DEFAULT_VERSION)
            }
        }
        .map(|docker| docker.with_request_modifier(mend_credentials))
        .map_err(|error| super::call::unreachable(self, &error))
    }
}

/// The header with a registry's credentials is base64 for URLs (RFC 4648, section 5; "Docker Engine
/// API", "Authentication"), and bollard 0.21 writes the other base64: an engine takes a password that
/// has `+` or `/` in it for none at all.
fn mend_credentials<B>(mut request: http::Request<B>) -> http::Request<B> {
    let standard = request.headers().get(REGISTRY_AUTH).and_then(|value| value.to_str().ok());
    if let Some(standard) = standard
        && let Ok(mut value) = HeaderValue::from_str(&standard.replace('+', "-").replace('/', "_"))
    {
        value.set_sensitive(true);
        request.headers_mut().insert(REGISTRY_AUTH, value);
    }
    request
}

/// The address that was named, else the first socket that is there.
pub(super) fn find(options: &Options) -> Result<Address, EngineError> {
    let named = [
        (&options.configured, "containers.engine of the configuration"),
        (&options.docker_host, "DOCKER_HOST"),
    ];
    for (address, source) in named {
        if let Some(address) = address {
            return address.parse().map_err(|reason| EngineError::Address {
                address: shown(address),
                source_of_it: source,
                reason,
            });
        }
    }
    let sockets = usual_sockets(options);
    match sockets.iter().find(|path| path.exists()) {
        Some(path) => Ok(Address::Socket(path.clone())),
        None => Err(EngineError::NoEngine {
            tried: sockets.iter().map(|path| path.display().to_string()).collect(),
        }),
    }
}

fn usual_sockets(options: &Options) -> Vec<PathBuf> {
    let mut sockets = vec![PathBuf::from(DOCKER_SOCKET)];
    if let Some(folder) = &options.runtime_dir {
        sockets.push(Path::new(folder).join("docker.sock"));
        sockets.push(Path::new(folder).join("podman/podman.sock"));
    }
    if let Some(home) = &options.home {
        sockets.push(Path::new(home).join(".docker/run/docker.sock"));
        sockets.push(Path::new(home).join(".docker/desktop/docker.sock"));
    }
    sockets.push(PathBuf::from(PODMAN_SOCKET));
    sockets
}

/// An address as it may be shown: it is short, and without the user and password of a URL.
fn shown(address: &str) -> String {
    let hidden = match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}***{}", &address[..scheme + 3], &address[at..])
        }
        _ => address.to_owned(),
    };
    hidden.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, read) in [
            ("/run/x.sock", Ok("unix:///run/x.sock")),
            ("unix:///run/x.sock", Ok("unix:///run/x.sock")),
            ("tcp://127.0.0.1:2375", Ok("tcp://127.0.0.1:2375")),
            ("tcp://localhost", Ok("tcp://localhost:2375")),
            ("http://[::1]:1/", Ok("tcp://[::1]:1")),
            ("ssh://me@host", Err(AddressError::Ssh)),
            ("tcp://10.0.0.1:2375", Err(AddressError::Remote)),
            ("tcp://localhost.evil.example:1", Err(AddressError::Remote)),
            ("tcp://u:p@127.0.0.1:1", Err(AddressError::Remote)),
            ("https://127.0.0.1:2376", Err(AddressError::Remote)),
            ("npipe:////./pipe/x", Err(AddressError::Unknown)),
            ("unix://relative", Err(AddressError::Unknown)),
            ("docker", Err(AddressError::Unknown)),
        ] {
            let found = text.parse::<Address>().map(|address| address.to_string());
            assert_eq!(found, read.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn the_configuration_outranks_the_environment() {
        let mut options = Options {
            configured: Some("/a.sock".to_owned()),
            docker_host: Some("unix:///b.sock".to_owned()),
            ..Options::default()
        };
        assert_eq!(find(&options).unwrap().to_string(), "unix:///a.sock");
        options.configured = None;
        assert_eq!(find(&options).unwrap().to_string(), "unix:///b.sock");
        options.docker_host = Some("tcp://user:secret@far.example:2376".to_owned());
        let error = find(&options).unwrap_err().to_string();
        assert!(error.contains("DOCKER_HOST") && !error.contains("secret"), "{error}");
    }
}
