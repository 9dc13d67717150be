"""The suite of `tests/waiting_room/test_parts.py`, on a three-node cluster: parts lie on all of its nodes."""

from typing import Any

import pytest

from app.core.waiting_room.parts import PARTS_MAX, part_id
from app.store.keys import RoomKeys
from tests.support.builders import ROOM, Client
from tests.waiting_room.test_parts import *

pytestmark = pytest.mark.cluster


async def test_parts_lie_on_different_nodes(redis: Client) -> None:
    cluster: Any = redis
    nodes = {cluster.get_node_from_key(RoomKeys(part_id(ROOM, it)).part).name for it in range(PARTS_MAX)}
    assert len(nodes) == 3
