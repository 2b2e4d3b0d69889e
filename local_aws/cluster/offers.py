"""The instance types that each region sells: the tables of EC2's DescribeInstanceTypeOfferings that moto carries."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files


@cache
def sold(region: str) -> frozenset[str] | None:
    """Return the instance types that a region sells, None for a region without a table.

    Parameters
    ----------
    region : str
        For example `eu-west-3`.
    """
    table = files("moto.ec2").joinpath(f"resources/instance_type_offerings/region/{region}.json.gz")
    if not table.is_file():
        return None
    return frozenset(offer["InstanceType"] for offer in json.loads(gzip.decompress(table.read_bytes())))
