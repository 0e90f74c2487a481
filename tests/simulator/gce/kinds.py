# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of resources, and the routes that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IAM = "testIamPermissions getIamPolicy setIamPolicy"
CRUD = "get list insert delete"
PLACES = {"zone": "zones/{zone}", "region": "regions/{region}", "global": "global"}
ON_RESOURCE = ("setLabels", "testIamPermissions", "getIamPolicy", "setIamPolicy", "setDeletionProtection")
INTERFACE = "projects/{project}/zones/{zone}/instances/{instance}/updateNetworkInterface"
READING = ("getIamPolicy", "referrers")


@dataclass(frozen=True)
class Kind:
    """One kind. `apis`: where it lives (zone, region, global) to the name of the API resource. `verbs` are those with routes."""

    plural: str
    singular: str
    apis: Mapping[str, str]
    verbs: str = CRUD
    custom: str = ""
    labelled: bool = False
    aggregated: bool = field(default=False)

    @property
    def kind(self) -> str:
        """The `kind` of a resource."""
        return f"compute#{self.singular}"


def _kinds(*kinds: Kind) -> dict[str, Kind]:
    return {kind.plural: kind for kind in kinds}


INSTANCE_VERBS = (
    "start startWithEncryptionKey stop suspend resume reset attachDisk detachDisk setDiskAutoDelete setMetadata setTags setDeletionProtection"
    " setMachineType setScheduling setServiceAccount addAccessConfig deleteAccessConfig referrers addResourcePolicies removeResourcePolicies"
)
KINDS = _kinds(
    Kind(
        "disks",
        "disk",
        {"zone": "disks", "region": "regionDisks"},
        f"{CRUD} setLabels update {IAM}",
        "createSnapshot resize addResourcePolicies removeResourcePolicies",
        True,
        True,
    ),
    Kind("instances", "instance", {"zone": "instances"}, f"{CRUD} setLabels {IAM}", INSTANCE_VERBS, True, True),
    Kind("snapshots", "snapshot", {"global": "snapshots"}, f"{CRUD} setLabels {IAM}", labelled=True),
    Kind("images", "image", {"global": "images"}, f"{CRUD} setLabels patch {IAM}", "deprecate", labelled=True),
    Kind("machineImages", "machineImage", {"global": "machineImages"}, f"{CRUD} setLabels {IAM}", labelled=True),
    Kind("instanceTemplates", "instanceTemplate", {"global": "instanceTemplates"}, f"{CRUD} {IAM}"),
    Kind("addresses", "address", {"region": "addresses", "global": "globalAddresses"}, f"{CRUD} setLabels testIamPermissions", "", True, True),
    Kind("targetPools", "targetPool", {"region": "targetPools"}, CRUD, "addInstance removeInstance", aggregated=True),
    Kind(
        "networkEndpointGroups",
        "networkEndpointGroup",
        {"zone": "networkEndpointGroups", "region": "regionNetworkEndpointGroups", "global": "globalNetworkEndpointGroups"},
        CRUD,
        "listNetworkEndpoints",
        aggregated=True,
    ),
    Kind("instanceGroups", "instanceGroup", {"zone": "instanceGroups", "region": "regionInstanceGroups"}, "get list", "listInstances", aggregated=True),
    Kind("instanceGroupManagers", "instanceGroupManager", {"zone": "instanceGroupManagers", "region": "regionInstanceGroupManagers"}, "get list"),
    Kind("resourcePolicies", "resourcePolicy", {"region": "resourcePolicies"}, f"{CRUD} testIamPermissions", aggregated=True),
    Kind("networks", "network", {"global": "networks"}),
    Kind("subnetworks", "subnetwork", {"region": "subnetworks"}, f"{CRUD} {IAM}", aggregated=True),
    Kind("firewalls", "firewall", {"global": "firewalls"}),
    Kind("routes", "route", {"global": "routes"}),
)


@dataclass(frozen=True)
class Route:
    """One method of the API: its id, HTTP method, template below `compute/v1/`, and the key of its handler."""

    method_id: str
    method: str
    template: str
    plural: str
    verb: str


def _routes_of(kind: Kind, scope: str, api: str) -> list[Route]:
    base = f"projects/{{project}}/{PLACES[scope]}/{kind.plural}"
    one = f"{base}/{{{kind.singular}}}"
    shapes = {
        "get": ("GET", one),
        "list": ("GET", base),
        "insert": ("POST", base),
        "delete": ("DELETE", one),
        "update": ("PATCH", one),
        "patch": ("PATCH", one),
    }
    routes = []
    for verb in (kind.verbs + " " + kind.custom).split():
        # instances.setLabels is the one that calls its resource otherwise.
        holder = f"{base}/{{resource}}" if verb in ON_RESOURCE and (api, verb) != ("instances", "setLabels") else one
        method, template = shapes.get(verb, ("GET" if verb in READING else "POST", f"{holder}/{verb}"))
        name = "listReferrers" if verb == "referrers" else verb
        routes.append(Route(f"compute.{api}.{name}", method, template, kind.plural, name))
    return routes


def _all_routes() -> list[Route]:
    routes = [route for kind in KINDS.values() for scope, api in kind.apis.items() for route in _routes_of(kind, scope, api)]
    routes += [
        Route(f"compute.{kind.plural}.aggregatedList", "GET", f"projects/{{project}}/aggregated/{kind.plural}", kind.plural, "aggregatedList")
        for kind in KINDS.values()
        if kind.aggregated
    ]
    for scope, place in PLACES.items():
        base = f"projects/{{project}}/{place}/operations"
        one = f"{base}/{{operation}}"
        for verb, method, template in (("list", "GET", base), ("get", "GET", one), ("delete", "DELETE", one), ("wait", "POST", f"{one}/wait")):
            routes.append(Route(f"compute.{scope}Operations.{verb}", method, template, "operations", verb))
    for plural, singular in (("zones", "zone"), ("regions", "region")):
        routes.append(Route(f"compute.{plural}.list", "GET", f"projects/{{project}}/{plural}", plural, "list"))
        routes.append(Route(f"compute.{plural}.get", "GET", f"projects/{{project}}/{plural}/{{{singular}}}", plural, "get"))
    for plural, singular, scope, api in (
        ("machineTypes", "machineType", "zone", "machineTypes"),
        ("diskTypes", "diskType", "zone", "diskTypes"),
        ("diskTypes", "diskType", "region", "regionDiskTypes"),
    ):
        base = f"projects/{{project}}/{PLACES[scope]}/{plural}"
        routes.append(Route(f"compute.{api}.list", "GET", base, plural, "list"))
        routes.append(Route(f"compute.{api}.get", "GET", f"{base}/{{{singular}}}", plural, "get"))
    routes.append(Route("compute.instances.updateNetworkInterface", "PATCH", INTERFACE, "instances", "updateNetworkInterface"))
    routes.append(Route("compute.images.getFromFamily", "GET", "projects/{project}/global/images/family/{family}", "images", "getFromFamily"))
    routes.append(Route("compute.imageFamilyViews.get", "GET", "projects/{project}/zones/{zone}/imageFamilyViews/{family}", "images", "getFamilyView"))
    routes.append(Route("compute.globalOperations.aggregatedList", "GET", "projects/{project}/aggregated/operations", "operations", "aggregatedList"))
    routes.append(Route("compute.projects.get", "GET", "projects/{project}", "projects", "get"))
    return routes


ROUTES = _all_routes()
