"""IAM, where permissions are enforced: what each call is about, as AWS judges it.

The emulator judges a call as one action on one resource. Where AWS asks for another resource, for several, for another
action, or for a condition key that the emulator does not know, this says so; a policy written for AWS would otherwise
be refused here, or allow here what it does not allow there. The actions, resource types and condition keys of each
service: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import contextvars
import dataclasses
import functools
import json

import hooks
import hosts
from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, kms, tagging

_SERVICE_ACTIONS = frozenset({
    "CreateService", "DeleteService", "DescribeServices", "UpdateService", "ListServiceDeployments", "CreateTaskSet",
    "DeleteTaskSet", "DescribeTaskSets", "UpdateTaskSet", "UpdateServicePrimaryTaskSet",
})
_TASK_ACTIONS = frozenset({"DescribeTasks", "ExecuteCommand", "GetTaskProtection", "StopTask", "UpdateTaskProtection"})
_TAG_ACTIONS = frozenset({"ListTagsForResource", "TagResource", "UntagResource"})
_START_ACTIONS = frozenset({"RunTask", "StartTask"})
_DEFINITION_ACTIONS = frozenset({
    "DeregisterTaskDefinition", "DescribeTaskDefinition", "ListTaskDefinitionFamilies", "ListTaskDefinitions",
})
_UNBOUND_ACTIONS = _DEFINITION_ACTIONS | {"ListClusters", "ListServices"}
# The actions without a cluster: of task definitions, of tags, of clusters themselves.
_OUTSIDE_CLUSTERS = _DEFINITION_ACTIONS | _TAG_ACTIONS | {
    "CreateCluster", "DescribeCapacityProviders", "DescribeClusters", "ListClusters", "RegisterTaskDefinition"}
_PASSING_ACTIONS = frozenset({"RegisterTaskDefinition"}) | _START_ACTIONS
_CREATING_ACTIONS = frozenset({"CreateCluster", "CreateService", "RegisterTaskDefinition"}) | _START_ACTIONS

# Calls that are no actions of IAM of their own.
_ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}

_PATHS = {"role": "_roles", "user": "_users", "group": "_groups"}


@dataclasses.dataclass(frozen=True)
class Check:
    """One permission that a call needs; an empty action is the call's own."""

    resource: str
    action: str = ""
    context: dict = dataclasses.field(default_factory=dict)


# What the call that is being judged needs, from finding its resource to judging it.
_needed = contextvars.ContextVar("davit_needed_permissions", default=())
# The permission for which the call was refused, from judging it to the answer.
_refused = contextvars.ContextVar("davit_refused_permission", default=None)


