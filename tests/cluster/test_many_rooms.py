"""The suite of `tests/worker/test_many_rooms.py`, on a three-node cluster."""

import pytest

from tests.worker.test_many_rooms import *

pytestmark = pytest.mark.cluster
