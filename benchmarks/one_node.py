"""The one node DiffEdit in this process, run by ComfyUI's own executor."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from tools.executor import Executor
from tools.in_process import defaults

from .cases import Case
from .pack import Pack


class OneNode(Pack):
    """DiffEdit on the demo model."""

    def __init__(self, nodes: ModuleType, executor: Executor, lora: Path | None = None) -> None:
        super().__init__(nodes, lora)
        self.executor = executor

    def edited(
        self, case: Case, image: torch.Tensor, **settings: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The edited IMAGE and its MASK, without anything of a run before."""
        self.executor.given = (self.model, self.clip, self.vae, image)
        self.executor.forget()
        return self.edited_again(case, **settings)

    def edited_again(self, case: Case, **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The same picture with other settings; what they do not concern is in the cache."""
        links = {name: ["given", i] for i, name in enumerate(("model", "clip", "vae", "image"))}
        prompts = {"source": case.edit.source.caption, "target": case.edit.target.caption}
        inputs = {**defaults(self.nodes.DiffEdit), **links, **prompts, **settings}
        taken = {"image": ["edit", 0], "mask": ["edit", 1]}
        made = self.executor.run(
            {
                "given": {"class_type": "Given", "inputs": {}},
                "edit": {"class_type": "DiffEdit", "inputs": inputs},
                "taken": {"class_type": "Taken", "inputs": taken},
            }
        )
        return made["image"], made["mask"]