def install():
    """Hook the functions that find the action and the resource of a call, judge it, and word its refusal."""
    hooks.function(iam_actions, "_action_from_target", ("headers",))
    hooks.function(iam_actions, "_query_param", ("query_params", "key"))
    hooks.function(iam_actions, "identity_denial_message", ("action", "principal_arn", "resource", "explicit_deny"))
    for store in _PATHS.values():
        hooks.attribute(iam, store)
    hooks.function(kms, "_resolve_key", ("key_id_or_arn",))
    hooks.attribute(kms, "_aliases")
    collectors = hooks.attribute(tagging, "_RESOURCE_TAG_COLLECTORS")
    collectors["ecs"] = hosts.collect_ecs
    collectors["ec2"], collectors["autoscaling"] = hosts.collect_ec2, hosts.collect_groups
    collectors["ecr"] = hooks.function(tagging, "_collect_ecr", ())
    hooks.wrap(iam_actions, "extract_iam_action", ("service", "method", "path", "headers", "body", "query_params"),
               extract_iam_action)
    hooks.wrap(iam_actions, "extract_resource_arn",
               ("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
               extract_resource_arn)
    hooks.wrap(iam_evaluator, "enforce",
               ("access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"), enforce)
    hooks.wrap(iam_evaluator, "parse_policy_document", ("doc",), parse_policy_document)
    hooks.wrap(iam_actions, "access_denied_response",
               ("service", "action", "principal_arn", "request_id", "error_code", "message", "headers",
                "resource_arn", "explicit_deny", "resource_policy_arn"), access_denied_response)


def extract_iam_action(original, *call):
    """The action that a policy must allow for the call."""
    action = original(*call)
    return _ACTIONS.get(action, action)


def extract_resource_arn(original, service, method, path, headers, body, query_params, region, account_id):
    """The ARN that a policy must allow for the call; the others are kept for enforce."""
    known = original(service, method, path, headers, body, query_params, region, account_id)
    action, prefix = iam_actions._action_from_target(headers), f"arn:aws:{service}:{region}:{account_id}:"
    if service == "iam":
        needed = [Check(_with_path(known, query_params))]
    elif service == "ecs":
        needed = _of_ecs(action, _request(body), prefix, known)
    elif service == "ssm":
        needed = _of_systems_manager(action, _request(body), prefix)
    elif service == "autoscaling":
        needed = _of_groups(query_params)
    elif service == "ec2":
        needed = _of_ec2(query_params, prefix)
    elif service == "logs":
        needed = _of_logs(action, _request(body), prefix)
    elif service == "kms":
        needed = _of_key(known)
    else:
        needed = []
    _refused.set(None)
    _needed.set(tuple(needed))
    # The emulator finds the tags of a log group by the ARN of its own.
    return needed[0].resource if needed and service != "logs" else known


def enforce(original, access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    """Judge all that the call needs; the first refusal is the call's."""
    needed = _needed.get() or (Check(resource_arn),)
    _needed.set(())
    for check in needed:
        denied = original(access_key_id, check.action or iam_action, service, region, resource_arn=check.resource,
                          service_context={**(service_context or {}), **check.context})
        if denied:
            _refused.set(check)
            return denied
    return None


def parse_policy_document(original, doc):
    """The statements of a policy, which are read for every call: the text is taken apart once."""
    return _parsed(original, doc) if isinstance(doc, str) else original(doc)


@functools.lru_cache(maxsize=256)
def _parsed(parse, text):
    return parse(text)


def access_denied_response(original, service, action, principal_arn, request_id, **details):
    """The refusal, which names the permission that is missing."""
    refused = _refused.get()
    _refused.set(None)
    if refused is None or details.get("error_code"):
        return original(service, action, principal_arn, request_id, **details)
    details["resource_arn"], action = refused.resource, refused.action or action
    if not details.get("resource_policy_arn"):
        details["message"] = iam_actions.identity_denial_message(
            action, principal_arn, refused.resource, details.get("explicit_deny", False))
    return original(service, action, principal_arn, request_id, **details)


def _request(body):
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def _with_path(arn, query_params):
    """The ARN of a role, user or group with its path, which the request names only when it makes one."""
    prefix, _, resource = arn.rpartition(":")
    kind, _, name = resource.partition("/")
    if kind not in _PATHS or not name:
        return arn
    record = getattr(iam, _PATHS[kind]).get(name)
    if record:
        return record["Arn"]
    return f"{prefix}:{kind}{iam_actions._query_param(query_params, 'Path') or '/'}{name}"


def _of_groups(query_params):
    """The group of the instance that is to end, which the call does not name; none for another call."""
    if iam_actions._query_param(query_params, "Action") != "TerminateInstanceInAutoScalingGroup":
        return []
    return [Check(hosts.group_arn(hosts.group_of(iam_actions._query_param(query_params, "InstanceId"))))]


def _of_ec2(query_params, prefix):
    """What is tagged, and what reads know no resource of; none for another call."""
    action = iam_actions._query_param(query_params, "Action") or ""
    if action.startswith("Describe"):
        return [Check("*")]
    if action == "CreateVolume":
        tagged = {f"aws:RequestTag/{key}": iam_actions._query_param(query_params, f"TagSpecification.1.Tag.{number}.Value") or ""
                  for number in range(1, 51)
                  if (key := iam_actions._query_param(query_params, f"TagSpecification.1.Tag.{number}.Key"))}
        made = [Check(f"{prefix}volume/*", context=tagged)]
        if tagged:
            made.append(Check(f"{prefix}volume/*", "ec2:CreateTags", {"ec2:CreateAction": "CreateVolume"}))
        snapshot = iam_actions._query_param(query_params, "SnapshotId")
        return [Check(hosts.ec2_arn(snapshot)), *made] if snapshot else made
    if action not in ("CreateTags", "DeleteTags"):
        return []
    keys = [key for number in range(1, 51) if (key := iam_actions._query_param(query_params, f"Tag.{number}.Key"))]
    return [Check(hosts.ec2_arn(iam_actions._query_param(query_params, "ResourceId.1") or ""), context={"aws:TagKeys": keys})]


def _of_systems_manager(action, request, prefix):
    """A command's document and each of its hosts; one permission for each parameter of a call that names several."""
    if action == "SendCommand":
        return [Check(f"{prefix}document/{request.get('DocumentName', '')}")] + [
            Check(f"{prefix.replace(':ssm:', ':ec2:')}instance/{instance}") for instance in request.get("InstanceIds") or []]
    names = request.get("Names")
    if not isinstance(names, list):
        return []
    return [Check(_parameter(name, prefix)) for name in names if isinstance(name, str)]


def _parameter(name, prefix):
    """The ARN of a parameter that is given by its name, with or without a version or label, or by its ARN."""
    if name.startswith("arn:"):
        return name
    return f"{prefix}parameter/{name.split(':', 1)[0].lstrip('/')}"


def _of_logs(action, request, prefix):
    """A log group's actions are judged on its streams: the ARN ends in ":*" in policies, but for the tagging actions.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    name = request.get("logGroupName", "")
    if action in _TAG_ACTIONS or not (name or action == "DescribeLogGroups"):
        return []
    return [Check(f"{prefix}log-group:{name}:log-stream:{request.get('logStreamName', '')}")]


def _of_key(known):
    """A key is judged by its own ARN, however the call names it, and by all of its aliases.

    https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    key = kms._resolve_key(known) if known.startswith("arn:") else None
    if key is None:
        return []
    aliases = [arn.split(":", 5)[5] for arn, target in kms._aliases.items() if target == key["KeyId"]]
    return [Check(key["Arn"], context={"kms:ResourceAliases": aliases})]


def _of_ecs(action, request, prefix, known):
    """The call's own resources, then the tags of what it makes, then the roles it hands on."""
    cluster = _name(request.get("cluster") or "default")
    context = {} if action in _OUTSIDE_CLUSTERS else {"ecs:cluster": f"{prefix}cluster/{cluster}"}
    resources = [_full(resource, prefix) for resource in _ecs_resources(action, request, cluster)] or [known]
    needed = [Check(resource, context=context) for resource in resources]
    if action in _CREATING_ACTIONS and request.get("tags"):
        made = f"{prefix}task/{cluster}/*" if action in _START_ACTIONS else resources[0]
        needed.append(Check(made, "ecs:TagResource", {**context, "ecs:CreateAction": action}))
    for role in _passed_roles(action, request):
        needed.append(Check(role, "iam:PassRole", {"iam:PassedToService": "ecs-tasks.amazonaws.com"}))
    return needed


def _ecs_resources(action, request, cluster):
    """The resources, as ARNs or the ends of some; none for an action that the emulator knows well enough."""
    if action in _UNBOUND_ACTIONS:
        return ["*"]
    if action in _SERVICE_ACTIONS:
        named = request.get("services") or [request.get("serviceName") or request.get("service") or ""]
        return [_under(name, f"service/{cluster}") for name in named]
    if action in _TASK_ACTIONS:
        return [_under(task, f"task/{cluster}") for task in request.get("tasks") or [request.get("task") or ""]]
    if action in _TAG_ACTIONS:
        return [request.get("resourceArn", "*")]
    if action in _START_ACTIONS:
        return [_under(request.get("taskDefinition", ""), "task-definition")]
    if action == "RegisterTaskDefinition":
        return [f"task-definition/{request.get('family', '')}:*"]
    if action == "CreateCluster":
        return [f"cluster/{request.get('clusterName', 'default')}"]
    if action == "DescribeClusters":
        return [_under(name, "cluster") for name in request.get("clusters") or ["default"]]
    if action == "DescribeCapacityProviders":
        return [_under(name, "capacity-provider") for name in request.get("capacityProviders") or ["*"]]
    if action == "ListContainerInstances":
        return [f"cluster/{cluster}"]
    if action in ("DescribeContainerInstances", "UpdateContainerInstancesState"):
        return [_under(name, f"container-instance/{cluster}") for name in request.get("containerInstances") or [""]]
    if action == "ListTasks":
        return [f"container-instance/{cluster}/*"]
    return []


def _passed_roles(action, request):
    """The roles that the tasks will have. An unknown role is none to pass: the call itself refuses it."""
    if action not in _PASSING_ACTIONS:
        return []
    source = request if action == "RegisterTaskDefinition" else request.get("overrides") or {}
    return [source[field] for field in ("taskRoleArn", "executionRoleArn") if source.get(field)]


def _name(reference):
    return reference.rsplit("/", 1)[-1]


def _under(name, kind):
    return name if name.startswith("arn:") else f"{kind}/{name}"


def _full(resource, prefix):
    return resource if resource.startswith("arn:") or resource == "*" else prefix + resource
