"""The suite of `tests/test_totals.py`, on a three-node cluster."""

import pytest

from tests.test_totals import *

pytestmark = pytest.mark.cluster
