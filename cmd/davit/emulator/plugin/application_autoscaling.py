"""Application Auto Scaling: that nothing here is registered with it.

The emulator has no such service. What asks who owns the count of an ECS service gets the truth, an empty list, and
whoever wants to register something is refused.
"""

import json

import hooks
from ministack import app
from ministack.core import iam_actions, router

_SERVICE = "application-autoscaling"
_TARGET = "AnyScaleFrontendService"


def install():
    """Add the service to the tables by which calls are routed and judged."""
    hooks.attribute(router, "SERVICE_PATTERNS")[_SERVICE] = {"target_prefixes": [_TARGET]}
    hooks.attribute(app, "SERVICE_HANDLERS")[_SERVICE] = handle_request
    hooks.attribute(iam_actions, "SERVICE_TO_IAM_NAMESPACE")[_SERVICE] = _SERVICE


async def handle_request(method, path, headers, body, query_params):
    """Answer one call."""
    del method, path, body, query_params
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    answer = {"Content-Type": "application/x-amz-json-1.1"}
    if action == "DescribeScalableTargets":
        return 200, answer, json.dumps({"ScalableTargets": []}).encode()
    return 400, answer, json.dumps({"__type": "ValidationException",
                                    "message": f"{action}: the local cloud has no Application Auto Scaling"}).encode()
