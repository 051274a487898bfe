from __future__ import annotations

import pickle

import pytest

from fedlab_utils.errors import DataError, FedLabError, how_many


def test_an_error_is_its_case_cause_and_remedy_also_in_another_process() -> None:
    error = pickle.loads(pickle.dumps(DataError("case1", "it is empty", "Copy it again")))
    assert (error.case, error.cause, error.remedy) == ("case1", "it is empty", "Copy it again")
    assert str(error) == "case1: it is empty. Copy it again."
    assert isinstance(error, FedLabError)


@pytest.mark.parametrize(("count", "says"), [(0, "0 cases"), (1, "1 case"), (12, "12 cases")])
def test_a_number_with_its_noun(count: int, says: str) -> None:
    assert how_many(count, "case") == says
