"""The demo's identity provider, as a process.

    LYCHGATE_OIDC_CLIENT_SECRET=... python -m portal.demo.provider --port 9000 --portal http://localhost:8000 --home DIR

It serves http://localhost:PORT, on loopback, until it is told to stop; prints one JSON line
once it answers. DIR holds its database. The portal then needs LYCHGATE_DEMO=yes,
LYCHGATE_OIDC_ISSUER=http://localhost:PORT, LYCHGATE_OIDC_CLIENT_ID=lychgate, and the same secret.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.core.wsgi import get_wsgi_application

from portal.environment import secret


class ThreadedServer(ThreadingMixIn, WSGIServer):
    """A thread for each connection: browsers open some that they do not use."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """Says nothing of requests that went well, and never a code or a token."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Say nothing."""


def main(argv: list[str]) -> int:
    """Prepare and serve. Returns when interrupted."""
    asked = arguments(argv)
    asked.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    client_secret = secret("LYCHGATE_OIDC_CLIENT_SECRET")
    if not client_secret:
        sys.stderr.write("Set LYCHGATE_OIDC_CLIENT_SECRET to what the portal has.\n")
        return 2
    os.environ.update({"DJANGO_SETTINGS_MODULE": "portal.demo.settings", "LYCHGATE_IDP_HOME": str(asked.home)})
    django.setup()
    from portal.demo.identities import prepare  # noqa: PLC0415 - models, which need the settings above

    portal = asked.portal.rstrip("/")
    prepare(
        client_id=asked.client_id,
        client_secret=client_secret,
        redirect_uri=f"{portal}/accounts/oidc/login/callback/",
        signed_out_uri=f"{portal}/accounts/signed-out/",
    )
    with make_server("127.0.0.1", asked.port, get_wsgi_application(), ThreadedServer, QuietHandler) as server:
        sys.stdout.write(json.dumps({"issuer": f"http://localhost:{server.server_port}", "client_id": asked.client_id}) + "\n")
        sys.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def arguments(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m portal.demo.provider", description="The demo's identity provider.")
    parser.add_argument("--port", type=int, default=9000, help="0 takes a free one")
    parser.add_argument("--portal", default="http://localhost:8000", help="the portal's address")
    parser.add_argument("--home", type=Path, required=True, help="a folder for its database")
    parser.add_argument("--client-id", default="lychgate")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
