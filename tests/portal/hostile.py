"""A small provider that lies as a test tells it to: stdlib only, on loopback, ended with its test.

Change what it says before somebody signs in: `hostile.id_token["aud"] = "another"`; a value
of ABSENT leaves the claim out. What the portal asked for stays in `hostile.asked`.
"""

import json
import threading
import time
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class Claim(Enum):
    """What stands for a claim that is left out. It prints the same in every process, as names of tests must."""

    ABSENT = "absent"


ABSENT = Claim.ABSENT
SHARED = "a shared secret of thirty-two bytes"
KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
SIGNATURES = {
    "its own key": lambda claims: jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "right"}),
    "no key id": lambda claims: jwt.encode(claims, KEY, algorithm="RS256"),
    "another key": lambda claims: jwt.encode(claims, OTHER_KEY, algorithm="RS256", headers={"kid": "right"}),
    "an unknown key id": lambda claims: jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "left"}),
    "alg none": lambda claims: jwt.encode(claims, None, algorithm="none"),
    "a shared secret": lambda claims: jwt.encode(
        claims, "a shared secret of thirty-two bytes", algorithm="HS256", headers={"kid": "right"}
    ),
    "nothing a JWT is": lambda claims: f"not a token about {claims}",
}


class Hostile:
    def __init__(self, port):
        self.issuer = f"http://localhost:{port}"
        self.signature = "its own key"
        self.id_token, self.userinfo, self.discovery, self.callback, self.tokens = {}, {}, {}, {}, {}
        self.bodies = {}  # path -> bytes to answer with instead of JSON, or an address to redirect to
        self.addresses = []  # all that were asked for, in order
        self.statuses = {}  # path -> status to answer with instead of 200
        self.refreshed = []  # each refresh token that it was shown
        self.refusal = None  # what it says of refresh tokens, instead of giving new ones
        self.wait = 0.0  # seconds before it answers about one
        self.asked, self.posted = {}, {}

    def answer(self, path, query, form):
        """Return JSON to answer with, or an address to redirect to."""
        now = int(time.time())
        if path == "/authorization":
            self.asked = query
            return f"{query['redirect_uri']}?{urlencode(said({'code': 'a-code', 'state': query['state']}, self.callback))}"
        if path == "/token":
            self.posted = form
            claims = {"iss": self.issuer, "aud": "lychgate", "sub": "subject-1", "exp": now + 300, "iat": now}
            if form["grant_type"] == "refresh_token":
                return self.refresh(form["refresh_token"], claims)
            when = {"auth_time": now} if "max_age" in self.asked else {}  # as the standard wants it
            id_token = SIGNATURES[self.signature](said({**claims, **when, "nonce": self.asked["nonce"]}, self.id_token))
            return said({"access_token": "opaque", "token_type": "Bearer", "id_token": id_token}, self.tokens)
        if path == "/userinfo":
            return said({"sub": "subject-1", "name": "Alice Adler", "email": "alice@example.com", "groups": ["employees"]}, self.userinfo)
        if path == "/jwks":
            return {
                "keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "right", "use": "sig", "alg": "RS256"}]
            }
        endpoints = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
        return said({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **endpoints}, self.discovery)

    def refresh(self, token, claims):
        time.sleep(self.wait)
        self.refreshed.append(token)
        if self.refusal:
            return {"error": self.refusal}
        given = {"access_token": "opaque", "token_type": "Bearer", "refresh_token": f"token-{len(self.refreshed) + 1}"}
        return said({**given, "id_token": SIGNATURES[self.signature](said(claims, self.id_token))}, self.tokens)


def said(usual, instead):
    return {name: value for name, value in {**usual, **instead}.items() if value is not ABSENT}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.speak({})

    def do_POST(self):
        self.speak(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))

    def speak(self, form):
        parts = urlsplit(self.path)
        hostile = self.server.hostile
        hostile.addresses.append(self.path)
        answer = hostile.bodies.get(parts.path) or hostile.answer(parts.path, dict(parse_qsl(parts.query)), form)
        redirects = isinstance(answer, str)
        body = b"" if redirects else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(302 if redirects else hostile.statuses.get(parts.path, 200))
        self.send_header("Location" if redirects else "Content-Type", answer if redirects else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def hostile_provider():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.hostile = Hostile(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.hostile
        finally:
            server.shutdown()
            thread.join()
