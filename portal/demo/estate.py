"""What the demo's company has: one gateway, four resources, one policy, by the same verbs that admins use."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from enrollment import lifecycle
from enrollment.models import AccessPolicy, Membership, Pep, Placement, Resource, ResourcePort, User
from portal.demo import lab
from portal.demo.cast import PEOPLE
from portal.demo.home import PEP
from portal.demo.traffic import FILE_SHARE, TICKER, VOICE, WIKI

APPROVERS = "lychgate-approvers"
HOUR, DAY = 3600, 86400
RESOURCES = (
    ("File share", "fileshare", "The team's shared folders, on a host behind the gateway.", (("tcp", FILE_SHARE), ("tcp", TICKER)), 2),
    ("Voice line", "voice", "Pushes datagrams to whoever called once.", (("udp", VOICE),), 3),
    ("Wiki", "wiki", "What everybody ought to know.", (("tcp", WIKI),), 4),
    ("Gateway administration", "pep-admin", "The gateway's own SSH, reached through the gateway.", (("tcp", 22),), 5),
)


@transaction.atomic
def plant(public_key: str, now: datetime) -> None:
    """Make the demo's estate, or bring the gateway's key up to date. Harmless to repeat."""
    pep, made = Pep.objects.update_or_create(
        name=PEP,
        defaults={
            "endpoint_host": lab.PEP_V4,
            "endpoint_port": lab.PEP_PORT,
            "public_key": public_key,
            "prefix_v4": lab.PREFIX_V4,
            "prefix_v6": lab.PREFIX_V6,
        },
    )
    lifecycle.estate_changed(pep, actor=None, verb="added" if made else "changed", now=now)
    _introduce(now)
    policy = _policy(now)
    for name, slug, description, ports, number in RESOURCES:
        resource, made = Resource.objects.get_or_create(slug=slug, defaults={"name": name, "description": description, "policy": policy})
        if made:
            _place(resource, pep, ports, number, now)


def _introduce(now: datetime) -> None:
    """Let the portal know everybody before they first sign in: a request needs somebody who can answer it."""
    for person in PEOPLE:
        known = User.objects.filter(issuer=settings.OIDC_ISSUER, subject=person.subject).exists()
        if not known:
            email = f"{person.username}@example.com"
            user = User.objects.create_user(settings.OIDC_ISSUER, person.subject, name=person.name, email=email)
            groups = [Group.objects.get_or_create(name=settings.OIDC_GROUP_PREFIX + name)[0] for name in person.groups]
            Membership.objects.bulk_create([Membership(user=user, group=group, source="oidc", since=now) for group in groups])


def _policy(now: datetime) -> AccessPolicy:
    policy, made = AccessPolicy.objects.get_or_create(name="Ask the approvers")
    if made:
        approvers, _ = Group.objects.get_or_create(name=settings.OIDC_GROUP_PREFIX + APPROVERS)
        lifecycle.new_policy_version(
            policy,
            actor=None,
            now=now,
            stages=[(approvers, 1)],
            requesters=[],
            time_to_answer=DAY,
            longest_grant=8 * HOUR,
            rolling_total=40 * HOUR,
            rolling_window=7 * DAY,
            session_length=None,
            break_glass_longest=HOUR,
        )
    return policy


def _place(resource: Resource, pep: Pep, ports: tuple[tuple[str, int], ...], number: int, now: datetime) -> None:
    for protocol, port in ports:
        ResourcePort.objects.create(resource=resource, protocol=protocol, first=port, last=port)
    on_pep = resource.slug == "pep-admin"
    placement = Placement.objects.create(
        resource=resource,
        pep=pep,
        overlay_v4=f"10.89.65.{number}",
        target_v4=lab.OWN_V4 if on_pep else lab.LAN_V4,
        overlay_v6=f"fd89:0:0:1::{number}",
        target_v6=lab.OWN_V6 if on_pep else lab.LAN_V6,
        is_on_pep=on_pep,
    )
    lifecycle.estate_changed(placement, actor=None, verb="added", now=now)
