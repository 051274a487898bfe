"""Who is a member: hospitals that come back under another node id, and those that only say so."""

from __future__ import annotations

import re

import pytest
from flwr.app import Context, RecordDict

from fedlab_utils.federated import FederationSettings
from fedlab_utils.federated.client import make_client_app
from fedlab_utils.federated.engine_inprocess import InProcessGrid, running
from fedlab_utils.federated.roster import Roster
from tests.federated.toys import BowlTask

NEW = 99


def enrolled(
    gone: bool, counts: tuple[int, ...] = (1, 2, 3, 4), partition: int = 3, name: str = "H3"
) -> tuple[Roster, int]:
    """A roster of four, after a fifth node has come; and the node that the last one had."""

    class Named(BowlTask):
        @property
        def hospitals(self) -> list[str]:
            return ["H0", "H1", "H2", name, "H4"]

    before, after = BowlTask(), Named(counts=counts)
    tasks = {True: after, False: before}
    config = FederationSettings().to_config()
    grid = InProcessGrid(make_client_app(lambda c: tasks[c.node_id == NEW]), 4, config)
    old, roster = list(grid.contexts)[-1], Roster()
    with running():
        roster.enrol(grid)
        about = {"partition-id": partition, "num-partitions": 4}
        grid.contexts[NEW] = Context(1, NEW, about, RecordDict(), config)
        grid.absent = {old} if gone else set()
        roster.enrol(grid)
    return roster, old


def test_a_hospital_is_back_under_another_node_id() -> None:
    roster, old = enrolled(gone=True)
    assert roster.refused == {}
    assert old not in roster.members
    assert (roster.members[NEW].partition, roster.members[NEW].name) == (3, "H3")
    assert len(roster.members) == 4


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ({"gone": False}, "hospital 3, which another node is"),
        ({"gone": True, "counts": (1, 2, 3, 5)}, "patients=4. enrolled before"),
        ({"gone": True, "name": "H9"}, "enrolled before"),
        ({"gone": False, "name": "H1"}, "which another node is"),
        ({"gone": True, "partition": 2, "name": "H3"}, "hospital 2, which another node is"),
    ],
)
def test_a_node_that_is_not_that_hospital_is_refused(claim: dict, why: str) -> None:
    roster, old = enrolled(**claim)
    assert NEW not in roster.members
    assert old in roster.members
    assert re.search(why, roster.refused[f"node {NEW}"])


def test_two_hospitals_of_one_name_are_not_both_members() -> None:
    class Twins(BowlTask):
        @property
        def hospitals(self) -> list[str]:
            return ["H0", "H1", "H2", "H1"]

    grid = InProcessGrid(make_client_app(lambda _: Twins()), 4, FederationSettings().to_config())
    roster = Roster()
    with running():
        roster.enrol(grid)
    assert [member.partition for member in roster.members.values()] == [0, 1, 2]
    (why,) = roster.refused.values()
    assert why == "it says that it is H1, which another node is"
