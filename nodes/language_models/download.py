"""A model's files from the Hugging Face Hub, going on where an interruption left off.

By the Hub's web API (https://huggingface.co/docs/hub/api), since huggingface_hub's own downloads
start anew after an interruption and cannot be cancelled inside a file.
"""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import requests

WANTED = (".safetensors", ".json", ".txt", ".model")
CHUNK = 1 << 20
TIMEOUT_SECONDS = 30


class RemoteFile(NamedTuple):
    """size: in bytes.

    sha256: of the content of a large file.  blob_id: git's hash of a small one.  Either is None
    where the Hub states none.
    """

    name: str
    url: str
    size: int
    sha256: str | None
    blob_id: str | None


class Repository(NamedTuple):
    """What of a repository a model folder needs, and the licence that the Hub states."""

    files: list[RemoteFile]
    licence: str


def look_up(name: str) -> Repository:
    """Ask the Hub for a repository such as "google/flan-t5-base".

    Raises OSError where it does not answer, or not as expected.
    """
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    answer = requests.get(f"{hub}/api/models/{name}?blobs=true", timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    try:
        return _repository(answer.json(), f"{hub}/{name}/resolve")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise OSError(errno.EPROTO, "the Hub's answer is not understood") from error


def _repository(stated: dict[str, Any], url: str) -> Repository:
    """What the Hub states about a repository, whose files lie below the url."""
    files = [
        _remote_file(file, f"{url}/{stated['sha']}")
        for file in stated["siblings"]
        if file["rfilename"].endswith(WANTED)
        and PurePath(file["rfilename"]).name == file["rfilename"]
    ]
    if not files:
        raise ValueError("no file of a model")
    licence = (stated.get("cardData") or {}).get("license") or "not stated"
    return Repository(files, licence if isinstance(licence, str) else ", ".join(licence))


def _remote_file(stated: dict[str, Any], url: str) -> RemoteFile:
    large = stated.get("lfs") or {}
    return RemoteFile(
        name=stated["rfilename"],
        url=f"{url}/{stated['rfilename']}",
        size=int(stated["size"]),
        sha256=large.get("sha256"),
        blob_id=None if large else stated.get("blobId"),  # of a large one it is its pointer's
    )


def download(files: list[RemoteFile], folder: Path, on_progress: Callable[[int], None]) -> None:
    """Bring the files into the folder; what is there already is not fetched again.

    on_progress: called with the bytes there are so far, all files together; may raise to stop.
    Raises OSError where the Hub or the disk fails, and ValueError where a file arrives damaged, or
    another one is in its place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        _check_present(file, folder / file.name)
    before = 0
    # A folder counts as a model by its config.json, which comes last for that reason.
    for file in sorted(files, key=lambda file: file.name == "config.json"):
        path = folder / file.name
        if not path.exists():
            _fetch(file, path, lambda size, before=before: on_progress(before + size))
        before += file.size
        on_progress(before)


def _check_present(file: RemoteFile, path: Path) -> None:
    # Hashing large files takes long, and their size tells almost as much.
    if path.exists() and not _is_intact(file._replace(sha256=None), path):
        raise ValueError(
            f"model: {path} is there already, but is not the file that the Hub has under this "
            "name; move it away and run again."
        )


def _fetch(file: RemoteFile, path: Path, on_progress: Callable[[int], None]) -> None:
    part = path.with_name(path.name + ".part")
    if not (file.sha256 or file.blob_id):
        part.unlink(missing_ok=True)  # nothing would tell whether the rest belongs to it
    part.touch()
    while (size := part.stat().st_size) < file.size:
        on_progress(size)
        try:
            _append(file.url, part, on_progress)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            failure = error
        else:
            failure = OSError(errno.EIO, "the Hub sends less than it states")
        # A long download may break off now and then, but has to get on each time.
        if part.stat().st_size <= size:
            raise failure
    if not _is_intact(file, part):
        part.unlink()
        raise ValueError(f"model: {path} arrived damaged; run again to download it anew.")
    part.replace(path)


def _append(url: str, part: Path, on_progress: Callable[[int], None]) -> None:
    """Fetch what the file still lacks."""
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={part.stat().st_size}-"}
    answer = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    ranged = answer.status_code == requests.codes.partial_content
    with answer, part.open("ab" if ranged else "wb") as file:
        for chunk in answer.iter_content(CHUNK):
            file.write(chunk)
            on_progress(file.tell())


def _is_intact(file: RemoteFile, path: Path) -> bool:
    """Whether size and content are as the Hub states them."""
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        return _digest(path, hashlib.sha256()) == file.sha256
    if file.blob_id:
        return _digest(path, hashlib.sha1(b"blob %d\0" % file.size)) == file.blob_id
    return True


def _digest(path: Path, digest: Any) -> str:
    """The hash of what the digest holds and the file after it."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
