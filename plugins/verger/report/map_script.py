"""The script of the report, which makes the map interactive, and the content security policy that permits it alone."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

SCRIPT = Path(__file__).with_name("templates").joinpath("map.js").read_text()
"""The only script of the page."""

SCRIPT_HASH = f"sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}"
POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; script-src '{SCRIPT_HASH}'"
"""Content security policy of the page, which shows names from users: it runs its own script and loads nothing."""
