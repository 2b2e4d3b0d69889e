"""Every generated file is decoded right or rejected, and the common kinds are decoded.

The pixels are known from the construction of each file. tifffile reads the same samples from the TIFF files. Without
FULL_SWEEP=1 in the environment, the test takes every seventh of the 7,500 TIFF files; `make test-photos` takes all.
"""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tifffile

from tests.verger_photo.sweep import other_cases, tiff_cases
from tests.verger_photo.sweep.case import Case
from tests.verger_photo.sweep.tiff_file import page, tiff
from verger_photo.decode import rgb_image
from verger_photo.unreadable import UnreadablePhoto

STEP = 1 if os.environ.get("FULL_SWEEP") else 7


def some_tiff_cases() -> Iterator[Case]:
    return tiff_cases.cases(STEP)


def outcome(case: Case) -> str:
    """right, rejected, or the mean difference."""
    try:
        found = np.asarray(rgb_image(case.content)).astype(int)
    except UnreadablePhoto:
        return "rejected"
    if found.shape != case.shown.shape:
        return f"shape {found.shape}"
    error = float(np.abs(found - case.shown).mean())
    return "right" if error <= case.tolerance else f"mean difference {error:.1f}"


@pytest.mark.filterwarnings("ignore")  # Pillow warns about unusual files
@pytest.mark.parametrize(
    ("cases", "fewest"), [(some_tiff_cases, 7000 // STEP), (other_cases.cases, 250)], ids=["TIFF", "other formats"]
)
def test_no_file_has_other_pixels(cases: Callable[[], Iterator[Case]], fewest: int) -> None:
    outcomes = {f"{number} {case.name}": (outcome(case), case) for number, case in enumerate(cases())}
    assert len(outcomes) >= fewest
    assert {name: found for name, (found, _) in outcomes.items() if found not in ("right", "rejected")} == {}
    assert [name for name, (found, case) in outcomes.items() if case.accepted is True and found != "right"] == []
    assert [name for name, (found, case) in outcomes.items() if case.accepted is False and found == "right"] == []
    assert min(Counter(found for found, _ in outcomes.values()).values()) > 20


def test_tifffile_reads_the_same_samples() -> None:
    """The generator of the TIFF files is right: an independent reader finds the samples of which they are made."""
    compared = 0
    for kind in tiff_cases.kinds():
        if kind.bits not in (1, 8, 16, 32, 64):
            continue
        for where, layout in list(tiff_cases.layouts(kind))[::7]:
            made = page(kind.samples, kind.photometric, layout)
            content = tiff([made], big_endian=layout.big_endian, big_tiff=layout.big_tiff)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = tifffile.imread(io.BytesIO(content))
            if layout.planar == 2:
                read = np.moveaxis(read, 0, -1)
            stored = kind.samples.squeeze().astype(read.dtype)
            assert np.array_equal(read, stored), f"{kind.name}: {where}"
            compared += 1
    assert compared > 500
