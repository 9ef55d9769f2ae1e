"""Settings come from the environment, typed; a wrong value stops the start with words."""

import runpy

import pytest
from celery.app.routes import MapRoute
from django.core.exceptions import ImproperlyConfigured

from enforcement.tasks import sweep_due_peps, verify_log
from enrollment.tasks import mail_due_notices, post_due_notices, remind_people
from portal.databases import database
from portal.environment import address, argvs, one_of, origin, secret, signing_key, truth, whole, whole_or_off, words
from portal.oidc.tasks import probe_due_sessions
from tests.provider import ROOT


@pytest.mark.parametrize(("raw", "expected"), [("yes", True), ("1", True), ("ON", True), ("no", False), (" false ", False)])
def test_a_truth_has_few_spellings(monkeypatch, raw, expected):
    monkeypatch.setenv("LYCHGATE_X", raw)
    assert truth("LYCHGATE_X") is expected


@pytest.mark.parametrize("raw", ["", "ja", "2", "yes please"])
def test_any_other_truth_stops_the_start(monkeypatch, raw):
    monkeypatch.setenv("LYCHGATE_X", raw)
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_X must be yes or no"):
        truth("LYCHGATE_X")


@pytest.mark.parametrize("raw", ["", "ten", "1.5", "-1", "101", "1e2", "--5", "٣x"])
def test_a_number_out_of_bounds_stops_the_start(monkeypatch, raw):
    monkeypatch.setenv("LYCHGATE_X", raw)
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_X must be a whole number from 0 to 100"):
        whole("LYCHGATE_X", 5, 0, 100)


@pytest.mark.parametrize(("raw", "expected"), [("0", 0), (" 0 ", 0), ("60", 60), ("100", 100)])
def test_a_number_may_be_off(monkeypatch, raw, expected):
    monkeypatch.setenv("LYCHGATE_X", raw)
    assert whole_or_off("LYCHGATE_X", 60, 100) == expected


@pytest.mark.parametrize("raw", ["", "1", "59", "101", "-1", "00", "off"])
def test_what_is_neither_off_nor_in_bounds_stops_the_start(monkeypatch, raw):
    monkeypatch.setenv("LYCHGATE_X", raw)
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_X must be a whole number from 60 to 100, or 0, which is off"):
        whole_or_off("LYCHGATE_X", 60, 100)


@pytest.mark.parametrize(("seconds", "more"), [("0", set()), ("60", {probe_due_sessions.name})])
def test_the_provider_is_asked_about_sessions_only_where_that_is_set(monkeypatch, seconds, more):
    monkeypatch.setenv("LYCHGATE_OIDC_PROBE_SECONDS", seconds)
    settings = runpy.run_path(str(ROOT / "portal/settings.py"))
    tasks = {entry["task"] for entry in settings["CELERY_BEAT_SCHEDULE"].values()}
    always = {each.name for each in (sweep_due_peps, verify_log, mail_due_notices, post_due_notices, remind_people)}
    assert tasks == always | more
    assert MapRoute(settings["CELERY_TASK_ROUTES"])(probe_due_sessions.name) == {"queue": "mail"}  # never before a PEP


@pytest.mark.parametrize(("raw", "expected"), [("", "externalId"), ("userName", "userName"), (" externalId ", "externalId")])
def test_a_word_is_one_of_few(monkeypatch, raw, expected):
    monkeypatch.setenv("LYCHGATE_X", raw)
    assert one_of("LYCHGATE_X", "externalId", "userName") == expected


@pytest.mark.parametrize("raw", ["email", "username", "externalId,userName"])
def test_any_other_word_stops_the_start(monkeypatch, raw):
    monkeypatch.setenv("LYCHGATE_X", raw)
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_X must be one of externalId, userName"):
        one_of("LYCHGATE_X", "externalId", "userName")


def test_a_list_forgives_blanks(monkeypatch):
    monkeypatch.setenv("LYCHGATE_X", " a, ,b,")
    assert words("LYCHGATE_X") == ["a", "b"]


