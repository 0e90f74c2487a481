# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``image_convert`` on Alibaba Cloud ECS."""

from __future__ import annotations

from ....core.model import CREATE, DELETE
from ....core.options import Option
from ..options import CONNECTION

_ONLY_CREATE = (CREATE,)

IMAGE: dict[str, Option] = {
    **CONNECTION,
    "engine": Option(operations=_ONLY_CREATE, spec={"choices": ["auto", "native"], "default": "auto"}),
    "source": Option(operations=_ONLY_CREATE),
    "source_object": Option(operations=_ONLY_CREATE),
    "bucket": Option(operations=_ONLY_CREATE, required_for=_ONLY_CREATE),
    "object_prefix": Option(operations=_ONLY_CREATE),
    "format": Option(operations=_ONLY_CREATE, spec={"choices": ["qcow2", "raw", "vdi", "vhd", "vmdk"]}),
    "ram_role": Option(operations=_ONLY_CREATE),
    "image_name": Option(operations=_ONLY_CREATE),
    "previous_image": Option(operations=_ONLY_CREATE, spec={"choices": ["rename", "delete", "fail"], "default": "rename"}),
    "description": Option(operations=_ONLY_CREATE),
    "os_type": Option(operations=_ONLY_CREATE, spec={"choices": ["linux", "windows"]}),
    "platform": Option(operations=_ONLY_CREATE),
    "architecture": Option(operations=_ONLY_CREATE, spec={"choices": ["x86_64", "arm64", "i386"]}),
    "boot_mode": Option(operations=_ONLY_CREATE, spec={"choices": ["BIOS", "UEFI"]}),
    "disk_size_gb": Option(type="int", operations=_ONLY_CREATE, minimum=1, maximum=2048),
    "force": Option(type="bool", operations=(DELETE,), spec={"default": False}),
}
# Those that only one of the two directions uses.
OF_EXPORT = ("object_prefix",)
OF_IMPORT = ("image_name", "previous_image", "description", "os_type", "platform", "architecture", "boot_mode", "disk_size_gb")
