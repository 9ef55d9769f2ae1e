#!/bin/sh
# Installs the Debian packages that are missing.
#
#   deploy/bare/debian.sh PURPOSE [command:package | /a/file:package ...]
#
# What counts is the command, not the package, so any distribution that has the commands will do.
set -eu
purpose=$1
shift
PATH="$PATH:/usr/sbin:/sbin" # where nft lives, and where su does not look
for programs in /usr/lib/postgresql/*/bin; do PATH="$PATH:$programs"; done # where initdb lives

is_there() {
    case "$1" in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=""
for need in "$@"; do
    is_there "${need%%:*}" || missing="$missing ${need#*:}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "make $purpose needs what Debian packages as:$missing. Please install your distribution's, and start again." >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "make $purpose needs Debian packages that are not here. Please run, and start again:" >&2
    echo "    sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing Debian packages for make $purpose:$missing"
export DEBIAN_FRONTEND=noninteractive
said=$(mktemp)
policy=/usr/sbin/policy-rc.d own_policy=""
trap 'rm -f "$said" $own_policy' EXIT
# What comes with a service (PostgreSQL, sshd) is installed for its programs: none is started on this machine.
if ! [ -e "$policy" ]; then
    own_policy=$policy
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt() { apt-get -o DPkg::Lock::Timeout=120 -qq "$@" >"$said" 2>&1 || { cat "$said" >&2; exit 1; }; }
apt update
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $missing
