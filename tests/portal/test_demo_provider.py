"""The demo's provider: people without passwords, for this machine alone."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import requests

from tests.provider import PEOPLE, running_provider

ROOT = Path(__file__).resolve().parents[2]


def test_nobody_there_has_a_password(provider):
    with sqlite3.connect(provider.home / "provider.sqlite3") as database:
        rows = database.execute("SELECT username, password FROM auth_user ORDER BY username").fetchall()
    assert rows == [(username, "!") for username in PEOPLE]


def test_the_clients_secret_is_not_kept_in_clear(provider):
    assert provider.client_secret.encode() not in b"".join(path.read_bytes() for path in provider.home.glob("provider.sqlite3*"))


def test_it_listens_on_loopback_only(provider):
    port = int(provider.issuer.rsplit(":", 1)[1])
    listening = {
        line.split()[3] for line in subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout.splitlines()
    }
    assert {address for address in listening if address.endswith(f":{port}")} == {f"127.0.0.1:{port}"}


def test_it_refuses_a_foreign_host_name(provider):
    assert requests.get(provider.issuer, headers={"Host": "id.example.com"}, timeout=5).status_code == 400


def test_it_labels_itself_a_demo(provider):
    assert "This is a demo" in requests.get(provider.issuer, timeout=5).text


def test_it_sends_nobody_elsewhere_after_choosing(provider):
    browser = requests.Session()
    browser.get(provider.issuer, timeout=5)
    fields = {"username": "alice", "csrfmiddlewaretoken": browser.cookies["lychgate-idp-csrf"]}
    answer = browser.post(f"{provider.issuer}/sign-in/?next=https://evil.example/", fields, allow_redirects=False, timeout=5)
    assert answer.headers["Location"] == "/"


def test_it_gives_no_code_to_another_address_than_the_portals(provider):
    query = {"client_id": "lychgate", "response_type": "code", "scope": "openid", "redirect_uri": "https://evil.example/"}
    answer = requests.get(f"{provider.issuer}/identity/o/authorize", params=query, allow_redirects=False, timeout=5)
    assert "evil.example" not in requests.utils.urlparse(answer.headers.get("Location", "")).netloc


def test_starting_it_again_makes_nobody_twice(tmp_path):
    for _ in range(2):
        with running_provider(tmp_path, portal="http://localhost:8000"):
            pass
    with sqlite3.connect(tmp_path / "provider.sqlite3") as database:
        assert database.execute("SELECT COUNT(*) FROM auth_user").fetchone() == (len(PEOPLE),)


def test_it_says_what_is_missing(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LYCHGATE_")}
    argv = [sys.executable, "-m", "portal.demo.provider", "--home", str(tmp_path)]
    ran = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 2
    assert "LYCHGATE_OIDC_CLIENT_SECRET" in ran.stderr
