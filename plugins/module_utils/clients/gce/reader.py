# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be read from Compute Engine: one method per API call.

The calls follow the Compute v1 discovery document, revision 20261106 (https://compute.googleapis.com/$discovery/rest?version=v1); their
paths begin after ``/compute/v1/projects/{project}/``. ``filter`` is the API's own filter text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from . import objects
from .calls import GceCalls, spaced, where
from .objects import Address, Disk, Image, Instance, Operation, Place, Resource, Snapshot, Wire, path_of
from .sdk import singular

T = TypeVar("T")


class GceReader:
    """One project, to look at. ``get_...`` gives None for what is absent, ``list_...`` an iterator that reads pages as they are used up.

    What is absent around a resource, its project or its zone, raises NotFound. A list that is not complete raises ProviderFailure. Threads may share a reader.
    """

    def __init__(self, calls: GceCalls) -> None:
        self._calls = calls

    @property
    def project(self) -> str:
        return self._calls.project

    def _one(self, parse: Callable[[Wire], T], place: Place, collection: str, name: str, *, project: str | None = None) -> T | None:
        what = f'{spaced(singular(collection.split("/")[-1]))} "{name}"{where(place)}{f" of project {project}" if project else ""}'
        wire = self._calls.find(what, *place.path.split("/"), *collection.split("/"), name, project=project)
        return None if wire is None else parse(wire)

    def _everywhere(self, parse: Callable[[Wire], T], collection: str, filter: str | None) -> Iterator[T]:
        return map(parse, self._calls.aggregated(f"{collection} of all zones and regions", collection, filter))

    def _many(self, parse: Callable[[Wire], T], place: Place, collection: str, filter: str | None = None) -> Iterator[T]:
        return map(parse, self._calls.pages(f"{collection}{where(place)}", *place.path.split("/"), collection, filter=filter))

    def get_instance(self, zone: str, name: str) -> Instance | None:
        """GET zones/{zone}/instances/{name}; ``wire`` has every field."""
        return self._one(objects.instance, objects.zone(zone), "instances", name)

    def list_instances(self, zone: str, filter: str | None = None) -> Iterator[Instance]:
        """GET zones/{zone}/instances"""
        return self._many(objects.instance, objects.zone(zone), "instances", filter)

    def list_all_instances(self, filter: str | None = None) -> Iterator[Instance]:
        """GET aggregated/instances: those of all zones. Raises ProviderFailure, naming the zone, when one is missing."""
        return self._everywhere(objects.instance, "instances", filter)

    def get_disk(self, place: Place, name: str) -> Disk | None:
        """GET zones/{zone}/disks/{name}, or regions/{region}/disks/{name}; ``wire`` has every field."""
        return self._one(objects.disk, place, "disks", name)

    def list_disks(self, place: Place, filter: str | None = None) -> Iterator[Disk]:
        """GET zones/{zone}/disks, or regions/{region}/disks"""
        return self._many(objects.disk, place, "disks", filter)

    def list_all_disks(self, filter: str | None = None) -> Iterator[Disk]:
        """GET aggregated/disks: those of all zones and regions. Raises ProviderFailure, naming the zone or region, when one is missing."""
        return self._everywhere(objects.disk, "disks", filter)

    def get_snapshot(self, name: str, project: str | None = None) -> Snapshot | None:
        """GET global/snapshots/{name}, of another project where one is given"""
        return self._one(objects.snapshot, objects.EVERYWHERE, "snapshots", name, project=project)

    def list_snapshots(self, filter: str | None = None) -> Iterator[Snapshot]:
        """GET global/snapshots"""
        return self._many(objects.snapshot, objects.EVERYWHERE, "snapshots", filter)

    def get_image(self, name: str, project: str | None = None) -> Image | None:
        """GET global/images/{name}, of another project where one is given"""
        return self._one(objects.image, objects.EVERYWHERE, "images", name, project=project)

    def get_image_from_family(self, family: str, project: str | None = None) -> Image | None:
        """GET global/images/family/{family}: its newest image that is not deprecated; None when all are."""
        return self._one(objects.image, objects.EVERYWHERE, "images/family", family, project=project)

    def list_images(self, filter: str | None = None) -> Iterator[Image]:
        """GET global/images"""
        return self._many(objects.image, objects.EVERYWHERE, "images", filter)

    def get_machine_image(self, name: str) -> Resource | None:
        """GET global/machineImages/{name}"""
        return self._one(objects.resource, objects.EVERYWHERE, "machineImages", name)

    def list_machine_images(self, filter: str | None = None) -> Iterator[Resource]:
        """GET global/machineImages"""
        return self._many(objects.resource, objects.EVERYWHERE, "machineImages", filter)

    def get_instance_template(self, name: str) -> Resource | None:
        """GET global/instanceTemplates/{name}"""
        return self._one(objects.resource, objects.EVERYWHERE, "instanceTemplates", name)

    def list_instance_templates(self, filter: str | None = None) -> Iterator[Resource]:
        """GET global/instanceTemplates"""
        return self._many(objects.resource, objects.EVERYWHERE, "instanceTemplates", filter)

    def get_address(self, region: str, name: str) -> Address | None:
        """GET regions/{region}/addresses/{name}"""
        return self._one(objects.address, objects.region(region), "addresses", name)

    def list_addresses(self, region: str, filter: str | None = None) -> Iterator[Address]:
        """GET regions/{region}/addresses"""
        return self._many(objects.address, objects.region(region), "addresses", filter)

    def get_region(self, name: str) -> Resource | None:
        """GET regions/{name}; ``wire["quotas"]`` are its quotas."""
        return self._named("regions", name)

    def get_project(self) -> Resource:
        """GET the project itself; ``wire["quotas"]`` are its global quotas. Raises NotFound."""
        return objects.resource(self._calls.read(f"project {self.project}"))

    def get_network(self, name: str, project: str | None = None) -> Resource | None:
        """GET global/networks/{name}, of the host project of a Shared VPC where one is given"""
        return self._one(objects.resource, objects.EVERYWHERE, "networks", name, project=project)

    def get_subnetwork(self, region: str, name: str, project: str | None = None) -> Resource | None:
        """GET regions/{region}/subnetworks/{name}, of the host project of a Shared VPC where one is given"""
        return self._one(objects.resource, objects.region(region), "subnetworks", name, project=project)

    def get_resource_policy(self, region: str, name: str) -> Resource | None:
        """GET regions/{region}/resourcePolicies/{name}: a schedule or a placement; ``wire`` has every field."""
        return self._one(objects.resource, objects.region(region), "resourcePolicies", name)

    def get_disk_type(self, place: Place, name: str) -> Resource | None:
        """GET zones/{zone}/diskTypes/{name}, or regions/{region}/diskTypes/{name}"""
        return self._one(objects.resource, place, "diskTypes", name)

    def get_machine_type(self, zone: str, name: str) -> Resource | None:
        """GET zones/{zone}/machineTypes/{name}"""
        return self._one(objects.resource, objects.zone(zone), "machineTypes", name)

    def list_referrers(self, zone: str, instance: str) -> list[str]:
        """GET zones/{zone}/instances/{instance}/referrers: the paths of what refers to the VM, such as instance groups."""
        what = f'referrers of instance "{instance}"{where(objects.zone(zone))}'
        return [path_of(item.get("referrer", "")) for item in self._calls.pages(what, "zones", zone, "instances", instance, "referrers")]

    def get_instance_policy(self, zone: str, name: str) -> Wire:
        """GET zones/{zone}/instances/{name}/getIamPolicy: the policy that is set on the VM itself. Raises NotFound."""
        what = f'IAM policy of instance "{name}"{where(objects.zone(zone))}'
        return self._calls.read(what, "zones", zone, "instances", name, "getIamPolicy", optionsRequestedPolicyVersion=3)

    def list_target_pools(self, region: str) -> Iterator[Resource]:
        """GET regions/{region}/targetPools"""
        return self._many(objects.resource, objects.region(region), "targetPools")

    def list_network_endpoint_groups(self, zone: str) -> Iterator[Resource]:
        """GET zones/{zone}/networkEndpointGroups"""
        return self._many(objects.resource, objects.zone(zone), "networkEndpointGroups")

    def list_network_endpoints(self, zone: str, group: str) -> Iterator[Wire]:
        """POST zones/{zone}/networkEndpointGroups/{group}/listNetworkEndpoints: the endpoints as the API writes them."""
        path = ("zones", zone, "networkEndpointGroups", group, "listNetworkEndpoints")
        what = f'endpoints of group "{group}"{where(objects.zone(zone))}'
        return (item.get("networkEndpoint", {}) for item in self._calls.pages(what, *path, body={"healthStatus": "SKIP"}))

    def list_operations(self, place: Place, filter: str | None = None) -> Iterator[Operation]:
        """GET {place}/operations: those that Google still remembers, finished ones included."""
        return self._many(objects.operation, place, "operations", filter)

    def test_permissions(self, kind: str, place: Place, name: str, permissions: Iterable[str]) -> set[str]:
        """POST {place}/{kind}/{name}/testIamPermissions: those that we have. ``kind`` is the collection, as in ``machineImages``. Raises NotFound."""
        body = {"permissions": sorted(permissions)}
        path = (*place.path.split("/"), kind, name, "testIamPermissions")
        return set(self._calls.read(f'permissions on {spaced(singular(kind))} "{name}"{where(place)}', *path, body=body).get("permissions", ()))

    def _named(self, collection: str, name: str) -> Resource | None:
        wire = self._calls.find(f'{singular(collection)} "{name}"', collection, name)
        return None if wire is None else objects.resource(wire)
