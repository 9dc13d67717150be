"""The suite of `tests/monitoring/test_totals.py`, on a three-node cluster."""

import pytest

from tests.monitoring.test_totals import *

pytestmark = pytest.mark.cluster
