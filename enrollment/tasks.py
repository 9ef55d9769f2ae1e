"""Celery's name for sending mail. It takes no argument, so a forged message can only ask for what is due anyway."""

from celery import shared_task

from enrollment import clock, notices


@shared_task(ignore_result=True, acks_late=True)
def mail_due_notices() -> None:
    """Send the mail that waits. Late or never: the next beat asks again. Twice: each mail is claimed by one."""
    notices.send_due(clock.now())
