"""CloudFormation: resource types that the emulator's services implement and its CloudFormation lacks.

Each type makes the real thing by the service's own API handler, updates it in place where AWS does, is replaced where
AWS replaces it, and takes it away when its stack goes. The properties and what a change of each requires:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

import json
import re
import uuid
import xml.etree.ElementTree as xml

import hooks
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, ec2, ecs, eks, s3
from ministack.services.cloudformation import provisioners

# Values under these properties are maps with keys of the user's own, which must stay as they are.
_USER_KEYED = frozenset({"Options", "DockerLabels", "DriverOpts", "Labels"})


def install():
    """Register the types, and repair those that lose properties."""
    for name in ("_RESOURCE_HANDLERS", "_REPLACING_PROPERTIES", "_STACK_TAG_PROPERTY"):
        hooks.attribute(provisioners, name)
    hooks.function(provisioners, "_tag_map", ("tags",))
    for service, functions in _HANDLERS.items():
        for name, parameters in functions.items():
            hooks.function(service, name, parameters)
    for resource_type, (create, update, delete, replacing, tags) in _TYPES.items():
        _register(resource_type, create, update, delete, replacing, tags)
    create, update = ("logical_id", "props", "stack_name"), ("physical_id", "old_props", "new_props", "stack_name")
    hooks.wrap(provisioners, "_ec2_vpc_create", create, vpc_create)
    hooks.wrap(provisioners, "_ec2_vpc_update", (*update, "logical_id"), vpc_update)
    hooks.wrap(provisioners, "_s3_create", create, bucket_create)
    hooks.wrap(provisioners, "_ecs_task_def_create", create, task_definition_create)
    hooks.wrap(provisioners, "_ecs_service_create", create, service_create)
    hooks.wrap(provisioners, "_ecs_service_update", update, service_update)


def _register(resource_type, create, update, delete, replacing, tags):
    """Add a type. A newer emulator that has it by itself needs this one no longer, and must say so."""
    if resource_type in provisioners._RESOURCE_HANDLERS:
        raise hooks.HookError(f"hook {resource_type}: the emulator has this type now; remove it from the plugin")
    provisioners._RESOURCE_HANDLERS[resource_type] = {"create": create, "update": update, "delete": delete}
    provisioners._REPLACING_PROPERTIES[resource_type] = replacing
    if tags:
        provisioners._STACK_TAG_PROPERTY[resource_type] = ("Tags", tags)


# AWS::EC2::SecurityGroupIngress and AWS::EC2::SecurityGroupEgress. A rule's physical ID is its own. The rules go to
# the group by way of what the emulator does for the rules within a group: its API knows no prefix lists.

_INGRESS, _EGRESS = "IpPermissions", "IpPermissionsEgress"


def _rule_handlers(direction):
    def create(logical_id, props, stack_name):
        group = ec2._security_groups.get(props["GroupId"])
        if group is None:
            raise ValueError(f"The security group '{props['GroupId']}' does not exist")
        rule = provisioners._ec2_sg_permissions([props])[0]
        if any(ec2._rules_match(rule, existing) for existing in group[direction]):
            raise ValueError("the specified rule already exists")
        rule["SecurityGroupRuleId"] = ec2._sg_rule_id(props["GroupId"], direction == _EGRESS, rule)
        group[direction].append(rule)
        return rule["SecurityGroupRuleId"], {"Id": rule["SecurityGroupRuleId"]}

    def update(physical_id, old_props, new_props, stack_name):
        # Only the description can change in place.
        changed = provisioners._ec2_sg_permissions([new_props])[0]
        changed["SecurityGroupRuleId"] = physical_id
        rules = ec2._security_groups[new_props["GroupId"]][direction]
        rules[:] = [changed if rule.get("SecurityGroupRuleId") == physical_id else rule for rule in rules]
        return physical_id, {"Id": physical_id}

    def delete(physical_id, props):
        group = ec2._security_groups.get(props["GroupId"])
        if group:
            group[direction] = [rule for rule in group[direction] if rule.get("SecurityGroupRuleId") != physical_id]

    return create, update, delete


# AWS::EC2::EIP


def eip_create(logical_id, props, stack_name):
    """Allocate an address. Ref is the address, and so is its physical ID."""
    answer = _query(ec2._allocate_address, {"Domain": props.get("Domain", "vpc"), **_tags("elastic-ip", props)})
    address, allocation = _text(answer, "publicIp"), _text(answer, "allocationId")
    if props.get("InstanceId"):
        _query(ec2._associate_address, {"AllocationId": allocation, "InstanceId": props["InstanceId"]})
    return address, {"PublicIp": address, "AllocationId": allocation}


def eip_update(physical_id, old_props, new_props, stack_name):
    """Move the association and set the tags."""
    address = _address(physical_id)
    if new_props.get("InstanceId") != old_props.get("InstanceId"):
        if address.get("AssociationId"):
            _query(ec2._disassociate_address, {"AssociationId": address["AssociationId"]})
        if new_props.get("InstanceId"):
            _query(ec2._associate_address,
                   {"AllocationId": address["AllocationId"], "InstanceId": new_props["InstanceId"]})
    _retag(address["AllocationId"], old_props, new_props)
    return physical_id, {"PublicIp": physical_id, "AllocationId": address["AllocationId"]}


def eip_delete(physical_id, props):
    """Release the address."""
    address = _address(physical_id)
    if address:
        _query(ec2._release_address, {"AllocationId": address["AllocationId"]})


def _address(public_ip):
    return next((address for address in ec2._addresses.values() if address["PublicIp"] == public_ip), {})


# AWS::EC2::NatGateway


def nat_gateway_create(logical_id, props, stack_name):
    """Create the gateway."""
    parameters = {"SubnetId": props["SubnetId"], "AllocationId": props.get("AllocationId", ""),
                  "ConnectivityType": props.get("ConnectivityType", "public"), **_tags("natgateway", props)}
    gateway = _text(_query(ec2._create_nat_gateway, parameters), "natGatewayId")
    return gateway, {"NatGatewayId": gateway}


def nat_gateway_update(physical_id, old_props, new_props, stack_name):
    """Set the tags."""
    _retag(physical_id, old_props, new_props)
    return physical_id, {"NatGatewayId": physical_id}


def nat_gateway_delete(physical_id, props):
    """Delete the gateway; EC2 describes it as deleted for a while."""
    _query(ec2._delete_nat_gateway, {"NatGatewayId": physical_id}, gone="NatGatewayNotFound")


# AWS::EC2::FlowLog


def flow_log_create(logical_id, props, stack_name):
    """Create the flow log."""
    parameters = {"ResourceId.1": props["ResourceId"], "ResourceType": props["ResourceType"],
                  **_tags("flow-log", props)}
    for field in ("TrafficType", "LogDestinationType", "LogDestination", "LogGroupName"):
        if props.get(field):
            parameters[field] = props[field]
    flow_log = _text(_query(ec2._create_flow_logs, parameters), "item")
    return flow_log, {"Id": flow_log}


def flow_log_update(physical_id, old_props, new_props, stack_name):
    """Set the tags."""
    _retag(physical_id, old_props, new_props)
    return physical_id, {"Id": physical_id}


def flow_log_delete(physical_id, props):
    """Delete the flow log."""
    _query(ec2._delete_flow_logs, {"FlowLogId.1": physical_id})


# AWS::EC2::EgressOnlyInternetGateway


def egress_gateway_create(logical_id, props, stack_name):
    """Create the gateway, attached to its VPC."""
    answer = _query(ec2._create_egress_only_igw, {"VpcId": props["VpcId"], **_tags("egress-only-internet-gateway", props)})
    gateway = _text(answer, "egressOnlyInternetGatewayId")
    return gateway, {"Id": gateway}


def egress_gateway_update(physical_id, old_props, new_props, stack_name):
    """Set the tags."""
    _retag(physical_id, old_props, new_props)
    return physical_id, {"Id": physical_id}


def egress_gateway_delete(physical_id, props):
    """Delete the gateway."""
    _query(ec2._delete_egress_only_igw, {"EgressOnlyInternetGatewayId": physical_id},
           gone="InvalidGatewayID.NotFound")


# AWS::EC2::Volume


def volume_create(logical_id, props, stack_name):
    """Create the volume."""
    parameters = {"AvailabilityZone": props["AvailabilityZone"], **_tags("volume", props)}
    for field in ("Size", "VolumeType", "SnapshotId", "Iops", "Encrypted"):
        if field in props:
            parameters[field] = str(props[field])
    volume = _text(_query(ec2._create_volume, parameters), "volumeId")
    return volume, {"VolumeId": volume}


def volume_update(physical_id, old_props, new_props, stack_name):
    """Modify size, type and speed, and set the tags."""
    changed = {field: str(new_props[field]) for field in ("Size", "VolumeType", "Iops")
               if field in new_props and new_props[field] != old_props.get(field)}
    if changed:
        _query(ec2._modify_volume, {"VolumeId": physical_id, **changed})
    _retag(physical_id, old_props, new_props)
    return physical_id, {"VolumeId": physical_id}


def volume_delete(physical_id, props):
    """Delete the volume."""
    _query(ec2._delete_volume, {"VolumeId": physical_id}, gone="InvalidVolume.NotFound")


# AWS::SSM::Association, of the one runbook that there is here. State Manager runs it when the association is made.
# https://docs.aws.amazon.com/systems-manager-automation-runbooks/latest/userguide/
# automation-aws-remove-vpc-default-sg-rules.html

_CLOSE_DEFAULT_GROUP = "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules"


def association_create(logical_id, props, stack_name):
    """Run the runbook: take all rules from a VPC's default security group."""
    if props["Name"] != _CLOSE_DEFAULT_GROUP:
        raise ValueError(f"the local cloud runs no document {props['Name']}")
    if not all(props["Parameters"].get(name) for name in ("AutomationAssumeRole", "GroupId")):
        raise ValueError(f"{_CLOSE_DEFAULT_GROUP} needs AutomationAssumeRole and GroupId")
    group = ec2._security_groups.get(props["Parameters"]["GroupId"][0])
    if group is None or group["GroupName"] != "default":
        raise ValueError(f"{props['Parameters']['GroupId'][0]} is no default security group")
    group[_INGRESS], group[_EGRESS] = [], []
    association = str(uuid.uuid4())
    return association, {"AssociationId": association}


