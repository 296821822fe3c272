"""A server that plays the Hugging Face Hub, as far as a download asks it."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """One repository of a folder's files, under any name.

    url: where it answers.  fetched: (file, first byte) of each request for a file.
    restate: makes another metadata of the true one.  status: of the answers to look-ups.
    break_at: answers break off at this byte of a file, once.
    knows_ranges: whether a request for the rest of a file gets just that.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.fetched: list[tuple[str, int]] = []
        self.lookups = 0
        self.break_at: int | None = None
        self.restate: Callable[[dict[str, Any]], Any] = lambda stated: stated
        self.status = 200
        self.knows_ranges = True

    @contextmanager
    def serving(self) -> Iterator["Hub"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield self
        server.shutdown()
        server.server_close()
        thread.join()

    def metadata(self) -> dict[str, Any]:
        """As /api/models/<name>?blobs=true states it."""
        siblings = []
        for path in sorted(self.folder.rglob("*.*")):
            content = path.read_bytes()
            file = {"rfilename": path.relative_to(self.folder).as_posix(), "size": len(content)}
            if path.suffix in (".safetensors", ".bin"):
                file["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
                content = b"a text that points to the content"
            blob = b"blob %d\0%b" % (len(content), content)
            siblings.append({**file, "blobId": hashlib.sha1(blob).hexdigest()})
        return {"sha": COMMIT, "siblings": siblings, "cardData": {"license": "apache-2.0"}}

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.startswith("/api/models/"):
                    hub.lookups += 1
                    self.answer(hub.status, json.dumps(hub.restate(hub.metadata())).encode())
                    return
                _, file = self.path.split(f"/resolve/{COMMIT}/")
                content = (hub.folder / file).read_bytes()
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
                hub.fetched.append((file, start))
                if not hub.knows_ranges:
                    self.answer(200, content)
                    return
                end = len(content)
                if hub.break_at is not None and start < hub.break_at < end:
                    end, hub.break_at = hub.break_at, None
                self.answer(206, content[start:end], len(content) - start)

            def answer(self, status: int, body: bytes, length: int | None = None):
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        return Handler
