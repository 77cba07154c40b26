"""Containers that ended, as the engine tells of them.

The emulator asks the engine ten times a second how each container of each task does. Many tasks keep a processor busy
by that alone, and calls wait behind it; here a container is asked only once the engine told that it ended.
"""

import logging
import threading
import time

import hooks
from ministack.services import ecs

logger = logging.getLogger("davit.endings")

# Seconds until the engine is asked again for its events after it hung up.
_AGAIN_AFTER = 1

_began = int(time.time())
_ended = set()
_connected = threading.Event()
_start = threading.Lock()


def install():
    """Hook the look at the containers of a task."""
    hooks.function(ecs, "_get_docker", ())
    hooks.wrap(ecs, "_maybe_mark_stopped", ("task", "docker_client"), maybe_mark_stopped)


def maybe_mark_stopped(original, task, docker_client=None):
    """Look at the task's containers if one of them ended, or while the engine's events cannot be read."""
    client = docker_client or ecs._get_docker()
    if client and _start.acquire(blocking=False):  # for good: one thread follows
        threading.Thread(target=_follow, args=(client,), daemon=True, name="davit-endings").start()
    if not _connected.is_set() or not _ended.isdisjoint(task.get("_docker_ids") or ()):
        original(task, docker_client)


def _follow(client):
    """Keep up with the engine's events. It repeats those since the start to whoever connects."""
    while True:
        try:
            told = client.events(since=_began, filters={"type": "container", "event": "die"}, decode=True)
            _connected.set()
            for event in told:
                _ended.add(event["Actor"]["ID"])
        except Exception as error:  # whatever it is, containers are asked meanwhile
            logger.warning("the engine's events cannot be read: %s", error)
        _connected.clear()
        time.sleep(_AGAIN_AFTER)