def association_update(physical_id, old_props, new_props, stack_name):
    """Run the runbook again, as State Manager does for an association that changed."""
    association_create(None, new_props, stack_name)
    return physical_id, {"AssociationId": physical_id}


def association_delete(physical_id, props):
    """Forget the association; what it did stays."""


# AWS::EC2::VPC: its attributes CidrBlock and CidrBlockAssociations.


def vpc_create(original, logical_id, props, stack_name):
    """Create the VPC and answer its address range, too."""
    vpc, attributes = original(logical_id, props, stack_name)
    return vpc, {**attributes, **_vpc_attributes(vpc)}


def vpc_update(original, physical_id, old_props, new_props, stack_name, logical_id=None):
    """Update the VPC and answer its address range, too."""
    vpc, attributes = original(physical_id, old_props, new_props, stack_name, logical_id)
    return vpc, {**attributes, **_vpc_attributes(vpc)}


def _vpc_attributes(vpc):
    return {"CidrBlock": ec2._vpcs[vpc]["CidrBlock"], "CidrBlockAssociations": []}


# AWS::S3::Bucket: its Object Lock. AWS turns it on with the bucket; a default retention may come with it.


def bucket_create(original, logical_id, props, stack_name):
    """Make a bucket, with Object Lock where the template asks for it."""
    name, attributes = original(logical_id, props, stack_name)
    if str(props.get("ObjectLockEnabled", "")).lower() == "true":
        retention = props.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
        fields = "".join(f"<{field}>{retention[field]}</{field}>" for field in ("Mode", "Days", "Years") if field in retention)
        rule = f"<Rule><DefaultRetention>{fields}</DefaultRetention></Rule>" if fields else ""
        _accept(s3._put_object_lock_configuration(
            name, f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}"
                  "</ObjectLockConfiguration>".encode()))
    return name, attributes


