#!/usr/bin/env bash
# Installs what packaging/build.sh built, each into a fresh place, and runs it there. Fails when
# anything is missing or does not work.
#
# The part in a bare Debian is entered with chroot, and so needs root.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# A release has archives and wheels for several processors; this machine's are tried.
case $(uname -m) in
    x86_64) archive_pattern=linux-x86_64 wheel_pattern=x86_64 ;;
    aarch64) archive_pattern=linux-arm64 wheel_pattern=aarch64 ;;
    *) fail "no package is made for $(uname -m)" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
ok() { passed=$((passed + 1)); say "ok: $*"; }

only() { # only PATTERN: the one file of dist that it names
    local found
    found=$(find "$DIST" -maxdepth 1 -name "$1")
    [ "$(printf '%s\n' "$found" | grep -c .)" -eq 1 ] || fail "expected one $1 in $DIST, found: ${found:-none}"
    printf '%s\n' "$found"
}

# runs FOLDER WORD...: the program gives its version and plays the demo in this new folder.
runs() {
    local folder=$1 version story
    shift
    version=$("$@" --version)
    [ "$version" = "tidegate $VERSION" ] || fail "$*: expected tidegate $VERSION, got: $version"
    story=$("$@" demo --json --dir "$folder") || fail "$*: demo failed: $story"
    case $story in *'"tidegate/demo/1"'*) ;; *) fail "$*: demo printed: $story" ;; esac
}

check_sums() {
    (cd "$DIST" && grep -v ' source$' SHA256SUMS | sha256sum --check --strict --quiet)
    local expected found
    expected=$("$ROOT/packaging/source-hash.sh")
    found=$(sed -n 's/^\([0-9a-f]\{64\}\)  source$/\1/p' "$DIST/SHA256SUMS")
    [ "$expected" = "$found" ] || fail "SHA256SUMS names the source $found, which is $expected"
    expected=$(cd "$DIST" && find . -type f ! -name SHA256SUMS -printf '%f\n' | LC_ALL=C sort)
    found=$(sed 's/^[0-9a-f]\{64\}  //' "$DIST/SHA256SUMS" | grep -vx source | LC_ALL=C sort)
    [ "$expected" = "$found" ] || fail "SHA256SUMS names other files than there are: $found"
    ok "checksums"
}

check_archive() {
    local archive name file
    archive=$(only "tidegate-$VERSION-$archive_pattern.tar.gz")
    name=$(basename "$archive" .tar.gz)
    tar -tzf "$archive" >"$work/list"
    for file in tidegate README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE man/man1/tidegate.1 \
        man/man1/tidegate-gate.1 man/man1/tidegate-ledger-append.1 completions/tidegate.bash \
        completions/_tidegate completions/tidegate.fish completions/tidegate.ps1; do
        grep -qx "$name/$file" "$work/list" || fail "$archive lacks $file"
    done
    tar -C "$work" -xzf "$archive"
    # Linked against nothing: no interpreter that loads libraries.
    if readelf --program-headers "$work/$name/tidegate" | grep -q INTERP; then
        fail "$archive: the program is not static"
    fi
    # There is no PowerShell here to ask, so this is all that is known of its completions.
    grep -q 'Register-ArgumentCompleter -Native -CommandName .tidegate.' "$work/$name/completions/tidegate.ps1" ||
        fail "the completions for PowerShell register nothing"
    for file in gate rollback last-good; do
        grep -q "'$file'" "$work/$name/completions/tidegate.ps1" ||
            fail "the completions for PowerShell do not know $file"
    done
    runs "$work/demo-archive" "$work/$name/tidegate"
    ok "static program"
}

check_wheel() {
    local wheel
    wheel=$(only "tidegate-$VERSION-py3-*manylinux*_$wheel_pattern.whl")
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel"
    runs "$work/demo-wheel" "$work/venv/bin/tidegate"
    ok "wheel in a new environment"
}

check_sdist() {
    tar -tzf "$(only "tidegate-$VERSION.tar.gz")" >"$work/list"
    local file
    for file in PKG-INFO pyproject.toml Cargo.toml Cargo.lock build.rs src/main.rs; do
        grep -qx "tidegate-$VERSION/$file" "$work/list" || fail "the sdist lacks $file"
    done
    if grep -E "^[^/]*/(tests|benches|\.github|\.ci)/" "$work/list"; then fail "the sdist has files of the tests"; fi
    ok "sdist"
}

# Built from the unpacked package and nothing else, in a folder of its own.
check_crate() {
    local crate=$work/tidegate-$VERSION
    tar -tzf "$(only "tidegate-$VERSION.crate")" | sed "s|^tidegate-$VERSION/||" >"$work/list"
    if grep -vE '^(src/.*|docs/examples/[^/]*\.yml|docs/reference/tidegate\.schema\.json|Cargo\.(toml|toml\.orig|lock)|build\.rs|README\.md|CHANGELOG\.md|LICENSE-(MIT|APACHE)|\.cargo_vcs_info\.json)$' "$work/list"; then
        fail "the crate package has files that nobody needs, named above"
    fi
    tar -C "$work" -xzf "$(only "tidegate-$VERSION.crate")"
    # cargo takes every unpacked package for the same one, and the dates in it are old: without this,
    # what an earlier run compiled would be tried.
    find "$crate" -type f -exec touch {} +
    CARGO_TARGET_DIR=$CACHE/crate cargo install --quiet --debug --locked --no-track --path "$crate" --root "$work/installed"
    runs "$work/demo-crate" "$work/installed/bin/tidegate"
    local commit
    commit=$(sed -n 's/.*"sha1": "\([0-9a-f]\{40\}\)".*/\1/p' "$crate/.cargo_vcs_info.json")
    if ! grep -q '"dirty"' "$crate/.cargo_vcs_info.json"; then
        grep -qaF "$commit" "$work/installed/bin/tidegate" ||
            fail "the program of the crate package does not know its commit $commit"
    fi
    ok "crate package, by cargo install"
}

