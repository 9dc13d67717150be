"""The suite of `tests/test_rebuild_endings.py`, on a three-node cluster."""

import pytest

from tests.test_rebuild_endings import *

pytestmark = pytest.mark.cluster
