"""The one botocore session of this process: its loader keeps what it has read, which makes later clients cheap.

botocore is imported when it is first wanted, because that takes longer than everything else at the start.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from fleet.agent.config import Config

_MODELS = Path(__file__).parent / "models"


@cache
def _session() -> Any:
    module: Any = importlib.import_module("botocore.session")
    session = module.Session()
    session.get_component("data_loader").search_paths.insert(0, str(_MODELS))
    return session


def make_client(service: str, config: Config, endpoint: str | None, **options: Any) -> Any:
    """A client of ``service``, one of AWS's or of ``models/``, with the host's region and credentials.

    ``options`` are those of ``botocore.config.Config``. Raises BotoCoreError.
    """
    module: Any = importlib.import_module("botocore.config")
    return _session().create_client(
        service,
        region_name=config.region,
        endpoint_url=endpoint,
        aws_access_key_id=config.access_key_id,
        aws_secret_access_key=config.secret_access_key,
        aws_session_token=config.session_token,
        config=module.Config(**options),
    )
