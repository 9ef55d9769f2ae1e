"""A deployment that is not safe does not start, and says what to change."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured

from portal.checks import insist

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "LYCHGATE_PUBLIC_URL": "https://access.example.com",
    "LYCHGATE_HOSTS": "access.example.com",
    "LYCHGATE_SECRET_KEY": "a random key of this test, 8f3b1c0d9e7a4625 and so on, long enough",
    "LYCHGATE_OIDC_ISSUER": "https://id.example.com",
    "LYCHGATE_OIDC_CLIENT_ID": "lychgate",
    "LYCHGATE_OIDC_CLIENT_SECRET": "a secret",
    "LYCHGATE_EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "DATABASE_URL": "postgres://lychgate:secret@db.example.com/lychgate",
}


@pytest.fixture
def exposed(settings):
    settings.DEMO = settings.DEBUG = False
    settings.PUBLIC_URL = SAFE["LYCHGATE_PUBLIC_URL"]
    settings.ALLOWED_HOSTS = [SAFE["LYCHGATE_HOSTS"]]
    settings.SECRET_KEY = SAFE["LYCHGATE_SECRET_KEY"]
    settings.OIDC_ISSUER = SAFE["LYCHGATE_OIDC_ISSUER"]
    settings.OIDC_CLIENT_ID = settings.OIDC_CLIENT_SECRET = "lychgate"
    settings.EMAIL_BACKEND = SAFE["LYCHGATE_EMAIL_BACKEND"]
    return settings


def found():
    return {message.id for message in run_checks(tags=[Tags.security]) if message.id.startswith("lychgate.E")}


def test_a_safe_deployment_is_not_complained_about(exposed):
    assert found() == set()
    insist()


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("AUTHENTICATION_BACKENDS", ["django.contrib.auth.backends.ModelBackend"], "E001"),
        ("OIDC_ISSUER", "http://id.example.com", "E002"),
        ("OIDC_ISSUER", "", "E003"),
        ("OIDC_CLIENT_ID", "", "E003"),
        ("OIDC_CLIENT_SECRET", "", "E003"),
        ("SCIM_TOKEN", "x" * 31, "E004"),
        ("WEBHOOK_URL", "https://chat.example.com/hooks/1", "E007"),
        ("DEMO", True, "E010"),
        ("DEBUG", True, "E011"),
        ("SECRET_KEY", "development only: set LYCHGATE_SECRET_KEY", "E012"),
        ("SECRET_KEY", "short", "E012"),
        ("PUBLIC_URL", "http://access.example.com", "E013"),
        ("ALLOWED_HOSTS", ["*"], "E014"),
        ("ALLOWED_HOSTS", ["another.example.com"], "E015"),
    ],
)
def test_one_wrong_setting_stops_the_start(exposed, name, value, number):
    setattr(exposed, name, value)
    assert found() == {f"lychgate.{number}"}
    with pytest.raises(ImproperlyConfigured, match="not safe"):
        insist()


def test_the_chat_is_told_over_https_alone(exposed):
    exposed.WEBHOOK_URL, exposed.WEBHOOK_KEY = "http://chat.example.com/hooks/1", b"k" * 32
    assert found() == {"lychgate.E006"}


def test_scim_needs_an_issuer_whose_people_it_speaks_of(exposed):
    exposed.SCIM_TOKEN = "x" * 32
    assert found() == set()
    exposed.OIDC_ISSUER = ""
    assert found() == {"lychgate.E003", "lychgate.E005"}


@pytest.mark.parametrize("host", ["access.example.com", "*", "10.0.0.1", "[2001:db8::1]", "localhost.example.com"])
def test_a_demo_with_one_foreign_host_is_exposed(settings, host):
    settings.DEMO = True
    settings.ALLOWED_HOSTS = ["localhost", host]
    assert "lychgate.E010" in found()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "portal.localhost"])
def test_a_demo_on_loopback_is_fine(settings, host):
    settings.DEMO = True
    settings.ALLOWED_HOSTS = [host]
    assert found() == set()


def started(environment, *code):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LYCHGATE_", "DATABASE_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, *code], cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_sqlite_and_mail_to_the_console_are_warned_about():
    ran = started({**SAFE, "DATABASE_URL": "sqlite:///l.sqlite3", "LYCHGATE_EMAIL_BACKEND": ""}, "manage.py", "check")
    assert ran.returncode == 0
    assert "lychgate.W021" in ran.stderr


def test_a_safe_portal_starts_under_a_wsgi_server_and_is_strict_about_https():
    code = """
from portal.wsgi import application
from django.conf import settings as s
print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS, s.SECURE_SSL_REDIRECT)
print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH, s.CSRF_COOKIE_NAME, s.CSRF_COOKIE_DOMAIN, s.CSRF_COOKIE_PATH)
print(s.CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"])
"""
    ran = started(SAFE, "-c", code)
    assert ran.stdout.splitlines() == [
        "True True 31536000 True",
        "__Host-lychgate-session None / __Host-lychgate-csrf None /",
        "[\"'self'\", 'https://id.example.com']",
    ], ran.stderr


@pytest.mark.parametrize("name", ["LYCHGATE_SECRET_KEY", "LYCHGATE_OIDC_ISSUER"])
def test_an_unsafe_portal_does_not_start_under_a_wsgi_server(name):
    ran = started({**SAFE, name: ""}, "-c", "import portal.wsgi")
    assert ran.returncode != 0
    assert name in ran.stderr


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_an_unsafe_portal_does_not_start_its_workers_either(process, tmp_path):
    unsafe = {**SAFE, "LYCHGATE_SECRET_KEY": "", "REDIS_URL": f"unix://{tmp_path / 'nowhere.sock'}", "LYCHGATE_VAR": str(tmp_path)}
    ran = started(unsafe, "-m", "celery", "--app", "portal", process)
    assert ran.returncode != 0
    assert "LYCHGATE_SECRET_KEY" in ran.stderr


def test_check_deploy_is_silent_about_a_safe_portal():
    ran = started(SAFE, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert ran.returncode == 0, ran.stderr


def test_an_exposed_portal_cannot_import_the_demo():
    ran = started(SAFE, "-c", "import portal.wsgi; import portal.demo.identities")
    assert "portal.demo is not for a portal that other machines may reach" in ran.stderr


def test_everything_works_for_a_developer_who_sets_nothing():
    ran = started({}, "manage.py", "check", "--fail-level", "WARNING")
    assert ran.returncode == 0, ran.stderr
