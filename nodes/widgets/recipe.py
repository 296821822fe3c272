"""DiffEdit Mask's recipe widget: a choice of recipes, each with the knobs that it has."""

from typing import Any

from comfy_api.latest import io

from ...diffedit_core.recipes import RECIPES, Recipe


def recipe_input() -> io.DynamicCombo.Input:
    return io.DynamicCombo.Input(
        "recipe",
        options=[
            io.DynamicCombo.Option("auto", [_spread()]),
            io.DynamicCombo.Option("paper", []),
            io.DynamicCombo.Option("diffusers", []),
            io.DynamicCombo.Option("blog", []),
            io.DynamicCombo.Option("manual", [_spread(), *_scale_and_cut()]),
        ],
        tooltip="How the differences become the heat map and the mask. auto finds the threshold "
        "for each picture and suits most; paper, diffusers and blog do as their authors did; "
        "manual opens every knob.",
    )


def chosen_recipe(inputs: Any) -> tuple[Recipe, float]:
    """Return the recipe that the widget and its knobs stand for, and the spread of noise levels.

    inputs: as a dictionary.  ComfyUI's API also takes no recipe, a misspelt one, which it then
    leaves out, and a link to anything; the knobs of a recipe that there is it asks for by itself.
    Raises ValueError for these.
    """
    names = [option.key for option in recipe_input().options]
    if not isinstance(inputs, dict) or inputs.get("recipe") not in names:
        raise ValueError(
            f"recipe: it is missing or misspelt; write {', '.join(names[:-1])} or {names[-1]}, and "
            "give the inputs that it opens, such as recipe.spread."
        )
    spread = inputs.get("spread", 0.0)
    if inputs["recipe"] != "manual":
        return RECIPES[inputs["recipe"]], spread
    extremes = inputs["extremes"] / 100
    return Recipe(inputs["clamp"], extremes, inputs["stretch"], inputs["threshold"]), spread


def _spread() -> io.Input:
    return io.Float.Input(
        "spread",
        default=0.2,
        min=0.0,
        max=0.5,
        step=0.01,
        tooltip="Compare at two noise levels, this much below and above strength: the lower one "
        "sees outlines sharply, the upper one sees where the new thing would go. 0 compares at "
        "strength alone. Good: 0.1 to 0.25.",
    )


def _scale_and_cut() -> list[io.Input]:
    return [
        io.Float.Input(
            "clamp",
            default=0.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="White is this many times the picture's average difference; whatever differs "
            "more is white too. diffusers uses 3. 0 makes the largest difference white.",
        ),
        io.Float.Input(
            "extremes",
            default=0.5,
            min=0.0,
            max=49.0,
            step=0.1,
            tooltip="Leave out so many of the most extreme places when looking for the largest "
            "difference (a percentile), in percent of the picture. Good: 0 to 2.",
        ),
        io.Boolean.Input(
            "stretch",
            default=False,
            tooltip="Make the smallest difference black, instead of no difference at all.",
        ),
        io.Float.Input(
            "threshold",
            default=0.5,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="What is lighter than this in the heat map is foreground of the mask. Good: "
            "0.1 to 0.5.",
        ),
    ]
