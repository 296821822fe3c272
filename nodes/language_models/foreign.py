"""What calls into transformers and its kin have in common: any of them may fail, and all talk."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import comfy.model_management

from ..adapter.error_reason import error_reason

LONGEST_REASON = 120


@contextmanager
def explained(sentence: Callable[[str], str]) -> Iterator[None]:
    """Raise ValueError with the sentence, which is given the reason, where anything fails inside.

    Except where there was no memory, which ComfyUI deals with, or the run was cancelled.
    Meanwhile these libraries log nothing: what they log are names and texts of a folder's files,
    which the server's log may not be able to write, and what matters of it the sentence says.
    """
    try:
        with _silent():
            yield
    except (
        comfy.model_management.InterruptProcessingException,
        comfy.model_management.OOM_EXCEPTION,
        KeyboardInterrupt,
        SystemExit,
    ):
        raise
    except BaseException as error:  # a panic of tokenizers is no Exception
        raise ValueError(sentence(error_reason(error)[:LONGEST_REASON].rstrip(": "))) from error


@contextmanager
def _silent() -> Iterator[None]:
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
