"""What tables and columns are called in the admin, where Django derives it from what they are called in code.

Django takes such names for English as they are; `translatable` makes them the reader's. The
test of the catalogue says which ones are lacking here. A name that says too little gets a
better one at its column, not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, override
from django.utils.translation import gettext_noop as _

TABLES = (
    *(_("PEP"), _("PEPs"), _("access requests"), _("audit events"), _("delegations"), _("device"), _("drift"), _("drifts")),
    *(_("enforcement"), _("enforcements"), _("grant"), _("grants"), _("held changes"), _("identity proof"), _("identity proofs")),
    *(_("membership"), _("memberships"), _("placement"), _("placements"), _("policy version"), _("policy versions")),
    *(_("receipt"), _("receipts"), _("resource"), _("resource port"), _("resource ports"), _("review"), _("reviews")),
    *(_("user"), _("users")),
)
COLUMNS = (
    *(_("actor id"), _("address freed at"), _("admissions"), _("agent version"), _("agreed at"), _("answer by"), _("approved at")),
    *(_("approved by"), _("at"), _("auth time"), _("browser"), _("bundle"), _("busy until"), _("created at"), _("created by"), _("digest")),
    *(_("disabled by source"), _("due at"), _("end reason"), _("ending at"), _("ends at logout"), _("enrolled at"), _("error")),
    *(_("extends"), _("failing since"), _("failures"), _("generation"), _("gone at"), _("groups"), _("hash"), _("heard at"), _("past")),
    *(_("in force at"), _("is break glass"), _("is mfa"), _("issuer"), _("joined at"), _("key origin"), _("left at"), _("lock since")),
    *(_("lock words"), _("lost at"), _("lost by"), _("needs mfa"), _("note"), _("number"), _("outcome"), _("owner"), _("peers"), _("pep")),
    *(_("policy"), _("previous"), _("reached at"), _("recorded at"), _("reminded at"), _("request"), _("requester"), _("retired at")),
    *(_("retired by"), _("review due"), _("reviewer"), _("seconds"), _("signed out at"), _("skew seconds"), _("slot"), _("source")),
    *(_("stage"), _("subject"), _("subject id"), _("subject type"), _("suspended at"), _("suspended by"), _("took ms")),
    *(_("unreached since"), _("username"), _("verdict"), _("wanted at"), _("wanted digest"), _("withdrawn at"), _("words")),
    *(_("is whole"), _("seq"), _("acr"), _("amr"), _("sid")),
)


def translatable(tables: Iterable[type[models.Model]]) -> None:
    """Let these tables and their columns be called in the reader's language. Migrations do not notice: they keep what code says."""
    with override(None):
        for table in tables:
            options = table._meta
            options.verbose_name = _lazy(options.verbose_name)
            if "verbose_name_plural" not in options.original_attrs or not isinstance(options.verbose_name_plural, Promise):
                options.verbose_name_plural = gettext_lazy(str(options.verbose_name_plural))
            for column in (*options.local_fields, *options.local_many_to_many):
                column.verbose_name = _lazy(column.verbose_name)


def _lazy(name: Any) -> Any:  # noqa: ANN401 - text, or text of some language
    return name if isinstance(name, Promise) else gettext_lazy(name)