# AWS::ECS::TaskDefinition and AWS::ECS::Service: through the API, with all their properties.


def task_definition_create(original, logical_id, props, stack_name):
    """Register the task definition; the emulator's own provisioner drops or misspells half of the properties."""
    request = _request(props)
    request.setdefault("family", f"{stack_name}-{logical_id}")
    for field in ("cpu", "memory"):
        if field in request:
            request[field] = str(request[field])
    answer = _api(ecs._register_task_definition, request)
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def service_create(original, logical_id, props, stack_name):
    """Create the service."""
    request = _request(props)
    request.setdefault("serviceName", f"{stack_name}-{logical_id}")
    request.setdefault("cluster", "default")
    service = _api(ecs._create_service, request)["service"]
    return service["serviceArn"], {"ServiceArn": service["serviceArn"], "Name": service["serviceName"]}


def service_update(original, physical_id, old_props, new_props, stack_name):
    """Update the service, its tags included."""
    physical_id, attributes = original(physical_id, old_props, new_props, stack_name)
    old, new = provisioners._tag_map(old_props.get("Tags")), provisioners._tag_map(new_props.get("Tags"))
    if old != new:
        _api(ecs._untag_resource, {"resourceArn": physical_id, "tagKeys": [key for key in old if key not in new]})
        _api(ecs._tag_resource, {"resourceArn": physical_id,
                                 "tags": [{"key": key, "value": value} for key, value in new.items()]})
    return physical_id, attributes


