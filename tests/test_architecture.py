"""The arrows, the purity and the shape of the code, and proof that each check sees a breach."""

from pathlib import Path

import pytest

from tests import architecture

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def ours():
    return architecture.read_modules(ROOT)


@pytest.fixture
def plant(tmp_path):
    def write(path, source):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        return architecture.read_modules(tmp_path)

    return write


@pytest.mark.parametrize("check", architecture.CHECKS, ids=lambda check: check.__name__)
def test_our_code_keeps_its_shape(check, ours):
    assert check(ours) == []


def test_the_checks_read_every_package(ours):
    assert {module.name.partition(".")[0] for module in ours} == set(architecture.PACKAGES)


def test_every_module_that_a_table_names_exists(ours):
    names = {module.name for module in ours}
    named = {*architecture.PURE, *architecture.PURE_EXTRAS, *architecture.ARROWS, *architecture.STDLIB_ONLY}
    assert named - names == set()


BREACHES = [
    ("against_the_arrows", "enrollment/views.py", "from portal import oidc"),
    ("against_the_arrows", "enrollment/views.py", "import enforcement.models"),
    ("against_the_arrows", "enrollment/views.py", "def late():\n    from enforcement.models import Receipt"),
    ("against_the_arrows", "enrollment/views.py", "from ..enforcement import models"),
    ("against_the_arrows", "enrollment/views.py", "import importlib\nimportlib.import_module('enforcement.models')"),
    ("against_the_arrows", "enforcement/tasks.py", "import portal.celery"),
    ("against_the_arrows", "enforcement/pep/agent.py", "from enrollment import policy"),
    ("against_the_arrows", "enforcement/pep/agent.py", "from enforcement import desired"),
    ("against_the_arrows", "enforcement/pep/agent.py", "from .. import desired"),
    ("into_the_demo", "portal/urls.py", "from portal.demo import lab"),
    ("into_the_demo", "portal/urls.py", "from portal import demo"),
    ("into_the_demo", "portal/urls.py", "from .demo import lab"),
    ("beyond_the_stdlib", "enforcement/pep/agent.py", "import redis"),
    ("beyond_the_stdlib", "enforcement/pep/kernel.py", "def late():\n    from django.utils import timezone"),
    ("newer_than_a_pep", "enforcement/pep/plan.py", "try:\n    pass\nexcept* ValueError:\n    pass"),
    ("newer_than_a_pep", "enforcement/pep/plan.py", "from datetime import UTC"),
    ("newer_than_a_pep", "enforcement/pep/plan.py", "import enum\nclass Kind(enum.StrEnum): pass"),
    ("newer_than_a_pep", "enforcement/pep/agent.py", "import tomllib"),
    ("impure", "enrollment/policy.py", "from django.utils import timezone"),
    ("impure", "enrollment/policy.py", "from enrollment.models import Grant"),
    ("impure", "enrollment/policy.py", "import datetime as d\nd.datetime.now(d.UTC)"),
    ("impure", "enrollment/policy.py", "from datetime import datetime as Moment\nMoment.now()"),
    ("impure", "enrollment/policy.py", "from datetime import datetime\nask = datetime.now"),
    ("impure", "enrollment/policy.py", "from time import time"),
    ("impure", "enrollment/addresses.py", "import random"),
    ("impure", "enrollment/keys.py", "import secrets"),
    ("impure", "enrollment/clientconf.py", "open('wg0.conf', 'w')"),
    ("impure", "enrollment/clientconf.py", "import io\nio.open('wg0.conf')"),
    ("impure", "enforcement/desired.py", "from pathlib import Path"),
    ("impure", "enforcement/pep/nft.py", "import subprocess"),
    ("impure", "enforcement/pep/wg.py", "import socket"),
    ("impure", "enforcement/pep/plan.py", "import os"),
    ("impure", "enforcement/pep/ruleset.py", "from enforcement.pep import kernel"),
    ("impure", "enforcement/pep/state.py", "print('seen')"),
    ("past_the_clock", "enrollment/views/home.py", "from django.utils import timezone\nnow = timezone.now()"),
    ("past_the_clock", "enforcement/tasks.py", "import datetime\nnow = datetime.datetime.now(datetime.UTC)"),
    ("past_the_clock", "enrollment/models/access.py", "from django.utils import timezone\nfield = dict(default=timezone.now)"),
    ("unsafe", "portal/views.py", "import subprocess\nsubprocess.run('nft list ruleset', shell=True)"),
    ("unsafe", "portal/views.py", "import subprocess\nsubprocess.run('nft list ruleset', shell=maybe)"),
    ("unsafe", "enforcement/transport.py", "import os\nos.system('wg')"),
    ("unsafe", "enforcement/transport.py", "from os import system as run\nrun('wg')"),
    ("unsafe", "enforcement/transport.py", "eval('1')"),
    ("unsafe", "enforcement/transport.py", "exec('1')"),
    ("unsafe", "enrollment/facts.py", "import pickle"),
    ("undocumented", "enrollment/facts.py", "import json"),
    ("undocumented", "enrollment/facts.py", '"""' + "One more line.\n" * 9 + '"""'),
    ("too_long", "enrollment/facts.py", "x = 1\n" * 301),
    ("too_long", "enrollment/facts.py", "def long():\n" + "    x = 1\n" * 50),
]


@pytest.mark.parametrize(("check", "path", "source"), BREACHES)
def test_a_planted_breach_is_found(check, path, source, plant):
    assert len(getattr(architecture, check)(plant(path, source))) == 1


HARMLESS = [
    ("portal/urls.py", "from enforcement import models\nfrom enrollment import views"),
    ("portal/demo/play.py", "from portal.demo import lab"),
    ("portal/management/commands/demo.py", "from portal.demo import play"),
    ("enforcement/tasks.py", "from enrollment.facts import for_pep\nfrom enforcement.pep import state"),
    (
        "enforcement/pep/agent.py",
        "import os, socket, subprocess, time\nfrom enforcement.pep import plan\nsubprocess.run([], shell=False)",
    ),
    ("enrollment/policy.py", "from datetime import datetime\ndef rule(facts, now: datetime):\n    return facts.now < now"),
    ("enrollment/clientconf.py", "import io\nimport qrcode\nfrom qrcode.image import svg\nfrom enrollment import keys\nio.BytesIO()"),
    ("enrollment/keys.py", "import base64"),
    ("enrollment/clock.py", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
    ("enrollment/views/home.py", "from enrollment import clock\nnow = clock.now()"),
    ("enrollment/facts.py", "def short():\n" + "    x = 1\n" * 49),
    ("enrollment/__init__.py", ""),
    ("enrollment/migrations/0001_initial.py", "x = 1\n" * 301),
]


@pytest.mark.parametrize(("path", "source"), HARMLESS)
def test_what_is_allowed_is_let_through(path, source, plant):
    plant("enrollment/keys.py", '"""Keys."""')
    docstring = '"""What it is for."""\n' if source else ""
    modules = plant(path, docstring + source)
    assert [finding for check in architecture.CHECKS for finding in check(modules)] == []
