"""Notifications published to a topic of SNS, or of what speaks like it, through boto3."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final
from urllib.parse import urlsplit

from typing_extensions import override

from scenarios.notifications import SnsTarget
from simulator.control.notifications.message import Message
from simulator.control.notifications.receiver import NotificationError, Receiver, Refused, Unreached, retried

EXTRA: Final = "drydeploy[sns]"
AWS: Final = (".amazonaws.com", ".amazonaws.com.cn")
"""Where AWS's own endpoints are. Only these are spoken to with the user's credentials."""
FIFO: Final = ".fifo"
_NOBODY: Final = "drydeploy"
"""The access key, and the secret, for an endpoint that is not AWS's: it needs a signature, and looks at none."""


class Sns(Receiver):
    """A topic at the endpoint that the scenario names. A FIFO topic is told what it needs to drop duplicates itself."""

    def __init__(self, target: SnsTarget) -> None:
        """Raises NotificationError where boto3 is not installed."""
        if importlib.util.find_spec("boto3") is None:
            raise NotificationError(
                f"the trigger's target {target.topic_arn} is a topic of SNS, and that needs boto3. Try: pip install "
                f"'{EXTRA}'"
            )
        self.where = f"{target.topic_arn} at {target.endpoint_url}"
        self.timeout_s = target.timeout / 1000
        self.retry_for_s = target.retry_for / 1000
        self._target = target
        self._client: Any = None

    @override
    def send(self, message: Message) -> None:
        """Publish it once."""
        botocore = importlib.import_module("botocore.exceptions")
        wanted = {"TopicArn": self._target.topic_arn, "Subject": message.subject, "Message": message.text}
        if self._target.topic_arn.endswith(FIFO):
            wanted |= {"MessageGroupId": message.deployment_id, "MessageDeduplicationId": message.id}
        try:
            if self._client is None:
                self._client = _client(self._target)
            self._client.publish(**wanted)
        except botocore.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise (Unreached if retried(status) else Refused)(f"it answered {status}: {error}") from error
        except botocore.SSLError as error:
            raise Refused(f"its certificate is not trusted: {error}") from error
        except (botocore.ReadTimeoutError, botocore.ConnectTimeoutError) as error:
            raise Unreached(f"it did not answer within {self.timeout_s:g} s") from error
        except (botocore.ConnectionError, botocore.HTTPClientError) as error:
            raise Unreached(str(error)) from error
        except botocore.BotoCoreError as error:
            raise Refused(str(error)) from error

    @override
    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()


def _client(target: SnsTarget) -> Any:
    """A client that tries once: the outbox tries again. Nobody but the endpoint is asked for anything.

    Away from AWS no credentials are looked up (in files, or at a metadata service), and no proxy is used.
    """
    boto3, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
    real = f".{urlsplit(target.endpoint_url).hostname}".endswith(AWS)
    timeout_s = target.timeout / 1000
    settings = {
        "connect_timeout": timeout_s,
        "read_timeout": timeout_s,
        "retries": {"total_max_attempts": 1},
        "parameter_validation": True,
        **({} if real else {"proxies": {}}),
    }
    keys = {} if real else {"aws_access_key_id": _NOBODY, "aws_secret_access_key": _NOBODY}
    return boto3.session.Session(**keys).client(
        "sns",
        region_name=target.region or target.topic_arn.split(":")[3],
        endpoint_url=target.endpoint_url,
        config=config.Config(**settings),
    )
