#!/usr/bin/env bash
# What packaging/check.sh runs inside a bare Debian, in a network of its own: the packages of /dist
# are installed and tried as a user would.
set -euo pipefail

VERSION=$1
archive=/dist/tidegate-$VERSION-$2.tar.gz
work=$(mktemp -d)
fail() { printf 'in a bare Debian: %s\n' "$*" >&2; exit 1; }
ok() { printf 'in a bare Debian: ok: %s\n' "$*" >&2; }

for tool in cargo rustc cc; do
    if command -v "$tool" >/dev/null; then fail "$tool is here, so this is no machine without Rust"; fi
done

runs() { # runs FOLDER PROGRAM
    [ "$("$2" --version)" = "tidegate $VERSION" ] || fail "$2 --version says: $("$2" --version)"
    "$2" demo --json --dir "$1" >"$work/story" || fail "$2 demo failed"
    grep -q '"tidegate/demo/1"' "$work/story" || fail "$2 demo printed: $(cat "$work/story")"
}

# The static program.
mkdir -p "$work/archive"
tar -C "$work/archive" --strip-components=1 -xzf "$archive"
install -m 755 "$work/archive/tidegate" /usr/local/bin/tidegate
runs "$work/demo-static" /usr/local/bin/tidegate
ok "static program"

# The wheel.
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index \
    /dist/"tidegate-$VERSION"-py3-*manylinux*_"$3".whl
runs "$work/demo-wheel" "$work/venv/bin/tidegate"
ok "wheel"

# Manual pages: every command has one, and man shows it without a warning.
mkdir -p /usr/local/share/man/man1
cp "$work"/archive/man/man1/*.1 /usr/local/share/man/man1
tidegate --help | sed -n '/^Commands:/,/^$/p' | awk 'NR > 1 && NF { print $1 }' >"$work/commands"
grep -qx rollback "$work/commands" || fail "help lists no commands"
while read -r command; do
    [ -f "/usr/local/share/man/man1/tidegate-$command.1" ] || fail "$command has no manual page"
done <"$work/commands"
for page in "$work"/archive/man/man1/*.1; do
    MANWIDTH=80 man --warnings=w -l "$page" >"$work/page" 2>"$work/warnings" || fail "man cannot show $page"
    [ ! -s "$work/warnings" ] || fail "man warns about $page: $(cat "$work/warnings")"
    for section in NAME SYNOPSIS DESCRIPTION; do
        grep -q "^$section\$" "$work/page" || fail "$page has no section $section"
    done
done
man tidegate-rollback | grep -q 'last good commit' || fail "man does not find tidegate-rollback"
ok "manual pages"

# Completions, in the three shells that are here.
completed=$(bash --norc -c "source '$work/archive/completions/tidegate.bash'
    COMP_WORDS=(tidegate last) COMP_CWORD=1
    _tidegate tidegate last tidegate; echo \"\${COMPREPLY[@]}\"")
[ "$completed" = last-good ] || fail "bash completes last to: $completed"
completed=$(fish --no-config -c "source '$work/archive/completions/tidegate.fish'; complete -C 'tidegate last'")
case $completed in last-good*) ;; *) fail "fish completes last to: $completed" ;; esac
mkdir "$work/functions"
cp "$work/archive/completions/_tidegate" "$work/functions"
completed=$(zsh -f -c "fpath=('$work/functions' \$fpath); autoload -U compinit; compinit -D -u
    autoload +X _tidegate; whence -w _tidegate; echo \$_comps[tidegate]")
[ "$completed" = $'_tidegate: function\n_tidegate' ] || fail "zsh takes the completions as: $completed"
ok "completions for bash, fish and zsh"

# Servers with TLS: git and registry by name, with a certificate that only our authority vouches for.
git config --global init.defaultBranch main
git config --global user.name Test
git config --global user.email test@example.invalid
# serve NAME FOLDER: an authority, a certificate for NAME, and a server that notes what it is asked.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout "$work/ca.key" -out "$work/ca.pem" \
    -addext 'basicConstraints=critical,CA:true' 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
printf 'subjectAltName=DNS:hosts.test,DNS:dns.test,DNS:app.localhost\n' >"$work/names"
openssl x509 -req -days 2 -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
    -extfile "$work/names" -out "$work/server.pem" 2>/dev/null
echo '127.0.0.1 localhost hosts.test' >/etc/hosts
echo 'nameserver 127.0.0.1' >/etc/resolv.conf
python3 /dist/loopback.py "$work/server.pem" "$work/server.key" "$work/asked" &
server=$!
trap 'kill "$server"' EXIT
for _ in $(seq 100); do [ ! -f "$work/asked" ] || break; sleep 0.1; done
[ -f "$work/asked" ] || fail "the loopback servers did not start"

# asks HOST: a work tree whose remote and registry are HOST is looked at; the log of the server and
# what the program said are left in $work/asked and $work/said.
asks() {
    rm -rf "$work/app"
    git init --quiet "$work/app"
    mkdir "$work/app/.github"
    printf 'version: 1\nimages:\n  - %s:8443/acme/app\n' "$1" >"$work/app/.github/tidegate.yml"
    git -C "$work/app" add .
    git -C "$work/app" commit --quiet --message 'Add the app'
    git -C "$work/app" remote add origin "https://$1:8443/acme/app.git"
    : >"$work/asked"
    local code=0
    tidegate -C "$work/app" doctor >"$work/said" 2>&1 || code=$?
    [ "$code" -lt 126 ] || fail "asking $1, tidegate crashed with code $code: $(cat "$work/said")"
}
# answered HOST: both git (libgit2) and the registry (reqwest) got through.
answered() {
    grep -q 'GET /acme/app.git/info/refs' "$work/asked" || fail "git did not get through to $1: $(cat "$work/said")"
    grep -q '/v2/' "$work/asked" || fail "the registry was not reached at $1: $(cat "$work/said")"
}

asks hosts.test
[ ! -s "$work/asked" ] || fail "a server was trusted that nobody vouches for: $(cat "$work/asked")"
grep -qi certificate "$work/said" || fail "an untrusted certificate was not named: $(cat "$work/said")"
export SSL_CERT_FILE=$work/ca.pem
asks hosts.test
answered hosts.test
unset SSL_CERT_FILE
cp "$work/ca.pem" /usr/local/share/ca-certificates/test.crt
update-ca-certificates >/dev/null 2>&1
asks hosts.test
answered hosts.test
ok "TLS: SSL_CERT_FILE, and the certificates of the machine"

# Names from DNS, and a service for names that a static program of another glibc cannot load: it
# would crash on it.
asks dns.test
answered dns.test
sed -i 's/^hosts:.*/hosts: myhostname files dns/' /etc/nsswitch.conf
getent hosts app.localhost >/dev/null || fail "myhostname is not in use, so this tests nothing"
asks app.localhost
asks hosts.test
answered hosts.test
ok "names from /etc/hosts and DNS, whatever nsswitch.conf says"
