"""A real ComfyUI, started headless for as long as a `with` block lasts.

    with ComfyServer() as comfy:
        comfy.upload(Path("cat.png"))
        outputs = comfy.run(workflow)
        edit = comfy.images(outputs, "edit")[0]

The server keeps everything it writes in a temporary folder and carries this pack as its only custom
node. `make demo`, the server tests, the browser test and the workers of a batch all use it.
"""

import io
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests
import websocket
from PIL import Image

from tools import environment
from tools.with_parent import NO_FOLDER

PACK = environment.ROOT
COMFYUI = Path(os.environ.get("COMFYUI_DIR", environment.COMFYUI)).resolve()
PACK_FOLDER = "DiffEdit"

START_SECONDS = 300
STOP_SECONDS = 15
ANSWER_SECONDS = 60

Workflow = dict[str, dict[str, Any]]
"""A workflow in API format: {node id: {"class_type": ..., "inputs": {...}}}."""

OnProgress = Callable[[str, int, int], None]
"""Called with (node id, steps done, steps in all); with 0 done when the node starts."""


class ServerError(Exception):
    """The server did not start, or stopped; the message ends with the tail of its log."""


class TimeLimitError(ServerError):
    """The workflow did not end in the time that it was given."""


class WorkflowError(Exception):
    """The workflow was refused, or one of its nodes failed; the message is what a user reads.

    node_type: the type of the node at fault, or None where the workflow as a whole was refused.
    """

    def __init__(self, message: str, node_type: str | None = None):
        super().__init__(message)
        self.node_type = node_type


