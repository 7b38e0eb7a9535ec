#!/usr/bin/env bash
# Prints the SHA-256 of what tidegate is built from: the name and content of each source file.
# SHA256SUMS of a release has it in the line `source`, and the action compares: a release's program
# is only taken where it was built from exactly the source that the action came with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# macOS has no sha256sum.
if command -v sha256sum >/dev/null; then sha256=(sha256sum); else sha256=(shasum -a 256); fi

# The program writes an example into repositories, so the examples are part of it.
find Cargo.toml Cargo.lock build.rs docs/examples src -type f -print0 | LC_ALL=C sort -z |
    while IFS= read -r -d '' file; do
        # From standard input, so that no system writes the name in a way of its own.
        printf '%s  %s\n' "$("${sha256[@]}" <"$file" | cut -c1-64)" "$file"
    done | "${sha256[@]}" | cut -c1-64
