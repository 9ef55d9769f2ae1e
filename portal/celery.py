"""The Celery application: `celery --app portal worker` and `celery --app portal beat`.

What it does stands in `portal/settings.py` (CELERY_...): JSON only, threads, one task
at a time per thread, mail never before a PEP; `portal/broker.py` mends its client for Redis.
Neither starts where `manage.py check` finds it unsafe.
"""

import os

from celery import Celery
from celery.signals import beat_init, worker_init
from django.core.exceptions import ImproperlyConfigured

import portal.broker  # noqa: F401 - it mends the client for Redis

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("lychgate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def insist_on_safety(**_: object) -> None:
    """Refuse to work in a deployment that the portal refuses to serve. Celery only logs what a listener raises, so this exits."""
    from portal.checks import insist  # noqa: PLC0415 - the checks need the settings and the apps

    try:
        insist()
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from error
