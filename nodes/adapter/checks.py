"""Checks of what users connect: each mistake becomes one sentence that names the input."""

from torch import Tensor


def check_finite(name: str, values: Tensor, often: str = "a VAE running in half precision") -> None:
    """Raise ValueError where the input `name` holds NaN or infinite values.

    often: what often makes them.
    """
    if not values.isfinite().all():
        raise ValueError(
            f"{name}: it contains NaN or infinite values; look at the node that made it, often "
            f"{often}."
        )


def check_count(name: str, thing: str, given: int, count: int, others: str = "pictures") -> None:
    """Raise ValueError where the input `name` has neither one thing for all others nor one for each
    of them.
    """
    if given not in (1, count):
        raise ValueError(
            f"{name}: there are {given} {thing}s for {count} {others}; connect one {thing} for all "
            "or one for each."
        )
