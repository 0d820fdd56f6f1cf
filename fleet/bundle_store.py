"""The bucket from which hosts fetch their bundles where a scenario takes the right to do so away.

The names are made up, the permission is not: `s3:GetObject` is what an agent's instance profile needs of the bucket
(AWS CodeDeploy user guide, "Create an IAM instance profile for your Amazon EC2 instances").
"""

from __future__ import annotations

import json
from typing import Final

ACCOUNT: Final = "123456789012"
"""AWS's own account for examples: nothing here ever speaks to AWS."""
BUCKET: Final = "drydeploy-revisions"
ROLE: Final = "drydeploy-host"
ACCESS_DENIED: Final = "AccessDenied"
"""S3's error code (API reference, "Error responses"): HTTP 403."""


def key(revision: str, kind: str) -> str:
    """A revision's key in the bucket; `kind` is zip, tar or tgz."""
    return f"{revision}.{kind}"


def denial(host: str, object_key: str) -> str:
    """What the bucket tells a host whose role may not read an object: to whom, what is missing, and what cures it."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    return (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{host} may not read arn:aws:s3:::{BUCKET}/{object_key}: its role "
        f"{ROLE} lacks s3:GetObject. Add this statement to the role's policy: {json.dumps(statement)}"
    )
