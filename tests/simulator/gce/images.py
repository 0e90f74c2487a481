# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images and their families."""

from __future__ import annotations

from typing import Any

from ..content import EMPTY
from . import quotas
from .context import Context, public_project
from .errors import ApiError, invalid, not_found
from .links import last, parse
from .places import PUBLIC_PROJECT, region_of
from .rules import check_key, check_name, shown_key, storage_locations, without_input
from .store import Project, Resource

SOURCES = {"sourceDisk": "disks", "sourceSnapshot": "snapshots", "sourceImage": "images"}
STATES = ("ACTIVE", "DEPRECATED", "OBSOLETE", "DELETED")
GONE = ("OBSOLETE", "DELETED")


def insert_image(ctx: Context) -> dict[str, Any]:
    """POST global/images: from a disk, a snapshot, an image, or an object that holds a raw disk (whose bytes are not read)."""
    body = dict(ctx.body)
    ctx.require_free(check_name(body))
    raw = (body.get("rawDisk") or {}).get("source")
    given = [field for field in SOURCES if body.get(field)]
    if len(given) + bool(raw) != 1:
        raise ApiError("invalid", "Exactly one of sourceDisk, sourceSnapshot, sourceImage and rawDisk.source must be specified.")
    quotas.check(ctx.project, "IMAGES", "")
    data = {**without_input(body, "images"), "status": "PENDING", "sourceType": "RAW", "archiveSizeBytes": "0"}
    content = EMPTY
    if given:
        source = _source(ctx, body, given[0])
        content = source.content
        data.update({given[0]: source.url, f"{given[0]}Id": source.id, "diskSizeGb": source.data.get("diskSizeGb") or source.data.get("sizeGb")})
        for inherited in ("architecture", "guestOsFeatures", "licenses", "licenseCodes"):
            if inherited in source.data and inherited not in body:
                data[inherited] = source.data[inherited]
        data["storageLocations"] = storage_locations(body.get("storageLocations"), region_of(source.place) or "eu")
    else:
        data.setdefault("diskSizeGb", "10")
        data["storageLocations"] = storage_locations(body.get("storageLocations"), "eu")
    key = shown_key(data.pop("imageEncryptionKey", None), "resource.imageEncryptionKey")
    for secret in ("sourceDiskEncryptionKey", "sourceSnapshotEncryptionKey", "sourceImageEncryptionKey"):
        data.pop(secret, None)
    if key:
        data["imageEncryptionKey"] = key
    image = ctx.project.add(Resource(ctx.project, "global", "images", data, content))

    def effect() -> None:
        quotas.check(ctx.project, "IMAGES", "", moment="operation")
        data.update(status="READY", archiveSizeBytes=str(content.size))

    return ctx.operation(image, effect, lambda: ctx.discard(image))


def _source(ctx: Context, body: dict[str, Any], field: str) -> Resource:
    source = image_of(ctx, body[field]) if field == "sourceImage" else ctx.linked(body[field], f"resource.{field}", SOURCES[field])
    if field == "sourceImage":
        require_usable(source)
        warn_of_deprecation(ctx, source)
    if source.data.get("status") != "READY":
        raise ApiError("resourceNotReady", f"The resource '{source.ref.path}' is not ready")
    shown = {"sourceDisk": "diskEncryptionKey", "sourceSnapshot": "snapshotEncryptionKey", "sourceImage": "imageEncryptionKey"}[field]
    check_key(body.get(f"{field}EncryptionKey"), source.data.get(shown), source.ref.path, f"resource.{field}EncryptionKey")
    if field != "sourceDisk":
        ctx.sources.append(source)
    if field == "sourceDisk" and not ctx.flag("forceCreate"):
        _require_still(ctx, source)
    return source


def _require_still(ctx: Context, disk: Resource) -> None:
    for instance in ctx.project.all("instances"):
        if instance.url in disk.data.get("users", []) and instance.data["status"] not in ("TERMINATED", "STOPPED"):
            message = f"The disk resource '{disk.ref.path}' is already being used by '{instance.ref.path}'"
            raise ApiError("resourceInUseByAnotherResource", message)


