"""The servers of the soak: with the second pack and a bound on memory."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.other_pack import other_pack
from tests.soak.odd_nodes import CODE
from tools.comfy_server import PACK, ComfyServer

MEMORY = 16 * 2**20
"""KiB of address space for a server, so that it alone fails where it asks for too much."""

BOUNDED = ("sh", "-c", f'ulimit -v {MEMORY}; exec "$@"', "sh")


@contextmanager
def soak_server(
    folder: Path, arguments: Sequence[str] = (), through: Sequence[str] = ()
) -> Iterator[ComfyServer]:
    """A server on a folder that stays, to be opened again."""
    shutil.rmtree(folder / "packs", ignore_errors=True)
    of_pack = other_pack(folder / "packs", CODE)
    with ComfyServer(
        arguments=[*of_pack, *arguments], through=[*BOUNDED, *through], base=folder / "base"
    ) as comfy:
        comfy.upload(PACK / "web" / "pictures" / "source.png")
        yield comfy
