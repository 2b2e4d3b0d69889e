"""The operations of the EMR API: one function each, request in, answer out, both in EMR's shapes.

Names are EMR's in snake case; OPERATIONS maps EMR's name to its function. All are called with the service's lock held.
"""

from __future__ import annotations

from collections.abc import Callable

from local_aws.emr.operations import account, clusters, nodes, policies, steps
from local_aws.emr.operations.request import Answer, Request
from local_aws.emr.service import Service

Operation = Callable[[Service, Request], Answer]

OPERATIONS: dict[str, Operation] = {
    "".join(word.capitalize() for word in name.split("_")): function
    for module in (account, clusters, nodes, policies, steps)
    for name, function in vars(module).items()
    if getattr(function, "__module__", None) == module.__name__ and not name.startswith("_")
}
