"""IAM, where permissions are enforced: the resource that each ECS call is about, and its tags.

The emulator takes most ECS calls to be about their cluster, and sees no tags of ECS and ECR resources, so that a policy
on services, written as AWS wants it, would refuse what it allows. The resource types of each action:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
"""

import json

import hooks
from ministack.core import iam_actions
from ministack.services import tagging

_SERVICE_ACTIONS = frozenset({
    "CreateService", "DeleteService", "DescribeServices", "UpdateService", "ListServiceDeployments", "CreateTaskSet",
    "DeleteTaskSet", "DescribeTaskSets", "UpdateTaskSet", "UpdateServicePrimaryTaskSet",
})
_TASK_ACTIONS = frozenset({"DescribeTasks", "ExecuteCommand", "GetTaskProtection", "StopTask", "UpdateTaskProtection"})
_TAG_ACTIONS = frozenset({"ListTagsForResource", "TagResource", "UntagResource"})
_START_ACTIONS = frozenset({"RunTask", "StartTask"})
_UNBOUND_ACTIONS = frozenset({
    "DeregisterTaskDefinition", "DescribeTaskDefinition", "ListClusters", "ListServices", "ListTaskDefinitionFamilies",
    "ListTaskDefinitions",
})


def install():
    """Hook the function that finds the resource of a call."""
    hooks.function(iam_actions, "_action_from_target", ("headers",))
    collectors = hooks.attribute(tagging, "_RESOURCE_TAG_COLLECTORS")
    collectors["ecs"] = hooks.function(tagging, "_collect_ecs", ())
    collectors["ecr"] = hooks.function(tagging, "_collect_ecr", ())
    hooks.wrap(iam_actions, "extract_resource_arn",
               ("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
               extract_resource_arn)


def extract_resource_arn(original, service, method, path, headers, body, query_params, region, account_id):
    """The ARN that a policy must allow for the call."""
    given = (service, method, path, headers, body, query_params, region, account_id)
    if service != "ecs":
        return original(*given)
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return original(*given)
    action = iam_actions._action_from_target(headers)
    resource = _resource(action, request) if isinstance(request, dict) else None
    if resource is None:
        return original(*given)
    return resource if resource.startswith("arn:") or resource == "*" else f"arn:aws:ecs:{region}:{account_id}:{resource}"


def _resource(action, request):
    """The resource, as an ARN or the end of one; None for an action that the emulator knows well enough."""
    cluster = request.get("cluster", "default").rsplit("/", 1)[-1]
    if action in _UNBOUND_ACTIONS:
        return "*"
    if action in _SERVICE_ACTIONS:
        named = request.get("serviceName") or request.get("service") or (request.get("services") or [""])[0]
        return _arn(named, f"service/{cluster}")
    if action in _TASK_ACTIONS:
        return _arn(request.get("task") or (request.get("tasks") or [""])[0], f"task/{cluster}")
    if action in _TAG_ACTIONS:
        return request.get("resourceArn", "*")
    if action in _START_ACTIONS:
        return _arn(request.get("taskDefinition", ""), "task-definition")
    if action == "RegisterTaskDefinition":
        return f"task-definition/{request.get('family', '')}:*"
    if action == "ListTasks":
        return f"container-instance/{cluster}/*"
    return None


def _arn(name, kind):
    return name if name.startswith("arn:") else f"{kind}/{name}"
