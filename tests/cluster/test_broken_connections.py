"""The suite of `tests/store/test_broken_connections.py`, on a three-node cluster."""

import pytest

from tests.store.test_broken_connections import *

pytestmark = pytest.mark.cluster
