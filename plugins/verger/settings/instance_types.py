"""EC2 instance types: what each region sells, the default types of each region, and the size of a worker.

Sources: the tables of EC2's DescribeInstanceTypeOfferings and of EMR's ListSupportedInstanceTypes as moto 5.2.5
carries them. `tests/local_aws/cluster/test_offers.py` compares this module with moto's tables. No table
of the European Sovereign Cloud (eusc-de-east-1) is public, so it has no default types and no check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

NOT_SOLD: Mapping[str, str] = {
    "eu-central-1": "c7gn",
    "eu-west-1": "",
    "eu-west-3": ("c5ad c6a c7a c7gn c8gd m5dn m5n m5zn m6id m6idn m6in m7a m8a r5b r6a r6id r7a r7iz r8a"),
    "eu-north-1": (
        "c5ad c6a c6id c7gn c8gd c8i-flex m5a m5ad m5dn m5n m5zn m6a m6id m8a m8gd m8i m8i-flex r5a r5ad r6a r6id r7iz "
        "r8a"
    ),
    "eu-south-1": (
        "c6a c6gd c7a c7gd c7gn c8gd c8i c8i-flex m5ad m5dn m5n m5zn m6idn m6in m7a m7g m7gd m7i-flex m8a m8gd m8i "
        "m8i-flex r5ad r6a r6gd r6id r6idn r6in r7a r7iz r8a"
    ),
    "eu-south-2": (
        "c5a c5ad c5n c6a c6gn c6i c6id c7gn m5a m5ad m5dn m5n m5zn m6a m6i r5a r5ad r5b r5dn r5n r6a r6i r6idn r6in "
        "r7iz"
    ),
}
"""Families of c, m and r, generations 5 to 8, that EMR supports and a region does not sell, separated by spaces."""

PREFERRED_WORKERS = ("c6i.xlarge", "c7i.xlarge", "c5.xlarge", "m6i.xlarge", "m6a.xlarge", "m7i.xlarge", "m5.xlarge")
PREFERRED_PRIMARIES: Mapping[str, Sequence[str]] = {
    "x86_64": ("m6i.xlarge", "m7i.xlarge", "m5.xlarge"),
    "aarch64": ("m7g.xlarge", "m6g.xlarge"),
}
"""By the architecture of the workers: one artifact set is for all nodes of a cluster."""
MOST_DEFAULTS = 5
"""The most types of a fleet in EMR without an allocation strategy."""

YARN_MIB: Mapping[str, int] = {
    **dict.fromkeys(("c6i.xlarge", "c7i.xlarge"), 5632),
    "c5.xlarge": 6144,
    **dict.fromkeys(("m6i.xlarge", "m6a.xlarge", "m7i.xlarge"), 11712),
    "m5.xlarge": 12288,
}
"""MiB that YARN has on a node (`yarn.nodemanager.resource.memory-mb`), from the page "Task configuration" of the EMR
Release Guide. For m6i, m6a and m7i the figure is that of m6g.xlarge, because EMR's table of instance types gives all of
them 15.25 GB. For c6i and c7i (7.5 GB) it is that of c5a.xlarge and c6g.xlarge."""

SMALL_SIZES: Mapping[str, int] = {"medium": 1, "large": 2, "xlarge": 4}
"""vCPUs by the size in the name of an instance type. A type of size `Nxlarge` has 4 N vCPUs."""


def is_sold(instance_type: str, region: str) -> bool:
    """Return False for a type of a family that the region does not sell. Unknown families and regions count as sold."""
    return instance_type.partition(".")[0] not in NOT_SOLD.get(region, "").split()


def default_workers(region: str) -> tuple[str, ...]:
    """Return the default types of core and task nodes, preferred types first; empty for a region without a table."""
    return _sold(PREFERRED_WORKERS, region)


def default_primaries(region: str, workers: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the default types of the primary node, preferred types first; empty for a region without a table.

    Parameters
    ----------
    region : str
    workers : sequence of str
        The types of the workers. Without one, the primary node is of x86_64.
    """
    return _sold(PREFERRED_PRIMARIES[architecture(workers[0]) if workers else "x86_64"], region)


