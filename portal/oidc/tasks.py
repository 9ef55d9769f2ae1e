"""Celery's name for asking the provider about sessions. It takes no argument, so a forged message can only ask for what is due anyway."""

import threading

from celery import shared_task

from portal.oidc import rounds

UNDER_WAY = threading.Lock()  # a slow provider must not take one thread after another from the PEPs


@shared_task(ignore_result=True, acks_late=True)
def probe_due_sessions() -> None:
    """Ask about the sessions that are due. Late or never: the next beat asks again. Twice: each turn is taken by one."""
    if UNDER_WAY.acquire(blocking=False):
        try:
            rounds.make_round()
        finally:
            UNDER_WAY.release()
