"""What the audit log says of a request and of a grant at their beginning; `history` folds the latter."""

from __future__ import annotations

from collections.abc import Sequence

from enrollment.models import AccessRequest, Device, Grant


def request_made(request: AccessRequest, devices: Sequence[Device]) -> dict[str, object]:
    return {
        "request": request.pk,
        "user": request.requester_id,
        "resource": request.resource_id,
        "slug": request.resource.slug,
        "devices": [{"id": device.pk, "name": device.name} for device in devices],
        "seconds": request.seconds,
        "starts_at": request.starts_at,
        "answer_by": request.answer_by,
        "policy_version": str(request.policy_version),
        "extends": request.extends_id,
        "bundle": str(request.bundle) if request.bundle else None,
        "reason": request.reason,
        "ticket": request.ticket,
        "break_glass": request.is_break_glass,
        "from": None,
        "to": request.state,
    }


def grant_made(grant: Grant, devices: Sequence[Device]) -> dict[str, object]:
    return {
        "grant": grant.pk,
        "request": grant.request_id,
        "user": grant.user_id,
        "user_name": str(grant.user),
        "resource": grant.resource_id,
        "slug": grant.resource.slug,
        "devices": [{"id": device.pk, "name": device.name, "owner": device.owner_id, "addresses": device.addresses} for device in devices],
        "starts_at": grant.starts_at,
        "ends_at": grant.ends_at,
        "policy_version": str(grant.policy_version),
        "session_length": grant.session_length,
        "needs_mfa": grant.needs_mfa,
        "ends_at_logout": grant.ends_at_logout,
        "requesters": sorted(grant.policy_version.requesters.values_list("pk", flat=True)),
        "extends": grant.extends_id,
        "break_glass": grant.is_break_glass,
        "review_due": grant.review_due,
        "from": None,
        "to": grant.state,
    }
