"""The containers of a NodeManager, by its REST API."""

from __future__ import annotations

from dataclasses import dataclass

from local_aws.yarn.resource_manager import get_json

WEB_PORT = 8042


@dataclass(frozen=True)
class Container:
    """A container that runs on a node.

    Attributes
    ----------
    id : str
        Its id. Its processes have it in their variable CONTAINER_ID.
    memory_mib : int
        Its size. The NodeManager kills a container whose processes use more.
    vcpus : int
    """

    id: str
    memory_mib: int
    vcpus: int

    @property
    def is_application_master(self) -> bool:
        """Whether it is the first container of an attempt of an application."""
        return self.id.endswith("_000001")


def containers(address: str) -> list[Container]:
    """Return the containers of a NodeManager.

    Raises
    ------
    OSError, ValueError
        The NodeManager does not answer.
    """
    found = get_json(f"http://{address}:{WEB_PORT}/ws/v1/node/containers")["containers"]
    return [Container(str(one["id"]), int(one["memoryNeeded"]), int(one["vcoresNeeded"])) for one in found]