# AWS::ECS::CapacityProvider


def capacity_provider_create(logical_id, props, stack_name):
    """Create the capacity provider."""
    request = _request(props)
    request.setdefault("name", f"{stack_name}-{logical_id}")
    name = _api(ecs._create_capacity_provider, request)["capacityProvider"]["name"]
    return name, {}


def capacity_provider_update(physical_id, old_props, new_props, stack_name):
    """Update the scaling of the group, and the tags."""
    answer = _api(ecs._update_capacity_provider, {**_request(new_props), "name": physical_id})
    arn = answer["capacityProvider"]["capacityProviderArn"]
    provisioners._reconcile_tag_list(ecs._tags.setdefault(arn, []), old_props, new_props, key="key", value="value")
    return physical_id, {}


def capacity_provider_delete(physical_id, props):
    """Delete the capacity provider."""
    if physical_id in ecs._capacity_providers:
        _api(ecs._delete_capacity_provider, {"capacityProvider": physical_id})


# AWS::ECS::ClusterCapacityProviderAssociations. Its physical ID is the cluster.


def associations_put(logical_id, props, stack_name):
    """Give the cluster its capacity providers and their default strategy."""
    _api(ecs._put_cluster_capacity_providers, _request(props))
    return props["Cluster"], {}


def associations_update(physical_id, old_props, new_props, stack_name):
    """Put what the template says now."""
    return associations_put(None, new_props, stack_name)


def associations_delete(physical_id, props):
    """Take the capacity providers from the cluster, if there is one still."""
    if ecs._resolve_cluster_name(physical_id) in ecs._clusters:
        _api(ecs._put_cluster_capacity_providers,
             {"cluster": physical_id, "capacityProviders": [], "defaultCapacityProviderStrategy": []})


# AWS::CloudWatch::CompositeAlarm


def composite_alarm_create(logical_id, props, stack_name):
    """Put the alarm. Its physical ID is its name."""
    name = props.get("AlarmName") or provisioners._physical_name(stack_name, logical_id)
    _put_composite_alarm(name, props)
    return name, {"Arn": _alarm_arn(name)}


def composite_alarm_update(physical_id, old_props, new_props, stack_name):
    """Put the alarm again."""
    _put_composite_alarm(physical_id, new_props)
    return physical_id, {"Arn": _alarm_arn(physical_id)}


def composite_alarm_delete(physical_id, props):
    """Delete the alarm."""
    _accept(cloudwatch._delete_alarms({}, {"AlarmNames": [physical_id]}, False, True))


