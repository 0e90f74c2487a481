"""Copy the files that belong to the project, committed or not, into a folder: export_tree.py FOLDER.

ansible-test and ansible-galaxy look at every file they find; this keeps virtual environments and caches away from them.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
IGNORED_NAMES = {".ansible", ".cache", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__", "collections", "dist", "output"}


def list_files() -> list[str]:
    """Return the paths of the project's files relative to its root: those git does not ignore, or without git all but caches."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        # A checkout that belongs to another user is refused without the safe.directory setting.
        command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return sorted({os.fsdecode(path) for path in listing.split(b"\0") if path})
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if name not in IGNORED_NAMES]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names if not name.endswith((".pyc", ".tar.gz"))]
    return sorted(found)


def export_tree(destination: pathlib.Path) -> None:
    """Copy the project's files into the folder destination, which is made when absent."""
    for path in list_files():
        source, target = ROOT / path, destination / path
        if not os.path.lexists(source) or (source.is_dir() and not source.is_symlink()):
            continue  # deleted and not yet committed, or a nested repository
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


if __name__ == "__main__":
    export_tree(pathlib.Path(sys.argv[1]))
