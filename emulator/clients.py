"""The variables by which AWS's own clients find us, as lines for a shell: ``eval "$(python -m emulator env)"``."""

from __future__ import annotations

import shlex

from stepwell.runtime.engine.values.arns import REGION
from stepwell.runtime.settings import Settings

ANY_KEY = ("stepwell", "stepwell")
"""An id and its secret. Clients refuse to work without a key. A Stepwell without access keys checks none."""


def environment(settings: Settings) -> dict[str, str]:
    """The variables and their values, with the first of the access keys if there are any.

    Without the last variable clients put ``sync-`` before our host's name.
    """
    key_id, secret = next(iter(settings.access_keys), ANY_KEY)
    return {
        "AWS_ENDPOINT_URL_SFN": settings.url,
        "AWS_ENDPOINT_URL_LAMBDA": settings.url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def exports(settings: Settings) -> str:
    """The variables as ``export`` lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment(settings).items())
