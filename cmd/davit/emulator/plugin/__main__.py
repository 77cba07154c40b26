"""The local cloud: the MiniStack emulator with what AWS does and it does not, in one process.

Everything is added before the emulator serves its first request. A hook that no longer fits ends the process.
"""

import gc
import os
import signal
import stat
import sys
import threading

# What is imported stays, and looking through it for garbage is a sixth of the start.
gc.disable()

import alarm_events
import application_autoscaling
import archives
import callers
import cloudformation
import clusters
import connections
import containers
import deliveries
import ecs_events
import ecs_times
import endings
import events
import hooks
import hosts
import permissions
import registry
import task_definitions
from hypercorn.config import Config
from ministack import app

# Seconds that open connections may hold up the end of the process: the calls of a local cloud are short.
_GRACE = 0.2


def main():
    """Install all hooks, then serve until the process is told to stop."""
    try:
        for module in (events, hosts, registry, task_definitions, containers, endings, ecs_events, ecs_times, alarm_events,
                       cloudformation, application_autoscaling, clusters, callers, deliveries, permissions, connections, archives):
            module.install()
    except hooks.HookError as error:
        sys.exit(f"davit: this emulator does not fit its plugin: {error}")
    hooks.attribute(Config, "graceful_timeout")
    Config.graceful_timeout = _GRACE
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_end_with_caller, daemon=True, name="davit-leash").start()
    gc.freeze()
    gc.enable()
    app.main()


def _end_with_caller():
    """End this process when the one that holds the other end of its standard input has ended."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
