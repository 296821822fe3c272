"""The values that widgets start with, as the editor has them."""

from tools.in_process import defaults


def test_a_widget_without_a_default_starts_as_in_the_editor(nodes):
    from comfy_api.latest import io  # on the path once the pack is loaded

    inputs = [
        io.Combo.Input("choice", options=["first", "second"]),
        io.String.Input("text"),
        io.Int.Input("number"),
        io.Float.Input("fraction"),
        io.Boolean.Input("switch"),
        io.Int.Input("zero", default=0),
        io.Image.Input("image"),
        io.Int.Input("seed", default=7, control_after_generate=True),
    ]
    assert nodes.widgets.defaults.widget_defaults(inputs) == {
        "choice": "first",
        "text": "",
        "number": 0,
        "fraction": 0.0,
        "switch": False,
        "zero": 0,
        "seed": 7,
    }


def test_a_choice_brings_the_widgets_that_it_opens(nodes):
    flat = nodes.widgets.defaults.widget_defaults(nodes.DiffEditMask.define_schema().inputs)
    assert (flat["recipe"], flat["recipe.spread"]) == ("auto", 0.2)
    assert defaults(nodes.DiffEditMask)["recipe"] == {"recipe": "auto", "spread": 0.2}
