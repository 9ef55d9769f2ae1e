"""What `decide` needs: for one device and resource, and for everything that one PEP must hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from django.db.models import Max, Q, Window
from django.db.models.functions import RowNumber

from enrollment.models import Device, Grant, IdentityProof, Membership, Pep, Placement, PolicyVersion, Resource, User
from enrollment.models.devices import condition_of
from enrollment.values import DeviceFacts, Facts, GrantFacts, Pair, PepFacts, PlacementFacts, Proof

MOST_GRANTS = 200  # of one person for one resource; the ones that end last
PAIR_COLUMNS = (
    "id",
    "user_id",
    "starts_at",
    "ends_at",
    "policy_version_id",
    "resource__slug",
    "devices__id",
    "devices__name",
    "devices__state",
    "devices__public_key",
    "devices__address_v4",
    "devices__address_v6",
    "devices__owner_id",
    "devices__owner__is_active",
    "devices__lost_at",
    "session_length",
    "needs_mfa",
    "ends_at_logout",
)


def facts_of(device: Device, resource: Resource, now: datetime) -> Facts:
    """Read all that matters to whether this device may reach this resource, with ended grants for the words."""
    return facts_of_all([(device, resource)], now)[device.pk, resource.pk]


def facts_of_all(pairs: Sequence[tuple[Device, Resource]], now: datetime) -> dict[tuple[int, int], Facts]:
    """Read the same for many pairs, by the numbers of device and resource, in a constant number of queries."""
    owners = {device.owner_id for device, _resource in pairs}
    active = set(User.objects.filter(pk__in=_few(owners), is_active=True).values_list("pk", flat=True))
    proofs, groups, grants = _proofs(owners), _groups(owners), _grants_about(pairs)
    found = {}
    for device, resource in pairs:
        theirs = [each for each in grants[resource.pk] if each.user_id == device.owner_id or device.pk in each.device_ids]
        found[device.pk, resource.pk] = Facts(
            user_is_active=device.owner_id in active,
            proofs=proofs[device.owner_id],
            device_id=device.pk,
            device_owner_id=device.owner_id,
            device_state=device.condition,
            resource_is_retired=resource.retired_at is not None,
            user_groups=groups[device.owner_id],
            grants=tuple(theirs[:MOST_GRANTS]),
        )
    return found


def for_pep(pep: Pep, now: datetime, devices: Iterable[int] | None = None) -> PepFacts:
    """Read everything that this PEP may have to hold, in a constant number of queries; call it within one snapshot.

    With `devices`, only what concerns these, and the placements of what they may reach.
    """
    placed = Placement.objects.filter(pep=pep, resource__retired_at=None)
    which = Q(devices__isnull=False)
    if devices is not None:
        named = Grant.devices.through.objects.filter(device__in=list(devices))
        # the numbers, not a subquery: else a database may walk through all that is granted
        which = Q(devices__in=list(devices), pk__in=list(named.values_list("grant", flat=True).distinct()))
    here = Grant.objects.unfinished(now).filter(which, resource__in=placed.values("resource"))
    rows = list(here.order_by("devices__id", "resource_id", "id").values_list(*PAIR_COLUMNS))
    if devices is not None:
        placed = placed.filter(resource__slug__in={row[5] for row in rows})
    placements = [
        _placement_facts(each) for each in placed.select_related("resource").prefetch_related("resource__ports").order_by("resource_id")
    ]
    owners = {row[12] for row in rows}
    proofs, groups, requesters = _proofs(owners), _groups(owners), _requesters({row[4] for row in rows})
    together = defaultdict(list)
    for row in rows:
        together[row[6], row[5]].append(row)
    pairs = []
    for (device_id, slug), same in together.items():
        first = same[0]
        grants = tuple(_open_grant(row, device_id, requesters[row[4]]) for row in same)
        device = _device_of(first)
        facts = Facts(first[13], proofs[first[12]], device_id, first[12], device.state, False, groups[first[12]], grants)  # noqa: FBT003 - not retired
        pairs.append(Pair(device, slug, facts, tuple(grant.id for grant in grants)))
    return PepFacts(tuple(placements), tuple(pairs))


def device_facts(device: Device) -> DeviceFacts:
    v4, v6 = _v4(device.address_v4), _v6(device.address_v6)
    return DeviceFacts(device.pk, device.owner_id, device.name, device.condition, device.public_key, v4, v6)


def _device_of(row: tuple[Any, ...]) -> DeviceFacts:
    key, v4, v6 = str(row[9]), _v4(row[10]), _v6(row[11])
    return DeviceFacts(row[6], row[12], row[7], condition_of(row[8], row[14]), key, v4, v6)


def _open_grant(row: tuple[Any, ...], device_id: int, requesters: frozenset[int]) -> GrantFacts:
    return GrantFacts(row[0], row[1], frozenset({device_id}), row[2], row[3], True, row[15], row[16], row[17], requesters)  # noqa: FBT003 - none other are read


def _grants_about(pairs: Sequence[tuple[Device, Resource]]) -> dict[int, list[GrantFacts]]:
    """Return each resource's grants to these owners, or for these devices, the last to end first: enough for every pair."""
    owners, devices = {device.owner_id for device, _resource in pairs}, {device.pk for device, _resource in pairs}
    resources = {resource.pk for _device, resource in pairs}
    named = Grant.objects.filter(devices__in=devices, resource__in=resources)
    rank = Window(RowNumber(), partition_by=["user_id", "resource_id"], order_by=["-ends_at", "-id"])
    latest = Grant.objects.filter(Q(user__in=owners) | Q(pk__in=named.values("pk")), resource__in=resources).alias(rank=rank)
    rows = latest.filter(rank__lte=MOST_GRANTS).select_related("policy_version").prefetch_related("devices", "policy_version__requesters")
    found: dict[int, list[GrantFacts]] = defaultdict(list)
    for grant in rows.order_by("-ends_at", "-id"):
        found[grant.resource_id].append(_grant_facts(grant))
    return found


