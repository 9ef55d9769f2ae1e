"""What a deployment must never be. `manage.py check` says it, and the portal does not start.

A portal is *exposed* when anybody but this machine may reach it: its public URL or one of
its hosts is not a loopback name. Then every Error below stands. The demo is never exposed.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks  # noqa: A004 - Django's name for it
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from portal.exposure import is_exposed

BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
SHORTEST_KEY = 50
SHORTEST_TOKEN = 32


def insist() -> None:
    """Raise ImproperlyConfigured with every Error, for processes that Django does not check: WSGI servers and workers."""
    errors = [message for message in run_checks(tags=[Tags.security]) if message.is_serious() and not message.is_silenced()]
    if errors:
        reasons = [f"- {error.msg} {error.hint or ''}".rstrip() for error in errors]
        raise ImproperlyConfigured("\n".join(["This deployment is not safe, so it does not start:", *reasons]))


@register(Tags.security)
def sign_in_check(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Only the provider may say who somebody is, and only over TLS."""
    found: list[CheckMessage] = []
    if list(settings.AUTHENTICATION_BACKENDS) != BACKENDS:
        found.append(
            Error(
                "Another way to sign in than the identity provider is enabled.",
                hint=f"AUTHENTICATION_BACKENDS must be {BACKENDS}.",
                id="lychgate.E001",
            )
        )
    if settings.OIDC_ISSUER and not settings.OIDC_ISSUER.startswith("https://") and not (settings.DEMO or settings.DEBUG):
        found.append(
            Error(
                "The identity provider is not asked over https.",
                hint="Set LYCHGATE_OIDC_ISSUER to its https:// address.",
                id="lychgate.E002",
            )
        )
    if settings.SCIM_TOKEN and len(settings.SCIM_TOKEN) < SHORTEST_TOKEN:
        hint = f"Set LYCHGATE_SCIM_TOKEN or LYCHGATE_SCIM_TOKEN_FILE to {SHORTEST_TOKEN} or more random characters."
        found.append(Error("The token for SCIM can be guessed.", hint=hint, id="lychgate.E004"))
    if settings.SCIM_TOKEN and not settings.OIDC_ISSUER:
        hint = "Set LYCHGATE_OIDC_ISSUER: SCIM speaks of its people."
        found.append(Error("SCIM has nobody to speak of.", hint=hint, id="lychgate.E005"))
    missing = [name for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET") if not getattr(settings, name)]
    if missing and is_exposed():
        found.append(Error("Nobody can sign in.", hint=f"Set {', '.join('LYCHGATE_' + name for name in missing)}.", id="lychgate.E003"))
    return found


@register(Tags.security)
def webhook_check(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Tell the chat over TLS, and so that it can tell who spoke."""
    found: list[CheckMessage] = []
    if settings.WEBHOOK_URL and not settings.WEBHOOK_URL.startswith("https://") and not (settings.DEMO or settings.DEBUG):
        hint = "Set LYCHGATE_WEBHOOK_URL to its https:// address."
        found.append(Error("The chat is not told over https.", hint=hint, id="lychgate.E006"))
    if settings.WEBHOOK_URL and not settings.WEBHOOK_KEY:
        hint = "Set LYCHGATE_WEBHOOK_SECRET or LYCHGATE_WEBHOOK_SECRET_FILE: whsec_ and the base64 of 24 to 64 random bytes."
        found.append(Error("What the chat is told is not signed.", hint=hint, id="lychgate.E007"))
    return found


@register(Tags.security)
def exposure_check(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Refuse a demo or a workbench where others can reach it."""
    if not is_exposed():
        return []
    key = settings.SECRET_KEY
    wrong = {
        "E010": (settings.DEMO, "The demo may be reached from other machines.", "Unset LYCHGATE_DEMO, or give it loopback names only."),
        "E011": (
            settings.DEBUG,
            "Debugging may be reached from other machines, and shows them settings and code.",
            "Unset LYCHGATE_DEBUG.",
        ),
        "E012": (
            key == settings.SAMPLE_SECRET_KEY or len(key) < SHORTEST_KEY,
            "The secret key is missing, the published sample, or short.",
            f"Set LYCHGATE_SECRET_KEY or LYCHGATE_SECRET_KEY_FILE to {SHORTEST_KEY} or more random characters.",
        ),
        "E013": (
            not settings.PUBLIC_URL.startswith("https://"),
            "The portal's address is not https.",
            "Set LYCHGATE_PUBLIC_URL to its https:// address.",
        ),
        "E014": ("*" in settings.ALLOWED_HOSTS, "Any host name is accepted.", "Set LYCHGATE_HOSTS to the portal's own names."),
        "E015": (
            urlsplit(settings.PUBLIC_URL).hostname not in settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS,
            "The portal refuses its own address.",
            "Add the host of LYCHGATE_PUBLIC_URL to LYCHGATE_HOSTS.",
        ),
    }
    return [Error(words, hint=hint, id=f"lychgate.{number}") for number, (is_wrong, words, hint) in wrong.items() if is_wrong]


@register(Tags.security)
def production_check(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Works, but not for long or not for many."""
    if not is_exposed():
        return []
    found: list[CheckMessage] = []
    if settings.EMAIL_BACKEND.endswith((".console.EmailBackend", ".dummy.EmailBackend")):
        found.append(Warning("No mail leaves this portal.", hint="Set LYCHGATE_EMAIL_BACKEND and a mail server.", id="lychgate.W020"))
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        found.append(
            Warning(
                "The database is SQLite, which one machine can use.", hint="Set DATABASE_URL to a PostgreSQL database.", id="lychgate.W021"
            )
        )
    return found


@register(Tags.security, deploy=True)
def history_check(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Whoever owns the audit log's table can switch off what protects it. A database that cannot be asked yet says nothing."""
    if connection.vendor != "postgresql" or not is_exposed():
        return []
    owns = "SELECT pg_has_role(current_user, relowner, 'MEMBER') FROM pg_class WHERE oid = to_regclass('enrollment_auditevent')"
    try:
        with connection.cursor() as cursor:
            cursor.execute(owns)
            row = cursor.fetchone()
    except DatabaseError:
        return []
    if not row or not row[0]:
        return []
    return [
        Warning(
            "The portal's database role owns the audit log, so it could switch off the triggers that protect it.",
            hint="Run it as a role of its own: deploy/postgresql-app-role.sql.",
            id="lychgate.W022",
        )
    ]
