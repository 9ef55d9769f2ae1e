"""Celery's names for telling people. They take no argument, so a forged message can only ask for what is due anyway."""

from celery import shared_task

from enrollment import clock, notices


@shared_task(ignore_result=True, acks_late=True)
def mail_due_notices() -> None:
    """Send the mail that waits. Late or never: the next beat asks again. Twice: each mail is claimed by one."""
    notices.send_due(clock.now())


@shared_task(ignore_result=True, acks_late=True)
def post_due_notices() -> None:
    """Send the chat what waits. Late, twice or never is safe as above."""
    notices.post_due(clock.now())


@shared_task(ignore_result=True, acks_late=True)
def remind_people() -> None:
    """Tell what time alone gives reason to tell. Late: what is over is not told. Twice: each thing is told once."""
    notices.remind_due(clock.now())
