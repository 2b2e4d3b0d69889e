"""Format runs/<id>/progress.json, which the steps update, as one line for the task log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def line(step: str, progress: Mapping[str, Any]) -> str:
    """Return the progress of a step as text, for example `featurize 12,400/23,619 52 % 148 img/s ETA 76 s`.

    Parameters
    ----------
    step : str
        featurize, verify_features, pca or verify_pca.
    progress : mapping
        The parsed progress.json (see `verger_contract.metrics.Progress`).

    Returns
    -------
    str
        Empty when `progress` is that of another step. The rate is the average since the start of the step. The ETA
        counts from the last update.

    Raises
    ------
    KeyError, TypeError, ValueError
        `progress` has another form.
    """
    if progress["step"] != step:
        return ""
    done, total = int(progress["done"]), int(progress["total"])
    text = f"{step} {done:,}/{total:,} {100 * done // max(total, 1)} %"
    started, updated = (datetime.fromisoformat(progress[at]) for at in ("started_at", "updated_at"))
    seconds = (updated - started).total_seconds()
    if not done or seconds <= 0:
        return text
    rate = done / seconds
    return f"{text} {rate:.0f} img/s" + (f" ETA {(total - done) / rate:.0f} s" if done < total else "")
