"""Reads runs/<id>/progress.json, which the steps keep up to date, as a line for the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def line(stage: str, progress: Mapping[str, Any]) -> str:
    """For example `featurize 12,400/23,619 52 % 148 img/s ETA 76 s`; empty when it speaks of another stage.

    The rate is that of the whole stage so far, the ETA what remains at that rate from the last update on.
    """
    if progress["stage"] != stage:
        return ""
    done, total = int(progress["done"]), int(progress["total"])
    text = f"{stage} {done:,}/{total:,} {100 * done // max(total, 1)} %"
    started, updated = (datetime.fromisoformat(progress[at]) for at in ("started_at", "updated_at"))
    seconds = (updated - started).total_seconds()
    if not done or seconds <= 0:
        return text
    rate = done / seconds
    return f"{text} {rate:.0f} img/s" + (f" ETA {(total - done) / rate:.0f} s" if done < total else "")
