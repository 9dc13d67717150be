"""Trouble from outside: processes and stores of a real `fairgate up` are killed while visitors are served."""

import pytest

pytest.register_assert_rewrite("tests.chaos.crowd", "tests.chaos.site")
