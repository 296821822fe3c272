"""The values that a node starts with in the editor."""

from typing import Any

from comfy_api.latest import io


def widget_defaults(schema: io.Schema) -> dict[str, Any]:
    """The values that a node's widgets start with, as a workflow in API format holds them."""
    return _widgets(schema.inputs)


def _widgets(inputs: list[io.Input], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in inputs:
        if isinstance(one, io.DynamicCombo.Input):  # a choice that opens widgets of its own
            first = one.options[0]
            values[prefix + one.id] = first.key
            values |= _widgets(first.inputs, f"{prefix}{one.id}.")
        elif isinstance(one, io.WidgetInput):
            values[prefix + one.id] = one.default
    return values
