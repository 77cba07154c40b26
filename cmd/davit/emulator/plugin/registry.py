"""ECR: image events, and answers about images that say what AWS says.

Events: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
API: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html
"""

import json
import os
import threading
import time

import events
import hooks
from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import ecr

_clock = threading.Lock()
_last_push = 0.0


def install():
    """Hook every way by which an image comes or goes, and what describes it."""
    for name in ("_repositories", "_images", "_manifest_blobs", "_layer_blobs"):
        hooks.attribute(ecr, name)
    hooks.function(ecr, "_find_image", ("repo_name", "image_id"))
    hooks.wrap(ecr, "_put_image", ("data",), put_image)
    hooks.wrap(ecr, "_v2_put_manifest", ("name", "ref", "headers", "body"), put_manifest)
    hooks.wrap(ecr, "_batch_delete_image", ("data",), batch_delete_image)
    hooks.wrap(ecr, "_v2_delete_manifest", ("name", "ref"), delete_manifest)
    hooks.wrap(ecr, "_list_images", ("data",), list_images)
    hooks.wrap(ecr, "_describe_images", ("data",), describe_images)
    hooks.wrap(ecr, "_get_download_url_for_layer", ("data",), get_download_url_for_layer)


def put_image(original, data):
    """PutImage, and its PUSH event."""
    known = _digests(data.get("repositoryName", ""))
    response = original(data)
    if response[0] == 200:
        image = json.loads(response[2])["image"]
        _pushed(image["repositoryName"], image["imageId"]["imageDigest"], data.get("imageTag"), known)
    return response


def put_manifest(original, name, ref, headers, body):
    """A manifest pushed through the registry's HTTP API, and its PUSH event.

    A push by digest (each platform of a multi-platform image) has no tag.
    """
    known = _digests(name)
    response = original(name, ref, headers, body)
    if response[0] == 201:
        tag = None if ref.startswith("sha256:") else ref
        _pushed(name, response[1]["Docker-Content-Digest"], tag, known)
    return response


def batch_delete_image(original, data):
    """BatchDeleteImage with AWS's rule that a tag's deletion keeps the image while it has other tags.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
    """
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return original(data)
    deleted, failures = [], []
    for image_id in data.get("imageIds", []):
        image = ecr._find_image(name, image_id)
        if image is None:
            failures.append({
                "imageId": image_id,
                "failureCode": "ImageNotFound",
                "failureReason": "Requested image not found",
            })
            continue
        deleted.extend(_delete(name, image, image_id))
    return json_response({"imageIds": deleted, "failures": failures})


def delete_manifest(original, name, ref):
    """A manifest deleted through the registry's HTTP API, and its DELETE events."""
    gone = [image for image in ecr._images.get(name, []) if image["imageDigest"] == ref]
    response = original(name, ref)
    if response[0] == 202:
        for image in gone:
            for tag in image.get("imageTags") or [None]:
                _publish(name, image, tag, "DELETE")
    return response


def list_images(original, data):
    """ListImages with one identifier a tag, as AWS answers; the emulator has one an image, with a tag it may have lost.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImages.html
    """
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return original(data)
    identifiers = []
    for image in _filtered(ecr._images.get(name, []), data):
        for tag in image.get("imageTags") or [None]:
            identifiers.append(_identifier(image["imageDigest"], tag))
    return json_response({"imageIds": identifiers})


def describe_images(original, data):
    """DescribeImages with push times that differ, sizes and media types of the content, and errors for absent images."""
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return original(data)
    wanted = data.get("imageIds")
    if not wanted:
        images = _filtered(ecr._images.get(name, []), data)
        return json_response({"imageDetails": [_detail(name, image) for image in images]})
    found = []
    for image_id in wanted:
        image = ecr._find_image(name, image_id)
        if image is None:
            return error_response_json("ImageNotFoundException", _absent(name, image_id), 400)
        if image not in found:
            found.append(image)
    return json_response({"imageDetails": [_detail(name, image) for image in found]})


def get_download_url_for_layer(original, data):
    """GetDownloadUrlForLayer with a URL of this emulator that serves the blob.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html
    """
    name, digest = data.get("repositoryName", ""), data.get("layerDigest", "")
    if name not in ecr._repositories:
        return original(data)
    if digest not in ecr._layer_blobs.get(name, {}):
        return error_response_json(
            "LayersNotFoundException", f"The layer with digest '{digest}' does not exist in the repository", 400)
    endpoint = os.environ["AWS_ENDPOINT_URL"].rstrip("/")
    return json_response({"downloadUrl": f"{endpoint}/v2/{name}/blobs/{digest}", "layerDigest": digest})


