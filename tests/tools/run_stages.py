"""Run the stages of the test suite side by side, print what failed in full and one line for each.

run_stages.py            runs all stages
run_stages.py ruff unit  runs these
The output of each stage is kept in .cache/logs/<stage>.log.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

from collection_tree import ROOT, link_collection

BIN = pathlib.Path(sys.executable).parent
LOGS = ROOT / ".cache" / "logs"
TREE = link_collection()
CPUS = os.cpu_count() or 1
PYTEST = [sys.executable, "-m", "pytest"]
STAGE_LIMIT_S = 1680
NO_TESTS_FOUND = 5


@dataclasses.dataclass(frozen=True)
class Stage:
    """A command whose exit code says whether the stage is well; without the folder that it looks at it is skipped."""

    name: str
    command: list[str]
    folder: str = "."
    cwd: pathlib.Path = ROOT


# Roughly the longest first, so that none of them is started last and runs alone.
STAGES = [
    Stage("sanity", [sys.executable, "tests/tools/sanity.py"]),
    Stage("galaxy", [sys.executable, "tests/tools/galaxy.py", "check"]),
    Stage("integration", [*PYTEST, "tests/integration", "-n", str(CPUS)], folder="tests/integration"),
    Stage("faults", [*PYTEST, "tests/faults", "-n", str(CPUS)], folder="tests/faults"),
    Stage("unit", [*PYTEST, "tests/unit", "-n", str(CPUS)], folder="tests/unit"),
    Stage("ansible-lint", ["ansible-lint", "--offline"]),
    Stage("docs", ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "--check-extra-docs-refs", "."]),
    Stage("mypy", ["mypy", "--config-file", str(ROOT / "pyproject.toml"), "ansible_collections/multicloud/recovery/plugins/module_utils"], cwd=TREE),
    Stage("changelog", ["antsibull-changelog", "lint"]),
    Stage("ruff", ["ruff", "check", "."]),
    Stage("format", ["ruff", "format", "--diff", "."]),
]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a stage ended: result is "ok", "FAILED" or "skipped"."""

    stage: Stage
    result: str
    seconds: float
    note: str = ""
    output: str = ""


class Runner:
    """Runs stages, each in a process group of its own, so that all it started can be ended with it."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._stopped = threading.Event()

    def run(self, stage: Stage) -> Outcome:
        """Run one stage to its end and keep its output."""
        if not (ROOT / stage.folder).exists() or self._stopped.is_set():
            return Outcome(stage, "skipped", 0, f"there is no {stage.folder}")
        environment = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "PY_COLORS", "MAKEFLAGS", "MFLAGS")}
        environment |= {"PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]), "ANSIBLE_COLLECTIONS_PATH": str(TREE), "NO_COLOR": "1"}
        environment |= {"MYPY_CACHE_DIR": str(ROOT / ".cache" / "mypy")}
        log = LOGS / f"{stage.name}.log"
        started = time.monotonic()
        note = ""
        with log.open("wb") as stream:
            process = subprocess.Popen(
                stage.command, cwd=stage.cwd, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._running.add(process.pid)
            try:
                code = process.wait(STAGE_LIMIT_S)
            except subprocess.TimeoutExpired:
                _end_group(process.pid)
                code, note = process.wait(), f"ended after {STAGE_LIMIT_S} s"
            self._running.discard(process.pid)
        output = log.read_text(errors="replace")
        if code == NO_TESTS_FOUND and stage.command[:3] == PYTEST:
            note = "no tests found"
        return Outcome(stage, "FAILED" if code else "ok", time.monotonic() - started, note, output)

    def stop(self) -> None:
        """End the stages that run now and start no other."""
        self._stopped.set()
        for group in list(self._running):
            _end_group(group)


def _end_group(group: int) -> None:
    """End a process group that we started, and only that."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)


def find_pytest_closing(outcome: Outcome) -> str:
    """Return pytest's last line without its rulers, empty when the stage is not one of pytest's."""
    closings = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", outcome.output, re.MULTILINE) if outcome.stage.command[:3] == PYTEST else []
    return closings[-1] if closings else ""


def report(outcome: Outcome) -> None:
    """Print what a stage has to say: all of it when it failed, else pytest's closing line and what was left out."""
    print(f"{outcome.result:8}{outcome.stage.name:14}{outcome.seconds:7.1f} s  {outcome.note}".rstrip())
    closing = find_pytest_closing(outcome)
    if outcome.result == "FAILED":
        print(f"{f' log of {outcome.stage.name} ':-^100}\n{outcome.output.rstrip()}\n{'-' * 100}")
    elif closing:
        print(*re.findall(r"^(?:SKIPPED|XFAIL) .*$", outcome.output, re.MULTILINE), f"{f' {closing} ':=^100}", sep="\n")
    sys.stdout.flush()


def total(outcomes: list[Outcome], seconds: float) -> str:
    """Return one closing line over all stages in pytest's form; a failed stage without failed tests counts as an error."""
    counts: collections.Counter[str] = collections.Counter()
    for outcome in outcomes:
        found = {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) (\w+)", find_pytest_closing(outcome))}
        if outcome.result == "FAILED" and not (found.keys() & {"failed", "error"}):
            found["error"] = 1
        counts.update(found)
    names = ("failed", "passed", "skipped", "xfailed", "xpassed", "errors" if counts["error"] > 1 else "error")
    words = [f"{number} {name}" for name in names if (number := counts[name.replace("errors", "error")])]
    return f" {', '.join(words) or '0 passed'} in {seconds:.2f}s "


def main(names: list[str]) -> int:
    """Return 0 when every stage is well, 1 when one failed, 130 when interrupted."""
    if unknown := set(names) - {stage.name for stage in STAGES}:
        sys.exit(f"No such stage: {', '.join(sorted(unknown))}. There are: {', '.join(stage.name for stage in STAGES)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    stages = [stage for stage in STAGES if not names or stage.name in names]
    runner = Runner()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes = []
    started = time.monotonic()
    print(f"Running {', '.join(stage.name for stage in stages)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(2, CPUS)) as pool:
        try:
            for future in concurrent.futures.as_completed([pool.submit(runner.run, stage) for stage in stages]):
                outcomes.append(future.result())
                report(outcomes[-1])
        except KeyboardInterrupt:
            runner.stop()
            return 130
    print("\nSummary")
    for outcome in sorted(outcomes, key=lambda item: stages.index(item.stage)):
        print(f"  {outcome.stage.name:14}{outcome.result:8}{outcome.seconds:7.1f} s  {outcome.note or find_pytest_closing(outcome)}".rstrip())
    print(f"{total(outcomes, time.monotonic() - started):=^100}", flush=True)
    return int(any(outcome.result == "FAILED" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