def newest_of_family(project: Project, family: str) -> Resource:
    """The newest image of a family that nobody deprecated. Raises ApiError (notFound)."""
    found = [
        item
        for item in project.table("global", "images").values()
        if item.data.get("family") == family and item.data["status"] == "READY" and item.data.get("deprecated", {}).get("state", "ACTIVE") == "ACTIVE"
    ]
    if not found:
        raise not_found(f"projects/{project.name}/global/images/family/{family}")
    return max(found, key=lambda item: (item.data["creationTimestamp"], int(item.id)))


def image_of(ctx: Context, link: Any) -> Resource:
    """The image that a URL names, a family's URL included. Raises ApiError."""
    ref = parse(link, ctx.project.name, "resource.sourceImage", "images")
    if not ref.name.startswith("family/"):
        return ctx.need(ref)
    project = public_project(ctx.world) if ref.project == PUBLIC_PROJECT else ctx.world.projects.get(ref.project)
    if project is None:
        raise not_found(ref.path)
    return newest_of_family(project, last(ref.name))


def require_usable(image: Resource) -> None:
    """Raises ApiError for an image that is obsolete or deleted."""
    state = image.data.get("deprecated", {}).get("state")
    if state in GONE:
        raise invalid("resource.sourceImage", image.url, f"The image is {state} and cannot be used.")


def warn_of_deprecation(ctx: Context, image: Resource) -> None:
    """Adds the warning that the use of a deprecated image brings."""
    deprecated = image.data.get("deprecated", {})
    if deprecated.get("state") != "DEPRECATED":
        return
    message, data = f"The resource '{image.ref.path}' is deprecated.", {"resource_name": image.ref.path}
    if deprecated.get("replacement"):
        replacement = parse(deprecated["replacement"], image.project.name, "replacement", "images").path
        data["replacement_suggestion"] = f"A suggested replacement is '{replacement}'."
        message = f"{message} {data['replacement_suggestion']}"
    ctx.warn("DEPRECATED_RESOURCE_USED", message, **data)


def get_from_family(ctx: Context) -> dict[str, Any]:
    """GET global/images/family/F."""
    return newest_of_family(ctx.project, ctx.params["family"]).data


def get_family_view(ctx: Context) -> dict[str, Any]:
    """GET zones/Z/imageFamilyViews/F."""
    return {"image": newest_of_family(ctx.project, ctx.params["family"]).data}


def deprecate_image(ctx: Context) -> dict[str, Any]:
    """POST deprecate: the state of the body; an empty body clears it."""
    image = ctx.resource()
    body = dict(ctx.body)
    if body and body.get("state", "ACTIVE") not in STATES:
        raise invalid("deprecationStatus.state", body["state"], f"Must be one of {', '.join(STATES)}.")
    if body.get("replacement"):
        parse(body["replacement"], ctx.project.name, "deprecationStatus.replacement", "images")

    def effect() -> None:
        if body.get("state", "ACTIVE") == "ACTIVE" and not (set(body) - {"state"}):
            image.data.pop("deprecated", None)
        else:
            image.data["deprecated"] = body

    return ctx.operation(image, effect)


def patch_image(ctx: Context) -> dict[str, Any]:
    """PATCH: family, description and deprecation."""
    image = ctx.resource()
    return ctx.operation(image, lambda: image.data.update(ctx.body))


def delete_image(ctx: Context) -> dict[str, Any]:
    """DELETE of an image."""
    image = ctx.resource()
    ctx.require_staying(image)
    ctx.require_unread(image)
    before = image.data["status"]
    image.data["status"] = "DELETING"
    return ctx.operation(image, lambda: ctx.project.remove(image), lambda: image.data.update(status=before))


HANDLERS = {
    "images.insert": insert_image,
    "images.delete": delete_image,
    "images.getFromFamily": get_from_family,
    "images.getFamilyView": get_family_view,
    "images.deprecate": deprecate_image,
    "images.patch": patch_image,
}
