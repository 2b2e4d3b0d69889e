"""Operations on the account: security configurations, releases, instance types."""

from __future__ import annotations

import time
from typing import Any

from moto.emr.exceptions import InvalidRequestException, ValidationException

from local_aws.cluster import releases
from local_aws.emr import views
from local_aws.emr.operations.request import Answer, Request, page
from local_aws.emr.service import Service


def create_security_configuration(service: Service, request: Request) -> Answer:
    """Create a security configuration."""
    name = request["Name"]
    if name in service.security_configurations:
        raise InvalidRequestException(f"SecurityConfiguration with name '{name}' already exists.")
    made = {
        "Name": name,
        "SecurityConfiguration": request["SecurityConfiguration"],
        "CreationDateTime": time.time(),
    }
    service.security_configurations[name] = made
    service.store.save_security_configurations(service.security_configurations)
    return {"Name": name, "CreationDateTime": made["CreationDateTime"]}


def describe_security_configuration(service: Service, request: Request) -> Answer:
    """Describe a security configuration."""
    return dict(_security_configuration(service, request["Name"]))


def delete_security_configuration(service: Service, request: Request) -> Answer:
    """Delete a security configuration."""
    _security_configuration(service, request["Name"])
    del service.security_configurations[request["Name"]]
    service.store.save_security_configurations(service.security_configurations)
    return None


def list_security_configurations(service: Service, request: Request) -> Answer:
    """List the security configurations."""
    return page("SecurityConfigurations", list(service.security_configurations.values()), request)


def _security_configuration(service: Service, name: str) -> dict[str, Any]:
    if name not in service.security_configurations:
        raise InvalidRequestException(f"Security configuration with name '{name}' does not exist.")
    return service.security_configurations[name]


def list_release_labels(service: Service, request: Request) -> Answer:
    """List the release labels that match a prefix and an application."""
    filters = request.get("Filters") or {}
    prefix, application = filters.get("Prefix") or "", (filters.get("Application") or "").lower()
    found = [
        label
        for label in releases.labels()
        if label.startswith(prefix)
        and (not application or application in (name.lower() for name in releases.applications(label)))
    ]
    return page("ReleaseLabels", found, request, "NextToken")


def describe_release_label(service: Service, request: Request) -> Answer:
    """List the applications of a release."""
    label = _known_label(request)
    apps = [views.present({"Name": n, "Version": v}) for n, v in releases.applications(label).items()]
    return {"ReleaseLabel": label, "Applications": apps}


def list_supported_instance_types(service: Service, request: Request) -> Answer:
    """List the instance types of a release."""
    label = _known_label(request)
    return page("SupportedInstanceTypes", list(releases.instance_types(label)), request)


def _known_label(request: Request) -> str:
    label = str(request.get("ReleaseLabel"))
    if label not in releases.labels():
        raise ValidationException(f"The supplied release label is invalid: {label}.")
    return label
