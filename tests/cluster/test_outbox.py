"""The suite of `tests/test_outbox.py`, on a three-node cluster."""

import pytest

from tests.test_outbox import *

pytestmark = pytest.mark.cluster
