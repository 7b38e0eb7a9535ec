#!/usr/bin/env bash
# Follows docs/tutorial.md in a bare Debian, as a person would who has nothing but the page: an
# ordinary user, no Rust, the wheel of `dist` in place of the one on PyPI, and no network.
#
#   packaging/tutorial.sh
#
# Needs root, for chroot, and the wheel that packaging/build.sh makes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ "$(id -u)" -eq 0 ] || fail "the bare Debian is entered as root: call this with sudo"
wheel=$(find "$DIST" -maxdepth 1 -name "tidegate-*.whl")
[ -n "$wheel" ] || fail "there is no wheel in $DIST: run packaging/build.sh wheel"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
"$ROOT/packaging/debian-root.sh" "$root"
for tool in cargo rustc cc tidegate; do
    if chroot "$root" sh -c "command -v $tool" >/dev/null; then fail "$tool is there already"; fi
done
mkdir "$root/dist"
cp "$wheel" "$root/dist/"
chroot "$root" useradd --create-home --shell /bin/bash ada

# Every block of shell lines, in order, except what changes the machine.
awk '
    /^<!-- not run: changes the machine/ { skip = 1 }
    /^ *```sh$/ && !block { block = skip ? 2 : 1; skip = 0; next }
    /^ *```$/ && block { block = 0; next }
    block == 1
' "$ROOT/docs/tutorial.md" >"$root/home/ada/lines"
typed=$(grep -c . "$root/home/ada/lines")
[ "$typed" -gt 30 ] || fail "found only $typed lines in the tutorial"

cat >"$root/home/ada/check" <<'CHECK'
set -eu
cd ~/tidegate-tutorial/app
export PATH="$HOME/tidegate-venv/bin:$PATH"
fail() { echo "at the end of the tutorial: $*" >&2; exit 1; }
git fetch -q origin
good=$(git rev-parse ':/^Add up') bad=$(git rev-parse ':/^Divide')
[ "$(git rev-parse origin/stable)" = "$good" ] || fail "stable is not at the good commit"
git show origin/tidegate:records/000001.json | grep -q "$good" || fail "release 1 is another commit"
[ "$(git show origin/main:app.py)" = 'print("1 + 1 =", 1 + 1)' ] || fail "main has not the good app"
git log -1 --format=%B origin/main | grep -q "Tidegate-Rollback-From: $bad" || fail "main shows no rollback"
git show "origin/undo-$(printf %.7s "$bad"):app.py" | grep -q '1 / 0' || fail "the work is not on the branch"
tidegate status | grep -q 'everything agrees' || fail "not everything agrees"
[ "$(python3 app.py)" = '1 + 1 = 2' ] || fail "the app does not work"
CHECK

# The links of a network of its own are down, also the loopback: nothing is fetched.
alone=(unshare --net)
"${alone[@]}" true 2>/dev/null || alone=()
ada() { # ada FILE: as the user Ada, in her home folder
    "${alone[@]}" chroot "$root" su - ada -c \
        "PIP_NO_INDEX=1 PIP_FIND_LINKS=/dist PIP_DISABLE_PIP_VERSION_CHECK=1 bash -e $1"
}
begin=$(date +%s%N)
ada lines >"$root/out" 2>&1 || { cat "$root/out" >&2; fail "the tutorial does not work"; }
took=$((($(date +%s%N) - begin) / 1000000))
for text in 'is live as release 1' 'exit code 3' 'everything agrees' 'wrote .github/workflows/release-gate.yml'; do
    grep -q "$text" "$root/out" || { cat "$root/out" >&2; fail "the tutorial does not print: $text"; }
done
ada check
say "ok: the tutorial in a bare Debian: $typed lines to type, $((took / 1000)).$(printf '%03d' $((took % 1000))) s of machine time"
