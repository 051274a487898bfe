"""Who is a member: hospitals that come back under another node id, and those that only say so."""

from __future__ import annotations

import re

import pytest
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict

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


def told(partition: object, name: object) -> tuple[Roster, str]:
    """A roster after two nodes have come, and why the second, which says this, was refused."""

    def introduce(message: Message, context: Context) -> Message:
        number = context.node_config["partition-id"]
        about = {"partition-id": partition, "name": name} if number else _plain()
        counts = MetricRecord({"num-examples": 3})
        content = RecordDict({"hospital": ConfigRecord(about), "counts": counts})
        return Message(content, reply_to=message)

    roster, grid = Roster(), InProcessGrid(introduce, 2)
    with running():
        roster.enrol(grid)
    assert [member.name for member in roster.members.values()][:1] == ["H0"]
    return roster, next(iter(roster.refused.values()), "")


def _plain() -> dict[str, object]:
    return {"partition-id": 0, "name": "H0"}


@pytest.mark.parametrize(
    ("partition", "why"),
    [
        ("9" * 25, "its number is of type str"),
        ("1", "its number is of type str"),
        (2.9, "its number is of type float"),
        (True, "its number is of type bool"),
        ([1], "its number is of type list"),
        (-5, "its number is -5, not from 0 to 9999"),
        (10_000, "its number is 10000, not from 0 to 9999"),
        (int("9" * 25), "its number is vast, not from 0 to 9999"),
    ],
)
def test_a_hospital_whose_number_is_none_is_refused(partition: object, why: str) -> None:
    roster, refused = told(partition, "H1")
    assert len(roster.members) == 1
    assert refused.startswith(why)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("H1\nfedlab round 9: loss 0.000", "its name holds control characters: 'H1\\\\nfedlab"),
        ("H1\x1b[2J", "its name holds control characters"),
        ("H" * 101, "its name has 101 characters, more than 100"),
        ("server", "it is called server, which stands for something else"),
        (" Server", "it is called  Server, which"),
        ("node 7", "it is called node 7, which"),
        ("", "it did not say what it is called"),
        (" ", "it did not say what it is called"),
        (7, "it did not say what it is called"),
    ],
)
def test_a_hospital_with_a_name_that_no_report_can_hold_is_refused(name: object, why: str) -> None:
    roster, refused = told(1, name)
    assert len(roster.members) == 1
    assert re.match(why, refused)
    assert len(refused) <= 200
    assert refused.isprintable()


@pytest.mark.parametrize("name", ["Klinikum rechts der Isar", "Hôpital 2", "北京医院", "H" * 100])
def test_a_hospital_with_an_ordinary_name_is_not(name: str) -> None:
    roster, refused = told(9_999, name)
    assert [member.name for member in roster.members.values()] == ["H0", name]
    assert not refused
