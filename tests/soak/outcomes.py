"""How a prompt ended."""

import re
from dataclasses import dataclass, field

from tests.one_sentence import LONGEST

REFUSED, FINISHED, SENTENCE = "refused", "finished", "sentence"
STOCK, RAW, CRASH, HANG = "stock", "raw", "crashes", "hangs"
KINDS = (REFUSED, FINISHED, SENTENCE, STOCK, RAW, CRASH, HANG)


@dataclass
class Outcome:
    """kind: refused by ComfyUI before anything ran; finished; failed with a sentence of ours; in a
    node that is not ours; in one of ours with any other text; the server went; it did not end.

    node_type: at fault.  text: what a user reads.  problems: with what came out, see `problems` in
    odd_nodes.py.
    """

    kind: str
    node_type: str = ""
    text: str = ""
    problems: list[str] = field(default_factory=list)


def is_sentence(text: str) -> bool:
    """Whether the text is "input: what is wrong; what to do." in one line."""
    return bool(re.fullmatch(r"[\w.]+: [^\n]+; [^\n]+\.", text)) and len(text) < LONGEST


def failure(node_type: str, text: str, ours: bool) -> Outcome:
    """The outcome of a prompt that failed while it ran."""
    if not ours:
        return Outcome(STOCK, node_type, text)
    return Outcome(SENTENCE if is_sentence(text) else RAW, node_type, text)
