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
wait_for_others="-o DPkg::Lock::Timeout=120"
# shellcheck disable=SC2086 # a list of words
apt-get $wait_for_others update -qq
# shellcheck disable=SC2086
apt-get $wait_for_others install -y -qq --no-install-recommends $missing >/dev/null
