"""The tag of a cluster that holds Airflow's id of the DAG run.

The run id in the bucket is derived from that id and cannot be converted back. A tag of AWS holds at most 256
characters of a limited alphabet, and a DAG run id may have other characters.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

LONGEST = 256
"""Characters of the value of a tag."""


def encode(dag_run_id: str) -> str:
    """Return the value of the tag: every character that EMR may refuse is replaced by `=` and its hexadecimal code.

    Returns
    -------
    str
        Empty when the value would be too long: the janitor then counts the active runs of the DAG instead.

    Examples
    --------
    >>> encode("scheduled__2026-11-23T01:00:00+00:00"), encode("test~1 é")
    ('scheduled__2026-11-23T01:00:00+00:00', 'test=7E1=20=C3=A9')
    """
    value = quote(dag_run_id, safe="+:/@").replace("~", "%7E").replace("%", "=")
    return value if len(value) <= LONGEST else ""


def decode(value: str) -> str:
    """Return Airflow's id of the DAG run.

    Examples
    --------
    >>> decode(encode("test~1 é = %"))
    'test~1 é = %'
    """
    return unquote(value.replace("=", "%"))