check_sbom() {
    python3 - "$(only "tidegate-$VERSION.cyclonedx.json")" "$VERSION" <<'PYTHON'
import json, sys
bom = json.load(open(sys.argv[1]))
names = {component["name"] for component in bom["components"]}
assert bom["bomFormat"] == "CycloneDX", bom["bomFormat"]
assert bom["metadata"]["component"]["version"] == sys.argv[2], bom["metadata"]["component"]
missing = {"git2", "libgit2-sys", "openssl-sys", "reqwest", "clap"} - names
assert not missing, f"the SBOM lacks {missing}"
PYTHON
    ok "SBOM"
}

check_image() {
    printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' \
        "$work/storage" "$work/run" >"$work/storage.conf"
    export CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot
    local container id
    container=$(buildah from --quiet "oci-archive:$(only "tidegate-$VERSION-image.tar")")
    runs /tmp/demo buildah run "$container" -- /usr/bin/tidegate
    if buildah run "$container" -- /bin/sh -c true 2>/dev/null; then fail "there is a shell in the image"; fi
    id=$(buildah inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{index .OCIv1.Config.Labels "org.opencontainers.image.version"}}' "$container")
    [ "$id" = "65532:65532 [/usr/bin/tidegate] $VERSION" ] || fail "the image's settings are: $id"
    # Mounting wants a user namespace where this is not root.
    local enter=()
    [ "$(id -u)" -eq 0 ] || enter=(buildah unshare)
    # shellcheck disable=SC2016 # for the inner shell
    "${enter[@]}" sh -c '[ -s "$(buildah mount "$1")/etc/ssl/certs/ca-certificates.crt" ]' sh "$container" ||
        fail "the image has no certificates"
    compose_schedule "$container" "${enter[@]}"
    buildah rm "$container" >/dev/null
    ok "container image"
}

# The service `schedule` of docs/examples/schedule-compose.yml, with its user, folder and command: an
# import, a health check and a backup of SQLite.
compose_schedule() {
    local container=$1 folder=$work/workspace words owner task
    shift
    # What is left enters the user namespace, where one is needed.
    mkdir -p "$folder/data"
    printf '%s\n' 'date,user_id,product_name,quantity,unit_price,total_amount,region' \
        '2026-02-07,1,Olive oil,2,9.90,19.80,Attica' >"$folder/sales.csv"
    mkdir "$folder/.github"
    printf '%s\n' 'version: 1' 'data:' '  imports: { sales: { preset: sales, csv: sales.csv } }' >"$folder/.github/tidegate.yml"
    : >"$folder/.env.production"
    # The example's own command, less what makes it go on for ever.
    words=$(sed -n 's/^    command: \["schedule", "--env-file", "\(.*\)"\]$/schedule --env-file \1/p' "$ROOT/docs/examples/schedule-compose.yml")
    [ -n "$words" ] || fail "docs/examples/schedule-compose.yml has another command than this check knows"
    owner=$(sed -n 's/^    user: "\(.*\)"$/\1/p' "$ROOT/docs/examples/schedule-compose.yml")
    "$@" chown -R "$owner" "$folder"
    for task in sales health backup; do
        # shellcheck disable=SC2086 # they are words
        buildah run --user "$owner" --volume "$folder:/workspace" --workingdir /workspace \
            --env DATABASE_PATH=data/production.db --env LOG_FILE=logs/schedule.log "$container" -- \
            /usr/bin/tidegate $words --run "$task" || fail "the task $task of the compose example fails in the image"
    done
    [ -n "$(find "$folder/data/backups" "$folder/backups" -name 'production_*.db' 2>/dev/null)" ] ||
        fail "the schedule of the compose example made no backup"
    [ -n "$(find "$folder/logs" -name 'schedule*.log')" ] || fail "the schedule of the compose example wrote no log"
    "$@" rm -rf "$folder"
}

check_debian() {
    local root=$work/debian
    as_root "$ROOT/packaging/debian-root.sh" "$root"
    as_root mkdir -p "$root/dist"
    as_root cp -r "$DIST/." "$root/dist"
    as_root cp "$ROOT/packaging/in-debian.sh" "$ROOT/packaging/loopback.py" "$root/dist"
    # A network of its own: nothing outside answers, and port 53 is free.
    as_root unshare --net sh -c 'ip link set lo up 2>/dev/null || ifconfig lo up; exec "$@"' sh \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        chroot "$root" bash /dist/in-debian.sh "$VERSION" "$archive_pattern" "$wheel_pattern"
    as_root rm -rf "$root"
    ok "static program and wheel in a bare Debian without Rust"
}

# Root, directly or through sudo; the cache folder stays the caller's.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif have sudo; then sudo env "TIDEGATE_CACHE=$CACHE" "$@"
    else fail "this part needs root (chroot): run it as root, or install sudo"
    fi
}

[ -d "$DIST" ] || fail "there is no $DIST: run packaging/build.sh first"
cd "$work"
if [ $# -eq 0 ]; then set -- sums archive wheel sdist crate sbom image debian; fi
for part in "$@"; do "check_$part"; done
say "$passed of $# checks passed; the packages are in $DIST"
