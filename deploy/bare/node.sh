#!/bin/sh
# Fills node_modules beside a package-lock.json; does nothing when it already holds exactly that lock.
#
#   deploy/bare/node.sh PURPOSE FOLDER...
#
# Only what has the hashes of the lock is accepted, and no package runs a script of its own.
set -eu
cd "$(dirname "$0")/../.."
purpose=$1
shift

for folder in "$@"; do
    note=$folder/node_modules/.installed-lock # what it holds: a copy of the lock
    if ! cmp -s "$folder/package-lock.json" "$note"; then
        echo "Installing Node packages for make $purpose into $folder/node_modules"
        (cd "$folder" && npm ci --silent --ignore-scripts --no-audit --no-fund --no-update-notifier)
        cp "$folder/package-lock.json" "$note"
    fi
done
