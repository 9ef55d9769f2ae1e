"""The one signal: something that decides access has changed.

Sent after commit, with the primary keys of the PEPs it concerns, and of the devices where
it concerns no more than those. A nudge: losing it costs time, never truth, because the
periodic sweep finds every PEP that is due.
"""

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.dispatch import Signal

access_changed = Signal()  # pep_ids: frozenset[int], device_ids: frozenset[int] | None


def nudge(pep_ids: Iterable[int], *, devices: Iterable[int] | None = None) -> None:
    """Tell the listener which PEPs to look at, once this transaction has committed. `devices` None: at everything there."""
    device_ids = None if devices is None else frozenset(devices)
    transaction.on_commit(partial(access_changed.send_robust, sender=None, pep_ids=frozenset(pep_ids), device_ids=device_ids))
