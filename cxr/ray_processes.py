"""Starts Ray, and spreads work over its processes: the files of an archive, folds and trials.

Ray is an optional package, and takes seconds to start: it is imported where work is spread. Without
an address of a cluster it runs on this machine, listens on the loopback interface only, has no
dashboard, and ends with the process that started it. Usage statistics are off.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cxr.errors import CXRError, first_line
from cxr.optional_packages import require_extra

_OBJECT_STORE = 100_000_000  # bytes of shared memory, beside what the processes share
_RETRIES = 3  # of a call whose process ended; the call goes on where its files say


@dataclass(frozen=True, kw_only=True)
class Spreading:
    """Over how many processes work is spread, and where.

    Attributes:
        workers: how many calls are made at a time.
        address: of a Ray cluster, see `running_ray`; None for this machine.
    """

    workers: int
    address: str | None = None


def require_packages() -> None:
    """Raise a `MissingPackage` where the optional packages are not installed."""
    require_extra("archive", "ray", "pyarrow", needed_by="Archives and --workers need")


@contextmanager
def running_ray(
    workers: int, *, address: str | None = None, shared_bytes: int = 0
) -> Iterator[None]:
    """Ray, for as long as work is spread.

    Args:
        workers: how many processes work at a time on this machine.
        address: of a cluster that is running, such as ``ray://host:10001``; by default Ray is
            started here, and stopped at the end.
        shared_bytes: size of what all processes share.

    Raises:
        MissingPackage: the optional packages are not installed.
        CXRError: Ray does not start, or no cluster answers at this address.
    """
    # Read by Ray when it is imported and when it starts, here and in its processes.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address is None:
        # Without clusters, Ray uses 127.0.0.1 alone, as by default on macOS and Windows.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    require_packages()
    import ray

    with _own_output():
        _start(workers, address, shared_bytes)
        try:
            yield
        finally:
            ray.shutdown()


def _start(workers: int, address: str | None, shared_bytes: int) -> None:
    import ray

    try:
        if address is None:
            ray.init(
                "local",  # a new one, whatever else runs on this machine
                num_cpus=workers,
                object_store_memory=_OBJECT_STORE + int(1.2 * shared_bytes),
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        else:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        where = address or "Ray"
        raise CXRError(f"{where}: cannot be used ({first_line(error)}).") from error


@contextmanager
def _own_output() -> Iterator[None]:
    """Keep Ray off standard output and, but for processes that were ended, off standard error.

    Ray prints what happened to its processes to standard output from a thread: that goes to
    standard error. Its C++ part prints its log to descriptor 2: that is left out, while what Python
    prints still arrives.
    """
    before = sys.stderr
    before.flush()
    copy = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    sys.stderr = open(copy, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(copy, 2)
        os.close(copy)


def spread(
    function: Callable[..., Any],
    shared: Sequence[Any],
    calls: Iterable[Any],
    spreading: Spreading,
    *,
    shared_bytes: int,
) -> Iterator[Any]:
    """Call a function in several processes.

    A call whose process ended is made again. Where there are GPUs, each call has one to itself.

    Args:
        function: of a module, called as ``function(*shared, call)`` in the present folder.
        shared: arguments of all calls, sent once; arrays in them are shared, and read-only.
        calls: last argument of each call. The next one is taken once a process is free.
        spreading: over how many processes, and where.
        shared_bytes: about the size of `shared`.

    Yields:
        What the function returns, in the order in which the calls end.

    Raises:
        MissingPackage: the optional packages are not installed.
        CXRError: the function raised it, Ray cannot be used, or the process of a call ended each
            time.
    """
    workers = spreading.workers
    with running_ray(workers, address=spreading.address, shared_bytes=shared_bytes):
        import ray

        gpus = ray.cluster_resources().get("GPU")  # type: ignore[no-untyped-call]
        task = ray.remote(_call).options(
            num_cpus=1, num_gpus=1 if gpus else 0, max_retries=_RETRIES
        )
        sent = [ray.put(value) for value in (os.getcwd(), function, *shared)]
        waiting = iter(calls)
        running = [task.remote(*sent, call) for call in islice(waiting, workers)]
        while running:
            (ended,), running = ray.wait(running)
            try:
                yield ray.get(ended)
            except ray.exceptions.RayError as error:
                raise own_error(error) from error
            running += [task.remote(*sent, call) for call in islice(waiting, 1)]


def _call(folder: str, function: Callable[..., Any], *arguments: Any) -> Any:
    os.chdir(folder)
    return function(*arguments)


def own_error(error: Exception) -> Exception:
    """What to raise instead of Ray's error: what the process raised, or ours if it ended."""
    import ray

    if isinstance(error, ray.exceptions.RayTaskError):
        cause = error.cause
        return cause if isinstance(cause, CXRError) else error
    return CXRError(
        f"Ray or one of its processes ended ({first_line(error)}). To go on, run the same command "
        "again."
    )
