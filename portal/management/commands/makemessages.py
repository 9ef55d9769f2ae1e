"""Collect what is to be translated: Django's own command, which finds the sentences of pure modules as well.

The catalogue says in which file a text stands, not in which line, and not when it was made: it changes when texts do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.commands import makemessages

NOISE = re.compile(r'^"(?:POT-Creation-Date|Report-Msgid-Bugs-To): .*\n', re.MULTILINE)


class Command(makemessages.Command):
    """As Django's, with `say`, `counted` and `kept` of `enrollment/sentences.py`; nothing of the demo, which is its maker's tool."""

    keywords: ClassVar[list[str]] = ["--keyword=say:1", "--keyword=counted:1,2", "--keyword=kept:1"]
    xgettext_options = [*makemessages.Command.xgettext_options, *keywords]
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]  # a guess would pass for a translation

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the catalogues."""
        leave_out = [*options["ignore_patterns"], "tests/*", "static/*", "var/*", "portal/demo/*"]
        super().handle(*args, **{**options, "ignore_patterns": leave_out, "add_location": "file", "no_wrap": True, "no_obsolete": True})
        for folder in settings.LOCALE_PATHS:
            for catalogue in Path(folder).glob("*/LC_MESSAGES/django.po"):
                catalogue.write_text(NOISE.sub("", catalogue.read_text(encoding="utf-8")), encoding="utf-8")