def test_a_secret_may_rest_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("LYCHGATE_X", "from the environment")
    monkeypatch.setenv("LYCHGATE_X_FILE", str(tmp_path / "secret"))
    assert secret("LYCHGATE_X") == "from the file"


def test_a_secret_file_that_cannot_be_read_stops_the_start(monkeypatch, tmp_path):
    monkeypatch.setenv("LYCHGATE_X_FILE", str(tmp_path / "missing"))
    with pytest.raises(ImproperlyConfigured, match=r"LYCHGATE_X_FILE names .* cannot be read"):
        secret("LYCHGATE_X")


def test_sqlite_waits_at_the_start_of_a_write():
    assert database("sqlite:////srv/l.db")["NAME"] == "/srv/l.db"
    assert database("sqlite:////srv/l.db")["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_postgresql_takes_a_password_with_signs():
    found = database("postgres://lychgate:p%40ss%2Fword@db.example.com:5433/access")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "lychgate",
        "p@ss/word",
        "db.example.com",
        "5433",
        "access",
    )


@pytest.mark.parametrize("url", ["", "mysql://db/x", "lychgate.sqlite3"])
def test_another_database_stops_the_start(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must begin with"):
        database(url)


@pytest.mark.parametrize(
    ("url", "expected"), [("https://ID.example.com/realms/x", "https://id.example.com"), ("http://localhost:9000", "http://localhost:9000")]
)
def test_an_origin_is_scheme_host_and_port(url, expected):
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url", ["id.example.com", "ftp://id.example.com", "https://", "https://me:pw@id.example.com", "https://x.example.com; script-src *"]
)
def test_what_is_not_an_address_stops_the_start(url):
    with pytest.raises(ImproperlyConfigured, match="must be a URL"):
        origin(url)


@pytest.mark.parametrize("value", ["{", "[]", '{"pep-1": "sudo"}', '{"pep-1": []}', '{"pep-1": [1]}', '{"pep-1": [""]}'])
def test_a_transport_that_is_no_argv_stops_the_start(monkeypatch, value):
    monkeypatch.setenv("LYCHGATE_X", value)
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_X"):
        argvs("LYCHGATE_X")


def test_a_transport_is_an_argv(monkeypatch):
    monkeypatch.setenv("LYCHGATE_X", '{"pep-1": ["sudo", "-n"]}')
    assert argvs("LYCHGATE_X") == {"pep-1": ["sudo", "-n"]}


@pytest.mark.parametrize(
    "raw", ["", "https://chat.example.com/hooks/T0/x?thread=1", "http://127.0.0.1:8065/hooks/1", "https://[fd89::1]:443/"]
)
def test_an_address_is_a_url_or_nothing(monkeypatch, raw):
    monkeypatch.setenv("LYCHGATE_X", raw)
    assert address("LYCHGATE_X") == raw


@pytest.mark.parametrize(
    "raw",
    [
        "ftp://chat.example.com/",
        "https:///x",
        "https://me:secret@chat.example.com/",
        "https://chat.example.com/a b",
        "https://c/#x",
        "//c/",
    ],
)
def test_any_other_address_stops_the_start_and_is_not_repeated(monkeypatch, raw):
    monkeypatch.setenv("LYCHGATE_X", raw)
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_X must be a URL") as refused:
        address("LYCHGATE_X")
    assert raw not in str(refused.value)


def test_a_signing_key_is_base64_with_or_without_the_mark(monkeypatch):
    for raw in ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        monkeypatch.setenv("LYCHGATE_X", raw)
        assert len(signing_key("LYCHGATE_X")) == 24


@pytest.mark.parametrize("raw", ["a sentence that is long enough", "whsec_c2hvcnQ=", "whsec_" + "QUFB" * 22, "whsec_"])
def test_any_other_signing_key_stops_the_start(monkeypatch, raw):
    monkeypatch.setenv("LYCHGATE_X", raw)
    with pytest.raises(ImproperlyConfigured, match="LYCHGATE_X must be whsec_"):
        signing_key("LYCHGATE_X")
