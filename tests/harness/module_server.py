# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs modules in forks of itself: `python -m tests.harness.module_server [SOCKET]`, driven by tests.harness.modules.

What modules import is imported once, here. A request names a module of the collection and its arguments. Who connects to the socket is a
Python interpreter that hands over its program: Ansible's own payload of a module, which then is all that the module's process has of the
collection.
"""

from __future__ import annotations

import atexit
import importlib
import marshal
import os
import pkgutil
import runpy
import socket
import sys
import types
import zipimport
from collections.abc import Callable
from typing import Any

from ansible.module_utils.testing import patch_module_args

from .fast_time import speed_up
from .fork_server import ForkServer, become, freeze, run_to_end

PLUGINS = "ansible_collections.multicloud.recovery.plugins"
MODULES = f"{PLUGINS}.modules"
LIBRARIES = ("_strptime", "ansible.module_utils._internal._ansiballz._loader", "ansible.module_utils.urls", "requests")
# Google's takes seconds, which no test of another provider need wait for.
LIBRARIES_OF = {
    "alibaba_ecs": (
        "aliyunsdkcore.auth.signers.access_key_signer",
        "aliyunsdkcore.auth.signers.sts_token_signer",
        "aliyunsdkcore.endpoint.local_config_regional_endpoint_resolver",
        "aliyunsdkcore.endpoint.resolver_endpoint_request",
        "aliyunsdkcore.request",
    ),
    "gce": ("google.auth.transport.requests", "google.cloud.compute_v1", "google.oauth2.credentials", "google.oauth2.service_account"),
}
# The compiled files of the collection, by their sources.
CODE: dict[bytes, Any] = {}


def import_all() -> None:
    """Import what the modules may come to import while they run, save what only one provider needs."""
    for name in LIBRARIES:
        importlib.import_module(name)
    plugins = importlib.import_module(PLUGINS)
    for found in pkgutil.walk_packages(plugins.__path__, f"{PLUGINS}."):
        if found.name.startswith((MODULES, f"{PLUGINS}.module_utils")):
            importlib.import_module(found.name)


def import_for(request: dict[str, Any] | None) -> None:
    """Import what the provider of this task needs, when it is the first; for all providers when the task is not known."""
    providers = LIBRARIES_OF if request is None else [request["args"].get("provider", "")]
    missing = [name for provider in providers for name in LIBRARIES_OF.get(provider, ()) if name not in sys.modules]
    needs_code = request is None and not CODE
    for name in missing:
        importlib.import_module(name)
    if needs_code:
        keep_code()
    if missing or needs_code:
        freeze()


def keep_code() -> None:
    """Have zipimport take the compiled code of a file of the collection from here when a payload holds the same source."""
    for module in [module for name, module in sys.modules.items() if name.startswith(PLUGINS) and getattr(module, "__file__", None)]:
        with open(str(module.__file__), "rb") as stream:
            source = stream.read()
        CODE[source] = compile(source, str(module.__file__), "exec", dont_inherit=True)
    compile_source: Callable[[str, bytes], Any] = zipimport._compile_source  # type: ignore[attr-defined]
    zipimport._compile_source = lambda path, source: CODE.get(source) or compile_source(path, source)  # type: ignore[attr-defined]


def run_module(request: dict[str, Any]) -> int:
    """Be the module: arguments and environment as asked, output into files, and leave as a module leaves."""
    with open(os.devnull, "rb") as nothing, open(request["stdout"], "wb") as out, open(request["stderr"], "wb") as err:
        become([stream.fileno() for stream in (nothing, out, err)], request["environ"])

    def program() -> None:
        module = importlib.import_module(f"{MODULES}.{request['module']}")
        with patch_module_args(request["args"]):
            module.main()

    return run_to_end(program)


def run_program(link: socket.socket) -> int:
    """Be a Python interpreter: streams, arguments, environment and folder are the caller's, and nothing of the collection is there."""
    _byte, streams, *_flags = socket.recv_fds(link, 1, 3)
    with link.makefile("rb") as stream:
        arguments, environ, folder = marshal.loads(stream.read())
    become(streams, environ)
    os.chdir(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "ansible_collections"]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if os.path.isabs(path) and path not in PATHS]

    def program() -> None:
        sys.argv = arguments or ["-"]
        if arguments:
            runpy.run_path(arguments[0], run_name="__main__")
        else:
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(sys.stdin.read(), "<stdin>", "exec", dont_inherit=True), vars(main))

    code = run_to_end(program)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    link.sendall(str(code).encode())
    return code


PATHS = {os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)}

if __name__ == "__main__":
    address, speed = sys.argv[1], float(sys.argv[2])
    if speed != 1.0:
        speed_up(speed)
    import_all()
    ForkServer(run_module, run_program, import_for).serve(address)
