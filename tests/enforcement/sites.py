"""Broker, worker and beat as processes of their own, on the test's own database, and this process in the portal's place."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from celery import current_app
from django.db import connection

from enforcement.models import Enforcement, PepStatus
from portal.demo.processes import Part
from tests.brokers import QUIET, Embedded
from tests.postgresql import ROOT

PATIENCE = 15.0
SETUP = """
import django
django.setup()
from django.core.management import call_command
from django.utils import timezone
from enforcement.models import Enforcement, PepStatus
from enrollment import lifecycle
from enrollment.models import Device, Grant, Resource, User
from tests import factories
"""
GRANT_AGAIN = """
alice, bob = (User.objects.get(name=name) for name in ("Alice", "Bob"))
factories.a_grant(alice, Resource.objects.get(), [Device.objects.get()], reviewer=bob, now=timezone.now())
"""
MAKE_A_WORLD = """
call_command("migrate", verbosity=0)
now = timezone.now()
people = [factories.a_person(name, now=now) for name in ("alice", "bob")]
factories.a_resource("fileshare", pep=factories.a_pep(public_key="{key}", now=now), now=now)
factories.a_device(people[0], now=now)
""" + GRANT_AGAIN  # fmt: skip


class Site:
    """What runs of a portal on the PEP `gateway`; `argvs` are the ways to PEPs, and `more` is set in the environment."""

    def __init__(self, directory, gateway, argvs, broker, **more):
        self.directory, self.gateway, self.broker, self.parts = directory, gateway, broker, {}
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "REDIS_URL": broker.url,
            "LYCHGATE_PEP_ARGV": json.dumps(argvs),
            "LYCHGATE_SWEEP_SECONDS": "1",
            "LYCHGATE_VAR": str(directory),
            **more,
        }

    def start(self):
        self.start_broker()
        self.start_worker()
        self.start_beat()

    def start_broker(self):
        self._start("broker", self.broker.argv, self.broker.answers)

    def start_worker(self):
        argv = ["worker", "--queues", "pep,mail", "--loglevel", "info", *QUIET]
        self._start("worker", [sys.executable, "-m", "celery", "--app", "portal", *argv], lambda: "ready." in self.said("worker"))

    def start_beat(self):
        argv = ["beat", "--schedule", str(self.directory / "schedule"), "--loglevel", "info"]
        self._start("beat", [sys.executable, "-m", "celery", "--app", "portal", *argv], lambda: "Sending due task" in self.said("beat"))

    def end(self, *names):
        """Ask parts to end, and wait for it: no pass is under way then."""
        for name in names:
            self.parts.pop(name).stop()

    def stop(self, *names):
        """End parts, or all, as a power cut would."""
        for name in names or list(self.parts)[::-1]:
            self.parts.pop(name).kill()

    def said(self, name):
        return (self.directory / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _start(self, name, argv, ready):
        part = self.parts[name] = Part(name, argv, self.environment, self.directory / f"{name}.log")
        part.wait_until(ready)


def portal(site, code):
    """Do something as the portal would, on the site's own database; return what it prints."""
    done = tried(site, code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tried(site, code):
    """Do the same where it may fail; return the process that has ended."""
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "portal.settings", "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", SETUP + code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def database_url():
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    user, password, host, name = (quote(database[part], safe="") for part in ("USER", "PASSWORD", "HOST", "NAME"))
    return f"postgres://{user}:{password}@{host}{database['PORT'] and ':'}{database['PORT']}/{name}"


def point_at(url):
    current_app.conf.update(broker_url=url, broker_read_url=url, broker_write_url=url)
    current_app.set_current()
    current_app.close()
    current_app.amqp._producer_pool = None  # noqa: SLF001 - else it keeps the broker of whatever test was first


def wait_for(state, grant, seconds=PATIENCE):
    wait_until(Enforcement.objects.filter(grant=grant, state=state).exists, seconds)


def wait_until(holds, seconds=PATIENCE):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, [*Enforcement.objects.values(), *PepStatus.objects.values()]
        time.sleep(0.02)


@contextlib.contextmanager
def running_site(gateway, argvs, *, kind=Embedded, **more):
    """Let this process send to the site's broker; nothing of it runs yet."""
    directory = Path(tempfile.mkdtemp(prefix="lgt-"))  # short: a socket's path has 107 characters at most
    before = current_app.conf.broker_url
    site = Site(directory, gateway, argvs, kind(directory), **more)
    point_at(site.broker.url)
    try:
        yield site
    finally:
        site.stop()
        point_at(before)
        shutil.rmtree(directory)
