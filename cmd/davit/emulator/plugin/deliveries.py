"""Deliveries between services, where permissions are enforced.

EventBridge puts an event into a queue only if the queue's policy lets it, for this rule:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
Lambda reads a queue with the permissions of the function's role:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
"""

import contextvars
import logging

import hooks
from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sqs

logger = logging.getLogger("davit.deliveries")

_READING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_PROBLEM = "PROBLEM: Function call failed. The function's role lacks permissions to read the queue"

# The ARN of the rule whose targets are being invoked.
_rule = contextvars.ContextVar("davit_rule", default="")


def install():
    """Hook the targets of rules that are queues, and the mappings of queues to functions."""
    hooks.attribute(app, "AUTH")
    hooks.function(sqs, "queue_policy_allows", ("queue_arn", "service", "source_arn", "source_account"))
    hooks.function(sqs, "queue_policy_for_arn", ("queue_arn",))
    hooks.function(iam_evaluator, "_gather_role_policies", ("role_name", "account_id"))
    hooks.function(iam_evaluator, "evaluate", ("ctx", "policies", "limits"))
    hooks.function(iam_evaluator, "combine_resource_policy",
                   ("identity", "ctx", "policy", "owner_account", "required", "limits"))
    hooks.wrap(eventbridge, "_invoke_target", ("target", "event", "rule", "view"), invoke_target)
    hooks.wrap(eventbridge, "_dispatch_to_sqs", ("spec", "payload", "sqs_parameters"), dispatch_to_queue)
    hooks.wrap(lambda_svc, "_sqs_esm_concurrency", ("esm", "func_rec", "config", "queue"), mapping_concurrency)


def invoke_target(original, target, event, rule, view=None):
    """Invoke a target, on behalf of its rule."""
    token = _rule.set(rule.get("Arn", ""))
    try:
        return original(target, event, rule, view)
    finally:
        _rule.reset(token)


def dispatch_to_queue(original, spec, payload, sqs_parameters=None):
    """Put the event into the queue if its policy allows that. AWS counts the refused one as a failed invocation."""
    if not sqs.queue_policy_allows(str(spec), "events.amazonaws.com", _rule.get(), get_account_id()):
        logger.warning("the policy of %s refuses the events of %s", spec, _rule.get())
        return None
    return original(spec, payload, sqs_parameters)


def mapping_concurrency(original, esm, func_rec, config, queue):
    """How many invocations the mapping may have at once: none if the function's role may not read the queue."""
    if app.AUTH and not _may_read(func_rec["config"]["Role"], esm["EventSourceArn"]):
        esm["LastProcessingResult"] = _PROBLEM
        return 0
    return original(esm, func_rec, config, queue)


def _may_read(role_arn, queue_arn):
    account, role = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    policies = iam_evaluator._gather_role_policies(role, account)
    policy = sqs.queue_policy_for_arn(queue_arn)
    return all(_allowed(action, account, role, policies, queue_arn, policy) for action in _READING)


def _allowed(action, account, role, policies, queue_arn, policy):
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/lambda", principal_type="AssumedRole",
        principal_account=account, action=action, resource_arn=queue_arn, region=get_region())
    result = iam_evaluator.evaluate(context, policies)
    if policy:
        result = iam_evaluator.combine_resource_policy(result, context, *policy)
    return result.decision == "Allow"