def _sold(names: Sequence[str], region: str) -> tuple[str, ...]:
    if region not in NOT_SOLD:
        return ()
    return tuple(name for name in names if is_sold(name, region))[:MOST_DEFAULTS]


def vcpus(instance_type: str) -> int | None:
    """Return the vCPUs of a type, None when its name does not give them.

    Examples
    --------
    >>> vcpus("m6g.large"), vcpus("c7i.xlarge"), vcpus("c7i.16xlarge"), vcpus("c7i.metal-24xl")
    (2, 4, 64, None)
    """
    size = instance_type.rpartition(".")[2]
    if size in SMALL_SIZES:
        return SMALL_SIZES[size]
    return 4 * int(size.removesuffix("xlarge")) if re.fullmatch(r"\d+xlarge", size) else None


TOO_SMALL = ("nano", "micro", "small", "medium", "large")

GRAVITON = re.compile(r"(a1|[a-z]+\d+g[a-z-]*)\.")


def architecture(instance_type: str) -> str:
    """Return x86_64, or aarch64 for a type with a Graviton processor.

    Examples
    --------
    >>> [architecture(name) for name in ("c6i.xlarge", "m7gd.large", "c7gn.xlarge", "g4dn.xlarge")]
    ['x86_64', 'aarch64', 'aarch64', 'x86_64']
    """
    return "aarch64" if GRAVITON.match(instance_type) else "x86_64"


def mixed_architectures(names: Sequence[str]) -> Iterator[str]:
    """Yield an error message when the types of a cluster have two architectures.

    Parameters
    ----------
    names : sequence of str
        The types of all its nodes.
    """
    graviton = [name for name in names if architecture(name) == "aarch64"]
    if graviton and len(graviton) < len(names):
        others = [name for name in names if name not in graviton]
        yield (
            f"VERGER_WORKER_INSTANCE_TYPES, VERGER_PRIMARY_INSTANCE_TYPES: {', '.join(graviton)} (Graviton, aarch64) "
            f"and {', '.join(others)} (x86_64); expected types of one architecture, because an artifact set is for one"
        )


def is_large_enough(instance_type: str) -> bool:
    """Return False for a worker type that EMR does not support, or on which no executor fits, because it is too small.

    EMR supports no size below `xlarge`, except m4.large, c4.large and two older types. An executor has two cores and
    2,560 MiB, and the application master needs 512 MiB: YARN has only 1,792 MiB on c4.large.

    Examples
    --------
    >>> [name for name in ("m4.large", "m7i.large", "c4.large", "m7g.medium", "c7i.xlarge") if is_large_enough(name)]
    ['m4.large', 'c7i.xlarge']
    """
    size = instance_type.rpartition(".")[2]
    return instance_type == "m4.large" or size not in TOO_SMALL


def problems(variable: str, names: Sequence[str], region: str) -> list[str]:
    """Return an error message for each type that the region does not sell.

    Parameters
    ----------
    variable : str
        The environment variable of the setting.
    names : sequence of str
        Its types.
    region : str
    """
    if not names:
        return [
            f"{variable}: not set; expected instance types that {region} sells: Verger has no list of them for this "
            "region, so it has no default"
        ]
    unsold = [name for name in names if not is_sold(name, region)]
    if not unsold:
        return []
    return [
        f"{variable}: {', '.join(unsold)}: not sold in {region} (VERGER_REGION), according to EC2's offer table in "
        f"moto 5.2.5; expected types that the region sells, such as {', '.join(default_workers(region))}; if EC2 "
        "offers the type there by now, set VERGER_CHECK_INSTANCE_TYPES=false"
    ]
