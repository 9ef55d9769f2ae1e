#!/bin/sh
# Puts on a bare machine what one of our commands needs, and only that; says so; quick when it is there already.
#
#   deploy/bare/prepare.sh check|test|demo|bench|messages|screenshots [the command's arguments]
#
# A bare machine has make and some python3. Python packages go into .venv, checked against the hashes of the locks.
# Debian packages are installed when we are root; otherwise this says what to run, and stops only where nothing works without.
set -eu
cd "$(dirname "$0")/../.."
purpose=$1
shift

# command:package, or a file that must exist. What a gateway, its LAN and its laptops are made of, as root on Linux:
lab="nft:nftables wg:wireguard-tools wireguard-go:wireguard-go conntrack:conntrack ip:iproute2 sysctl:procps"
# A gateway far away, and what judges the script and the units that it gets:
far="sshd:openssh-server sudo:sudo shellcheck:shellcheck systemd-analyze:systemd"
# What signs in, and reads the QR code off the screen:
browser="chromium:chromium zbarimg:zbar-tools"
# What people on Linux import a config into:
desktop="NetworkManager:network-manager dbus-daemon:dbus-daemon"
# What production runs on, beside SQLite and the embedded broker; Debian keeps initdb off the PATH (debian.sh finds it).
# redis-check-rdb is Redis itself by another name, and its package starts no service:
servers="initdb:postgresql redis-check-rdb:redis-tools"
# What collects texts to translate, and compiles catalogues:
words="msgfmt:gettext"
# What runs an identity provider that is not ours, and measures pages, and one provider that needs a Python of its own:
node="node:nodejs npm:npm" node_packages="" python_apart=""

can_have_lab() { [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ]; }

case "$purpose" in
check)
    locks="requirements-dev.txt" tools=""
    ;;
test)
    locks="requirements-dev.txt" tools="$browser $servers $node $words" node_packages="tests/providers/node" python_apart="tests/providers/canaille"
    if can_have_lab; then tools="$tools $lab $far $desktop tcpdump:tcpdump"; else echo "Not root on Linux: the tests of the lab will be skipped, and said to be."; fi
    case " $* " in
    *" --full "*) node_packages="$node_packages tests/e2e/lighthouse" ;;
    esac
    ;;
screenshots)
    locks="requirements-dev.txt" tools="$browser"
    ;;
messages)
    locks="requirements-dev.txt" tools="$words"
    ;;
bench)
    locks="requirements-dev.txt" tools=""
    if can_have_lab; then tools="$lab"; fi
    ;;
demo)
    locks="requirements.txt" tools=""
    if can_have_lab; then tools="$lab"; fi
    case " $* " in
    *" --headless "*)
        locks="$locks requirements-headless.txt" tools="$tools $browser"
        ;;
    esac
    ;;
*)
    echo "usage: deploy/bare/prepare.sh check|test|demo|bench|messages|screenshots [arguments]" >&2
    exit 2
    ;;
esac

# Two commands may be started side by side: they take turns here.
if command -v flock >/dev/null; then
    exec 9<deploy/bare
    flock 9
fi
# shellcheck disable=SC2086 # lists of words
deploy/bare/debian.sh "$purpose" $tools
# shellcheck disable=SC2086
deploy/bare/python.sh "$purpose" $locks
# shellcheck disable=SC2086
deploy/bare/node.sh "$purpose" $node_packages
# shellcheck disable=SC2086
deploy/bare/apart.sh "$purpose" $python_apart
