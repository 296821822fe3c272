"""ComfyUI's own executor in this process, with the cache that its server has by default."""

import asyncio
import copy
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

from .comfy_server import COMFYUI, Workflow, WorkflowError

EXTRA_NODES = ("nodes_images", "nodes_latent", "nodes_logic", "nodes_mask")
"""Those of ComfyUI's further nodes that the pack and its tests use."""

TAKEN = {"image": "IMAGE", "mask": "MASK", "heat_map": "MASK"}


class Executor:
    """Runs workflows that begin with a node of the type "Given" and end with "taken", of the type
    "Taken".  "GivenTwice" gives what "Given" does as lists of two.

    given: (MODEL, CLIP, VAE, IMAGE), and perhaps a STRING.  ran: the ids of the nodes that the
    latest run did not find in the cache.
    """

    def __init__(self, nodes: ModuleType, server: SimpleNamespace):
        self.given: tuple[Any, ...] = ()
        self.ran: list[str] = []
        self._received: dict[str, Any] = {}
        server.send_sync = self._listen
        stock = comfyui_nodes()
        for node in asyncio.run(nodes.DiffEditExtension().get_node_list()):
            stock.NODE_CLASS_MAPPINGS[node.define_schema().node_id] = node
        stock.NODE_CLASS_MAPPINGS |= {
            "Given": self._given(times=1),
            "GivenTwice": self._given(times=2),
            "Taken": self._taken(),
        }
        import execution

        # By default, what the latest run did not use goes wherever less than all memory is free.
        limits = {"lru": 0, "ram": 0.0, "ram_inactive": 1e6}
        cache: Any = execution.CacheType.RAM_PRESSURE  # annotated as a bool
        self.executor = execution.PromptExecutor(server, cache_type=cache, cache_args=limits)

    def run(self, workflow: Workflow) -> dict[str, Any]:
        """Run a copy of the workflow; returns what reached "taken", by the names of its inputs.

        Raises WorkflowError where a node fails.
        """
        self.ran = []
        self._received = {}
        self.executor.execute(
            copy.deepcopy(workflow), "a prompt", {"client_id": "the editor"}, ["taken"]
        )
        for event, data in self.executor.status_messages:
            if event == "execution_error":
                raise WorkflowError(data["exception_message"].strip(), data["node_type"])
        return self._received

    def forget(self) -> None:
        """Empty the cache, which does not notice when something else is given."""
        self.executor.reset()

    def _listen(self, event: Any, data: Any, client: str | None = None) -> None:
        if event == "executing":
            self.ran.append(data["node"])

    def _given(self, times: int) -> type:
        executor = self

        class Given:
            RETURN_TYPES = ("MODEL", "CLIP", "VAE", "IMAGE", "STRING")
            OUTPUT_IS_LIST = (True,) * len(RETURN_TYPES)
            FUNCTION = "give"

            @classmethod
            def INPUT_TYPES(cls) -> dict[str, Any]:
                return {"required": {}}

            def give(self) -> tuple[Any, ...]:
                return tuple([value] * times for value in executor.given)

        return Given

    def _taken(self) -> type:
        executor = self

        class Taken:
            RETURN_TYPES = ()
            FUNCTION = "take"
            OUTPUT_NODE = True

            @classmethod
            def INPUT_TYPES(cls) -> dict[str, Any]:
                return {"optional": {name: (type_,) for name, type_ in TAKEN.items()}}

            def take(self, **values: Any) -> dict[str, Any]:
                executor._received = values
                return {}

        return Taken


@contextmanager
def running_executor(nodes: ModuleType) -> Iterator[Executor]:
    """An executor that the pack's nodes take for that of a server."""
    instance = SimpleNamespace(
        client_id=None, last_node_id=None, sockets_metadata={}, send_progress_text=lambda *_: None
    )
    before = sys.modules.get("server")
    module: Any = SimpleNamespace(PromptServer=SimpleNamespace(instance=instance))
    sys.modules["server"] = module
    try:
        yield Executor(nodes, instance)
    finally:
        del sys.modules["server"]
        if before:
            sys.modules["server"] = before


def comfyui_nodes() -> Any:
    """ComfyUI's module of stock nodes, under the name by which ComfyUI imports it."""
    if "nodes" not in sys.modules:
        spec = importlib.util.spec_from_file_location("nodes", COMFYUI / "nodes.py")
        assert spec and spec.loader
        sys.modules["nodes"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name in EXTRA_NODES:
            path = str(COMFYUI / "comfy_extras" / f"{name}.py")
            assert asyncio.run(module.load_custom_node(path, module_parent="comfy_extras"))
    return sys.modules["nodes"]