def _put_composite_alarm(name, props):
    # The API takes tags of a new alarm only, and none of CloudFormation's own.
    request = {**props, "AlarmName": name}
    tags = request.pop("Tags", [])
    _accept(cloudwatch._put_composite_alarm({}, request, False, True))
    cloudwatch.cloudformation_set_metric_alarm_tags(name, tags)
    record = cloudwatch._composite_alarms[name]
    for field in ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
        if field in props:
            record[field] = props[field]


def _alarm_arn(name):
    return f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"


# AWS::EKS::AccessEntry. Its physical ID is the principal and the cluster, divided by a bar.


def access_entry_create(logical_id, props, stack_name):
    """Create the entry and associate its policies."""
    cluster, principal = props["ClusterName"], props["PrincipalArn"]
    entry = _api(lambda request: eks._create_access_entry(cluster, request), _eks_request(props))["accessEntry"]
    for policy in props.get("AccessPolicies", []):
        _associate(cluster, principal, policy)
    return f"{principal}|{cluster}", {"AccessEntryArn": entry["accessEntryArn"]}


def access_entry_update(physical_id, old_props, new_props, stack_name):
    """Update groups and user name, and make the associated policies those of the template."""
    cluster, principal = new_props["ClusterName"], new_props["PrincipalArn"]
    request = {"kubernetesGroups": new_props.get("KubernetesGroups", [])}
    if new_props.get("Username"):
        request["username"] = new_props["Username"]
    entry = _api(lambda body: eks._update_access_entry(cluster, principal, body), request)["accessEntry"]
    wanted = {policy["PolicyArn"] for policy in new_props.get("AccessPolicies", [])}
    for policy in old_props.get("AccessPolicies", []):
        if policy["PolicyArn"] not in wanted:
            _accept(eks._disassociate_access_policy(cluster, principal, policy["PolicyArn"]))
    for policy in new_props.get("AccessPolicies", []):
        _associate(cluster, principal, policy)
    _eks_retag(entry["accessEntryArn"], old_props, new_props)
    return physical_id, {"AccessEntryArn": entry["accessEntryArn"]}


def access_entry_delete(physical_id, props):
    """Delete the entry, and with it the associations."""
    _accept(eks._delete_access_entry(props["ClusterName"], props["PrincipalArn"]), gone="ResourceNotFoundException")


def _associate(cluster, principal, policy):
    _api(lambda request: eks._associate_access_policy(cluster, principal, request), _request(policy))


# AWS::EKS::Addon. Its physical ID is the cluster and the add-on, divided by a bar.


def addon_create(logical_id, props, stack_name):
    """Create the add-on."""
    addon = _api(lambda request: eks._create_addon(props["ClusterName"], request), _eks_request(props))["addon"]
    return f"{props['ClusterName']}|{props['AddonName']}", {"Arn": addon["addonArn"]}


def addon_update(physical_id, old_props, new_props, stack_name):
    """Update the add-on and its tags."""
    cluster, name = new_props["ClusterName"], new_props["AddonName"]
    _api(lambda request: eks._update_addon(cluster, name, request), _request(new_props))
    arn = json.loads(eks._describe_addon(cluster, name)[2])["addon"]["addonArn"]
    _eks_retag(arn, old_props, new_props)
    return physical_id, {"Arn": arn}


def addon_delete(physical_id, props):
    """Delete the add-on."""
    _accept(eks._delete_addon(props["ClusterName"], props["AddonName"]), gone="ResourceNotFoundException")


# AWS::EKS::PodIdentityAssociation. Its physical ID is its ARN.


def pod_identity_create(logical_id, props, stack_name):
    """Create the association."""
    cluster = props["ClusterName"]
    association = _api(lambda request: eks._create_pod_identity_association(cluster, request),
                       _eks_request(props))["association"]
    return association["associationArn"], _pod_identity_attributes(association)


def pod_identity_update(physical_id, old_props, new_props, stack_name):
    """Update the association and its tags."""
    cluster, identifier = new_props["ClusterName"], physical_id.rsplit("/", 1)[-1]
    association = _api(lambda request: eks._update_pod_identity_association(cluster, identifier, request),
                       _request(new_props))["association"]
    _eks_retag(physical_id, old_props, new_props)
    return physical_id, _pod_identity_attributes(association)


