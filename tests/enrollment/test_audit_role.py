"""PostgreSQL: the role that the portal runs as, by the grants that we publish, can neither change history nor unprotect it."""

from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from enrollment import audit
from enrollment.models import AuditEvent
from portal.checks import history_check
from tests.factories import a_grant, a_pep

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

APP = "lychgate_test_app"
GRANTS = (Path(__file__).resolve().parents[2] / "deploy/postgresql-app-role.sql").read_text(encoding="utf-8")


@pytest.fixture
def exposed(settings):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://access.example.com", ["access.example.com"]


@pytest.fixture
def app_role(alice, bob, fileshare, laptop):
    """Be the app's role, with a story in the log, until the transaction of the test is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {APP}")
        cursor.execute(GRANTS.replace(':"app"', APP))
        cursor.execute(f"SET LOCAL ROLE {APP}")


def test_it_can_do_all_that_the_portal_does(app_role, alice, bob, fileshare, laptop):
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob)
    assert AuditEvent.objects.first().subject_id == grant.pk
    assert audit.verify() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE enrollment_auditevent SET actor = 'erin'",
        "DELETE FROM enrollment_auditevent",
        "TRUNCATE enrollment_auditevent",
        "ALTER TABLE enrollment_auditevent DISABLE TRIGGER ALL",
        "ALTER TABLE enrollment_auditevent DISABLE TRIGGER audit_no_delete",
        "ALTER TABLE enrollment_review DISABLE TRIGGER review_of_the_request",
        "DROP TRIGGER audit_no_delete ON enrollment_auditevent",
        "DROP TABLE enrollment_auditevent",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION lychgate_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
    ],
)
def test_it_can_neither_change_history_nor_unprotect_it(app_role, statement):
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert audit.verify() == []


def test_it_cannot_add_what_does_not_follow(app_role, now):
    forged = AuditEvent.objects.first()
    forged.seq, forged.hash = forged.seq + 1, "f" * 64
    with pytest.raises(DatabaseError, match="grows at its end"), transaction.atomic():
        forged.save(force_insert=True)


def test_the_check_warns_where_the_portal_owns_its_history(exposed):
    assert [found.id for found in history_check(None)] == ["lychgate.W022"]


def test_the_check_is_content_with_the_app_s_role(exposed, app_role):
    assert history_check(None) == []


def test_the_owner_can_and_that_is_named(alice, pep):
    a_pep(2)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE enrollment_auditevent DISABLE TRIGGER ALL")
        cursor.execute("UPDATE enrollment_auditevent SET actor = 'erin' WHERE seq = 2")
        cursor.execute("ALTER TABLE enrollment_auditevent ENABLE TRIGGER ALL")
    assert audit.verify() == ["Event 2 was changed after it was written."]
