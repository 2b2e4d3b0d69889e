"""The operations of the EMR API.

Each operation is one function from a request to an answer, both in the shapes of the EMR API. The name of the function
is the name of the operation in snake case. The server calls the functions while it holds the lock of the service.
"""

from __future__ import annotations

from collections.abc import Callable

from local_aws.emr.operations import account, clusters, nodes, policies, steps
from local_aws.emr.operations.request import Answer, Request
from local_aws.emr.service import Service

Operation = Callable[[Service, Request], Answer]

#: Function by name of the operation, such as RunJobFlow.
OPERATIONS: dict[str, Operation] = {
    "".join(word.capitalize() for word in name.split("_")): function
    for module in (account, clusters, nodes, policies, steps)
    for name, function in vars(module).items()
    if getattr(function, "__module__", None) == module.__name__ and not name.startswith("_")
}
