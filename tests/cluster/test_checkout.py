"""The suite of `tests/test_checkout.py`, on a three-node cluster."""

import pytest

from tests.test_checkout import *

pytestmark = pytest.mark.cluster