def _pushed(name, digest, tag, known):
    """Finish the record of a pushed image, then publish the push."""
    for image in ecr._images[name]:
        _correct_identifier(image)
        if image["imageDigest"] == digest:
            pushed = image
    if digest not in known:
        pushed["imagePushedAt"] = _push_time()
    # PutImage alone does not make the manifest readable by the registry's HTTP API.
    manifest = pushed["imageManifest"]
    ecr._manifest_blobs.setdefault(name, {}).setdefault(digest, manifest.encode())
    _publish(name, pushed, tag, "PUSH")


def _push_time():
    """Now in seconds with milliseconds, later than every earlier answer: ties would leave the order of images open."""
    global _last_push
    with _clock:
        _last_push = max(round(time.time(), 3), round(_last_push + 0.001, 3))
        return _last_push


def _correct_identifier(image):
    """Take a tag that has moved to another image out of the identifier."""
    tags = image.get("imageTags", [])
    if image["imageId"].get("imageTag") not in tags:
        image["imageId"] = _identifier(image["imageDigest"], tags[-1] if tags else None)


def _delete(name, image, image_id):
    """Delete what the identifier names: one tag of several, or the image. Answers the identifiers that are gone."""
    digest, tags = image["imageDigest"], image.get("imageTags", [])
    tag = image_id.get("imageTag")
    if tag and not image_id.get("imageDigest") and len(tags) > 1:
        tags.remove(tag)
        _correct_identifier(image)
        _publish(name, image, tag, "DELETE")
        return [_identifier(digest, tag)]
    ecr._images[name].remove(image)
    ecr._manifest_blobs.get(name, {}).pop(digest, None)
    for gone in tags or [None]:
        _publish(name, image, gone, "DELETE")
    return [_identifier(digest, gone) for gone in tags or [None]]


def _publish(name, image, tag, action):
    detail = {
        "result": "SUCCESS",
        "repository-name": name,
        "image-digest": image["imageDigest"],
        "action-type": action,
    }
    if tag:
        detail["image-tag"] = tag
    detail["manifest-media-type"] = image["imageManifestMediaType"]
    artifact = _artifact_media_type(_manifest(image))
    if artifact:
        detail["artifact-media-type"] = artifact
    events.publish("aws.ecr", "ECR Image Action", [], detail)


def _detail(name, image):
    manifest = _manifest(image)
    detail = {
        "registryId": get_account_id(),
        "repositoryName": name,
        "imageDigest": image["imageDigest"],
        "imageSizeInBytes": _size(image, manifest),
        "imagePushedAt": image["imagePushedAt"],
        "imageManifestMediaType": image["imageManifestMediaType"],
    }
    if image.get("imageTags"):
        detail["imageTags"] = list(image["imageTags"])
    artifact = _artifact_media_type(manifest)
    if artifact:
        detail["artifactMediaType"] = artifact
    return detail


def _manifest(image):
    try:
        manifest = json.loads(image.get("imageManifest", ""))
    except ValueError:
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _artifact_media_type(manifest):
    """The kind of content: artifactType, else the media type of the config. An index has neither."""
    return manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType")


def _size(image, manifest):
    """Bytes of the config and the layers, or of the manifest itself for an index."""
    blobs = [manifest.get("config") or {}] + (manifest.get("layers") or [])
    return sum(blob.get("size", 0) for blob in blobs) or len(image.get("imageManifest", ""))


def _filtered(images, data):
    status = (data.get("filter") or {}).get("tagStatus", "ANY")
    if status == "TAGGED":
        return [image for image in images if image.get("imageTags")]
    if status == "UNTAGGED":
        return [image for image in images if not image.get("imageTags")]
    return list(images)


def _identifier(digest, tag):
    return {"imageDigest": digest, "imageTag": tag} if tag else {"imageDigest": digest}


def _digests(name):
    return {image["imageDigest"] for image in ecr._images.get(name, [])}


def _absent(name, image_id):
    digest, tag = image_id.get("imageDigest", "null"), image_id.get("imageTag", "null")
    return (f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository "
            f"with name '{name}' in the registry with id '{get_account_id()}'")
