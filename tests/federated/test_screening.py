"""Answers that one hospital sends and nobody may believe: each is left out, with its reason."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO

import flwr.app
import numpy as np
import pytest
import torch
from flwr.app import MetricRecord

from fedlab_utils.federated import federate, screening
from fedlab_utils.federated.records import Array, to_record
from tests.federated.test_faults import BAD, SETTINGS, same_without_the_bad
from tests.federated.toys import BowlTask


def misbehave(change):
    """A modifier that changes the bad hospital's answer."""

    def mod(message, context, call_next):
        reply = call_next(message, context)
        if context.node_config["partition-id"] == BAD:
            change(reply.content)
        return reply

    return mod


def put(values: np.ndarray, name: str = "at"):
    def change(content) -> None:
        content["arrays"][name] = Array(values)

    return change


def say(name: str, value: object):
    def change(content) -> None:
        content["metrics"][name] = value

    return change


def forget(record: str, name: str | None = None):
    def change(content) -> None:
        if name is None:
            del content[record]
        else:
            del content[record][name]

    return change


def lie_about_the_label(content) -> None:
    content["arrays"]["at"] = Array(np.zeros(1))
    content["arrays"]["at"].__dict__["shape"] = (3,)


def claim(shape: tuple[int, ...], dtype: str = "<f8", more: bytes = b""):
    """Bytes of numpy's format whose header claims a shape, under a label as it should be."""

    def change(content) -> None:
        file = BytesIO()
        about = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, about)
        data = file.getvalue() + np.zeros(3).tobytes() + more
        content["arrays"]["at"] = flwr.app.Array("float64", (3,), "numpy.ndarray", data)

    return change


def nonsense(dtype: str, shape: tuple[int, ...], data: bytes = b"?"):
    def change(content) -> None:
        content["arrays"]["at"] = flwr.app.Array(dtype, shape, "numpy.ndarray", data)

    return change


def rename_figures(content) -> None:
    content["told"] = content["metrics"]
    del content["metrics"]


def say_much(content) -> None:
    content["metrics"].update({f"figure-{n}": 1.0 for n in range(200)})


def add_figures(content) -> None:
    content["more"] = MetricRecord({"num-examples": 3})


ANSWERS = {
    "NaN": (put(np.array([0.0, np.nan, 0.0])), "at is not finite"),
    "infinite": (put(np.array([0.0, np.inf, 0.0])), "at is not finite"),
    "vast": (put(np.array([0.0, 1e308, 0.0])), r"at is beyond 1e\+15"),
    "vast, for Adam": (put(np.array([0.0, -1e200, 0.0])), r"at is beyond 1e\+15"),
    "shape": (put(np.zeros(4)), r"at is float64 \(4,\), and float64 \(3,\) was due"),
    "type": (put(np.zeros(3, np.float32)), "at is float32"),
    "another name": (put(np.zeros(3), "there"), "there is not asked for"),
    "missing name": (forget("arrays", "at"), "at is missing"),
    "no arrays": (forget("arrays"), r"it sent the records \[\]"),
    "label": (lie_about_the_label, "not what its label says"),
    "negative": (say("num-examples", -3), "it says that it has -3 patients"),
    "none": (say("num-examples", 0), "it says that it has 0 patients"),
    "huge": (say("num-examples", 10**9), "it says that it has 1e.09 patients"),
    "half": (say("num-examples", 2.5), "it says that it has 2.5 patients"),
    "NaN patients": (say("num-examples", float("nan")), "it says that it has nan patients"),
    "more than enrolled": (say("num-examples", 300), "says that it has 300 patients, and enrolled"),
    "silent": (forget("metrics", "num-examples"), "its number of patients is missing"),
    "loss": (say("loss", float("nan")), "its loss is not finite"),
    "no loss": (forget("metrics", "loss"), "its loss is missing"),
    "another figure": (say("colour", 1.0), "its colour is not asked for"),
    "list": (say("loss", [1.0, 2.0]), "its loss is a list"),
    "list of patients": (say("num-examples", [3]), "its number of patients is of type list"),
    "vast patients": (say("num-examples", 10**400), r"more than 1e\+100 patients"),
    "vast loss": (say("loss", 10**400), r"its loss is beyond 1e\+100"),
    "vast finite loss": (say("loss", -1e300), r"its loss is beyond 1e\+100"),
    "vast claim": (claim((10**14,)), r"at holds float64 \(100000000000000,\), not what its label"),
    "claimed type": (claim((3,), "<f4"), r"at holds float32 \(3,\), not what its label"),
    "pickle": (claim((3,), "|O"), r"at holds object \(3,\), not what its label"),
    "too many bytes": (claim((3,), more=b"more"), "at holds 28 bytes, and 24 were due"),
    "not numpy's": (nonsense("float64", (3,)), "at cannot be read"),
    "zip": (nonsense("float64", (3,), b"PK\3\4" + b"0" * 99), "at cannot be read"),
    "nonsense type": (nonsense("colour", (3,)), r"at is colour \(3,\)"),
    "nonsense shape": (nonsense("float64", (10**30,)), "at is float64"),
    "another record": (rename_figures, "it sent its figures as told"),
    "many figures": (say_much, "it sent 204 figures, more than 200"),
    "long name of a figure": (say("x" * 101, 1.0), "the name of a figure is no line of 100"),
    "figure on two lines": (say("a\nb", 1.0), r"the name of a figure is no line .*: 'a\\nb'"),
    "two figures": (add_figures, "it sent 2 records of figures"),
}


