//! What could be asked of an image before it is promoted: read off its Dockerfile, and off the
//! healthcheck of its service.
//!
//! 1. Streamlit is started: a session of the app.
//! 2. The image has a `HEALTHCHECK`: what it says.
//! 3. The service's healthcheck asks an address of its own by curl or wget: the same address.
//! 4. A port is exposed: somebody listens.
//!
//! It is only proposed. Whether the app starts without its database and its settings is nothing that
//! files say, and a probe that fails for that takes good work back.

use super::survey::Survey;

/// A probe that fits an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// A session of a Streamlit app at this port.
    Streamlit {
        /// Inside the container.
        port: u16,
    },
    /// The image's own health check.
    ContainerHealth,
    /// A request.
    Http {
        /// Inside the container.
        port: u16,
        /// With its leading `/`.
        path: String,
    },
    /// A connection.
    Tcp {
        /// Inside the container.
        port: u16,
    },
}

/// The port of `streamlit run`.
const STREAMLIT_PORT: u16 = 8501;

/// Finds a probe for an image.
pub(super) fn propose(
    survey: &Survey,
    dockerfile: &str,
    healthcheck: Option<&str>,
) -> Option<Proposal> {
    let lines = instructions(survey.text(dockerfile).unwrap_or_default());
    let of = |name: &'static str| named(&lines, name);
    let exposed = of("EXPOSE").filter_map(|rest| port(rest.split_whitespace().next()?)).next_back();
    let started = of("ENTRYPOINT").chain(of("CMD")).find(|rest| rest.contains("streamlit"));
    if let Some(started) = started {
        let own = started.split_once("server.port").and_then(|(_, rest)| first_number(rest));
        return Some(Proposal::Streamlit { port: own.or(exposed).unwrap_or(STREAMLIT_PORT) });
    }
    if of("HEALTHCHECK").next_back().is_some_and(|rest| !rest.trim().eq_ignore_ascii_case("none")) {
        return Some(Proposal::ContainerHealth);
    }
    healthcheck.and_then(request).or_else(|| exposed.map(|port| Proposal::Tcp { port }))
}

/// What follows the instructions of a name.
fn named<'a>(
    lines: &'a [(String, String)],
    name: &'static str,
) -> impl DoubleEndedIterator<Item = &'a String> {
    lines.iter().filter(move |(own, _)| own == name).map(|(_, rest)| rest)
}

/// Returns the instructions with what follows, continued lines joined ("Dockerfile reference").
fn instructions(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let split = lines.filter_map(|line| line.split_once(char::is_whitespace));
    split.map(|(name, rest)| (name.to_ascii_uppercase(), rest.to_owned())).collect()
}

/// Reads `8000` or `8000/tcp`.
fn port(text: &str) -> Option<u16> {
    text.trim_end_matches("/tcp").parse().ok().filter(|port| *port > 0)
}

/// The first number after `=`, a blank or quotes, as options are written.
fn first_number(text: &str) -> Option<u16> {
    let from = text.trim_start_matches(['=', ' ', '"', '\'', ',']);
    let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
    port(&from[..end])
}

/// Reads a plain `curl` or `wget` of an address of the container itself.
fn request(command: &str) -> Option<Proposal> {
    let program = command.split_whitespace().next()?;
    if !["curl", "wget"].contains(&program) {
        return None;
    }
    let url = command.split_whitespace().find_map(|word| {
        let word = word.trim_matches(['"', '\'']);
        let rest = word.strip_prefix("http://")?;
        ["localhost", "127.0.0.1", "0.0.0.0"].iter().find_map(|host| rest.strip_prefix(host))
    })?;
    let (authority, path) = url.find('/').map_or((url, "/"), |at| url.split_at(at));
    let port = match authority.strip_prefix(':') {
        Some(text) => port(text)?,
        None if authority.is_empty() => 80,
        None => return None,
    };
    let plain = path.len() <= 200
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-?=&%".contains(&b));
    plain.then(|| Proposal::Http { port, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_healthchecks_are_read() {
        let http = |port, path: &str| Some(Proposal::Http { port, path: path.to_owned() });
        assert_eq!(request("curl -f http://localhost:8000/health"), http(8000, "/health"));
        assert_eq!(request("wget -qO- 'http://127.0.0.1/'"), http(80, "/"));
        assert_eq!(request("curl -f http://localhost:8000"), http(8000, "/"));
        assert_eq!(request("curl -f http://db:8000/x"), None);
        assert_eq!(request("curl http://localhost:8000/$(id)"), None);
        assert_eq!(request("pg_isready -U app"), None);
    }

    #[test]
    fn dockerfiles_are_read_by_their_instructions() {
        let lines = instructions("# CMD no\nfrom x\nCMD a \\\n  b\nexpose 80/tcp\n");
        let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["FROM", "CMD", "EXPOSE"]);
        assert_eq!(first_number("=8080\"]"), Some(8080));
        assert_eq!(first_number("\", \"8600\"]"), Some(8600));
        assert_eq!(port("0"), None);
    }
}
