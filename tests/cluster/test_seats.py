"""The suite of `tests/reservations/test_seats.py`, on a three-node cluster."""

import pytest

from tests.reservations.test_seats import *

pytestmark = pytest.mark.cluster