def pod_identity_delete(physical_id, props):
    """Delete the association."""
    _accept(eks._delete_pod_identity_association(props["ClusterName"], physical_id.rsplit("/", 1)[-1]),
            gone="ResourceNotFoundException")


def _pod_identity_attributes(association):
    attributes = {"AssociationArn": association["associationArn"], "AssociationId": association["associationId"]}
    if association.get("externalId"):
        attributes["ExternalId"] = association["externalId"]
    return attributes


def _eks_request(props):
    """A request of EKS, whose tags are a map."""
    return {**_request(props), "tags": provisioners._tag_map(props.get("Tags"))}


def _eks_retag(arn, old_props, new_props):
    tags = {key: value for key, value in eks._tags.get(arn, {}).items()
            if key not in provisioners._tag_map(old_props.get("Tags"))}
    eks._tags[arn] = {**tags, **provisioners._tag_map(new_props.get("Tags"))}


# Calls of the services' handlers.


def _request(props):
    """Template properties as the request of a JSON API: names begin small, tags as the API has them."""
    request = {}
    for name, value in props.items():
        request[name[:1].lower() + name[1:]] = value if name in _USER_KEYED else _lowered(value)
    return request


def _lowered(value):
    if isinstance(value, dict):
        return _request(value)
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    return value


def _api(handler, request):
    """Call a handler of a JSON API and answer its result."""
    body = _accept(handler(request))
    return json.loads(body) if body else {}


def _accept(response, gone=None):
    """The body of an answer that is no error. An error with the code ``gone`` says that the thing is gone already."""
    status, headers, body = response
    if status >= 400:
        text = body.decode() if isinstance(body, bytes) else str(body)
        if gone and gone in f"{headers} {text}":
            return b""
        raise ValueError(text)
    return body


def _query(handler, parameters, gone=None):
    """Call a handler of EC2's query API and answer its XML, or None where the thing is gone already."""
    body = _accept(handler({name: [value] for name, value in parameters.items()}), gone)
    return xml.fromstring(re.sub(r'\sxmlns="[^"]+"', "", body.decode(), count=1)) if body else None


def _text(answer, name):
    return next(answer.iter(name)).text


def _tags(resource_type, props):
    """The tags of a new EC2 resource as query parameters."""
    parameters = {"TagSpecification.1.ResourceType": resource_type}
    for number, (key, value) in enumerate(provisioners._tag_map(props.get("Tags")).items(), 1):
        parameters[f"TagSpecification.1.Tag.{number}.Key"] = key
        parameters[f"TagSpecification.1.Tag.{number}.Value"] = value
    return parameters


def _retag(resource, old_props, new_props):
    """Make the template's tags those of an EC2 resource; tags from elsewhere stay."""
    provisioners._ec2_apply_tags(resource, new_props, old_props)


