"""The suite of `tests/waiting_room/test_waiting_room.py`, on a three-node cluster."""

import pytest

from tests.waiting_room.test_waiting_room import *

pytestmark = pytest.mark.cluster
