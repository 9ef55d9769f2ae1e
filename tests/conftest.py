"""What every test may use: the people, a PEP, a resource, a device; and `--full` for the slow ones and for many rounds.

The functions that make them are in tests/factories.py; import those where a test needs more.
`make test` runs all on SQLite, then on PostgreSQL what may differ there: `runs_on` decides.
"""

import importlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, TransactionTestCase, override_settings

from tests import factories

# What uses the database, in here: people's side whole (but for counting queries, which are the same ones), and what keeps order.
MAY_DIFFER = ("tests/enrollment/", "tests/enforcement/test_turns.py", "tests/enforcement/test_reconcile.py")
THE_SAME = ("tests/enrollment/test_page_queries.py",)

append_only = importlib.import_module("enrollment.migrations.0002_keep_history_unchanged")


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run the slow tests too")
    parser.addoption("--failures-to", type=Path, help="write what failed, in few lines, into this file too")


def pytest_collection_modifyitems(config, items):
    full = config.getoption("--full")
    here = [item for item in items if runs_on(connection.vendor, item)]
    if connection.vendor == "postgresql" and not full:
        here = few_of_each(here)
    kept = set(here)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = here
    if not full:
        skip = pytest.mark.skip(reason="runs only with --full")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


def few_of_each(items):
    """Keep the first, the middle and the last of what one test is given: the rest was seen on SQLite, and asks the same of the database."""
    given = {}
    for item in items:
        given.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept = {cases[place] for cases in given.values() for place in (0, len(cases) // 2, -1)}
    return [item for item in items if item in kept]


def runs_on(vendor, item):
    """Tell whether a test is for this database: it says so itself, or it is one of those that may differ."""
    named = {"postgresql", "sqlite"}.intersection(mark.name for mark in item.iter_markers())
    if named or vendor != "postgresql":
        return vendor in (named or {"sqlite"})
    uses_it = item.get_closest_marker("django_db") or {"db", "transactional_db"}.intersection(item.fixturenames)
    return bool(uses_it) and item.nodeid.startswith(MAY_DIFFER) and not item.nodeid.startswith(THE_SAME)


@pytest.fixture(scope="session")
def rounds(request):
    """How often to repeat what chance decides: `rounds(few, many)` is few, and many with --full."""
    return lambda few, many: many if request.config.getoption("--full") else few


def pytest_terminal_summary(terminalreporter, config):
    """Say which figures were reached, at the end of the run; and keep what failed, for whoever runs this beside more."""
    failed = [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for what, reached in getattr(report, "user_properties", ()):  # a file that cannot be read has none
            terminalreporter.write_line(f"{report.nodeid}: {what} {reached}")
    if into := config.getoption("--failures-to"):
        into.write_text("".join(f"{report.nodeid}\n{_why(report)}\n" for report in failed), encoding="utf-8")


def _why(report):
    """Return the last of the lines that say what was wrong."""
    lines = str(report.longreprtext).splitlines()
    return "\n".join([line for line in lines if line.startswith("E ")][-5:] or lines[-5:])


@pytest.fixture
def figure(record_property):
    """Keep a figure that a test reached, in seconds or another unit, beside what it may be."""

    def keep(what, reached, allowed, unit="s"):
        record_property(what, f"{reached:.2f} {unit} of {allowed} {unit}")
        return reached

    return keep


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, tmp_path_factory):
    """SQLite in a file: threads and workers wait for each other there as in production, which shared memory does not."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "lychgate.sqlite3")


@pytest.fixture(autouse=True, scope="session")
def _let_tests_empty_tables():
    """Tests that commit empty all tables afterwards, which the audit log's triggers refuse to anybody: lift them for that moment."""
    empty_tables = TransactionTestCase._fixture_teardown  # noqa: SLF001 - Django has no public hook here

    def lifted(case):
        append_only.lift(connection)
        try:
            empty_tables(case)
        finally:
            append_only.protect(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lifted)
        yield


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_limited():
    """Tests do in a second what no person does in a minute; those of the limits set their own."""
    with override_settings(LIMITS=dict.fromkeys(settings.LIMITS, 0)):
        yield


@pytest.fixture(autouse=True, scope="session")
def _forms_carry_their_token():
    """Whatever page a test's client is shown, people can send the forms on it."""
    with override_settings(MIDDLEWARE=["tests.tokens.forms_carry_their_token", *settings.MIDDLEWARE]):
        yield


@pytest.fixture(autouse=True, scope="session")
def _let_browsers_be_freshly_proven():
    """Whoever is signed in by `force_login` has just proved who they are, as at a provider; `ago=None`: nobody said when."""
    sign_in = Client.force_login

    def proven(client, user, backend=None, *, ago=timedelta(0)):
        sign_in(client, user, backend)
        if ago is not None:
            factories.a_proof(client, user, ago)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "force_login", proven)
        yield


@pytest.fixture
def now():
    return factories.NOW


@pytest.fixture
def alice(db):
    return factories.a_person("alice")


@pytest.fixture
def bob(db):
    return factories.a_person("bob")


@pytest.fixture
def carol(db):
    return factories.a_person("carol")


@pytest.fixture
def dave(db):
    return factories.a_person("dave")


@pytest.fixture
def erin(db):
    return factories.a_person("erin")


@pytest.fixture
def pep(db):
    return factories.a_pep()


@pytest.fixture
def fileshare(pep, bob):
    """A resource on tcp 445 and 139 behind the PEP; one of bob's group must agree."""
    return factories.a_resource("fileshare", pep=pep)


@pytest.fixture
def laptop(alice):
    return factories.a_device(alice)


@pytest.fixture
def request_of_alice(alice, laptop, fileshare):
    return factories.a_request(alice, fileshare, [laptop])


@pytest.fixture
def grant_of_alice(request_of_alice, bob, now):
    from enrollment import lifecycle  # noqa: PLC0415 - Django must be up

    return lifecycle.approve(request_of_alice, reviewer=bob, now=now)


@pytest.fixture
def told_peps():
    """Which PEPs were nudged, one set a nudge, in order."""
    from enrollment.signals import access_changed  # noqa: PLC0415 - Django must be up

    told = []

    def listen(pep_ids, **_more):
        told.append(pep_ids)

    access_changed.connect(listen)
    yield told
    access_changed.disconnect(listen)
