"""What another library's exception says, short enough to stand in one of our sentences."""


def error_reason(error: BaseException) -> str:
    """Return the first line of the error's message without its full stop, or the name of its type
    where it has no message.
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
