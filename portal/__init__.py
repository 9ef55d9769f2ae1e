"""Wiring: settings, sign-in, urls, Celery, and the demo."""

from portal.celery import app as celery_app  # so that every process of ours, web or worker, sends tasks to the same broker

__all__ = ["celery_app"]
