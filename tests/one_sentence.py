"""What a user reads after a mistake: one sentence that names the input."""

import pytest

from tools.comfy_server import ComfyServer, Workflow, WorkflowError

LONGEST = 350
"""What still fits on a node; a folder of the machine may be part of it."""


def assert_one_sentence(error: pytest.ExceptionInfo, name: str) -> None:
    """It names the input and is one sentence."""
    text = str(error.value)
    assert text.startswith(f"{name}: ")
    assert text.endswith(".") and "\n" not in text and len(text) < LONGEST


def complaint(comfy: ComfyServer, workflow: Workflow) -> str:
    """Run a workflow that must fail; returns "node type: its one-sentence message"."""
    with pytest.raises(WorkflowError) as caught:
        comfy.run(workflow)
    assert_one_sentence(caught, str(caught.value).split(": ")[0])
    return f"{caught.value.node_type}: {caught.value}"
