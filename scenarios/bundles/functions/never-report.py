"""A hook of CodeDeploy as people forget it: it ends well, and tells nobody."""


def handler(_event: dict[str, str], _context: object) -> dict[str, object]:
    """Do the check, and return: CodeDeploy does not look at what a function returns."""
    return {"status": "Succeeded"}
