"""The suite of `tests/restoring/test_rebuild_endings.py`, on a three-node cluster."""

import pytest

from tests.restoring.test_rebuild_endings import *

pytestmark = pytest.mark.cluster
