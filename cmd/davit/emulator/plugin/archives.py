"""S3: the state of an archive is said of a version by its ID, too, where that is the current one."""

import hooks
from ministack.services import s3


def install():
    """Answer HeadObject with a version's ID as without, where both mean the same object."""
    hooks.attribute(s3, "_buckets")
    hooks.function(s3, "_qp", ("params", "key", "default"))
    hooks.wrap(s3, "_head_object", ("bucket_name", "key", "headers", "query_params"), head_object)


def head_object(original, bucket_name, key, headers=None, query_params=None):
    """Look at the current object where its version is asked for: only that knows of its archive."""
    version = s3._qp(query_params or {}, "versionId", "")
    current = (s3._buckets.get(bucket_name) or {"objects": {}})["objects"].get(key) or {}
    if not version or current.get("version_id") != version:
        return original(bucket_name, key, headers, query_params)
    others = {name: value for name, value in query_params.items() if name != "versionId"}
    status, answer, body = original(bucket_name, key, headers, others)
    return status, {**answer, "x-amz-version-id": version}, body
