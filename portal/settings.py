"""The one settings file, read from the environment, typed; a wrong value stops the start.

Names begin with LYCHGATE_, but for DATABASE_URL and REDIS_URL, which every host knows.
What would be unsafe in a real deployment is refused by `portal/checks.py`.
"""

import ipaddress
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from portal.counting import counting_in
from portal.databases import database
from portal.environment import address, argvs, one_of, origin, secret, signing_key, text, truth, whole, whole_or_off, words
from portal.syslog import logging_to

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(text("LYCHGATE_VAR", str(BASE_DIR / "var")))

DEBUG = truth("LYCHGATE_DEBUG")
DEMO = truth("LYCHGATE_DEMO")
SAMPLE_SECRET_KEY = "development only: set LYCHGATE_SECRET_KEY"  # noqa: S105 - refused by portal/checks.py outside the demo
SECRET_KEY = secret("LYCHGATE_SECRET_KEY") or SAMPLE_SECRET_KEY
ALLOWED_HOSTS = words("LYCHGATE_HOSTS", "localhost,127.0.0.1,[::1]")
PUBLIC_URL = text("LYCHGATE_PUBLIC_URL", "http://localhost:8000").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = words("LYCHGATE_TRUSTED_ORIGINS")
METRICS_TOKEN = secret("LYCHGATE_METRICS_TOKEN")

# Sign-in: one OpenID Connect provider, named as its own configuration names its issuer, letter by letter.
OIDC_ISSUER = text("LYCHGATE_OIDC_ISSUER")
OIDC_CLIENT_ID = text("LYCHGATE_OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = secret("LYCHGATE_OIDC_CLIENT_SECRET")
OIDC_NAME = text("LYCHGATE_OIDC_NAME", "your organisation")
OIDC_SCOPES = words("LYCHGATE_OIDC_SCOPES", "profile,email")
OIDC_GROUPS_CLAIM = text("LYCHGATE_OIDC_GROUPS_CLAIM", "groups")
OIDC_GROUP_PREFIX = text("LYCHGATE_OIDC_GROUP_PREFIX", "oidc:")  # before each group of the claim: none takes a local one's place
OIDC_MAX_AGE = whole("LYCHGATE_OIDC_MAX_AGE", 0) or None  # seconds; with it, a provider that sends no auth_time is refused
OIDC_SENDS_AUTH_TIME = truth("LYCHGATE_OIDC_SENDS_AUTH_TIME", default=True)  # no: being sent back from a fresh sign-in is the proof
OIDC_MFA_AMR = words("LYCHGATE_OIDC_MFA_AMR", "mfa")  # what the provider says in amr, or in acr, of a sign-in with more than one factor
OIDC_MFA_ACR = words("LYCHGATE_OIDC_MFA_ACR")
OIDC_PROBE_SECONDS = whole_or_off("LYCHGATE_OIDC_PROBE_SECONDS", 60, 86400)  # how often it is asked whether it stands by a sign-in
OIDC_CONSENT = truth("LYCHGATE_OIDC_CONSENT")  # ask people for consent at each sign-in: some providers give no refresh token otherwise
OIDC_ORIGINS = words("LYCHGATE_OIDC_ORIGINS")  # more origins that signing in leads through, where the issuer's is not all

# SCIM: how the provider tells of people and groups between sign-ins. Without a token there is no such address.
SCIM_TOKEN = secret("LYCHGATE_SCIM_TOKEN")
SCIM_SUBJECT = one_of("LYCHGATE_SCIM_SUBJECT", "externalId", "userName")  # which of its identifiers is the provider's sub
BRAKE_SHARE = whole("LYCHGATE_BRAKE_SHARE", 20, 0, 100)  # percent of a group that may go by being left out, before an admin must look

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "oidc_login"
LOGIN_REDIRECT_URL = "home"
SOCIALACCOUNT_ONLY = True
SOCIALACCOUNT_ADAPTER = "portal.oidc.adapters.SocialAccountAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_STORE_TOKENS = False
ACCOUNT_ADAPTER = "portal.oidc.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*"]

