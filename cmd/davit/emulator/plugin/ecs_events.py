"""ECS: the events of deployments, services and tasks, and the words that AWS uses in them.

Deployments: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
Services:    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
Tasks:       https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html

The events follow the emulator's records rather than its calls: where every change of a record passes, what the record
says is compared with what was last published of it. So each state is published once, whatever path led to it, and in
order.
"""

import copy
import datetime
import threading
import time

import containers
import events
import hooks
from ministack.core.arn import parse_arn
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs, ecs_metadata

IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"

# The scheduler's own reasons for stopping a task. The emulator marks these stops as the user's.
_SCHEDULER_REASONS = frozenset({
    "Deployment completed", "Service scaling down", "Task definition updated", "Deployment capacity limit",
    "Service deleted",
})
# Consecutive failed starts after which a service is said to start its tasks badly, once each.
_IMPAIRED_STARTS = 3
# Seconds between two starts of a task that always fails, at most.
_LONGEST_PAUSE = 60

_published = threading.RLock()


def install():
    """Hook what changes a deployment, a service or a task."""
    for name in ("_services", "_tasks", "_task_defs"):
        hooks.attribute(ecs, name)
    hooks.function(ecs, "_primary_deployment", ("svc",))
    hooks.function(ecs, "_deployment_for_task", ("svc", "task"))
    hooks.function(ecs, "_sanitize", ("obj",))
    hooks.function(ecs, "_resolve_td_key", ("ref",))
    hooks.function(ecs, "_cluster_name_from_arn", ("arn",))
    hooks.wrap(ecs, "_make_deployment", ("task_definition", "desired_count", "status"), make_deployment)
    hooks.wrap(ecs, "_record_service_task_failure", ("task", "digest_resolution_failed"), record_service_task_failure)
    hooks.wrap(ecs, "_refresh_service_state", ("cluster_name", "group"), refresh_service_state)
    hooks.wrap(ecs, "_run_task", ("data",), run_task)
    hooks.wrap(ecs, "_mark_task_stopped", ("task_arn", "task", "reason", "stop_code", "exit_code"), mark_task_stopped)
    hooks.wrap(ecs_metadata, "set_task_status", ("task_arn", "known_status", "desired_status"), set_task_status)


def make_deployment(original, task_definition, desired_count, status="PRIMARY"):
    """A new deployment, in progress.

    The emulator calls a service's first deployment completed before any task of it runs. AWS completes it when the
    service is steady.
    """
    deployment = original(task_definition, desired_count, status)
    deployment["rolloutState"] = IN_PROGRESS
    deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
    return deployment


def record_service_task_failure(original, task, digest_resolution_failed=False):
    """A task that failed may fail its deployment, and start a rollback; else it is replaced, ever more slowly.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html
    AWS slows down for tasks that never run. Here those that end as soon as they run count as well: without AWS's
    minutes of preparation they would keep a machine busy.
    """
    svc_key = _service_key(task)
    failed_starts = _count_failed_start(svc_key)
    if failed_starts <= _IMPAIRED_STARTS or _is_judged(svc_key):
        original(task, digest_resolution_failed)
        return
    account, region = get_account_id(), get_region()
    pause = min(2 ** (failed_starts - _IMPAIRED_STARTS - 1), _LONGEST_PAUSE)

    def replace_later():
        time.sleep(pause)
        with request_scope(account, region):
            original(task, digest_resolution_failed)

    # The caller may be a request that only looks at the task.
    spawn_background(replace_later, thread_name="davit-ecs-throttle")


def refresh_service_state(original, cluster_name, group):
    """Every change of a service ends here: its deployments may have started or ended, and it may have become steady."""
    original(cluster_name, group)
    if group and group.startswith("service:"):
        publish_service(f"{cluster_name}/{group.split(':', 1)[1]}")


def run_task(original, data):
    """RunTask, also the scheduler's own: publish the new tasks.

    As on AWS, a service's task is started by its deployment, by ID, where the emulator says the service's name; and a
    task of no group belongs to its family.
    """
    data = dict(data)
    if data.get("_deploymentId"):
        data["startedBy"] = data["_deploymentId"]
    definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", "")))
    if definition and not data.get("group"):
        data["group"] = f"family:{definition['family']}"
    response = original(data)
    if response[0] == 200:
        for created in ecs.json.loads(response[2])["tasks"]:
            publish_task(created["taskArn"])
    return response


