"""The Celery application: `celery --app portal worker` and `celery --app portal beat`.

What it does stands in `portal/settings.py` (CELERY_...): JSON only, threads, one task
at a time per thread, mail never before a PEP.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("lychgate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