COOKIES = "__Host-lychgate" if HTTPS else "lychgate"  # browsers take a __Host- cookie from this very host alone, not from a neighbour's
SESSION_COOKIE_NAME = f"{COOKIES}-session"
SESSION_COOKIE_AGE = whole("LYCHGATE_SESSION_SECONDS", 28800, 300, 604800)
SESSION_COOKIE_HTTPONLY = True
STEP_UP_SECONDS = whole("LYCHGATE_STEP_UP_SECONDS", 900, 60, 86400)  # how old a proof of identity may be to decide, open or change
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
LAST_SEEN_COOKIE_NAME = f"{COOKIES}-last"  # portal/unsent.py
CSRF_COOKIE_NAME = f"{COOKIES}-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # asked from the machine itself
BEHIND_PROXY = truth("LYCHGATE_BEHIND_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# How many proxies add to X-Forwarded-For: the client is as many from its end, and what stands before that anybody can write.
ALLAUTH_TRUSTED_PROXY_COUNT = whole("LYCHGATE_PROXIES", 1 if BEHIND_PROXY else 0, 0, 20)
SECURE_HSTS_SECONDS = whole("LYCHGATE_HSTS_SECONDS", 31536000) if HTTPS else 0
# Other names below the portal's domain are not ours to promise for: neither subdomains nor preloading.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # the marks of Pico's own form controls
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # Browsers hold a form's redirects to this too, and signing in and out are forms.
        "form-action": [SELF, *dict.fromkeys(origin(url) for url in (OIDC_ISSUER, *OIDC_ORIGINS) if url)],
    },
}

DATABASES = {"default": database(text("DATABASE_URL", f"sqlite:///{VAR / 'lychgate.sqlite3'}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "enrollment.User"

INSTALLED_APPS = [
    "portal.apps.LychgateAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "csp",
    "portal",
    "portal.oidc",
    "enrollment",
    "enforcement",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.odd_requests.refuse_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.unsent.keep_what_was_typed",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.too_many.Limited",
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
                "portal.context.navigation",
            ],
        },
    },
]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = text("LYCHGATE_STATIC_ROOT") or None  # only where another server hands the files out
WHITENOISE_USE_FINDERS = True  # else nothing need be collected

