"""An HTTP server that answers as a ComfyUI does, or as a broken one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROMPT = "a-prompt"
PICTURE = b"a picture"
ANSWERS: dict[str, Any] = {
    "/object_info": {},
    "/queue": {"queue_running": [], "queue_pending": []},
    "/upload/image": {"name": "source.png", "subfolder": "", "type": "input"},
    "/prompt": {"prompt_id": PROMPT},
    "/view": PICTURE,
}

RUNNING = {"queue_running": [[0, PROMPT]], "queue_pending": []}
PENDING = {"queue_running": [[0, "another's"]], "queue_pending": [[1, PROMPT]]}


def history(event: str = "execution_success", detail: Any = None, **outputs: Any) -> dict[str, Any]:
    """The history of the prompt that ended so, after a second and a half."""
    messages = [["execution_start", {"timestamp": 1000}]]
    messages += [[event, {"timestamp": 2500} | (detail or {})]]
    ok = event == "execution_success"
    state = {"status_str": "success" if ok else "error", "messages": messages}
    return {PROMPT: {"outputs": outputs, "status": state}}


class FakeComfy:
    """answers: by path, to every request or, as a list, to one after the other, the last for good;
    a number is a status, bytes are a file, a function is called for the answer.
    """

    def __init__(self, url: str, answers: dict[str, Any]):
        self.url = url
        self.answers = ANSWERS | answers
        self.asked: list[str] = []

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        answer = self.answers.get(path, 404)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer() if callable(answer) else answer


@contextmanager
def fake_comfy(answers: dict[str, Any]) -> Iterator[FakeComfy]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = fake.answer(self.path.partition("?")[0])
            status = answer if isinstance(answer, int) else 200
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = FakeComfy(f"http://127.0.0.1:{server.server_port}", answers)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield fake
        finally:
            server.shutdown()
