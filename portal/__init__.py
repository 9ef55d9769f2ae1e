"""Wiring: settings, sign-in, urls, Celery, and the demo."""
