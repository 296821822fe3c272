"""Which ComfyUI the next edit goes to: one of a worker's own, or the running ones by turns."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tools.comfy_server import ComfyServer, ServerError

from .client import Comfy, ServerLost
from .workflow import FOLDER

STARTS = 3
AVOIDED_SECONDS = 60.0
PATIENCE_SECONDS = 300.0


class NoServer(Exception):
    """There is no ComfyUI to go on with, and why, in a sentence."""


class Servers(Protocol):
    def choose(self) -> Comfy:
        """The server for the next edit. Raises NoServer."""
        ...

    def lost(self, comfy: Comfy) -> None:
        """A server that did not do its work."""
        ...

    def tidy(self) -> None:
        """After an edit."""
        ...


class OwnServer:
    """One headless ComfyUI, started when the first edit comes, and again when it is lost."""

    def __init__(self, comfyui: Path, cpu: bool, longest: float):
        self.comfyui = comfyui
        self.cpu = cpu
        self.longest = longest
        self.server: ComfyServer | None = None

    def choose(self) -> Comfy:
        complaint = None
        for _ in range(STARTS):
            try:
                if self.server is None:
                    server = ComfyServer(comfyui=self.comfyui, installed=True, cpu=self.cpu)
                    self.server = server.__enter__()
                return Comfy(self.server.url, self.longest)
            except ServerError as error:
                complaint = error
        raise NoServer(f"ComfyUI: it did not start {STARTS} times; {complaint}")

    def lost(self, comfy: Comfy) -> None:
        self.close()

    def tidy(self) -> None:
        """Delete the files of the edit: a batch has no end of them."""
        if self.server:
            for folder in (f"input/{FOLDER}", "output", "temp"):
                shutil.rmtree(self.server.base / folder, ignore_errors=True)

    def close(self) -> None:
        if self.server:
            self.server.stop()
            self.server = None

    __del__ = close  # Ray lets go of its workers so


class RunningServers:
    """Servers that others have started: the next edit goes to one that is idle, or has the least
    to do. One that was lost is avoided for a while.
    """

    def __init__(self, urls: Sequence[str], longest: float):
        self.all = [Comfy(url, longest) for url in urls]
        self.avoided: dict[str, float] = {}

    def choose(self) -> Comfy:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answering: list[tuple[int, Comfy]] = []
            # In another order each time, so that workers that look at once part.
            for comfy in random.sample(self.all, len(self.all)):
                if self.avoided.get(comfy.url, 0) > time.monotonic():
                    continue
                try:
                    waiting = comfy.waiting()
                except ServerLost:
                    self.lost(comfy)
                    continue
                if not waiting:
                    return comfy
                answering.append((waiting, comfy))
            if answering:
                return min(answering, key=lambda pair: pair[0])[1]
            time.sleep(1)
        urls = ", ".join(comfy.url for comfy in self.all)
        raise NoServer(
            f"--server: {urls} did not answer for {PATIENCE_SECONDS:g} s; start them again and run "
            "the same command."
        )

    def lost(self, comfy: Comfy) -> None:
        self.avoided[comfy.url] = time.monotonic() + AVOIDED_SECONDS

    def tidy(self) -> None:
        pass
