"""The status page and its API: the scheduler's runs, its state, and its actions."""

from scheduler.web.app import create_app

__all__ = ["create_app"]
