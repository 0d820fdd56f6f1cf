"""The shop's greeting, v2."""


def handler(_event: dict[str, str], _context: object) -> dict[str, object]:
    """Answer a request to the function's URL."""
    return {"statusCode": 200, "body": "This is v2.\n"}
