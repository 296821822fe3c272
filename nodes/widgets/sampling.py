"""Inputs that several nodes have alike, but for what they do there."""

from comfy_api.latest import io


def seed_input(
    tooltip: str,
    control: bool | io.ControlAfterGenerate = True,
    advanced: bool | None = None,
) -> io.Input:
    """control: what becomes of the seed after a run, or whether the user is asked at all."""
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=0xFFFFFFFFFFFFFFFF,
        control_after_generate=control,
        advanced=advanced,  # pyright: ignore[reportArgumentType]
        tooltip=tooltip,
    )


def cfg_input(tooltip: str, default: float = 7.5, advanced: bool | None = None) -> io.Input:
    return io.Float.Input(
        "cfg",
        default=default,
        min=0.0,
        max=100.0,
        step=0.1,
        round=0.01,
        advanced=advanced,  # pyright: ignore[reportArgumentType]
        tooltip=tooltip,
    )