def mark_task_stopped(original, task_arn, task, reason, stop_code, exit_code=None):
    """Stop a task with AWS's code and reason.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
    if reason in _SCHEDULER_REASONS and task.get("group", "").startswith("service:"):
        reason = f"Scaling activity initiated by (deployment {task.get('_deployment_id')})"
        stop_code = "ServiceSchedulerInitiated"
    if stop_code == "EssentialContainerExited":
        reason = "Essential container in task exited"
        containers.tell_out_of_memory(task)
    return original(task_arn, task, reason, stop_code, exit_code)


def set_task_status(original, task_arn, known_status=None, desired_status=None):
    """Every change of a task's status passes here, after its record changed and before what follows from it."""
    original(task_arn, known_status, desired_status)
    publish_task(task_arn)


# Deployments and services.


def publish_service(svc_key):
    """Publish the states of the service's deployments, and its steadiness, that were not published yet."""
    service = ecs._services.get(svc_key)
    if not service:
        return
    with _published:
        # Oldest first: a rollback's failure precedes the rollback.
        deployments = sorted(service.get("deployments", []), key=lambda deployment: deployment["createdAt"])
        for deployment in sorted(deployments, key=lambda deployment: deployment.get("rolloutState") != FAILED):
            _publish_deployment(service, deployment)
        _publish_steadiness(service)


def _publish_deployment(service, deployment):
    state, last = deployment.get("rolloutState"), deployment.get("_published_state")
    if state == last:
        return
    rollback = last == COMPLETED or deployment.get("_rolling_back", False)
    if state != IN_PROGRESS and last != IN_PROGRESS:
        # Started and ended between two looks, as every deployment does without Docker.
        _publish_deployment_state(service, deployment, IN_PROGRESS, _reason(service, deployment, IN_PROGRESS, rollback))
    deployment["_published_state"] = state
    deployment["_rolling_back"] = rollback and state == IN_PROGRESS
    deployment["rolloutStateReason"] = _reason(service, deployment, state, rollback)
    _publish_deployment_state(service, deployment, state, deployment["rolloutStateReason"])


def _publish_deployment_state(service, deployment, state, reason):
    events.publish("aws.ecs", "ECS Deployment State Change", [service["serviceArn"]], {
        "eventType": "ERROR" if state == FAILED else "INFO",
        "eventName": f"SERVICE_DEPLOYMENT_{state}",
        "deploymentId": deployment["id"],
        "updatedAt": _timestamp(deployment["updatedAt"]),
        "reason": reason,
    })


def _reason(service, deployment, state, rollback):
    if state == FAILED:
        return "ECS deployment circuit breaker: tasks failed to start."
    if state == COMPLETED:
        return f"ECS deployment {deployment['id']} completed."
    if rollback:
        return f"ECS deployment circuit breaker: rolling back to deploymentId {deployment['id']}."
    return f"ECS deployment {deployment['id']} in progress."


def _publish_steadiness(service):
    """SERVICE_STEADY_STATE when the service has become steady: all tasks it should have, none of an old deployment."""
    primary = ecs._primary_deployment(service)
    steady = bool(
        service.get("status") == "ACTIVE" and primary and primary.get("rolloutState") == COMPLETED
        and service.get("runningCount", 0) == service.get("desiredCount", 0) == primary.get("runningCount", 0)
        and not service.get("pendingCount", 0))
    if steady and not service.get("_published_steady"):
        service["_failed_starts"] = 0
        _publish_service_action(service, "INFO", "SERVICE_STEADY_STATE")
    service["_published_steady"] = steady


def _count_failed_start(svc_key):
    """SERVICE_TASK_START_IMPAIRED when tasks of the service failed again and again without a steady moment."""
    service = ecs._services.get(svc_key)
    if not service:
        return 0
    with _published:
        service["_failed_starts"] = service.get("_failed_starts", 0) + 1
        if service["_failed_starts"] == _IMPAIRED_STARTS:
            _publish_service_action(service, "WARN", "SERVICE_TASK_START_IMPAIRED")
        return service["_failed_starts"]


