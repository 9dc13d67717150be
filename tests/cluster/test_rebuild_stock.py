"""The suite of `tests/restoring/test_rebuild_stock.py`, on a three-node cluster."""

import pytest

from tests.restoring.test_rebuild_stock import *

pytestmark = pytest.mark.cluster
