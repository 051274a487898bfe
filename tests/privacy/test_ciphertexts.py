"""Where TenSEAL is missing; what it makes of strangers' bytes is in test_encryption.py."""

from __future__ import annotations

import builtins

import pytest

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy import Adder, CkksSettings, KeyHolder, measure_costs


@pytest.mark.parametrize(
    "use",
    [
        lambda: KeyHolder(CkksSettings()),
        lambda: Adder(b"", CkksSettings(), 3),
        lambda: measure_costs(10, 3),
    ],
    ids=["hospital", "server", "costs"],
)
def test_without_tenseal_the_error_says_how_to_install_it(use, monkeypatch) -> None:
    real = builtins.__import__

    def without(name: str, *more, **named):
        if name == "tenseal":
            raise ModuleNotFoundError("No module named 'tenseal'")
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PrivacyError, match="pip install"):
        use()
