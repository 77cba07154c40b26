"""Who calls: any credentials that the emulator did not make are those of the account's root user.

A local cloud is for tools with whatever credentials they find. The secret key of those cannot be known, so their
signatures are not verified. The credentials that the emulator gave away, of roles and users, are verified and judged,
and stay refused after their end.

Every call counts as made over TLS. The SDKs use TLS towards AWS always, and "aws:SecureTransport" is there to refuse
what does not; here the loopback interface, which nobody listens on, stands for TLS.
"""

import hooks
from ministack.core import iam_evaluator
from ministack.services import iam, s3, sts

# Every access key that the emulator ever gave away, so that an expired or deleted one does not become a stranger's.
_given = set()


def install():
    """Hook the functions that give credentials away, resolve them, and verify the signatures of presigned URLs."""
    hooks.wrap(sts, "register_session", ("access_key", "session"), register_session)
    hooks.wrap(iam, "_gen_access_key_id", (), generate_access_key)
    for module in (iam_evaluator, sts):
        hooks.wrap(module, "is_root_access_key", ("access_key_id",), is_root_access_key)
    for module in (iam_evaluator, s3):
        hooks.wrap(module, "resolve_credential", ("access_key_id", "account_id", "session_token"), resolve_credential)
    hooks.function(s3, "_qp", ("params", "key", "default"))
    hooks.wrap(s3, "_verify_presigned_sigv4", ("method", "path", "headers", "query_params"), verify_presigned)
    hooks.wrap(iam_evaluator, "_resolve_condition_key", ("key", "ctx"), resolve_condition_key)


def register_session(original, access_key, session):
    """Register the credentials of a role."""
    _given.add(access_key)
    return original(access_key, session)


def generate_access_key(original):
    """The ID of a user's new access key."""
    key = original()
    _given.add(key)
    return key


def is_root_access_key(original, access_key_id):
    """Tell whether the key acts for the root user of its account."""
    return original(access_key_id) or access_key_id not in _given


def resolve_credential(original, access_key_id, *account_and_token, **named):
    """The identity behind the key; a stranger's session token says nothing."""
    if iam_evaluator.is_root_access_key(access_key_id):
        account = named.get("account_id") or next(iter(account_and_token), None)
        return original(access_key_id, account)
    return original(access_key_id, *account_and_token, **named)


def verify_presigned(original, method, path, headers, query_params):
    """Refuse a presigned URL that is too old, or that was not signed with the secret key of its credentials."""
    refusal = original(method, path, headers, query_params)
    credential = s3._qp(query_params, "X-Amz-Credential", "")
    if refusal and b"SignatureDoesNotMatch" in refusal[2] and credential.count("/") == 4:
        key = credential.split("/")[0]
        return None if iam_evaluator.is_root_access_key(key) else refusal
    return refusal


def resolve_condition_key(original, key, ctx):
    """The value of a condition key, for a call over TLS."""
    return "true" if key.lower() == "aws:securetransport" else original(key, ctx)
