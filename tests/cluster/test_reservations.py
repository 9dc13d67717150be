"""The suite of `tests/test_reservations.py`, on a three-node cluster."""

import pytest

from tests.test_reservations import *

pytestmark = pytest.mark.cluster
