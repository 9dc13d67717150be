"""The suite of `tests/notifications/test_outbox.py`, on a three-node cluster."""

import pytest

from tests.notifications.test_outbox import *

pytestmark = pytest.mark.cluster
