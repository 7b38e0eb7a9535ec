#!/usr/bin/env bash
# Prints what CHANGELOG.md says of the version of a tag, and fails unless everything agrees: the tag,
# the version in Cargo.toml, a dated section of CHANGELOG.md, and a commit of main.
#
#   packaging/notes.sh v1.2.3 > notes.md
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

[ $# -eq 1 ] || fail "usage: packaging/notes.sh TAG"
[ "$1" = "v$VERSION" ] || fail "the tag is $1, and the version in Cargo.toml is $VERSION: expected v$VERSION"
# pip writes other versions in a way of its own (1.2.3-rc.1 is 1.2.3rc1), and `latest` would move.
[[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "the version is $VERSION: only versions like 1.2.3 are released"
heading=$(grep -E "^## \\[${VERSION//./\\.}\\]" CHANGELOG.md || :)
printf '%s\n' "$heading" | grep -qE '\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$' ||
    fail "CHANGELOG.md has no section like: ## [$VERSION] - $(date -u +%Y-%m-%d)"
notes=$(awk -v heading="$heading" '$0 == heading { on = 1; next } /^## / { on = 0 } on' CHANGELOG.md)
printf '%s' "$notes" | grep -q '[^[:space:]]' || fail "the section of $VERSION in CHANGELOG.md is empty"
git merge-base --is-ancestor HEAD refs/remotes/origin/main ||
    fail "$(git rev-parse HEAD) is no commit of main"
printf '%s\n' "$notes"
