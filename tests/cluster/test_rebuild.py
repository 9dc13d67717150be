"""The suite of `tests/restoring/test_rebuild.py`, on a three-node cluster."""

import pytest

from tests.restoring.test_rebuild import *

pytestmark = pytest.mark.cluster
