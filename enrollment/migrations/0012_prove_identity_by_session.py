"""Browsers and logout tokens; what proof of identity a grant asks for, taken over from the terms that it was given under."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, OuterRef, Subquery


def take_over(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Grants keep their session length; whoever is disabled proves anew who they are once they are let in again."""
    terms = apps.get_model("enrollment", "PolicyVersion").objects.filter(pk=OuterRef("policy_version"))
    apps.get_model("enrollment", "Grant").objects.update(session_length=Subquery(terms.values("session_length")))
    proofs = apps.get_model("enrollment", "IdentityProof").objects.filter(user__is_active=False, withdrawn_at=None)
    proofs.update(withdrawn_at=F("recorded_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("enrollment", "0011_hear_of_people_by_scim"),
    ]

    operations = [
        migrations.CreateModel(
            name="BrowserSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(blank=True, editable=False, max_length=40, null=True, unique=True)),
                ("sid", models.CharField(blank=True, db_index=True, max_length=255)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="LogoutToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("jti", models.CharField(max_length=255, unique=True)),
                ("subject", models.CharField(blank=True, max_length=255)),
                ("sid", models.CharField(blank=True, db_index=True, max_length=255)),
                ("issued_at", models.DateTimeField()),
                ("forget_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name="grant",
            name="ends_at_logout",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="grant",
            name="needs_mfa",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="grant",
            name="session_length",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="identityproof",
            name="is_mfa",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="identityproof",
            name="signed_out_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="ends_at_logout",
            field=models.BooleanField(default=True, verbose_name="ends with signing out"),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="needs_mfa",
            field=models.BooleanField(default=False, verbose_name="needs a second factor"),
        ),
        migrations.AlterField(
            model_name="identityproof",
            name="sid",
            field=models.CharField(blank=True, db_index=True, max_length=255),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("needs_mfa", False), ("session_length__isnull", False), _connector="OR"), name="policy_mfa_has_an_age"
            ),
        ),
        migrations.AddField(
            model_name="browsersession",
            name="user",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="browsers", to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name="identityproof",
            name="browser",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="proofs", to="enrollment.browsersession"
            ),
        ),
        migrations.AddConstraint(
            model_name="logouttoken",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("subject", ""), _negated=True), models.Q(("sid", ""), _negated=True), _connector="OR"),
                name="logout_names_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="browsersession",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at", None), ("key", None), _connector="OR"), name="ended_browser_has_no_key"
            ),
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
