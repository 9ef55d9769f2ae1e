"""Plain functions that make what a test needs, by the same verbs that people use; every value can be said otherwise.

People have a fixed relation: alice is an employee, bob approves for her, carol audits,
dave is the admin, and erin, another employee, must never see or touch what is alice's.
"""

import base64
import hashlib
import itertools
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.conf import settings
from django.contrib.auth.models import Group

from enrollment import clock, keys, lifecycle, ssh_keys
from enrollment.models import AccessPolicy, BrowserSession, IdentityProof, Pep, Placement, Resource, ResourcePort, User
from enrollment.step_up import BROWSER_SESSION_KEY

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = 3600
ISSUER = "https://id.example"
APPROVERS, AUDITORS, ADMINS = settings.APPROVER_GROUPS[0], settings.AUDITOR_GROUPS[0], settings.ADMIN_GROUPS[0]
GROUPS = {
    "alice": ["employees"],
    "bob": ["employees", APPROVERS],
    "carol": ["employees", AUDITORS],
    "dave": ["employees", ADMINS],
    "erin": ["employees"],
}
counter = itertools.count(1)


def later(seconds=0, *, since=NOW, **parts):
    return since + timedelta(seconds=seconds, **parts)


def a_key(seed=None):
    """A usable public key that looks like one: the same for the same seed, another one each time without."""
    seed = seed if seed is not None else f"number {next(counter)}"
    secrets = (hashlib.sha256(f"{seed}{' again' * tries}".encode()).digest() for tries in itertools.count())
    pairs = (X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw() for secret in secrets)
    return next(key for key in (base64.b64encode(public).decode() for public in pairs) if not keys.looks_private(key))


def a_pair(*, looks_private=False):
    """A private key as `wg genkey` prints it, and its public key, shaped like a private one or not."""
    while True:
        raw = bytearray(hashlib.sha256(f"pair {next(counter)}".encode()).digest())
        raw[0], raw[31] = raw[0] & 0b11111000, raw[31] & 0b01111111 | 0b01000000
        public = X25519PrivateKey.from_private_bytes(bytes(raw)).public_key().public_bytes_raw()
        private, public = base64.b64encode(raw).decode(), base64.b64encode(public).decode()
        if keys.looks_private(public) == looks_private:
            return private, public


def an_ssh_key(seed):
    """A public key as OpenSSH writes it: the same for the same seed."""
    return f"ssh-ed25519 {base64.b64encode(ssh_keys.HEAD + hashlib.sha256(seed.encode()).digest()).decode()}"


def a_group(name):
    return Group.objects.get_or_create(name=name)[0]


def a_person(name, *, groups=None, auth_time=None, now=NOW):
    user = User.objects.create_user(ISSUER, f"{name}-subject")
    member_of = GROUPS.get(name, ["employees"]) if groups is None else groups
    email = f"{name}@example.com"
    lifecycle.sign_in(user, groups=member_of, name=name.title(), email=email, auth_time=auth_time or now, now=now)
    return user


def a_proof(client, user, ago=timedelta(0)):
    """Of who somebody is, given in the browser they are signed in with, so long before this moment."""
    moment, session = clock.now(), client.session
    browser = BrowserSession.objects.create(user=user, began_at=moment - ago)
    session[BROWSER_SESSION_KEY] = browser.pk
    session.save()
    return IdentityProof.objects.create(user=user, browser=browser, auth_time=moment - ago, recorded_at=moment)


def a_pep(number=1, *, now=NOW, **fields):
    values = {
        "name": f"pep-{number}",
        "endpoint_host": f"pep-{number}.example.com",
        "public_key": a_key(f"pep {number}"),
        "prefix_v4": f"10.89.{64 + number}.0/24",
        "prefix_v6": f"fd89:0:0:{number}::/64",
        "lease_seconds": 0,
        **fields,
    }
    pep = Pep.objects.create(**values)
    lifecycle.estate_changed(pep, actor=None, verb="added", now=now)
    return pep


def a_policy(name="plain", *, stages=((APPROVERS, 1),), requesters=(), break_glass_by=(), now=NOW, **terms):
    policy, _new = AccessPolicy.objects.get_or_create(name=name)
    values = {
        "time_to_answer": 24 * HOUR,
        "longest_grant": 8 * HOUR,
        "rolling_total": 40 * HOUR,
        "rolling_window": 7 * 24 * HOUR,
        "session_length": None,
        "break_glass_by": [a_group(each) for each in break_glass_by],
        **terms,
    }
    named = [(a_group(group), need) for group, need in stages]
    lifecycle.new_policy_version(policy, actor=None, now=now, stages=named, requesters=[a_group(each) for each in requesters], **values)
    return policy


def a_resource(slug="fileshare", *, policy=None, pep=None, ports=(("tcp", 139), ("tcp", 445)), number=10, now=NOW):
    resource = Resource.objects.create(name=slug.title(), slug=slug, policy=policy or a_policy(f"policy of {slug}", now=now))
    for protocol, port in ports:
        ResourcePort.objects.create(resource=resource, protocol=protocol, first=port, last=port)
    lifecycle.estate_changed(resource, actor=None, verb="added", now=now)
    if pep:
        a_placement(resource, pep, number=number, now=now)
    return resource


def a_placement(resource, pep, *, number=10, now=NOW):
    prefix_v4, prefix_v6 = pep.prefix_v4.rsplit(".", 1)[0], pep.prefix_v6.removesuffix("::/64")
    placement = Placement.objects.create(
        resource=resource,
        pep=pep,
        overlay_v4=f"{prefix_v4}.{number}",
        overlay_v6=f"{prefix_v6}::{number:x}",
        target_v4=f"192.168.89.{number}",
        target_v6=f"fd00:89::{number:x}",
    )
    lifecycle.estate_changed(placement, actor=None, verb="added", now=now)
    return placement


def a_device(owner, name="laptop", *, key=None, kind="laptop", key_origin="browser", now=NOW):
    return lifecycle.enrol_device(owner, name=name, kind=kind, public_key=key or a_key(), key_origin=key_origin, now=now)


def a_request(requester, resource, devices, *, seconds=HOUR, reason="quarterly report", now=NOW, **more):
    return lifecycle.request_access(requester, resource=resource, devices=devices, seconds=seconds, reason=reason, now=now, **more)


def a_grant(requester, resource, devices, *, reviewer, now=NOW, seconds=HOUR, **more):
    """Asked and approved at the same moment, on the way that people go."""
    return lifecycle.approve(a_request(requester, resource, devices, seconds=seconds, now=now, **more), reviewer=reviewer, now=now)


def a_delegation(delegator, *, delegate, starts_at=None, ends_at=None, reason="on holiday", now=NOW):
    """From now for two days, if nothing else is said."""
    starts_at = starts_at or now
    return lifecycle.delegate(
        delegator, delegate=delegate, starts_at=starts_at, ends_at=ends_at or later(days=2, since=now), reason=reason, now=now
    )


def an_emergency(requester, resource, devices, *, seconds=HOUR // 2, reason="the mail is down", now=NOW, **more):
    """Emergency access, which nobody approved. The terms must allow it."""
    return lifecycle.break_glass(requester, resource=resource, devices=devices, seconds=seconds, reason=reason, now=now, **more)
