#!/usr/bin/env bash
# Part of action.yml: takes tidegate from the release of the action's own version, if that program
# was built from exactly this source and is what the release says. Otherwise it gives the reason as
# the output `reason`, and the action builds tidegate from its source. Nothing here fails the job.
#
# In:  SOURCE_HASH (packaging/source-hash.sh), INTO (folder), TIDEGATE_RELEASES_URL (optional: a
#      mirror of the releases), RUNNER_OS, RUNNER_ARCH, GH_TOKEN (optional, for the attestation)
# Out: `program` or `reason` in GITHUB_OUTPUT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

REPOSITORY=tidegate/tidegate
RELEASES=${TIDEGATE_RELEASES_URL:-https://github.com/$REPOSITORY/releases/download}
# The largest program and list that are believed to be tidegate's.
MAX_ARCHIVE=100000000
MAX_PROGRAM=200000000
MAX_SUMS=100000

# The source is used instead, and this is why.
instead() {
    # One line of plain text, whatever a server or program said.
    local reason
    reason=$(printf '%s' "$*" | LC_ALL=C tr -cd '[:alnum:] .,:/_+()-' | cut -c1-300)
    printf 'reason=%s\n' "$reason" >>"$GITHUB_OUTPUT"
    printf '::notice title=tidegate is built from source::%s\n' "$reason"
    exit 0
}

version=$(sed -n 's/^version = "\([0-9A-Za-z.+-]*\)"$/\1/p' Cargo.toml | head -n 1)
[ -n "$version" ] || instead "the version of the action is not in its Cargo.toml"

program=tidegate
case $RUNNER_OS-$RUNNER_ARCH in
    Linux-X64) platform=linux-x86_64 ;;
    Linux-ARM64) platform=linux-arm64 ;;
    macOS-X64) platform=macos-x86_64 ;;
    macOS-ARM64) platform=macos-arm64 ;;
    Windows-X64) platform=windows-x86_64 program=tidegate.exe ;;
    *) instead "releases have no program for $RUNNER_OS on $RUNNER_ARCH" ;;
esac
name=tidegate-$version-$platform

# Nothing is asked for in the clear, but of this machine itself.
case $RELEASES in
    https://*) protocols='=https' ;;
    # What stands before an @ is a user, not a host.
    http://127.0.0.1:*@* | http://localhost:*@*) instead "TIDEGATE_RELEASES_URL is not an https address" ;;
    http://127.0.0.1:* | http://localhost:*) protocols='=http,https' ;;
    *) instead "TIDEGATE_RELEASES_URL is not an https address" ;;
esac

# Windows writes it with backslashes.
INTO=${INTO//\\//}
mkdir -p "$INTO" 2>/dev/null || instead "the folder for temporary files cannot be written to"
work=$(mktemp -d "$INTO/download.XXXXXX" 2>/dev/null) ||
    instead "the folder for temporary files cannot be written to"
trap 'rm -rf "$work"' EXIT

# A server that hangs must leave time for the build and for the gate. Before 8.4.0, curl believes an
# answer that names no size to be small, so the system limits the file, too, where it can.
fetch() { # fetch FILE MAX
    (
        trap '' XFSZ
        ulimit -f "$(($2 / 512 + 1))" 2>/dev/null || :
        exec curl --silent --show-error --fail --location --proto "$protocols" --proto-redir "$protocols" \
            --connect-timeout 20 --max-time 120 --speed-limit 1000 --speed-time 30 \
            --retry 2 --retry-max-time 60 --max-filesize "$2" \
            --output "$work/$1" "$RELEASES/v$version/$1" 2>"$work/error"
    ) || instead "release v$version: $1 could not be had: $(head -n 1 "$work/error")"
}
# macOS has no sha256sum.
if command -v sha256sum >/dev/null; then sha256=(sha256sum); else sha256=(shasum -a 256); fi
listed() { # listed NAME: the checksum that SHA256SUMS has for exactly this name
    awk -v name="$1" 'NF == 2 && ($2 == name || $2 == "*" name) && $1 ~ /^[0-9a-f]+$/ && length($1) == 64 {
        print $1; exit }' "$work/SHA256SUMS"
}

fetch SHA256SUMS "$MAX_SUMS"
[ -n "$SOURCE_HASH" ] && [ "$(listed source)" = "$SOURCE_HASH" ] ||
    instead "release v$version was built from another source than this action's"
expected=$(listed "$name.tar.gz")
[ -n "$expected" ] || instead "release v$version has no $name.tar.gz"

fetch "$name.tar.gz" "$MAX_ARCHIVE"
found=$("${sha256[@]}" <"$work/$name.tar.gz" | cut -c1-64)
[ "$found" = "$expected" ] ||
    instead "release v$version: $name.tar.gz has the checksum $found, and SHA256SUMS says $expected"

# Who built it. Asked where it can be: with GitHub's command line and a token.
attested='its attestation was not checked: there is no gh or no token here'
if [ -n "${GH_TOKEN:-}" ] && command -v gh >/dev/null && gh attestation --help >/dev/null 2>&1; then
    gh attestation verify "$work/$name.tar.gz" --repo "$REPOSITORY" --source-ref "refs/tags/v$version" \
        --signer-workflow "$REPOSITORY/.github/workflows/release.yml" >"$work/said" 2>&1 ||
        instead "release v$version: the attestation of $name.tar.gz was refused: $(tail -n 1 "$work/said")"
    attested='its attestation holds'
fi

# One member goes to one file, through a pipe: no path and no link of the archive counts.
{ tar -xzOf - "$name/$program" <"$work/$name.tar.gz" 2>/dev/null || :; } |
    head -c "$MAX_PROGRAM" >"$work/$program"
[ -s "$work/$program" ] || instead "release v$version: $name.tar.gz holds no program $name/$program"
chmod 755 "$work/$program"
said=$("$work/$program" --version 2>&1 | head -n 1) || :
[ "$said" = "tidegate $version" ] || instead "release v$version: the program does not run here: $said"

mv -f "$work/$program" "$INTO/$program"
printf 'program=%s\n' "$INTO/$program" >>"$GITHUB_OUTPUT"
printf 'tidegate %s from its release; checksum right, %s\n' "$version" "$attested"
