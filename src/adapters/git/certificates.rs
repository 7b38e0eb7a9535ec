//! The system's certificates, loaded when a server is asked and not before.
//!
//! libgit2 makes its TLS context when it starts, and OpenSSL then parses the certificates of all
//! authorities: most of what a command costs that asks no server. So libgit2 is started while
//! OpenSSL's variables name no certificates, and gets them before the first connection that may
//! need them. A connection that is forgotten fails, because nothing is trusted until then.

#[cfg(all(unix, not(target_os = "macos")))]
pub(super) use openssl::{load, without};

/// Elsewhere libgit2 uses the system's own TLS stack.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(super) fn without<T>(start: impl FnOnce() -> T) -> T {
    start()
}

/// Elsewhere libgit2 uses the system's own TLS stack.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(super) fn load() {}

#[cfg(all(unix, not(target_os = "macos")))]
mod openssl {
    use std::sync::Once;

    use openssl_probe::{ENV_CERT_DIR, ENV_CERT_FILE};

    /// What the variables name while libgit2 starts. It exists, so that git2 does not look for
    /// something better.
    const NONE: &str = "/dev/null";

    /// Calls `start`, which starts libgit2, while OpenSSL finds no certificates.
    pub(in super::super) fn without<T>(start: impl FnOnce() -> T) -> T {
        let variables = [ENV_CERT_FILE, ENV_CERT_DIR];
        let given = variables.map(std::env::var_os);
        for name in variables {
            set(name, Some(NONE.as_ref()));
        }
        let started = start();
        for (name, value) in variables.into_iter().zip(given) {
            set(name, value.as_deref());
        }
        started
    }

    fn set(name: &str, value: Option<&std::ffi::OsStr>) {
        #[expect(
            unsafe_code,
            reason = "the environment, at the start of a command and where git2 itself would write it; see docs/decisions/0003-certificates-when-needed.md"
        )]
        unsafe {
            match value {
                Some(value) => std::env::set_var(name, value),
                None => std::env::remove_var(name),
            }
        }
    }

    /// Gives libgit2 the system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR`
    /// name; once.
    pub(in super::super) fn load() {
        static LOADED: Once = Once::new();
        LOADED.call_once(|| {
            let found = openssl_probe::probe();
            #[expect(
                unsafe_code,
                reason = "libgit2's TLS context, written once and before the first connection; see docs/decisions/0003-certificates-when-needed.md"
            )]
            let results = unsafe {
                [
                    found.cert_file.map(|file| git2::opts::set_ssl_cert_file(file)),
                    found.cert_dir.map(|folder| git2::opts::set_ssl_cert_dir(folder)),
                ]
            };
            for error in results.into_iter().flatten().filter_map(Result::err) {
                tracing::warn!(%error, "certificates of authorities could not be read");
            }
        });
    }
}
