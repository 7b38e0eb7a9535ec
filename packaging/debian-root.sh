#!/usr/bin/env bash
# Puts a bare Debian into a folder, to try packages in: no Rust, no compiler.
#
#   packaging/debian-root.sh FOLDER      FOLDER must be new or empty
#
# Needs root and debootstrap. The first call fetches Debian's packages and keeps the result in the
# cache folder; later calls unpack it, which takes seconds. Enter it with `chroot FOLDER`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Not the release that the program is built on: its glibc is another one, as on a user's machine.
SUITE=trixie
# libnss-myhostname is a service for host names that static programs cannot load.
PACKAGES=ca-certificates,fish,git,libnss-myhostname,man-db,openssl,python3-venv,zsh

[ $# -eq 1 ] || fail "usage: packaging/debian-root.sh FOLDER"
[ "$(id -u)" -eq 0 ] || fail "a bare Debian is made and entered as root: call this with sudo"
archive=$CACHE/debian-$SUITE-$(printf '%s' "$PACKAGES" | "${SHA256[@]}" | cut -c1-12).tar

if [ ! -f "$archive" ]; then
    export PATH="$PATH:/usr/sbin:/sbin"
    have debootstrap || fail "debootstrap is missing: run ./dev package, which installs it"
    say "making a bare Debian ($SUITE), once"
    work=$(mktemp -d "$CACHE/debian.XXXXXX")
    # debootstrap mounts /proc and /sys below; were it killed, they would still be there.
    trap 'rm -rf --one-file-system "$work"' EXIT
    from=$(mirror)
    debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$work/root" \
        "${from:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        fail "debootstrap failed; its last lines are above"
    }
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
    # Device files cannot be made in every container, and none of these is missed.
    tar -C "$work/root" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' -cf "$work/root.tar" .
    mv "$work/root.tar" "$archive"
fi

mkdir -p "$1"
tar -C "$1" --numeric-owner -xpf "$archive"
mknod -m 666 "$1/dev/null" c 1 3 2>/dev/null || : >"$1/dev/null"
mknod -m 444 "$1/dev/urandom" c 1 9 2>/dev/null || :
