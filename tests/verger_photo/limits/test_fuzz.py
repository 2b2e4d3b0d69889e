"""The short form of the fuzzing: some hundred mutated files of every kind. `make fuzz-photos` is the full form."""

from __future__ import annotations

import pytest

from sample_photos.formats import KINDS
from tests.verger_photo.limits.fuzz import fuzz
from verger_photo.limits.sizes import WORKER


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged files
def test_mutated_files_are_decoded_or_rejected() -> None:
    found = fuzz(600, seed=12, kinds=list(KINDS))
    assert not found.wrong
    assert found.peak < WORKER.memory
    assert found.outcomes["pixels"] > 30, "the mutations leave some files readable"
    assert found.outcomes["damaged image"] > 200
