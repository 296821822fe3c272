"""A model's files from the Hugging Face Hub, going on where an interruption left off.

By the Hub's web API (https://huggingface.co/docs/hub/api), since huggingface_hub's own downloads
start anew after an interruption and cannot be cancelled inside a file.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import requests

WANTED = (".safetensors", ".json", ".txt", ".model")
CHUNK = 1 << 20
TIMEOUT_SECONDS = 30


class RemoteFile(NamedTuple):
    """size: in bytes.  sha256: of the content, None where the Hub states none."""

    name: str
    url: str
    size: int
    sha256: str | None


class Repository(NamedTuple):
    """What of a repository a model folder needs, and the licence that the Hub states."""

    files: list[RemoteFile]
    licence: str


def look_up(name: str) -> Repository:
    """Ask the Hub for a repository such as "google/flan-t5-base".

    Raises requests.RequestException.
    """
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    answer = requests.get(f"{hub}/api/models/{name}?blobs=true", timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    stated = answer.json()
    files = [
        RemoteFile(
            name=file["rfilename"],
            url=f"{hub}/{name}/resolve/{stated['sha']}/{file['rfilename']}",
            size=file["size"],
            sha256=file.get("lfs", {}).get("sha256"),
        )
        for file in stated["siblings"]
        if file["rfilename"].endswith(WANTED) and "/" not in file["rfilename"]
    ]
    return Repository(files, stated.get("cardData", {}).get("license", "not stated"))


def download(files: list[RemoteFile], folder: Path, on_progress: Callable[[int], None]) -> None:
    """Bring the files into the folder; what is there already is not fetched again.

    on_progress: called with the bytes there are so far, all files together; may raise to stop.
    Raises OSError, of which requests.RequestException is one, and ValueError where a file arrives
    damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = 0
    # A folder counts as a model by its config.json, which comes last for that reason.
    for file in sorted(files, key=lambda file: file.name == "config.json"):
        path = folder / file.name
        if not (path.is_file() and path.stat().st_size == file.size):
            _fetch(file, path, lambda size, before=before: on_progress(before + size))
        before += file.size
        on_progress(before)


def _fetch(file: RemoteFile, path: Path, on_progress: Callable[[int], None]) -> None:
    part = path.with_name(path.name + ".part")
    part.touch()
    while (size := part.stat().st_size) < file.size:
        try:
            _append(file.url, part, on_progress)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            # A long download may break off now and then, but has to get on each time.
            if part.stat().st_size == size:
                raise
    if part.stat().st_size != file.size or (file.sha256 and _sha256(part) != file.sha256):
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


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
