"""The status page and its API: what the scheduler does, how things stand, and the few actions there are."""

from scheduler.web.app import create_app

__all__ = ["create_app"]
