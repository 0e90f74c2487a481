"""Place this checkout, whatever its folder is called, where Ansible finds it as multicloud.recovery.

Ansible finds a collection only under ``ansible_collections/multicloud/recovery``. Run as a program it prints the folder
to put into ANSIBLE_COLLECTIONS_PATH.
"""

from __future__ import annotations

import contextlib
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def link_collection() -> pathlib.Path:
    """Return a folder that holds a symbolic link to this checkout at the collection's place.

    Safe to call from many processes at once: each makes a link of its own and renames it over the common one.
    """
    tree = ROOT / ".cache" / "collections"
    link = tree / "ansible_collections" / "multicloud" / "recovery"
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(ROOT, link.parent)
    with contextlib.suppress(OSError):
        if os.readlink(link) == target:
            return tree
    own_link = link.with_name(f".recovery-{os.getpid()}")
    own_link.unlink(missing_ok=True)
    own_link.symlink_to(target, target_is_directory=True)
    own_link.replace(link)
    return tree


if __name__ == "__main__":
    print(link_collection())
