#!/bin/sh
# Makes .venv and fills it from locks; does nothing when it already holds exactly these.
#
#   deploy/bare/python.sh PURPOSE LOCK...
#
# PYTHON names another interpreter than python3. Only wheels, and only those whose hashes the lock holds, are accepted.
set -eu
cd "$(dirname "$0")/../.."
purpose=$1
shift
python=${PYTHON:-python3}
notes=.venv/share/lychgate # what .venv holds: one file a lock, a copy of it

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "make $purpose needs Python 3.11 or later as '$python' (on Debian 12: apt-get install python3; or set PYTHON)." >&2
    exit 1
fi
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || ! [ -x .venv/bin/pip ]; then
    # Debian keeps ensurepip in a package of its own; other Pythons bring it along.
    "$python" -c 'import ensurepip' 2>/dev/null ||
        deploy/bare/debian.sh "$purpose" "/nonexistent:$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

mkdir -p "$notes"
wanted="" arguments=""
for lock in "$@"; do
    arguments="$arguments --requirement $lock"
    cmp -s "$lock" "$notes/$lock" || wanted="$wanted $lock"
done
[ -n "$wanted" ] || exit 0

echo "Installing Python packages for make $purpose into .venv, from$wanted"
# shellcheck disable=SC2086 # a list of words
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
    --require-hashes --only-binary :all: $arguments
# What a smaller lock holds is in the bigger one too, version for version (tests/test_locks.py).
case " $* " in
*" requirements-dev.txt "*) cp requirements.txt requirements-headless.txt "$notes/" ;;
esac
cp "$@" "$notes/"
