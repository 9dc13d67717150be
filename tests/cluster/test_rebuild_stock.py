"""The suite of `tests/test_rebuild_stock.py`, on a three-node cluster."""

import pytest

from tests.test_rebuild_stock import *

pytestmark = pytest.mark.cluster
