#!/bin/sh
# Makes a .venv beside a requirements.txt and fills it; does nothing when it already holds exactly that lock.
#
#   deploy/bare/apart.sh PURPOSE FOLDER...
#
# For what cannot live in our .venv, which brings the installer (python.sh comes first). Only wheels, and only those whose
# hashes the lock holds, are accepted.
set -eu
cd "$(dirname "$0")/../.."
purpose=$1
shift

for folder in "$@"; do
    lock=$folder/requirements.txt venv=$folder/.venv
    if ! cmp -s "$lock" "$venv/installed-lock"; then
        echo "Installing Python packages for make $purpose into $venv"
        .venv/bin/uv venv --quiet --clear --python .venv/bin/python "$venv"
        .venv/bin/uv pip install --quiet --python "$venv/bin/python" --no-deps --require-hashes --only-binary :all: --requirement "$lock"
        cp "$lock" "$venv/installed-lock"
    fi
done
