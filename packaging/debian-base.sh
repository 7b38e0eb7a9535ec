#!/usr/bin/env bash
# Makes the base of the images that the tests run in a container engine: a small Debian with Python
# and PostgreSQL, as a tar in the cache folder. Its path is printed.
#
#   packaging/debian-base.sh
#
# Needs root and debootstrap. Made once: the packages come from Debian's mirror, and no engine and no
# image registry is needed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SUITE=trixie
PACKAGES=python3,python3-psycopg2,postgresql-17
# Of the packages that the databases and apps of the tests do not use; and Debian's own database
# cluster: a test makes one of its own.
LEFT_OUT='./dev/*
./proc/*
./sys/*
./etc/postgresql
./usr/lib/*/gconv
./usr/lib/*/libLLVM*
./usr/lib/*/libz3*
./usr/lib/*/perl
./usr/lib/postgresql/*/lib/*llvm*
./usr/lib/postgresql/*/lib/bitcode
./usr/share/doc
./usr/share/i18n
./usr/share/locale
./usr/share/man
./usr/share/perl
./usr/share/perl5
./var/cache
./var/lib/apt
./var/lib/postgresql/*'

[ "$(id -u)" -eq 0 ] || fail "a Debian is made as root: call this with sudo"
contents=$(printf '%s\n' "$SUITE" "$PACKAGES" "$LEFT_OUT" | "${SHA256[@]}" | cut -c1-12)
archive=$CACHE/debian-base-$contents.tar

if [ ! -f "$archive" ]; then
    export PATH="$PATH:/usr/sbin:/sbin"
    have debootstrap || fail "debootstrap is missing: run ./dev test, which installs it"
    say "making the base of the test images (Debian $SUITE), once"
    work=$(mktemp -d "$CACHE/debian.XXXXXX")
    # debootstrap mounts /proc and /sys below; were it killed, they would still be there.
    trap 'rm -rf --one-file-system "$work"' EXIT
    from=$(mirror)
    debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$work/root" \
        "${from:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        fail "debootstrap failed; its last lines are above"
    }
    printf '%s\n' "$LEFT_OUT" >"$work/left-out"
    tar -C "$work/root" --numeric-owner --exclude-from="$work/left-out" -cf "$work/root.tar" .
    mv "$work/root.tar" "$archive"
fi
# The digest of the layer that the tests make of it.
[ -f "$archive.sha256" ] || "${SHA256[@]}" <"$archive" | cut -c1-64 >"$archive.sha256"
ln -sf "$(basename "$archive")" "$CACHE/debian-base.tar"
ln -sf "$(basename "$archive").sha256" "$CACHE/debian-base.tar.sha256"
printf '%s\n' "$archive"