class ComfyServer:
    """See the module's docstring.

    arguments: of ComfyUI's command line, besides those of every server here.
    through: a command that starts the server in surroundings of its own, such as `env` or `nice`.
    installed: with the models and the other packs of that ComfyUI.  cpu: on the processor; by
    default, where torch finds nothing better.
    base: the server's folder (with models/ and input/ in it); one that is given stays when the
    server has stopped. url: where the editor opens.
    """

    def __init__(
        self,
        pack: Path = PACK,
        arguments: Sequence[str] = (),
        through: Sequence[str] = (),
        base: Path | None = None,
        comfyui: Path = COMFYUI,
        installed: bool = False,
        cpu: bool | None = None,
    ):
        self.pack = pack
        self.arguments = arguments
        self.through = through
        self.given_base = base
        self.comfyui = comfyui
        self.installed = installed
        self.cpu = has_no_accelerator() if cpu is None else cpu

    def __enter__(self) -> "ComfyServer":
        self.base = self.given_base or Path(tempfile.mkdtemp(prefix="diffedit-comfyui-"))
        link = self.base / "custom_nodes" / PACK_FOLDER
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(self.pack, target_is_directory=True)
        if self.installed:
            self._link_installed()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = self.base / "server.log"
        with self.log_path.open("wb") as log:
            # In a session of its own: with_parent.py ends it, and tidies up.
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
            self._require_our_nodes()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server and remove its folder, unless it was given."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        if not self.given_base:
            shutil.rmtree(self.base, ignore_errors=True)

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the server's log."""
        log = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(log.splitlines()[-lines:])

    def upload(self, path: Path) -> None:
        """Put a file among the server's inputs, where LoadImage finds it by its name."""
        with path.open("rb") as file:
            self._request("POST", "/upload/image", files={"image": file}, data={"overwrite": "1"})

    def run(
        self,
        workflow: Workflow,
        on_progress: OnProgress | None = None,
        seconds: float = math.inf,
    ) -> dict[str, Any]:
        """Queue a workflow as the editor does, with its previews, and wait for its end.

        Returns what the nodes showed, {node id: {"images": [...], ...}}; see `images`.
        Raises WorkflowError when the workflow is refused, fails or is interrupted, ServerError when
        the server stops, TimeLimitError about a minute after so many seconds.
        """
        client_id = uuid.uuid4().hex
        connection = websocket.create_connection(
            f"ws://127.0.0.1:{self.port}/ws?clientId={client_id}", timeout=ANSWER_SECONDS
        )
        try:
            prompt_id = self._queue(workflow, client_id)
            self._follow(connection, prompt_id, on_progress, time.monotonic() + seconds)
        finally:
            connection.close()
        return self._request("GET", f"/history/{prompt_id}").json()[prompt_id]["outputs"]

    def images(self, outputs: dict[str, Any], node_id: str) -> list[Image.Image]:
        """The pictures that one node of a finished workflow saved or previewed."""
        answers = [
            self._request("GET", "/view", params=picture) for picture in outputs[node_id]["images"]
        ]
        return [Image.open(io.BytesIO(answer.content)) for answer in answers]

    def interrupt(self) -> None:
        """Ask the running workflow to stop, as the editor's cancel button does."""
        self._request("POST", "/interrupt")

    def _command(self) -> list[str]:
        command = [*self.through, sys.executable, str(Path(__file__).with_name("with_parent.py"))]
        command += [NO_FOLDER if self.given_base else str(self.base)]
        command += [str(self.comfyui / "main.py"), "--port", str(self.port)]
        command += ["--base-directory", str(self.base), "--database-url", "sqlite:///:memory:"]
        command += ["--disable-api-nodes", "--preview-method", "latent2rgb", *self.arguments]
        if environment.FRONTEND:
            command += ["--front-end-root", str(environment.FRONTEND)]
        if self.cpu:
            command.append("--cpu")
        return command

    def _link_installed(self) -> None:
        (self.base / "models").symlink_to(self.comfyui / "models", target_is_directory=True)
        for pack in (self.comfyui / "custom_nodes").iterdir():
            if pack.resolve() != self.pack.resolve() and pack.name != PACK_FOLDER:
                (self.base / "custom_nodes" / pack.name).symlink_to(pack)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self._require_running()
            try:
                requests.get(f"{self.url}/system_stats", timeout=ANSWER_SECONDS)
                return
            except requests.ConnectionError:
                time.sleep(0.2)
        raise ServerError(f"ComfyUI did not answer in {START_SECONDS} s.\n{self.log_tail()}")

    def _require_our_nodes(self) -> None:
        # ComfyUI starts even when a pack fails to import, with no more than a line in its log.
        if not self.node_ids():
            raise ServerError(f"ComfyUI could not import the pack.\n{self.log_tail()}")

    def node_ids(self) -> set[str]:
        """The ids of the nodes that come from this pack."""
        nodes = self._request("GET", "/object_info").json()
        module = f"custom_nodes.{PACK_FOLDER}"
        return {id for id, node in nodes.items() if node["python_module"] == module}

    def _require_running(self) -> None:
        if self.process.poll() is not None:
            raise ServerError(f"ComfyUI stopped by itself.\n{self.log_tail()}")

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = requests.request(method, self.url + path, timeout=ANSWER_SECONDS, **options)
        answer.raise_for_status()
        return answer

    def _queue(self, workflow: Workflow, client_id: str) -> str:
        """Queue the workflow; returns its prompt id or raises WorkflowError."""
        as_the_editor = {"extra_pnginfo": {"workflow": {}}}
        body = {"prompt": workflow, "client_id": client_id, "extra_data": as_the_editor}
        # Unlike requests, Python's own writes NaN, as other programs do and ComfyUI reads it.
        data = json.dumps(body)
        answer = requests.post(f"{self.url}/prompt", data=data, timeout=ANSWER_SECONDS)
        if answer.status_code == 400:
            raise refusal(answer.json())
        answer.raise_for_status()
        return answer.json()["prompt_id"]

    def _follow(
        self,
        connection: websocket.WebSocket,
        prompt_id: str,
        on_progress: OnProgress | None,
        deadline: float,
    ) -> None:
        """Read the server's messages until this prompt ends; raises WorkflowError if it failed."""
        while True:
            try:
                message = connection.recv()
            except websocket.WebSocketTimeoutException:
                self._require_running()
                if time.monotonic() > deadline:
                    raise TimeLimitError(f"It did not end.\n{self.log_tail()}") from None
                continue
            except (websocket.WebSocketException, OSError) as error:
                raise ServerError(f"ComfyUI closed the connection.\n{self.log_tail()}") from error
            if isinstance(message, bytes):  # a preview picture
                continue
            event = json.loads(message)
            data = event["data"]
            if data.get("prompt_id") != prompt_id:
                continue
            match event["type"]:
                case "executing" if data["node"] is None:  # the history is written by now
                    return
                case "executing" if on_progress:
                    on_progress(data["node"], 0, 1)
                case "progress" if on_progress:
                    on_progress(data["node"], data["value"], data["max"])
                case "execution_error":
                    raise WorkflowError(data["exception_message"].strip(), data["node_type"])
                case "execution_interrupted":
                    raise WorkflowError("The workflow was interrupted.", data["node_type"])


def refusal(answer: dict[str, Any]) -> WorkflowError:
    """The first reason in ComfyUI's answer to a workflow that it does not accept."""
    for node in answer["node_errors"].values():
        reason = node["errors"][0]
        return WorkflowError(f"{reason['message']}: {reason['details']}", node["class_type"])
    return WorkflowError(answer["error"]["message"])


def has_no_accelerator() -> bool:
    """Whether torch finds none on this machine."""
    import torch  # takes memory for as long as the process lives

    return not torch.accelerator.is_available()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
