"""The suite of `tests/test_seats.py`, on a three-node cluster."""

import pytest

from tests.test_seats import *

pytestmark = pytest.mark.cluster
