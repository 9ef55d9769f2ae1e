"""An identity provider that is not ours and asks for passwords (Canaille), with the demo's people, as a process for the tests.

    LYCHGATE_OIDC_CLIENT_SECRET=... .venv/bin/python server.py http://localhost:8000 '[["alice", "Alice Adler", ["staff"]]]' password

The arguments are the portal, who exists, and the factors that everybody has to show. It serves http://localhost:PORT on
loopback, on a free port, until it is told to stop, and prints one JSON line once it answers. All that it knows is in memory.
It runs in a Python of its own, as Canaille brings a top-level package `tests`, which would take the place of ours.
"""

import json
import os
import secrets
import socket
import sys
from datetime import UTC, datetime

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT_ID = "lychgate"
PASSWORD = "correct horse battery staple"
OTP_SECRET = "a secret of twenty b"


def main(portal, people, *factors):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        name = f"localhost:{listening.getsockname()[1]}"
        app = create_app(configuration(name, factors))
        populate(app, portal, json.loads(people))
        server = make_server("127.0.0.1", 0, app, threaded=True, fd=listening.fileno())
        print(json.dumps({"issuer": f"http://{name}", "client_id": CLIENT_ID}), flush=True)  # noqa: T201 - what our starter reads
        server.serve_forever()


def configuration(name, factors):
    return {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "SERVER_NAME": name,
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "AUTHENTICATION_FACTORS": list(factors), "CAPTCHA_ENABLED": False, "SMTP": None},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)]},
    }


def populate(app, portal, people):
    with app.app_context(), Backend.instance.session():
        users = {username: keep(user_of(username, name)) for username, name, _ in people}
        for user in users.values():
            Backend.instance.set_user_password(user, PASSWORD)
        for group in sorted({group for _, _, groups in people for group in groups}):
            keep(models.Group(display_name=group, members=[users[username] for username, _, groups in people if group in groups]))
        client = keep(client_of(portal))
        client.audience = [client]  # who its answers are for
        keep(client)


def keep(row):
    Backend.instance.save(row)
    return row


def user_of(username, name):
    given, _, family = name.partition(" ")
    return models.User(
        user_name=username,
        formatted_name=name,
        given_name=given,
        family_name=family,
        emails=[f"{username}@example.com"],
        secret_token=OTP_SECRET,
        last_otp_login=datetime.now(UTC),  # or it would have them set their codes up first
    )


def client_of(portal):
    return models.Client(
        client_id=CLIENT_ID,
        client_secret=os.environ["LYCHGATE_OIDC_CLIENT_SECRET"],
        client_name="Lychgate",
        client_uri=portal,
        redirect_uris=[f"{portal}/accounts/oidc/login/callback/"],
        post_logout_redirect_uris=[f"{portal}/accounts/signed-out/"],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_post",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
