"""The suite of `tests/reservations/test_reservations.py`, on a three-node cluster."""

import pytest

from tests.reservations.test_reservations import *

pytestmark = pytest.mark.cluster
