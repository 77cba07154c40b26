"""ECS containers on an engine that is not AWS: where images come from, and which platform they run on.

A name of a private ECR registry is pulled from this emulator's registry. Any other image that the engine has already
is used as it is, so that a machine without a network starts it at once.
"""

import copy
import logging
import os
import platform
import re

import hooks
from ministack.core.concurrency import resource_lock
from ministack.services import ecs

logger = logging.getLogger("davit.containers")

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_ECR_IMAGE = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<name>.+)$")

_HOST_PLATFORMS = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}

_said = set()


def install():
    """Hook what prepares and starts the containers of a task."""
    hooks.function(ecs, "_cluster_name_from_arn", ("arn",))
    hooks.function(ecs, "_get_docker", ())
    hooks.wrap(ecs, "_start_task_worker", ("task", "td", "container_overrides", "docker_client"), start_task_worker)
    hooks.wrap(ecs, "_prepare_service_images", ("task", "td", "docker_client"), prepare_service_images)
    hooks.wrap(ecs, "_run_docker_container",
               ("docker_client", "cdef", "run_kwargs", "refresh_image", "allow_cached", "cache_image",
                "fallback_image", "auth_config"), run_docker_container)


def start_task_worker(original, task, td, container_overrides, docker_client):
    """Start the task's containers from the local registry.

    The task's own record, which DescribeTasks answers, keeps the names it was given.
    """
    mapped = copy.deepcopy(td)
    for definition in mapped.get("containerDefinitions", []):
        # A container may use what the task has, unless it has a limit of its own.
        if not definition.get("memory") and str(td.get("memory") or "").isdigit():
            definition["memory"] = int(td["memory"])
        definition["image"] = local_image(definition["image"])
        if not _of_local_registry(definition["image"]) and _in_engine(docker_client, definition["image"]):
            # Its digest stands in no registry that could be asked.
            definition["versionConsistency"] = "disabled"
    return original(task, mapped, container_overrides, docker_client)


def prepare_service_images(original, task, td, docker_client):
    """Resolve digests; where no image of the task can have one, release the deployment's other tasks at once."""
    deployment = original(task, td, docker_client)
    if deployment is None:
        return None
    definitions = td.get("containerDefinitions", [])
    if all(definition.get("versionConsistency") == "disabled" for definition in definitions):
        with resource_lock("ecs-service", _service_key(task)):
            deployment["_image_resolution_disabled"] = True
    return deployment


def run_docker_container(original, docker_client, cdef, run_kwargs, *, refresh_image=False, allow_cached=True,
                         cache_image=None, fallback_image=None, auth_config=None):
    """Run one container without needless pulls and platform checks."""
    image = cdef["image"]
    local = _of_local_registry(image)
    if run_kwargs.get("platform") == _HOST_PLATFORMS.get(platform.machine()):
        # The emulator waits to see whether a container for a named platform dies; the engine's own cannot.
        run_kwargs.pop("platform")
    if cdef.get("memory"):
        # Without swap beyond it, as on AWS: a container that needs more is ended.
        run_kwargs.setdefault("mem_limit", f"{cdef['memory']}m")
        run_kwargs.setdefault("memswap_limit", f"{cdef['memory']}m")
    _tell_of_ports(docker_client, run_kwargs)
    return original(
        docker_client, cdef, run_kwargs, allow_cached=allow_cached, cache_image=cache_image,
        fallback_image=fallback_image, auth_config=auth_config,
        # A task outside a service is not refreshed by the emulator; the engine may have an older image by the name.
        refresh_image=local or (refresh_image and not _in_engine(docker_client, image)))


def tell_out_of_memory(task):
    """Give each container that the kernel ended for want of memory the reason that AWS gives.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
    client = ecs._get_docker()
    for container in task.get("containers", []):
        if not client or not container.get("runtimeId") or container.get("reason"):
            continue
        try:
            state = client.containers.get(container["runtimeId"]).attrs.get("State", {})
        except Exception:  # it is gone already, and nobody can tell any more
            continue
        if state.get("OOMKilled"):
            container["reason"] = "OutOfMemoryError: Container killed due to memory usage"


def local_image(image):
    """The name by which the engine reaches the image: in the local registry for a name of private ECR, else the same.

    Engines trust registries on 127.0.0.0/8 without TLS.
    """
    found = _ECR_IMAGE.match(image)
    return f"{_registry()}/{found['name']}" if found else image


def _registry():
    return f"127.0.0.1:{os.environ['GATEWAY_PORT']}"


def _of_local_registry(image):
    return image.startswith((f"{_registry()}/", f"localhost:{os.environ['GATEWAY_PORT']}/"))


def _in_engine(docker_client, image):
    from docker.errors import ImageNotFound

    try:
        docker_client.images.get(image)
    except ImageNotFound:
        return False
    return True


def _tell_of_ports(docker_client, run_kwargs):
    """Say it once where the engine takes published ports and does not publish them."""
    if not run_kwargs.get("ports") or run_kwargs.get("network") or run_kwargs.get("network_mode"):
        return
    if not any(network.attrs.get("Driver") == "bridge" for network in docker_client.networks.list()):
        _say("The Docker engine has no bridge network: containers run without one, and no port is published.")


def _say(message):
    if message not in _said:
        _said.add(message)
        logger.warning(message)


def _service_key(task):
    cluster = ecs._cluster_name_from_arn(task.get("clusterArn", ""))
    return f"{cluster}/{task.get('group', '').removeprefix('service:')}"