# The browser says which language its reader wants; whoever chooses another in the footer has it kept: `portal/language.py`.
LANGUAGE_CODE = "en"
LANGUAGES = [("de", "Deutsch"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "portal/locale"]  # all words of ours in one catalogue: `make messages`
LANGUAGE_COOKIE_NAME = f"{COOKIES}-language"
LANGUAGE_COOKIE_AGE = 31536000
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
FORMAT_MODULE_PATH = ["portal.formats"]  # one way to write an instant, on every page
USE_TZ = True
TIME_ZONE = "UTC"

# The overlay: devices share one pool; each PEP has a prefix of its own inside the same overlay.
OVERLAY = tuple(ipaddress.ip_network(prefix) for prefix in words("LYCHGATE_OVERLAY", "10.89.0.0/16,fd89::/48"))
DEVICE_POOLS = tuple(ipaddress.ip_network(prefix) for prefix in words("LYCHGATE_DEVICE_POOLS", "10.89.0.0/18,fd89::/64"))
DEVICE_LIMIT = whole("LYCHGATE_DEVICE_LIMIT", 5, 1, 100)
ENROLMENT_NEEDS_APPROVAL = truth("LYCHGATE_ENROLMENT_NEEDS_APPROVAL")  # an admin lets each new device in
QUARANTINE_SECONDS = whole("LYCHGATE_QUARANTINE_SECONDS", 86400, 0)

# How the portal reaches a PEP: over SSH with this key, or {"pep-1": ["argv", "of", "the", "agent"]}. Set by the operator alone.
SSH_KEY_FILE = text("LYCHGATE_SSH_KEY_FILE")
SSH_KNOWN_HOSTS = VAR / "known-hosts"  # written by us from what admins confirmed
PEP_ARGV = argvs("LYCHGATE_PEP_ARGV")
ALARM_SECONDS = whole("LYCHGATE_ALARM_SECONDS", 60, 1, 86400)  # how long something may be wrong with a PEP before admins get a mail
PEP_TIMEOUT_SECONDS = whole("LYCHGATE_PEP_TIMEOUT_SECONDS", 14, 1, 300)  # a second of 15 is for our own reading and writing

# Groups of the identity provider, named as its claim names them, and what they make of a person.
ADMIN_GROUPS = [OIDC_GROUP_PREFIX + name for name in words("LYCHGATE_ADMIN_GROUPS", "lychgate-admins")]
AUDITOR_GROUPS = [OIDC_GROUP_PREFIX + name for name in words("LYCHGATE_AUDITOR_GROUPS", "lychgate-auditors")]
APPROVER_GROUPS = [OIDC_GROUP_PREFIX + name for name in words("LYCHGATE_APPROVER_GROUPS", "lychgate-approvers")]

# Celery: ids only on the wire, one task at a time per thread, mail never before a PEP.
REDIS_URL = secret("REDIS_URL", "redis://localhost:6379/0")
SWEEP_SECONDS = whole("LYCHGATE_SWEEP_SECONDS", 10, 1, 300)
MAIL_SECONDS = 30
PROBE_ROUND_SECONDS = 10
REMIND_SECONDS = 60
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker as long as it takes
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,  # far above the longest pass: a task that comes back too early runs twice
    "unacked_restore_interval": 2,  # or what a killed worker held comes back after 100 s only
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "max_retries": 1,  # who approves does not wait for the broker
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0.1,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "pep"
CELERY_TASK_ROUTES = {"enrollment.*": {"queue": "mail"}, "portal.*": {"queue": "mail"}}
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = whole("LYCHGATE_WORKER_THREADS", 8, 1, 200)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # whoever reaches the broker must not command the workers
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "enforcement.tasks.sweep_due_peps", "schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS}},
    "mail": {"task": "enrollment.tasks.mail_due_notices", "schedule": MAIL_SECONDS, "options": {"expires": MAIL_SECONDS}},
    "chat": {"task": "enrollment.tasks.post_due_notices", "schedule": MAIL_SECONDS, "options": {"expires": MAIL_SECONDS}},
    "reminders": {"task": "enrollment.tasks.remind_people", "schedule": REMIND_SECONDS, "options": {"expires": REMIND_SECONDS}},
    "verify": {"task": "enforcement.tasks.verify_log", "schedule": 86400, "options": {"expires": 3600}},
}
if OIDC_PROBE_SECONDS:
    CELERY_BEAT_SCHEDULE["probe"] = {
        "task": "portal.oidc.tasks.probe_due_sessions",
        "schedule": PROBE_ROUND_SECONDS,
        "options": {"expires": PROBE_ROUND_SECONDS},
    }

# How often within a minute, by address or by person (`portal/limits.py`); 0 is as often as one likes.
LIMITS = {
    "sign-ins": whole("LYCHGATE_LIMIT_SIGN_INS", 600),
    "refusals": whole("LYCHGATE_LIMIT_REFUSALS", 60),
    "changes": whole("LYCHGATE_LIMIT_CHANGES", 120),
    "misses": whole("LYCHGATE_LIMIT_MISSES", 30),
}
# What the provider said of itself stays in this process: whoever could write it into Redis could let anybody in.
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "limits": counting_in(secret("REDIS_URL")),
}

# The end of the audit log at every event, for a log server outside: whoever keeps it is a witness.
LOGGING = logging_to(text("LYCHGATE_SYSLOG"))

EMAIL_BACKEND = text("LYCHGATE_EMAIL_BACKEND", "portal.console.EmailBackend")
EMAIL_HOST = text("LYCHGATE_EMAIL_HOST", "localhost")
EMAIL_PORT = whole("LYCHGATE_EMAIL_PORT", 587, 1, 65535)
EMAIL_HOST_USER = text("LYCHGATE_EMAIL_USER")
EMAIL_HOST_PASSWORD = secret("LYCHGATE_EMAIL_PASSWORD")
EMAIL_USE_TLS = truth("LYCHGATE_EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = text("LYCHGATE_FROM_EMAIL", "lychgate@localhost")

# A chat is told what everybody in it may read, signed. Its address is often a secret itself.
WEBHOOK_URL = address("LYCHGATE_WEBHOOK_URL")
WEBHOOK_KEY = signing_key("LYCHGATE_WEBHOOK_SECRET")
