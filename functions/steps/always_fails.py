"""Fails every time, with error ``data.error`` (default AlwaysFails) and message ``data.message``."""

from __future__ import annotations

import re

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import InvalidData, data_of, text

TIMEOUT_SECONDS = 30

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")


class AlwaysFails(Exception):
    """The failure that was asked for."""


def handler(event: Event, context: Context) -> Json:
    data = data_of(event)
    message = text(data.get("message", "this step always fails"), "data.message", longest=1000)
    raise _error(data.get("error", "AlwaysFails"))(message)


def _error(name: Json) -> type[AlwaysFails]:
    """A class of that name, since Retry and Catch match an error by the name of its class."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidData("data.error", "the name of an error, such as OutOfStock", name)
    return AlwaysFails if name == "AlwaysFails" else type(name, (AlwaysFails,), {})
