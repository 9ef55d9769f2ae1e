"""The portal as a WSGI application. It does not start where `manage.py check` finds it unsafe."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

from portal.checks import insist  # noqa: E402 - the checks need the settings and the apps
from portal.odd_requests import Utf8Request  # noqa: E402 - as above

application.request_class = Utf8Request
insist()