# For each type: create, update, delete, the properties whose change replaces it, and the shape of its tags.
_TYPES = {
    "AWS::EC2::SecurityGroupIngress": (
        *_rule_handlers(_INGRESS),
        ("GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "SourceSecurityGroupId",
         "SourceSecurityGroupOwnerId", "SourcePrefixListId"), None),
    "AWS::EC2::SecurityGroupEgress": (
        *_rule_handlers(_EGRESS),
        ("GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "DestinationSecurityGroupId",
         "DestinationPrefixListId"), None),
    "AWS::EC2::EIP": (eip_create, eip_update, eip_delete, ("Domain", "NetworkBorderGroup"), "list"),
    "AWS::EC2::NatGateway": (nat_gateway_create, nat_gateway_update, nat_gateway_delete,
                             ("SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress"), "list"),
    "AWS::EC2::FlowLog": (flow_log_create, flow_log_update, flow_log_delete,
                          ("ResourceId", "ResourceType", "TrafficType", "LogDestinationType", "LogDestination",
                           "LogGroupName", "DeliverLogsPermissionArn", "LogFormat", "MaxAggregationInterval"), "list"),
    "AWS::EC2::EgressOnlyInternetGateway": (egress_gateway_create, egress_gateway_update, egress_gateway_delete,
                                            ("VpcId",), "list"),
    "AWS::EC2::Volume": (volume_create, volume_update, volume_delete,
                         ("AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId", "OutpostArn"), "list"),
    "AWS::ECS::CapacityProvider": (capacity_provider_create, capacity_provider_update, capacity_provider_delete,
                                   ("Name",), "list"),
    "AWS::ECS::ClusterCapacityProviderAssociations": (associations_put, associations_update, associations_delete,
                                                      ("Cluster",), None),
    "AWS::CloudWatch::CompositeAlarm": (composite_alarm_create, composite_alarm_update, composite_alarm_delete,
                                        ("AlarmName",), "list"),
    "AWS::SSM::Association": (association_create, association_update, association_delete,
                              ("AssociationName", "InstanceId", "Name", "Parameters", "Targets"), None),
    "AWS::EKS::AccessEntry": (access_entry_create, access_entry_update, access_entry_delete,
                              ("ClusterName", "PrincipalArn", "Type"), "list"),
    "AWS::EKS::Addon": (addon_create, addon_update, addon_delete, ("ClusterName", "AddonName"), "list"),
    "AWS::EKS::PodIdentityAssociation": (pod_identity_create, pod_identity_update, pod_identity_delete,
                                         ("ClusterName", "Namespace", "ServiceAccount"), "list"),
}

# What the types lean on, checked when the process starts.
_HANDLERS = {
    provisioners: {
        "_ec2_sg_permissions": ("rules",),
        "_ec2_apply_tags": ("physical_id", "props", "old_props"),
        "_physical_name": ("stack_name", "logical_id", "lowercase", "max_len", "seeded"),
        "_reconcile_tag_list": ("store", "old_props", "new_props", "key", "value", "prop"),
    },
    ec2: {
        "_rules_match": ("a", "b"), "_sg_rule_id": ("sg_id", "is_egress", "rule"),
        "_allocate_address": ("p",), "_release_address": ("p",),
        "_associate_address": ("p",), "_disassociate_address": ("p",),
        "_create_nat_gateway": ("params",), "_delete_nat_gateway": ("params",),
        "_create_flow_logs": ("params",), "_delete_flow_logs": ("params",),
        "_create_egress_only_igw": ("params",), "_delete_egress_only_igw": ("params",),
        "_create_volume": ("p",), "_modify_volume": ("p",), "_delete_volume": ("p",),
    },
    ecs: {
        "_register_task_definition": ("data",), "_create_service": ("data",),
        "_tag_resource": ("data",), "_untag_resource": ("data",), "_resolve_cluster_name": ("ref",),
        "_create_capacity_provider": ("data",), "_update_capacity_provider": ("data",),
        "_delete_capacity_provider": ("data",), "_put_cluster_capacity_providers": ("data",),
    },
    s3: {"_put_object_lock_configuration": ("bucket_name", "body")},
    cloudwatch: {
        "_put_composite_alarm": ("params", "cbor_data", "is_cbor", "is_json"),
        "_delete_alarms": ("params", "cbor_data", "is_cbor", "is_json"),
        "cloudformation_set_metric_alarm_tags": ("name", "tags"),
    },
    eks: {
        "_create_access_entry": ("cluster_name", "body"),
        "_update_access_entry": ("cluster_name", "principal_arn", "body"),
        "_delete_access_entry": ("cluster_name", "principal_arn"),
        "_associate_access_policy": ("cluster_name", "principal_arn", "body"),
        "_disassociate_access_policy": ("cluster_name", "principal_arn", "policy_arn"),
        "_create_addon": ("cluster_name", "body"), "_update_addon": ("cluster_name", "addon_name", "body"),
        "_describe_addon": ("cluster_name", "addon_name"), "_delete_addon": ("cluster_name", "addon_name"),
        "_create_pod_identity_association": ("cluster_name", "body"),
        "_update_pod_identity_association": ("cluster_name", "association_id", "body"),
        "_delete_pod_identity_association": ("cluster_name", "association_id"),
    },
}
