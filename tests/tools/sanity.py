"""Run ansible-test sanity on a copy of the project.

Arguments are passed on: sanity.py --test validate-modules plugins/modules/restore.py
"""

from __future__ import annotations

import configparser
import inspect
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from export_tree import ROOT, export_tree

# ansible-test sets up pip in new environments with a script that it downloads. This one, in its place, has the pip of this
# environment do the same, and needs no download.
BOOTSTRAP = f"""\
import subprocess
import sys

packages = [word for word in sys.argv[1:] if not word.startswith("-")]
subprocess.check_call([{sys.executable!r}, "-m", "pip", "--python", sys.executable, "install", "--disable-pip-version-check", *packages])
"""


def write_bootstrap(home: pathlib.Path) -> None:
    """Put the script where ansible-test keeps the one it downloads, under the version that this ansible-test asks for."""
    from ansible_test._internal import python_requirements

    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in re.findall(r"\bpip='([0-9.]+)'", inspect.getsource(python_requirements)):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP)


def write_pip_settings(home: pathlib.Path) -> None:
    """Hand over the user's settings of pip: ansible-test starts it without PIP_* variables, proxies and the user's own file."""
    settings = configparser.RawConfigParser(strict=False)
    user_home = pathlib.Path.home()
    settings.read([user_home / ".pip" / "pip.conf", user_home / ".config" / "pip" / "pip.conf", os.environ.get("PIP_CONFIG_FILE", os.devnull)])
    if not settings.has_section("global"):
        settings.add_section("global")
    settings.set("global", "quiet", "2")
    settings.set("global", "compile", "false")
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if proxy:
        settings.set("global", "proxy", proxy)
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE" and value:
            settings.set("global", name[4:].lower().replace("_", "-"), value)
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # the address of an index can hold a password
    with path.open("w") as stream:
        settings.write(stream)


def main() -> int:
    """Return the exit code of ansible-test."""
    # A home folder of its own: what ansible-test keeps between runs lands there, and the user's own one stays as it is.
    home = ROOT / ".cache" / "ansible-test"
    write_bootstrap(home)
    write_pip_settings(home)
    environment = {**os.environ, "HOME": str(home), "PATH": os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])}
    python_version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the temporary folder goes on that way too
    with tempfile.TemporaryDirectory() as work:
        collection = pathlib.Path(work) / "ansible_collections" / "multicloud" / "recovery"
        export_tree(collection)
        command = ["ansible-test", "sanity", "--requirements", "--python", python_version, "--color", "no", *sys.argv[1:]]
        return subprocess.run(command, cwd=collection, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
