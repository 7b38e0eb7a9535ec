//! A signed URL as text: which object it names, how long it is kept, and what of it is secret.
//!
//! "Create a service SAS" of Azure Storage names the parameters: `sr=c` covers a container, `sig` is
//! the signature. S3: "Authenticating Requests: Using Query Parameters".

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::Validity;

/// The parameters that are secret by themselves, in lower case.
const SIGNATURES: [&str; 5] =
    ["sig", "x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature"];

/// Returns the URL of an object of the container that `container` is signed for.
pub fn object_url(container: &Url, path: &str) -> Option<Url> {
    let mut url = container.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path.split('/'));
    Some(url)
}

/// Returns the URL of the container, where the signature of an object's URL covers all of it.
pub fn container_url(object: &Url) -> Option<Url> {
    let covers = object.query_pairs().any(|(name, value)| name == "sr" && value == "c");
    let mut url = object.clone();
    url.path_segments_mut().ok()?.pop();
    covers.then_some(url)
}

/// Tells whether a URL that was handed out stays: it names the same object, with the same reach, and
/// more than a third of its life is left. `valid` is how long a new one would live.
pub fn is_kept(old: &Url, new: &Url, valid: SignedDuration, now: Timestamp) -> bool {
    let same = |url: &Url| (url.origin().ascii_serialization(), url.path().to_owned());
    let reach = |url: &Url| container_url(url).is_some();
    let validity = Validity::of(old);
    let Some(until) = validity.until else { return false };
    let life = validity.from.map_or(valid, |from| until.duration_since(from));
    let left = until.duration_since(now);
    same(old) == same(new)
        && reach(old) == reach(new)
        && validity.problem(now).is_none()
        && left > life / 3
}

/// Returns what nobody may see of a URL: the whole, its signature as it is written, and decoded.
pub fn secret_parts(url: &str) -> Vec<String> {
    let mut parts = vec![url.to_owned()];
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        if !SIGNATURES.contains(&name.to_ascii_lowercase().as_str()) || value.is_empty() {
            continue;
        }
        parts.push(value.to_owned());
        let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
        parts.extend(decoded.map(|(_, value)| value.into_owned()));
    }
    parts.dedup();
    parts
}

/// Returns the line for `secrets.toml` ("TOML", basic strings).
pub fn secrets_line(key: &str, url: &str) -> String {
    let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{key} = \"{quoted}\"\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn objects_stand_between_container_and_query() {
        let container = url("https://acme.example/analytics?sr=c&sig=a%2Bb");
        let object = object_url(&container, "versions/a b.duckdb").unwrap();
        assert_eq!(
            object.as_str(),
            "https://acme.example/analytics/versions/a%20b.duckdb?sr=c&sig=a%2Bb"
        );
        let file = object_url(&container, "analytics.duckdb").unwrap();
        assert_eq!(container_url(&file).unwrap(), container);
        assert_eq!(container_url(&url("https://acme.example/c/x.duckdb?sr=b&sig=a")), None);
    }

    #[test]
    fn a_url_is_kept_for_two_thirds_of_its_life() {
        let new = url("https://a.example/c/x.duckdb?sr=c&sig=NEW");
        let old = url(
            "https://a.example/c/x.duckdb?st=2026-01-01T00:00:00Z&se=2026-01-31T00:00:00Z&sr=c&sig=OLD",
        );
        let day = |day: &str| day.parse().unwrap();
        let year = SignedDuration::from_hours(24 * 365);
        let kept = |old: &Url, now: &str| is_kept(old, &new, year, day(now));
        assert!(kept(&old, "2026-01-20T00:00:00Z"));
        assert!(!kept(&old, "2026-01-22T00:00:00Z"));
        assert!(!kept(&old, "2026-03-01T00:00:00Z"));
        for other in [
            "https://b.example/c/x.duckdb?se=2027-01-01T00:00:00Z&sr=c",
            "https://a.example/c/y.duckdb?se=2027-01-01T00:00:00Z&sr=c",
            "https://a.example/c/x.duckdb?se=2027-01-01T00:00:00Z&sr=b",
            "https://a.example/c/x.duckdb?sr=c",
        ] {
            assert!(!kept(&url(other), "2026-01-02T00:00:00Z"), "{other}");
        }
    }

    #[test]
    fn every_form_of_the_signature_is_secret() {
        let parts = secret_parts("https://a.example/c?sv=1&sig=ab%2Bcd%3D");
        assert_eq!(parts, ["https://a.example/c?sv=1&sig=ab%2Bcd%3D", "ab%2Bcd%3D", "ab+cd="]);
        let s3 = secret_parts("https://a.example/c?X-Amz-Date=1&X-Amz-Signature=0123");
        assert!(s3.contains(&"0123".to_owned()));
    }

    #[test]
    fn the_line_is_toml() {
        assert_eq!(
            secrets_line("A_URL", "https://a/?b=\"c\""),
            "A_URL = \"https://a/?b=\\\"c\\\"\"\n"
        );
    }
}
