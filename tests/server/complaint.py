"""What a user reads after a mistake."""

import pytest

from demo.comfy_server import ComfyServer, Workflow, WorkflowError


def complaint(comfy: ComfyServer, workflow: Workflow) -> str:
    """Run a workflow that must fail; returns "node type: its one-sentence message"."""
    with pytest.raises(WorkflowError) as caught:
        comfy.run(workflow)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return f"{caught.value.node_type}: {message}"