@pytest.mark.parametrize(("change", "why"), ANSWERS.values(), ids=ANSWERS)
def test_a_bad_answer_is_left_out_with_its_reason(change, why: str) -> None:
    found = federate(BowlTask(), SETTINGS, mods=[misbehave(change)])
    for report in found.history:
        assert report.counted
        assert list(report.left_out) == ["H2"]
        assert list(report.trained) == ["H0", "H1", "H3"]

    assert re.search(why, found.history[0].left_out["H2"])
    same_without_the_bad(found.last["at"])


def test_a_hospital_need_not_count_its_steps() -> None:
    def only_what_is_due(content) -> None:
        del content["metrics"]["steps"], content["metrics"]["samples"]

    found = federate(BowlTask(), SETTINGS, mods=[misbehave(only_what_is_due)])
    assert not any(report.left_out for report in found.history)
    assert torch.equal(found.last["at"], federate(BowlTask(), SETTINGS).last["at"])


def test_a_bad_judgement_is_left_out_of_the_choice() -> None:
    class Vain(BowlTask):
        def evaluate(self, network, hospital, part) -> dict:
            row = super().evaluate(network, hospital, part)
            return row | {"score": float("inf")} if hospital == BAD else row

    found = federate(Vain(), SETTINGS)
    assert found.history[0].unjudged == {"H2": "its score is not finite"}
    assert list(found.history[0].validation) == ["H0", "H1", "H3"]
    assert found.unjudged == {"H2": "its score is not finite"}


JUDGEMENTS = {
    "list": ({"score": [1.0, 2.0]}, "its score is a list"),
    "list of one": ({"score": [1.0]}, "its score is a list"),
    "score that drowns others": ({"score": 1e30, "num-examples": 10_000}, "is beyond 1e+06"),
    "vast dice": ({"dice-et": -1e7}, "its dice-et is beyond 1e+06"),
    "vast list": ({"patients-dice-et": [0.5, 1e7, 0.5]}, "its patients-dice-et is beyond 1e+06"),
    "vast score": ({"score": 10**400}, "its score is beyond"),
    "vast patients": ({"num-examples": 10**400}, "more than"),
    "list of patients": ({"num-examples": [1]}, "its number of patients is"),
    "short list": ({"patients-dice-et": [0.5]}, "its patients-dice-et holds 1 numbers"),
}


@pytest.mark.parametrize(("lie", "why"), JUDGEMENTS.values(), ids=JUDGEMENTS)
def test_a_judgement_of_another_kind_is_left_out(lie: dict, why: str) -> None:
    class Odd(BowlTask):
        def evaluate(self, network, hospital, part) -> dict:
            row = super().evaluate(network, hospital, part)
            return row | lie if hospital == BAD else row

    found = federate(Odd(), SETTINGS)
    for unjudged in (*(report.unjudged for report in found.history), found.unjudged):
        assert list(unjudged) == ["H2"]
        assert why in unjudged["H2"]
    assert list(found.test) == ["H0", "H1", "H3"]


def test_a_figure_that_is_a_list_for_one_hospital_is_not_averaged() -> None:
    class Odd(BowlTask):
        def evaluate(self, network, hospital, part) -> dict:
            row = super().evaluate(network, hospital, part)
            dice = [0.5] * row["num-examples"] if hospital == BAD else 0.5
            return row | {"dice-et": dice}

    assert list(federate(Odd(), SETTINGS).test) == ["H0", "H1", "H2", "H3"]


def test_a_hospital_may_not_judge_on_another_number_of_patients_than_before() -> None:
    class Growing(BowlTask):
        asked = 0

        def evaluate(self, network, hospital, part) -> dict:
            row = super().evaluate(network, hospital, part)
            if hospital != BAD or part == "test":
                return row | {"num-examples": 5}
            self.asked += 1
            return row | {"num-examples": 3 if self.asked != 2 else 10_000}

    found = federate(Growing(), SETTINGS)
    why = {"H2": "it judged on 10000 patients, and before on 3"}
    assert [report.unjudged for report in found.history] == [{}, why, {}]
    assert found.unjudged == {}


@pytest.mark.parametrize(("step", "best"), [(-1e-3, 1), (1e-3, 3)])
def test_the_largest_score_that_is_believed_leaves_the_choice_to_the_others(
    step: float, best: int
) -> None:
    class Constant(BowlTask):
        asked = 0

        def evaluate(self, network, hospital, part) -> dict:  # noqa: ARG002
            if hospital == BAD:
                return {"num-examples": screening.MOST_PATIENTS, "score": screening.LARGEST_SCORE}
            self.asked += 1
            return {"num-examples": 1, "score": 0.7 + step * ((self.asked - 1) // 3)}

    found = federate(Constant(), SETTINGS)
    assert not found.history[0].unjudged
    assert found.best_round == best


def test_a_vast_change_of_a_control_variate_is_left_out() -> None:
    def change(content) -> None:
        content["variate-change"] = to_record({"at": np.array([1e200, 0.0, 0.0])})

    settings = replace(SETTINGS, strategy="scaffold")
    found = federate(BowlTask(), settings, mods=[misbehave(change)])
    for report in found.history:
        assert report.counted
        assert report.left_out == {"H2": "at is beyond 1e+15"}


def raise_at_length(content) -> None:  # noqa: ARG001
    raise RuntimeError("the disk is full " * 1000)


@pytest.mark.parametrize(
    "change",
    [raise_at_length, put(np.zeros(3), "a" * 10_000), put(np.zeros(3), "a\nfedlab round 9: ")],
    ids=["raises", "name", "two lines"],
)
def test_a_reason_is_one_line_of_bounded_length(change) -> None:
    found = federate(BowlTask(), SETTINGS, mods=[misbehave(change)])
    for report in found.history:
        (why,) = report.left_out.values()
        assert why.isprintable()
        assert 10 < len(why) <= 200