def _is_judged(svc_key):
    """Whether the circuit breaker counts the failures of a deployment in progress: it must not wait for them."""
    service = ecs._services.get(svc_key) or {}
    breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    primary = ecs._primary_deployment(service) or {}
    return bool(breaker.get("enable")) and primary.get("rolloutState") == IN_PROGRESS


def _publish_service_action(service, event_type, name):
    events.publish("aws.ecs", "ECS Service Action", [service["serviceArn"]], {
        "eventType": event_type,
        "eventName": name,
        "clusterArn": service["clusterArn"],
        "createdAt": events.iso_milliseconds(),
    })


# Tasks.

_TASK_FIELDS = (
    "attachments", "availabilityZone", "capacityProviderName", "clusterArn", "connectivity", "connectivityAt",
    "containerInstanceArn", "containers", "cpu", "createdAt", "desiredStatus", "enableExecuteCommand",
    "ephemeralStorage", "executionStoppedAt", "group", "lastStatus", "launchType", "memory", "overrides",
    "platformFamily", "platformVersion", "pullStartedAt", "pullStoppedAt", "startedAt", "startedBy", "stopCode",
    "stoppedAt", "stoppedReason", "stoppingAt", "taskArn", "taskDefinitionArn", "version",
)
_CONTAINER_FIELDS = (
    "containerArn", "cpu", "exitCode", "image", "imageDigest", "lastStatus", "memory", "name", "networkBindings",
    "networkInterfaces", "reason", "runtimeId", "taskArn",
)
_TIME_FIELDS = frozenset({
    "connectivityAt", "createdAt", "executionStoppedAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppedAt",
    "stoppingAt",
})


def publish_task(task_arn):
    """Publish the changes of the task, counted by its version, that were not published yet."""
    place = parse_arn(task_arn)
    task = ecs._tasks.get_scoped(place.account_id, place.region, task_arn)
    if task is None:
        return
    with _published:
        seen, version = task.get("_published_version", 0), task["version"]
        if version <= seen:
            return
        for change in _changes(task, seen):
            events.publish("aws.ecs", "ECS Task State Change", [task_arn], _task_detail(change))
        task["_published_version"] = version
        task["_published_status"] = task["lastStatus"]


def _changes(task, seen):
    """The task after each change since version ``seen``, oldest first, the last as it is now.

    Two changes can pass before they can be seen: a task is pending as soon as it is placed, and it stops by way of
    its desired status and DEPROVISIONING.
    """
    now = copy.deepcopy(task)
    if seen == 0 and now["version"] > 1 and now["lastStatus"] != "STOPPED":
        yield {**now, "version": 1, "lastStatus": "PROVISIONING"}
    if now["lastStatus"] == "STOPPED" and seen and now["version"] - seen == 3:
        asked = {**now, "version": seen + 1, "lastStatus": now.get("_published_status", "RUNNING")}
        for field in ("stoppedAt", "executionStoppedAt"):
            asked[field] = None
        yield asked
        yield {**now, "version": seen + 2, "lastStatus": "DEPROVISIONING", "stoppedAt": None}
    yield now


def _task_detail(task):
    """The task as DescribeTasks answers it, with times as text, without health."""
    detail = {}
    for field in _TASK_FIELDS:
        value = task.get(field)
        if value is None or value == "":
            continue
        detail[field] = _timestamp(value) if field in _TIME_FIELDS else ecs._sanitize(value)
    detail["containers"] = [_container_detail(container) for container in task.get("containers", [])]
    detail["attachments"] = [
        {**attachment, "type": "eni"} for attachment in task.get("attachments") or []
    ]
    if task.get("launchType") == "FARGATE":
        detail.pop("containerInstanceArn", None)
    detail["updatedAt"] = events.iso_milliseconds()
    return detail


def _container_detail(container):
    found = {field: container[field] for field in _CONTAINER_FIELDS if container.get(field) is not None}
    return ecs._sanitize(found)


def _service_key(task):
    cluster = ecs._cluster_name_from_arn(task.get("clusterArn", ""))
    return f"{cluster}/{task.get('group', '').removeprefix('service:')}"


def _timestamp(value):
    """A time of an emulator record, text or seconds, as events write it."""
    if isinstance(value, str):
        return events.iso_milliseconds(datetime.datetime.fromisoformat(value.replace("Z", "+00:00")))
    return events.iso_milliseconds(datetime.datetime.fromtimestamp(value, datetime.timezone.utc))
