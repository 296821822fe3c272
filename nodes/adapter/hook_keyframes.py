"""Hooks with keyframes, which ComfyUI moves on only as noise falls, where noise rises."""

from typing import Any


def rewind_keyframes(guider: Any, sigma: float, model_options: dict[str, Any]) -> None:
    """Bring the keyframes of all hooks in a guider's conditionings to where sampling from the top
    of the schedule would have them at `sigma`.

    Weights that were patched by another strength are dropped; ComfyUI patches them anew.
    """
    groups = [cond["hooks"] for conds in guider.conds.values() for cond in conds if "hooks" in cond]
    hooks = {id(hook): hook for group in groups if group is not None for hook in group.hooks}
    if not hooks:
        return
    transformer_options = model_options["transformer_options"]
    schedule = [float(one) for one in transformer_options["sample_sigmas"] if one > sigma]
    before = [hook.strength for hook in hooks.values()]
    for hook in hooks.values():
        # A clone is at its beginning; `reset` leaves the latest sigma behind.
        hook.hook_keyframe = hook.hook_keyframe.clone()
        for passed in [*schedule, sigma]:
            hook.hook_keyframe.prepare_current_keyframe(passed, transformer_options)
    if before != [hook.strength for hook in hooks.values()]:
        guider.model_patcher.clear_cached_hook_weights()
