"""Hosts: what the instances of an Auto Scaling group are, beside members of their group.

The emulator keeps them as entries of the group alone. On AWS they are instances of EC2 with the group's tags, reached by
Systems Manager, and container instances of the ECS cluster that has the group's capacity provider:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-draining.html
No machine runs behind any of them: tasks run on the Docker engine, and a command is done when it is sent.
"""

import re
import time

import events
import hooks
from ministack.core.concurrency import spawn_background
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, request_scope
from ministack.services import autoscaling, ec2, ecs, tagging
from ministack.services.cloudformation import provisioners

_ACTIVE, _DRAINING = "ACTIVE", "DRAINING"
_FILTER = re.compile(r"ec2InstanceId\s*==\s*(i-[0-9a-f]+)")
# EC2's resources by the beginnings of their IDs.
RESOURCES = {"i": "instance", "vol": "volume", "snap": "snapshot"}


def install():
    """Hook what changes the members of a group, and add the calls that the emulator lacks or answers with nothing."""
    hooks.function(ec2, "_launch_instances_internal",
                   ("image_id", "instance_type", "subnet_id", "count", "key_name", "user_data", "sg_ids",
                    "requested_private_ip", "iam_profile"))
    for module, names in ((ec2, ("_instances", "_tags", "_volumes", "_snapshots", "_launch_templates", "_DEFAULT_SUBNET_ID")),
                          (autoscaling, ("_asgs", "_ACTION_MAP")),
                          (ecs, ("_clusters", "_tasks", "_capacity_providers", "_ACTION_MAP")),
                          (tagging, ("_COLLECTORS",))):
        for name in names:
            hooks.attribute(module, name)
    hooks.function(ecs, "_stop_task", ("data",))
    hooks.function(ecs, "_reconcile_service_tasks", ("cluster_name", "svc_key"))
    hooks.function(ecs, "_resolve_cluster_name", ("ref",))
    hooks.function(ec2, "_terminate_instances", ("p",))
    hooks.wrap(autoscaling, "_reconcile_instances", ("asg",), reconcile_instances)
    hooks.wrap(autoscaling, "_delete_asg", ("p",), delete_group)
    hooks.wrap(provisioners, "_asg_create", ("logical_id", "props", "stack_name"), group_create)
    hooks.wrap(provisioners, "_asg_update", ("physical_id", "old_props", "new_props", "stack_name", "logical_id"), group_update)
    hooks.wrap(provisioners, "_asg_delete", ("physical_id", "props"), group_delete)
    hooks.wrap(ecs, "_run_task", ("data",), run_task)
    if "TerminateInstanceInAutoScalingGroup" in autoscaling._ACTION_MAP or "UpdateContainerInstancesState" in ecs._ACTION_MAP:
        raise hooks.HookError("hook hosts: the emulator has hosts of its own now; remove them from the plugin")
    autoscaling._ACTION_MAP["TerminateInstanceInAutoScalingGroup"] = terminate_in_group
    ecs._ACTION_MAP["StopTask"] = stop_task
    ecs._ACTION_MAP["ListContainerInstances"] = list_container_instances
    ecs._ACTION_MAP["DescribeContainerInstances"] = describe_container_instances
    ecs._ACTION_MAP["UpdateContainerInstancesState"] = update_container_instances_state
    hooks.function(tagging, "_collect_ecs", ())
    tagging._COLLECTORS["ec2"] = collect_ec2


# Members of a group.


def reconcile_instances(original, asg):
    """Bring the group to its desired capacity: start instances for its new members, end those of its former ones."""
    before = {member["InstanceId"] for member in asg["Instances"]}
    original(asg)
    for member in asg["Instances"]:
        if member["InstanceId"] not in ec2._instances:
            member["InstanceId"] = _launch(asg)
    _end(before - {member["InstanceId"] for member in asg["Instances"]})


def _launch(asg):
    template = (asg.get("LaunchTemplate") or {}).get("LaunchTemplateId", "")
    versions = (ec2._launch_templates.get(template) or {}).get("Versions") or [{}]
    data = versions[-1].get("LaunchTemplateData") or {}
    subnet = (asg.get("VPCZoneIdentifier") or "").split(",")[0] or ec2._DEFAULT_SUBNET_ID
    launched = ec2._launch_instances_internal(data.get("ImageId") or "ami-00000000", data.get("InstanceType") or "t3.medium", subnet, 1)[0]
    # Systems Manager's agent is part of the images that hosts are made of.
    launched["_ssm_managed"] = True
    ec2._tags[launched["InstanceId"]] = [{"Key": "aws:autoscaling:groupName", "Value": asg["AutoScalingGroupName"]}] + [
        {"Key": tag["Key"], "Value": tag["Value"]} for tag in asg.get("Tags") or [] if tag.get("PropagateAtLaunch")]
    return launched["InstanceId"]


