"""Measured and assumed figures of a run, from which its cluster is planned. benchmarks/planning uses the same.

The measured figures are those of `growth`, `camera` and `scheduled` in benchmarks/results.json, rounded.
`tests/benchmarks/test_planning.py` compares them. A bucket's own runs correct them (see `verger.cluster_plan.pace`).
"""

from __future__ import annotations

from collections.abc import Mapping

from verger_contract.preprocessing import Decoding

PHOTO_CORE_SECONDS = 0.009
"""Step 1: seconds of one core for a photo of a few kB."""

MEGABYTE_CORE_SECONDS: Mapping[Decoding, float] = {Decoding.EXACT: 0.027, Decoding.SCALED: 0.011}
"""Step 1: additional seconds of one core for each megabyte of a JPEG file of a camera, which is decoded and resized."""

ROW_CORE_SECONDS = 0.0003
"""Step 2: seconds of one core for a row of features."""

STEP_1_SECONDS, STEP_2_SECONDS = 5.0, 6.0
"""The constant parts of the steps, which more cores do not shorten."""

CHECK_SECONDS = 5e-5
"""Verification: seconds of one core for a row of features."""

VERIFICATION_SECONDS = 8.0
"""The constant parts of both verification steps, which more cores do not shorten."""

MANIFEST_SECONDS = 7.5e-6
"""Seconds of a listed photo in which `check_features` writes the manifest. The cluster is idle in this time."""

CLUSTER_START_SECONDS = 420.0
"""From the request to the first step: assumed, not measured. Sources say 5 to 8 minutes, others 10 to 15."""

STEP_START_SECONDS = 30.0
"""From spark-submit on YARN to the first executors: assumed, not measured."""

X86_CORE, TWO_THREADS, GRAVITON_CORE = 1.0, 1.0, 0.7
"""The speed of a core of c6i and c7i, the work of its two threads, and the speed of a core of Graviton, each compared
with one thread of a core of the measured machine: assumed, not measured. A vCPU of x86 is one thread of a core, a vCPU
of Graviton is a core."""
