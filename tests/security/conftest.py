"""The same served app as in tests/routes."""

from tests.routes.conftest import settings, web, worker

__all__ = ["settings", "web", "worker"]
