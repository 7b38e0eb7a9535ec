# shellcheck shell=bash disable=SC2034 # others use these variables
# What the scripts of this folder share: where things are, and what they are called.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${TIDEGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate}
# Everything that a release consists of.
DIST=${TIDEGATE_DIST:-$CACHE/dist}
# Windows writes it with backslashes.
DIST=${DIST//\\//}
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -n 1)
export PATH="$CACHE/bin:$PATH"

say() { printf 'package: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# macOS has no sha256sum.
if have sha256sum; then SHA256=(sha256sum); else SHA256=(shasum -a 256); fi

# The Debian mirror that this machine uses, where it uses one.
mirror() {
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || :; } |
        { grep -oE 'https?://[^ ]+/debian/?( |$)' || :; } | head -n 1 | tr -d ' '
}

# platform TARGET: how a Rust target is called in the names of archives.
platform() {
    case $1 in
        x86_64-unknown-linux-gnu) echo linux-x86_64 ;;
        aarch64-unknown-linux-gnu) echo linux-arm64 ;;
        x86_64-apple-darwin) echo macos-x86_64 ;;
        aarch64-apple-darwin) echo macos-arm64 ;;
        x86_64-pc-windows-msvc) echo windows-x86_64 ;;
        *) fail "no archive is made for $1" ;;
    esac
}
