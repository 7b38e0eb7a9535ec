//! Which services a static program asks for the address of a host.

/// Limits a static program to `/etc/hosts` and DNS; does nothing in any other.
///
/// glibc loads what else `/etc/nsswitch.conf` names (`myhostname`, `mdns4_minimal`, `resolve`) as
/// libraries of the machine, and a static program that loads those of another glibc crashes
/// (docs/decisions/0005-static-binaries.md). To be called before other threads exist.
pub fn limit() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
    glibc::limit();
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
mod glibc {
    use std::ffi::{CStr, c_char, c_int};

    #[expect(unsafe_code, reason = "no crate has it; see docs/decisions/0005-static-binaries.md")]
    unsafe extern "C" {
        /// `nss.h` of glibc: overrides a line of `/etc/nsswitch.conf` for this process.
        fn __nss_configure_lookup(database: *const c_char, line: *const c_char) -> c_int;
    }

    /// The databases that are asked, and the services that are part of a static glibc.
    const DATABASES: [(&CStr, &CStr); 5] = [
        (c"hosts", c"files dns"),
        (c"services", c"files"),
        (c"protocols", c"files"),
        (c"passwd", c"files"),
        (c"group", c"files"),
    ];

    pub(super) fn limit() {
        for (database, services) in DATABASES {
            #[expect(
                unsafe_code,
                reason = "both texts are static and end in a zero byte, and no other thread looks up a name yet"
            )]
            let refused = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
            if refused != 0 {
                tracing::warn!(?database, "glibc refused to limit where names are looked up");
            }
        }
    }
}
