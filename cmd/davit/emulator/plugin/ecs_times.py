"""ECS: times with milliseconds, as AWS answers them. The emulator cuts them to whole seconds.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html#API_DescribeServices_Example_1
"""

import datetime

import hooks
from ministack.services import ecs


def install():
    """Hook the conversion of a record's times into an answer's."""
    hooks.wrap(ecs, "_ts_to_epoch", ("value",), seconds)


def seconds(original, value):
    """The time in seconds since 1970, with milliseconds; what is no time stays as it is."""
    if not isinstance(value, str) or isinstance(original(value), str):
        return value
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
