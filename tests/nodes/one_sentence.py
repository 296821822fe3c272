"""What every complaint of a node has to be."""

import pytest


def assert_one_sentence(error: pytest.ExceptionInfo, name: str) -> None:
    """It names the input, and is one sentence that fits on a node."""
    text = str(error.value)
    assert text.startswith(f"{name}: ")
    assert text.endswith(".") and "\n" not in text and len(text) < 250