def _end(instances):
    known = [instance for instance in instances if instance in ec2._instances]
    if known:
        ec2._terminate_instances({f"InstanceId.{number + 1}": instance for number, instance in enumerate(known)})


def _members(name):
    return [member["InstanceId"] for member in (autoscaling._asgs.get(name) or {}).get("Instances", [])]


def delete_group(original, p):
    """Delete the group, and end its instances with it."""
    members = _members(p.get("AutoScalingGroupName"))
    answer = original(p)
    if answer[0] == 200:
        _end(members)
    return answer


def group_create(original, logical_id, props, stack_name):
    """Make the group of a stack, with its instances."""
    name, attributes = original(logical_id, props, stack_name)
    _complete(name)
    return name, attributes


def group_update(original, physical_id, old_props, new_props, stack_name, logical_id=None):
    """Change the group of a stack, and the number of its instances with it."""
    name, attributes = original(physical_id, old_props, new_props, stack_name, logical_id)
    _complete(name)
    return name, attributes


def _complete(name):
    asg = autoscaling._asgs[name]
    asg.setdefault("NewInstancesProtectedFromScaleIn", False)
    autoscaling._reconcile_instances(asg)


def group_delete(original, physical_id, props):
    """Delete the group of a stack, and end its instances with it."""
    members = _members(physical_id)
    original(physical_id, props)
    _end(members)


def terminate_in_group(p):
    """End one member; unless the desired capacity goes down with it, another one takes its place."""
    wanted = p.get("InstanceId", "")
    asg = next((asg for asg in autoscaling._asgs.values() if wanted in [member["InstanceId"] for member in asg["Instances"]]), None)
    if asg is None:
        return autoscaling._error("ValidationError", f"Instance Id not found - No managed instance found for instance ID: {wanted}")
    asg["Instances"] = [member for member in asg["Instances"] if member["InstanceId"] != wanted]
    if p.get("ShouldDecrementDesiredCapacity") == "true":
        asg["DesiredCapacity"] -= 1
    _end([wanted])
    autoscaling._reconcile_instances(asg)
    return autoscaling._xml(200, "TerminateInstanceInAutoScalingGroupResponse", "<TerminateInstanceInAutoScalingGroupResult>"
                            f"<Activity><ActivityId>{wanted}</ActivityId><AutoScalingGroupName>{asg['AutoScalingGroupName']}"
                            "</AutoScalingGroupName><Cause>A user asked for it.</Cause><StatusCode>InProgress</StatusCode>"
                            f"<StartTime>{autoscaling.now_iso()}</StartTime></Activity></TerminateInstanceInAutoScalingGroupResult>")


# Container instances. The agent on a host registers it with its cluster; here it has done so when the host has started.


def _hosts(cluster):
    """The members, as entries of their groups, of the groups behind the cluster's capacity providers."""
    record = ecs._clusters.get(cluster) or {}
    for name in record.get("capacityProviders", []):
        provider = (ecs._capacity_providers.get(name) or {}).get("autoScalingGroupProvider") or {}
        group = provider.get("autoScalingGroupArn", "").rsplit("autoScalingGroupName/", 1)[-1]
        for member in (autoscaling._asgs.get(group) or {}).get("Instances", []):
            if "_container_instance" not in member:
                arn = f"arn:aws:ecs:{get_region()}:{get_account_id()}:container-instance/{cluster}/{member['InstanceId'][2:].ljust(32, '0')}"
                member["_container_instance"] = {"arn": arn, "status": _ACTIVE, "version": 1, "provider": name, "since": time.time()}
            yield member


def _tasks_on(arn):
    return [task for task in ecs._tasks.values() if task.get("containerInstanceArn") == arn and task["lastStatus"] != "STOPPED"]


def _described(cluster, member):
    known = member["_container_instance"]
    tasks = _tasks_on(known["arn"])
    running = len([task for task in tasks if task["lastStatus"] == "RUNNING"])
    return {"containerInstanceArn": known["arn"], "ec2InstanceId": member["InstanceId"], "capacityProviderName": known["provider"],
            "status": known["status"], "version": known["version"], "agentConnected": True, "registeredAt": known["since"],
            "runningTasksCount": running, "pendingTasksCount": len(tasks) - running, "tags": [
                {"key": tag["Key"], "value": tag["Value"]} for tag in ec2._tags.get(member["InstanceId"], []) if not tag["Key"].startswith("aws:")],
            "registeredResources": [], "remainingResources": [], "attributes": [], "attachments": []}


def list_container_instances(data):
    """List the hosts of a cluster: all, or the one that the filter names."""
    cluster, wanted = ecs._resolve_cluster_name(data.get("cluster", "default")), data.get("filter", "")
    if cluster not in ecs._clusters:
        return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
    named = _FILTER.fullmatch(wanted.strip())
    if wanted and not named:
        return error_response_json("InvalidParameterException", "the local cloud filters by ec2InstanceId == ID alone", 400)
    return json_response({"containerInstanceArns": [
        member["_container_instance"]["arn"] for member in _hosts(cluster)
        if (not named or member["InstanceId"] == named[1]) and data.get("status") in (None, "", member["_container_instance"]["status"])]})


