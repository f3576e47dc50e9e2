"""Text that a database takes: no NUL, no lone surrogates, bounded."""


def clean(text: str, limit: int) -> str:
    """`text` as valid UTF-8 without NUL characters, at most `limit` characters."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
