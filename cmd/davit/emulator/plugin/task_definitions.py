"""ECS task definitions that keep every field they were registered with.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

import json

import hooks
from ministack.core.responses import json_response
from ministack.services import ecs


def install():
    """Hook the registration."""
    hooks.attribute(ecs, "_task_defs")
    hooks.wrap(ecs, "_register_task_definition", ("data",), register_task_definition)


def register_task_definition(original, data):
    """Register, then add the fields the emulator does not know, and drop the empty ones that nobody gave."""
    response = original(data)
    if response[0] != 200:
        return response
    answer = json.loads(response[2])
    registered = answer["taskDefinition"]
    record = ecs._task_defs[f"{registered['family']}:{registered['revision']}"]
    for field, value in data.items():
        if field != "tags" and field not in record:
            record[field] = value
    for field in [field for field, value in record.items() if value in (None, "") and field not in data]:
        del record[field]
    return json_response({**answer, "taskDefinition": record})
