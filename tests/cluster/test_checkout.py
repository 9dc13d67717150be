"""The suite of `tests/reservations/test_checkout.py`, on a three-node cluster."""

import pytest

from tests.reservations.test_checkout import *

pytestmark = pytest.mark.cluster
