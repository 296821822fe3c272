"""The program that chat_template.py runs: JSON in, JSON out, as much work as it likes between."""

import json
import sys

LONGEST = 1 << 20
"""In characters."""
MOST_MEMORY = 4 << 30
"""In bytes, where the system can tell."""


def main() -> None:
    given = json.loads(sys.stdin.buffer.read())
    try:
        text = _rendered(**given)
        answer = {"text": text} if len(text) <= LONGEST else {"error": "its text is too long"}
    except Exception as error:  # whatever the template does
        answer = {"error": str(error).strip() or type(error).__name__}
    sys.stdout.write(json.dumps(answer))


def _rendered(path: list[str], template: object, variables: dict[str, object]) -> str:
    if not isinstance(template, str):
        raise TypeError("it is no text")
    sys.path[:] = path
    # All that apply_chat_template does beside it is to look after lists of chats.
    from transformers.utils.chat_template_utils import _compile_jinja_template

    _limit_memory()
    return _compile_jinja_template(template).render(**variables)


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    except (ImportError, ValueError, OSError):  # Windows has no such thing
        pass


if __name__ == "__main__":
    main()