def _grant_facts(grant: Grant) -> GrantFacts:
    return GrantFacts(
        id=grant.pk,
        user_id=grant.user_id,
        device_ids=frozenset(device.pk for device in grant.devices.all()),
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        is_open=grant.state in Grant.OPEN,
        session_length=grant.session_length,
        needs_mfa=grant.needs_mfa,
        ends_at_logout=grant.ends_at_logout,
        requesters=frozenset(group.pk for group in grant.policy_version.requesters.all()),
    )


def _placement_facts(placement: Placement) -> PlacementFacts:
    resource = placement.resource
    return PlacementFacts(
        id=resource.pk,
        slug=resource.slug,
        ports=tuple((port.protocol, port.first, port.last) for port in resource.ports.all()),
        overlay_v4=_v4(placement.overlay_v4),
        target_v4=_v4(placement.target_v4),
        overlay_v6=_v6(placement.overlay_v6),
        target_v6=_v6(placement.target_v6),
        is_on_pep=placement.is_on_pep,
    )


def _proofs(users: Iterable[int]) -> dict[int, tuple[Proof, ...]]:
    """Return the latest proof of each kind."""
    proofs = IdentityProof.objects.filter(user__in=_few(users), withdrawn_at=None).order_by()
    kinds = proofs.annotate(is_open=Q(signed_out_at=None)).values_list("user", "is_mfa", "is_open").annotate(latest=Max("auth_time"))
    found: dict[int, tuple[Proof, ...]] = defaultdict(tuple)
    for user, is_mfa, is_open, latest in kinds:
        found[user] += (Proof(latest, is_mfa, is_open),)
    return found


def _groups(users: Iterable[int]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for user, group in Membership.objects.filter(user__in=_few(users)).values_list("user_id", "group_id"):
        found[user].add(group)
    return defaultdict(frozenset, {user: frozenset(groups) for user, groups in found.items()})


def _requesters(versions: Iterable[int]) -> dict[int, frozenset[int]]:
    rows = PolicyVersion.objects.filter(pk__in=list(versions)).prefetch_related("requesters")
    return {row.pk: frozenset(group.pk for group in row.requesters.all()) for row in rows}


def _few(users: Iterable[int]) -> list[int]:
    return sorted(users)


def _v4(text: object) -> IPv4Address | None:
    return IPv4Address(str(text)) if text else None


def _v6(text: object) -> IPv6Address | None:
    return IPv6Address(str(text)) if text else None
