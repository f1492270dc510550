"""The images of a prompt: files or URLs."""

import mimetypes
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from pflow_lower.nodes.llm.errors import model_error
from pflow_lower.nodes.llm.models import FoundModel
from pflow_lower.nodes.support import params
from pflow_lower.support.threads import aside
from pflow_lower.support.values import is_array, type_name


def read_images(given: params.Params) -> list[str]:
    """Read the param `images`: a path or a URL, or an array of them."""
    images = given.get("images")
    if images is None:
        return []
    paths = []
    for image in images if is_array(images) else [images]:
        if not isinstance(image, str) or not image:
            raise TypeError(
                'param "images": expected paths or URLs of images, found '
                + ("an empty string" if image == "" else type_name(image))
            )
        paths.append(
            image if _is_url(image) else params.path({"images": image}, "images")
        )
    return paths


async def attachments(images: list[str], found: FoundModel) -> list[Any]:
    """Return the images as objects of the library.

    Raises OSError for a file that cannot be read, and ValueError if the model does not
    take images, or not of that type.
    """
    if not images:
        return []
    if not found.model.attachment_types:
        raise ValueError(f'param "images": model "{found.name}" does not take images')
    return await aside(lambda: [_attachment(image, found) for image in images])


def _attachment(image: str, found: FoundModel) -> Any:
    attachment_type = import_module("llm").Attachment
    if _is_url(image):
        guessed, _ = mimetypes.guess_type(urlsplit(image).path)
        attachment = attachment_type(url=image, type=guessed)
    else:
        with open(image, "rb"):  # raises the reason if it cannot be read
            attachment = attachment_type(path=image)
    try:
        attachment.type = attachment.resolve_type()  # of a URL, by asking the server
    except Exception as exc:
        raise model_error(found.name, exc) from None
    taken = found.model.attachment_types
    if attachment.type not in taken:
        raise ValueError(
            f'param "images": model "{found.name}" takes {", ".join(sorted(taken))}, '
            f"but {image!r} is {attachment.type or 'of an unknown type'}"
        )
    return attachment


def _is_url(image: str) -> bool:
    return image.startswith(("http://", "https://"))
