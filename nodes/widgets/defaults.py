"""The values that a node's widgets start with in the editor."""

from typing import Any

from comfy_api.latest import io

# What the editor starts a widget with for which the schema names no value.
STARTS = {"STRING": "", "INT": 0, "FLOAT": 0.0, "BOOLEAN": False}


def widget_defaults(inputs: list[io.Input], prefix: str = "") -> dict[str, Any]:
    """Return a value for each widget among a schema's inputs, as a workflow in API format has it.

    prefix: of the names, for the inputs of a choice that opens widgets of its own.
    """
    values: dict[str, Any] = {}
    for one in inputs:
        if isinstance(one, io.DynamicCombo.Input):
            first = one.options[0]
            values[prefix + one.id] = first.key
            values |= widget_defaults(first.inputs, f"{prefix}{one.id}.")
        elif isinstance(one, io.WidgetInput):
            values[prefix + one.id] = _default(one)
    return values


def _default(widget: io.WidgetInput) -> Any:
    if widget.default is not None:
        return widget.default
    if isinstance(widget, io.Combo.Input):
        return widget.options[0]
    return STARTS[widget.get_io_type()]
