"""The suite of `tests/store/test_broken_lines.py`, on a three-node cluster."""

import pytest

from tests.store.test_broken_lines import *

pytestmark = pytest.mark.cluster