def describe_container_instances(data):
    """Describe hosts of a cluster by their ARNs or IDs."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    found, failures = _named(cluster, data)
    return json_response({"containerInstances": [_described(cluster, member) for member in found], "failures": failures})


def _named(cluster, data):
    known = {member["_container_instance"]["arn"].rsplit("/", 1)[-1]: member for member in _hosts(cluster)}
    asked = [name.rsplit("/", 1)[-1] for name in data.get("containerInstances", [])]
    return [known[name] for name in asked if name in known], [{"arn": name, "reason": "MISSING"} for name in asked if name not in known]


def update_container_instances_state(data):
    """Drain hosts, or let tasks start on them again. A drained host's tasks of services are stopped, and started elsewhere."""
    cluster, status = ecs._resolve_cluster_name(data.get("cluster", "default")), data.get("status")
    if status not in (_ACTIVE, _DRAINING):
        return error_response_json("InvalidParameterException", f"Invalid status: {status}", 400)
    found, failures = _named(cluster, data)
    for member in found:
        known = member["_container_instance"]
        if known["status"] == status:
            continue
        known["status"], known["version"] = status, known["version"] + 1
        described = _described(cluster, member)
        events.publish("aws.ecs", "ECS Container Instance State Change", [known["arn"]], {
            **{key: described[key] for key in ("containerInstanceArn", "ec2InstanceId", "status", "version", "agentConnected")},
            "clusterArn": ecs._clusters[cluster]["clusterArn"], "updatedAt": events.iso_milliseconds()})
        if status == _DRAINING:
            _empty(cluster, known["arn"])
    return json_response({"containerInstances": [_described(cluster, member) for member in found], "failures": failures})


def _empty(cluster, arn):
    account, region = get_account_id(), get_region()

    def stop():
        with request_scope(account, region):
            for task in _tasks_on(arn):
                if task.get("group", "").startswith("service:"):
                    stop_task({"cluster": cluster, "task": task["taskArn"], "reason": "Scaling activity initiated by draining"})

    spawn_background(stop, thread_name="davit-ecs-drain")


def stop_task(data):
    """Stop a task. Its service starts another one at once; the emulator alone would do so at the next deployment."""
    answer = ecs._stop_task(data)
    if answer[0] == 200:
        task = ecs.json.loads(answer[2])["task"]
        cluster, group = ecs._cluster_name_from_arn(task["clusterArn"]), task.get("group", "")
        if group.startswith("service:"):
            ecs._reconcile_service_tasks(cluster, f"{cluster}/{group.removeprefix('service:')}")
    return answer


def run_task(original, data):
    """Start tasks. Those for hosts are placed on the host of their provider on which the fewest run."""
    answer = original(data)
    if answer[0] != 200:
        return answer
    for started in ecs.json.loads(answer[2])["tasks"]:
        task = ecs._tasks.get(started["taskArn"])
        cluster = ecs._cluster_name_from_arn(started["clusterArn"])
        free = [member["_container_instance"] for member in _hosts(cluster)
                if member["_container_instance"]["status"] == _ACTIVE
                and task and task.get("capacityProviderName") in (member["_container_instance"]["provider"], None, "")]
        if task and task.get("launchType") != "FARGATE" and free:
            task["containerInstanceArn"] = min(free, key=lambda known: len(_tasks_on(known["arn"])))["arn"]
    return answer


# Tags, by which policies are judged.


def collect_ec2():
    """The tags of instances, volumes and snapshots."""
    for resource, tags in ec2._tags.items():
        if resource.split("-", 1)[0] in RESOURCES:
            yield ec2_arn(resource), tags


def ec2_arn(resource):
    """The ARN of a resource of EC2 by its ID. That of a snapshot names no account."""
    kind = RESOURCES.get(resource.split("-", 1)[0], "*")
    return f"arn:aws:ec2:{get_region()}:{'' if kind == 'snapshot' else get_account_id()}:{kind}/{resource}"


def collect_groups():
    """The tags of groups, by the ARN that their name alone makes."""
    for name, asg in autoscaling._asgs.items():
        yield group_arn(name), asg.get("Tags") or []


def group_arn(name):
    """The ARN by which policies are judged: the ID in the middle is any."""
    return f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:autoScalingGroup:*:autoScalingGroupName/{name}"


def group_of(instance):
    """The name of the group that has the instance; empty where none has."""
    return next((name for name in autoscaling._asgs if instance in _members(name)), "")


def collect_ecs():
    """The tags of all of ECS that the emulator knows, and those of container instances."""
    yield from tagging._collect_ecs()
    for cluster in list(ecs._clusters):
        for member in _hosts(cluster):
            yield member["_container_instance"]["arn"], [
                tag for tag in ec2._tags.get(member["InstanceId"], []) if not tag["Key"].startswith("aws:")]
