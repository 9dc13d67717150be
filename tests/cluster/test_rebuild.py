"""The suite of `tests/test_rebuild.py`, on a three-node cluster."""

import pytest

from tests.test_rebuild import *

pytestmark = pytest.mark.cluster
