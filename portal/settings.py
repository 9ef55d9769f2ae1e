"""The one settings file, read from the environment, typed; a wrong value stops the start.

Names begin with LYCHGATE_, but for DATABASE_URL and REDIS_URL, which every host knows.
What would be unsafe in a real deployment is refused by `portal/checks.py`.
"""

import ipaddress
import json
from pathlib import Path
from typing import Any

from portal.databases import database
from portal.environment import secret, text, truth, whole, words

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(text("LYCHGATE_VAR", str(BASE_DIR / "var")))

DEBUG = truth("LYCHGATE_DEBUG")
DEMO = truth("LYCHGATE_DEMO")
SAMPLE_SECRET_KEY = "development only: set LYCHGATE_SECRET_KEY"  # noqa: S105 - refused by portal/checks.py outside the demo
SECRET_KEY = secret("LYCHGATE_SECRET_KEY", SAMPLE_SECRET_KEY)
ALLOWED_HOSTS = words("LYCHGATE_HOSTS", "localhost,127.0.0.1,[::1]")
PUBLIC_URL = text("LYCHGATE_PUBLIC_URL", "http://localhost:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = words("LYCHGATE_TRUSTED_ORIGINS")

DATABASES = {"default": database(text("DATABASE_URL", f"sqlite:///{VAR / 'lychgate.sqlite3'}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "enrollment.User"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "portal",
    "enrollment",
    "enforcement",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"

# The overlay: devices share one pool; each PEP has a prefix of its own inside the same overlay.
OVERLAY = tuple(ipaddress.ip_network(prefix) for prefix in words("LYCHGATE_OVERLAY", "10.89.0.0/16,fd89::/48"))
DEVICE_POOLS = tuple(ipaddress.ip_network(prefix) for prefix in words("LYCHGATE_DEVICE_POOLS", "10.89.0.0/18,fd89::/64"))
DEVICE_LIMIT = whole("LYCHGATE_DEVICE_LIMIT", 5, 1, 100)
QUARANTINE_SECONDS = whole("LYCHGATE_QUARANTINE_SECONDS", 86400, 0)

# How the portal reaches a PEP: {"pep-1": ["argv", "of", "the", "agent"]}. Set by the operator, never typed in the admin.
PEP_ARGV: dict[str, list[str]] = json.loads(text("LYCHGATE_PEP_ARGV", "{}"))
PEP_TIMEOUT_SECONDS = whole("LYCHGATE_PEP_TIMEOUT_SECONDS", 15, 1, 300)

# Groups of the identity provider, and what they make of a person.
ADMIN_GROUPS = words("LYCHGATE_ADMIN_GROUPS", "lychgate-admins")
AUDITOR_GROUPS = words("LYCHGATE_AUDITOR_GROUPS", "lychgate-auditors")
APPROVER_GROUPS = words("LYCHGATE_APPROVER_GROUPS", "lychgate-approvers")

# Celery: ids only on the wire, one task at a time per thread, mail never before a PEP.
REDIS_URL = text("REDIS_URL", "redis://localhost:6379/0")
SWEEP_SECONDS = whole("LYCHGATE_SWEEP_SECONDS", 10, 1, 300)

EMAIL_BACKEND = text("LYCHGATE_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
DEFAULT_FROM_EMAIL = text("LYCHGATE_FROM_EMAIL", "lychgate@localhost")
