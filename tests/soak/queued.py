"""Many prompts through one server: all of them queued, their ends read from one websocket."""

import json
import subprocess
import time
import uuid
from collections.abc import Sequence
from typing import Any

import requests
import websocket

from tests.soak.outcomes import CRASH, FINISHED, HANG, RAW, REFUSED, Outcome, failure, is_sentence
from tests.soak.prompts import Fuzzed
from tools.comfy_server import ANSWER_SECONDS, ComfyServer, refusal

AT_ONCE = 50
HANG_SECONDS = 30
"""So long may one of these small prompts take."""


def run_all(comfy: ComfyServer, prompts: Sequence[Fuzzed]) -> list[Outcome]:
    """Run prompts; returns an outcome for each of them, up to one with which the server crashed or
    hung, where it ends.
    """
    ours = comfy.node_ids()
    client_id = uuid.uuid4().hex
    outcomes: list[Outcome] = []
    connection = websocket.create_connection(
        f"ws://127.0.0.1:{comfy.port}/ws?clientId={client_id}", timeout=HANG_SECONDS
    )
    with requests.Session() as session:
        for begin in range(0, len(prompts), AT_ONCE):
            batch = prompts[begin : begin + AT_ONCE]
            found = _run_batch(comfy, session, connection, client_id, batch, ours)
            outcomes += found
            if len(found) < len(batch) or found[-1].kind in (CRASH, HANG):
                break
            session.post(f"{comfy.url}/history", json={"clear": True}, timeout=ANSWER_SECONDS)
    connection.close()
    return outcomes


def _run_batch(
    comfy: ComfyServer,
    session: requests.Session,
    connection: websocket.WebSocket,
    client_id: str,
    prompts: Sequence[Fuzzed],
    ours: set[str],
) -> list[Outcome]:
    ends: dict[int, Outcome] = {}
    waiting: dict[str, int] = {}
    for number, prompt in enumerate(prompts):
        answer = _queue(session, comfy, client_id, prompt)
        if answer is None:
            ends[number] = Outcome(CRASH, prompt.node_type)
            break
        if isinstance(answer, Outcome):
            ends[number] = answer
        else:
            waiting[answer] = number
    problems: dict[str, list[str]] = {}
    deadline = time.monotonic() + HANG_SECONDS
    while waiting:
        try:
            message = connection.recv()
        except (websocket.WebSocketException, OSError):
            message = None
        if message is None or time.monotonic() > deadline:
            kind = CRASH if _has_gone(comfy) else HANG
            first = next(iter(waiting.values()))
            ends[first] = Outcome(kind, prompts[first].node_type, _last_words(comfy))
            return [ends[number] for number in range(first + 1)]
        if isinstance(message, bytes):  # a preview
            continue
        event = json.loads(message)
        data = event["data"]
        id_ = data.get("prompt_id")
        if id_ not in waiting:
            continue
        match event["type"]:
            case "executed" if data["output"] and "problems" in data["output"]:
                problems[id_] = data["output"]["problems"]
                continue
            case "execution_success":
                outcome = Outcome(FINISHED, problems=problems.get(id_, []))
            case "execution_error":
                type_ = data["node_type"]
                outcome = failure(type_, data["exception_message"].strip(), type_ in ours)
            case "execution_interrupted":
                outcome = Outcome(FINISHED, text="interrupted")
            case _:
                continue
        ends[waiting.pop(id_)] = outcome
        deadline = time.monotonic() + HANG_SECONDS
    return [ends[number] for number in sorted(ends)]


def _has_gone(comfy: ComfyServer) -> bool:
    try:
        comfy.process.wait(1)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last_words(comfy: ComfyServer) -> str:
    """The traceback of a thread that has died, or else the end of the log."""
    log = comfy.log_tail(500)
    died = log.rfind("Exception in thread")
    return log[died:] if died >= 0 else comfy.log_tail(8)


def _queue(
    session: requests.Session, comfy: ComfyServer, client_id: str, prompt: Fuzzed
) -> str | Outcome | None:
    """Queue a prompt; returns its id, how it was refused, or None where nobody answers."""
    body: dict[str, Any] = {"prompt": prompt.workflow, "client_id": client_id}
    if prompt.as_editor:
        body["extra_data"] = {"extra_pnginfo": {"workflow": {}}}
    try:
        answer = session.post(  # requests itself would not write NaN
            f"{comfy.url}/prompt",
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
            timeout=ANSWER_SECONDS,
        )
    except requests.RequestException:
        return None
    if answer.ok:
        return answer.json()["prompt_id"]
    if answer.status_code != 400:
        return Outcome(REFUSED, prompt.node_type, f"HTTP {answer.status_code}")
    said = answer.json()
    for one in said["node_errors"].values():
        for reason in one["errors"]:
            ours = reason["type"] == "custom_validation_failed" and one["class_type"] == (
                prompt.node_type
            )
            text = reason["details"].partition(" - ")[2]
            if ours and not is_sentence(text):
                return Outcome(RAW, prompt.node_type, text)
    return Outcome(REFUSED, prompt.node_type, str(refusal(said)))
