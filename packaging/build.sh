#!/usr/bin/env bash
# Builds what a release consists of into the folder `dist` of the cache folder.
#
#   packaging/build.sh [PART]...
#
#   archive   the program for this machine, with manual pages and completions
#   wheel     the Python wheel with the same program
#   sdist     the source for pip, on machines that no wheel fits
#   crate     the package for cargo
#   sbom      the list of all that is compiled in, CycloneDX
#   image     the container image, of all Linux archives in dist
#   sums      SHA256SUMS of all that is in dist
#
# Without a part, all of them, into an empty `dist`.
# TIDEGATE_COMMIT is the commit that `tidegate init` pins the action to; a release sets it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

TARGET=${TIDEGATE_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
# Of its own: other flags than those of the tests.
export CARGO_TARGET_DIR="$CACHE/package"
# The time that is written into archives. Not exported as SOURCE_DATE_EPOCH: cargo would compile
# OpenSSL's crate, and all that uses it, anew for each commit.
epoch=$(git log -1 --format=%ct)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Nothing of the user's machine is needed at run time: no OpenSSL, and on Linux no C library.
export OPENSSL_STATIC=1
case $TARGET in
    *-linux-gnu | *-windows-msvc) export RUSTFLAGS="-C target-feature=+crt-static" ;;
esac
program=$CARGO_TARGET_DIR/$TARGET/release/tidegate
case $TARGET in *windows*) program=$program.exe ;; esac

build_program() {
    cargo build --release --locked --bin tidegate --target "$TARGET"
    case $TARGET in
        *-linux-gnu)
            if ldd "$program" 2>&1 | grep -qv 'statically linked\|not a dynamic executable'; then
                fail "$program is not static: $(ldd "$program")"
            fi
            ;;
    esac
}

# The same bytes from the same source, where tar can (GNU tar).
pack() {
    if tar --version | grep -q 'GNU tar'; then
        tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner \
            -C "$1" -cf - "$2" | gzip -9n
    else
        tar -C "$1" -czf - "$2"
    fi
}

part_archive() {
    build_program
    local name
    name=tidegate-$VERSION-$(platform "$TARGET")
    mkdir -p "$work/$name/completions"
    cp "$program" README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$work/$name"
    "$program" man --quiet --dir "$work/$name/man/man1"
    "$program" completions bash >"$work/$name/completions/tidegate.bash"
    "$program" completions zsh >"$work/$name/completions/_tidegate"
    "$program" completions fish >"$work/$name/completions/tidegate.fish"
    "$program" completions powershell >"$work/$name/completions/tidegate.ps1"
    pack "$work" "$name" >"$DIST/$name.tar.gz"
}

part_wheel() {
    build_program
    maturin build --quiet --release --locked --target "$TARGET" --out "$DIST"
}

part_sdist() { maturin sdist --out "$DIST"; }

part_crate() {
    local dirty=()
    if [ -n "$(git status --porcelain)" ]; then
        say "there are changes without a commit: the crate package names no commit"
        dirty=(--allow-dirty)
    fi
    cargo package --quiet --locked --no-verify "${dirty[@]}"
    cp "$CARGO_TARGET_DIR/package/tidegate-$VERSION.crate" "$DIST"
}

# maturin puts the list into each wheel (PEP 770), of what is compiled for its platform. That of the
# release names what is in any of them.
part_sbom() {
    local wheel lists=()
    mkdir "$work/sbom"
    for wheel in "$DIST/tidegate-$VERSION"-*.whl; do
        [ -f "$wheel" ] || fail "the SBOM is taken from the wheels, and none is in $DIST"
        lists+=("$work/sbom/${#lists[@]}.json")
        unzip -p "$wheel" '*/sboms/tidegate.cyclonedx.json' >"${lists[${#lists[@]} - 1]}"
    done
    python3 packaging/merge-sboms.py "${lists[@]}" >"$DIST/tidegate-$VERSION.cyclonedx.json"
}

# buildah with storage of its own: nothing of the user's is touched.
buildah_() {
    printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' \
        "$work/storage" "$work/run" >"$work/storage.conf"
    CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot buildah "$@"
}

part_image() {
    local archive arch certificates list=tidegate
    certificates=${TIDEGATE_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}
    buildah_ manifest create "$list" >/dev/null
    for archive in "$DIST/tidegate-$VERSION"-linux-*.tar.gz; do
        [ -f "$archive" ] || fail "the image is made of a Linux archive, and none is in $DIST"
        case $archive in *-x86_64.tar.gz) arch=amd64 ;; *) arch=arm64 ;; esac
        rm -rf "$work/image"
        mkdir -p "$work/image/rootfs/usr/bin" "$work/image/rootfs/etc/ssl/certs" \
            "$work/image/rootfs/repository" "$work/image/rootfs/tmp"
        chmod 1777 "$work/image/rootfs/tmp"
        tar -xzOf "$archive" "$(basename "$archive" .tar.gz)/tidegate" >"$work/image/rootfs/usr/bin/tidegate"
        chmod 755 "$work/image/rootfs/usr/bin/tidegate"
        cp "$certificates" "$work/image/rootfs/etc/ssl/certs/ca-certificates.crt"
        buildah_ build --quiet --format oci --platform "linux/$arch" --timestamp "$epoch" \
            --build-arg "VERSION=$VERSION" --build-arg "REVISION=$(git rev-parse HEAD)" \
            --manifest "$list" --file packaging/Containerfile "$work/image" >/dev/null
    done
    rm -f "$DIST/tidegate-$VERSION-image.tar"
    buildah_ manifest push --quiet --all "$list" "oci-archive:$DIST/tidegate-$VERSION-image.tar:$VERSION"
}

part_sums() {
    local hash
    hash=$(packaging/source-hash.sh)
    rm -f "$DIST/SHA256SUMS"
    (cd "$DIST" && "${SHA256[@]}" -- *) >"$work/SHA256SUMS"
    printf '%s  source\n' "$hash" >>"$work/SHA256SUMS"
    mv "$work/SHA256SUMS" "$DIST/SHA256SUMS"
}

if [ $# -eq 0 ]; then
    rm -rf "$DIST"
    set -- archive wheel sdist crate sbom image sums
fi
mkdir -p "$DIST"
for part in "$@"; do
    case $part in
        archive | wheel | sdist | crate | sbom | image | sums) ;;
        *) fail "unknown part $part: expected archive, wheel, sdist, crate, sbom, image or sums" ;;
    esac
    say "building: $part"
    "part_$part"
done
