"""The suite of `tests/test_waiting_room.py`, on a three-node cluster."""

import pytest

from tests.test_waiting_room import *

pytestmark = pytest.mark.cluster
