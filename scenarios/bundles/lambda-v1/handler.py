"""The shop's greeting, v1."""


def handler(_event: dict[str, str], _context: object) -> dict[str, object]:
    """Answer a request to the function's URL."""
    return {"statusCode": 200, "body": "This is v1.\n"}
