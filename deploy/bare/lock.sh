#!/bin/sh
# Writes the three locks anew from pyproject.toml, for every Python from 3.11 on and every architecture, and those of the
# tests' identity providers and of Lighthouse, where npm is there. The smaller locks bind the bigger one, so that a version
# is tested exactly as it is shipped. No lock names a registry: whoever installs brings their own, and the hashes decide
# what is accepted.
set -eu
cd "$(dirname "$0")/../.."

lock() {
    out=$1
    shift
    echo "Locking $out"
    .venv/bin/uv pip compile "$@" --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file "$out" >/dev/null
}

lock requirements.txt pyproject.toml --extra production --extra demo "$@"
lock requirements-headless.txt --group headless --constraint requirements.txt "$@"
lock requirements-dev.txt pyproject.toml --all-extras --group dev --constraint requirements.txt --constraint requirements-headless.txt "$@"

lock tests/providers/canaille/requirements.txt tests/providers/canaille/requirements.in "$@"

command -v npm >/dev/null || exit 0
for folder in tests/providers/node tests/e2e/lighthouse; do
    echo "Locking $folder/package-lock.json"
    (cd "$folder" && npm install --silent --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund)
    # Where makers of packages take donations is no part of what is pinned; and "latest" is not pinned, which `npm ci` refuses
    # as soon as there is a newer one: what the lock holds is meant.
    node -e '
        const fs = require("fs");
        const lock = JSON.parse(fs.readFileSync(process.argv[1]));
        const held = (...path) => lock.packages[path.join("node_modules/")];
        for (const [path, entry] of Object.entries(lock.packages)) {
            delete entry.funding;
            for (const [name, range] of Object.entries(entry.dependencies ?? {}))
                if (range === "latest") entry.dependencies[name] = (held(path + "/", name) ?? held("", name)).version;
        }
        fs.writeFileSync(process.argv[1], JSON.stringify(lock, null, 2) + "\n");
    ' "$folder/package-lock.json"
done
