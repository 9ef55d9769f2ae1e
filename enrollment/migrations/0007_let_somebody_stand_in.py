"""Delegations, and the seat that a review fills.

On SQLite a new constraint makes the table of reviews anew, without its triggers: they are
put back at the end, and on the way back too.
"""

import importlib
from typing import Any

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, Q
from django.db.models.functions import Coalesce

append_only = importlib.import_module("enrollment.migrations.0002_keep_history_unchanged")
PERSON = settings.AUTH_USER_MODEL


def protect(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    append_only.protect(schema_editor.connection)


def person(related_name: str, verbose_name: str, *, optional: bool = False) -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        PERSON,
        null=optional,
        blank=optional,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        verbose_name=verbose_name,
    )


class Migration(migrations.Migration):
    dependencies = [("enrollment", "0006_let_devices_in_and_report_them_lost")]
    operations = [
        migrations.RunPython(migrations.RunPython.noop, protect),
        migrations.CreateModel(
            name="Delegation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("delegator", person("delegations", "in whose stead")),
                ("delegate", person("delegations_held", "who stands in")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                ("reason", models.TextField(max_length=1000, verbose_name="reason")),
                ("created_at", models.DateTimeField(verbose_name="made at")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                ("ended_by", person("+", "ended by", optional=True)),
            ],
            options={
                "verbose_name": "delegation",
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(condition=Q(ended_at=None), fields=["delegate", "ends_at"], name="delegation_of_delegate"),
                    models.Index(condition=Q(ended_at=None), fields=["delegator", "ends_at"], name="delegation_of_delegator"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_lasts"),
                    models.CheckConstraint(condition=~Q(delegator=F("delegate")), name="delegation_to_somebody_else"),
                    models.CheckConstraint(condition=Q(ended_by=None) | Q(ended_at__isnull=False), name="delegation_ended_at"),
                ],
            },
        ),
        migrations.AddField("review", "on_behalf_of", person("+", "in the stead of", optional=True)),
        migrations.AddConstraint(
            "review", models.UniqueConstraint(F("request"), Coalesce("on_behalf_of", "reviewer"), name="review_once_per_seat")
        ),
        migrations.AddConstraint(
            "review", models.CheckConstraint(condition=~Q(on_behalf_of=F("reviewer")), name="review_in_the_stead_of_another")
        ),
        migrations.AddConstraint(
            "review", models.CheckConstraint(condition=~Q(on_behalf_of=F("requester")), name="review_never_in_the_requesters_stead")
        ),
        migrations.RunPython(protect, migrations.RunPython.noop),
    ]
