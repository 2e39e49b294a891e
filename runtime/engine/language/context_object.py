"""The context object, ``$$``, and the one value that it gives but does not show: the visit's idempotency key.

``$$.State.IdempotencyKey`` and ``$states.context.State.IdempotencyKey`` give it. ``$$`` as a whole, ``$$.State`` and
whatever else selects from them are what they are on AWS, which has no such member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stepwell.runtime.engine.values.jsontext import Json

KEY = "IdempotencyKey"
KEY_STEPS = ("State", KEY)
"""The steps of the one path that leads to the key."""


class ContextObject(dict[str, Json]):
    """A context object in whose State a key can be asked for. ``key`` makes it: few states ask."""

    def __init__(self, members: Mapping[str, Json], key: Callable[[], str]) -> None:
        super().__init__(members)
        self.key = key

    def with_members(self, members: Mapping[str, Json]) -> ContextObject:
        """The context object with more members."""
        return ContextObject({**self, **members}, self.key)

    def for_jsonata(self) -> dict[str, Json]:
        """The members as JSONata sees them. A result is copied: no state's data holds the key."""
        return {**self, "State": _StateWithKey(self["State"], self.key)}


class _StateWithKey(dict[str, Json]):
    """The State, which has one more member for those who ask for it by its name."""

    def __init__(self, members: Mapping[str, Json], key: Callable[[], str]) -> None:
        super().__init__(members)
        self._key = key

    def get(self, name: str, default: Json = None) -> Json:
        return self._key() if name == KEY else super().get(name, default)
