"""A running ComfyUI, asked over HTTP alone: as any program asks it, without the editor's previews.

ComfyUI's websocket would tell of each step too, but ends where a proxy or a network does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import requests

from tools.comfy_server import Workflow, refusal

from .workflow import FOLDER, Saving

ANSWER_SECONDS = 30
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5
LOOK_INTO_QUEUE_SECONDS = 5.0


class ServerLost(Exception):
    """The server does not answer, answers with an error of its own, or is stuck: elsewhere or later
    the same edit may work.
    """


class EditFailed(Exception):
    """The server does not accept the edit, or a node failed; it would again. The message is what
    a user reads.
    """


@dataclass(frozen=True)
class Made:
    """What a workflow made: PNGs, the seconds that it ran, and the model evaluations, where the
    nodes say them.  ComfyUI repeats what some nodes of its cache say, and of others says nothing.
    """

    edit: bytes
    mask: bytes | None
    seconds: float
    evaluations: int | None


class Comfy:
    """url: of the server. longest: seconds that an edit may run."""

    def __init__(self, url: str, longest: float):
        self.url = url.rstrip("/")
        self.longest = longest
        self.session = requests.Session()

    def waiting(self) -> int:
        """How many workflows run or wait. Raises ServerLost."""
        queue = self._ask("GET", "/queue").json()
        return len(queue["queue_running"]) + len(queue["queue_pending"])

    def node_types(self) -> set[str]:
        """Raises ServerLost."""
        return set(self._ask("GET", "/object_info").json())

    def upload(self, name: str, picture: bytes) -> None:
        """Put a picture among the server's inputs, as `FOLDER/name`. Raises ServerLost."""
        data = {"overwrite": "true", "subfolder": FOLDER}
        self._ask("POST", "/upload/image", files={"image": (name, picture)}, data=data)

    def make(self, workflow: Workflow, saving: Saving) -> Made:
        """Run a workflow and fetch what it made. Raises ServerLost or EditFailed."""
        prompt = self._queue(workflow)
        try:
            history = self._wait(prompt)
        except ServerLost:
            self._withdraw(prompt)
            raise
        seconds = _run_time(history)
        outputs = history["outputs"]
        counts = [sum(node["evaluations"]) for node in outputs.values() if "evaluations" in node]
        return Made(
            self._picture(outputs, saving.edit),
            self._picture(outputs, saving.mask) if saving.mask else None,
            seconds,
            sum(counts) if counts else None,
        )

    def _queue(self, workflow: Workflow) -> str:
        answer = self._ask("POST", "/prompt", accepted=400, json={"prompt": workflow})
        if answer.status_code == 400:
            error = refusal(answer.json())
            node = f"{error.node_type}: " if error.node_type else ""
            raise EditFailed(f"{node}{error}")
        return answer.json()["prompt_id"]

    def _wait(self, prompt: str) -> dict[str, Any]:
        """The history of a workflow when it has ended."""
        started = looked = time.monotonic()
        pause = FIRST_PAUSE
        while not (history := self._ask("GET", f"/history/{prompt}").json()):
            now = time.monotonic()
            if now - looked > LOOK_INTO_QUEUE_SECONDS:
                looked = now
                queue = self._ask("GET", "/queue").json()
                if _is_in(queue["queue_pending"], prompt):  # behind those of others
                    started = now
                elif not _is_in(queue["queue_running"], prompt):
                    # It may just have ended.
                    if history := self._ask("GET", f"/history/{prompt}").json():
                        break
                    raise ServerLost(f"{self.url} has forgotten the edit")
                elif now - started > self.longest:
                    raise ServerLost(f"{self.url} did not end the edit in {self.longest:g} s")
            time.sleep(pause)
            pause = min(1.05 * pause, LONGEST_PAUSE)  # late by a fortieth of the edit
        return history[prompt]

    def _withdraw(self, prompt: str) -> None:
        """Leave nothing running that nobody waits for, if the server still listens."""
        try:
            self._ask("POST", "/queue", json={"delete": [prompt]})
            self._ask("POST", "/interrupt", json={"prompt_id": prompt})
        except ServerLost:
            pass

    def _picture(self, outputs: dict[str, Any], node: str) -> bytes:
        """The first picture that a node saved."""
        pictures = outputs.get(node, {}).get("images")
        if not pictures:
            raise EditFailed(f"workflow: its node {node!r} saved no picture; connect one to it.")
        return self._ask("GET", "/view", params=pictures[0]).content

    def _ask(
        self, method: str, path: str, accepted: int | None = None, **options: Any
    ) -> requests.Response:
        """Raises ServerLost, but not for the status that is accepted."""
        try:
            answer = self.session.request(
                method, self.url + path, timeout=ANSWER_SECONDS, **options
            )
        except requests.Timeout as error:
            raise ServerLost(f"{self.url} did not answer in {ANSWER_SECONDS} s") from error
        except requests.RequestException as error:
            raise ServerLost(f"{self.url} does not answer") from error
        if not answer.ok and answer.status_code != accepted:
            raise ServerLost(f"{self.url} answered {answer.status_code} to {path.split('?')[0]}")
        return answer


def _is_in(queue: list[Any], prompt: str) -> bool:
    return any(item[1] == prompt for item in queue)


def _run_time(history: dict[str, Any]) -> float:
    """The seconds between start and success.

    Raises EditFailed with the sentence of the node that failed, or ServerLost.
    """
    status = history.get("status") or {}
    events = dict(status.get("messages", []))
    if "execution_error" in events:
        raise EditFailed(events["execution_error"]["exception_message"].strip())
    if status.get("status_str") != "success":
        raise ServerLost("somebody interrupted the edit")
    start, end = (events[name]["timestamp"] for name in ("execution_start", "execution_success"))
    return (end - start) / 1000
