"""Route keys in API Gateway's form, and the choice of the route for a request.

A key is ``METHOD /path`` or ``ANY /path``. A segment is a literal, ``{name}``, or last ``{name+}``, which takes all the
rest. The most specific path wins, segment by segment: literal, then variable, then greedy. On one path a method beats
ANY. GET answers HEAD.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stepwell.functions.errors import MethodNotAllowed, NotFound

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_VARIABLE = re.compile(r"\{([A-Za-z_][\w.-]*)(\+?)\}")
_LITERAL = re.compile(r"[\w.~!$&'()*+,;=:@-]+", re.ASCII)
_SHOWN = 80
LITERAL, VARIABLE, GREEDY = range(3)


@dataclass(frozen=True)
class RoutePart:
    """One part of a route's path. ``rank`` orders literals, variables and greedy variables."""

    text: str
    rank: int

    def fits(self, given: str) -> bool:
        """Whether the segment matches one of a request. A variable does not match an empty segment."""
        return self.text == given if self.rank == LITERAL else bool(given)


@dataclass(frozen=True)
class Route:
    """A route key, taken apart."""

    key: str
    method: str
    segments: tuple[RoutePart, ...]

    @property
    def path(self) -> str:
        return self.key.partition(" ")[2]

    @property
    def shape(self) -> tuple[str, tuple[str, ...]]:
        """The route without the names of its variables: equal for two routes that match the same requests."""
        return self.method, tuple(one.text if one.rank == LITERAL else f"{{{one.rank}}}" for one in self.segments)

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(one.text for one in self.segments if one.rank != LITERAL)

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The path parameters if the path matches these segments, else None."""
        greedy = bool(self.segments) and self.segments[-1].rank == GREEDY
        if len(segments) < len(self.segments) or (len(segments) > len(self.segments) and not greedy):
            return None
        if not all(own.fits(given) for own, given in zip(self.segments, segments, strict=False)):
            return None
        return {
            own.text: segments[index] if own.rank == VARIABLE else "/".join(segments[index:])
            for index, own in enumerate(self.segments)
            if own.rank != LITERAL
        }


@dataclass(frozen=True)
class Match:
    """The route of a request, with the values of its variables."""

    route: Route
    parameters: Mapping[str, str]


class Router:
    """Chooses the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: [one.rank for one in route.segments])

    def choose(self, method: str, segments: Sequence[str]) -> Match:
        """The most specific route for a request. Raises NotFound, or MethodNotAllowed with the path's own methods."""
        allowed: set[str] = set()
        best: Match | None = None
        for route in self._routes:
            if best and _ranks(route) != _ranks(best.route):
                break
            parameters = route.match(segments)
            if parameters is None:
                continue
            allowed.add(route.method)
            if _preference(route, method) < (_preference(best.route, method) if best else _NEVER):
                best = Match(route, parameters)
        if best:
            return best
        raise _refusal(method, segments, allowed)


_NEVER = 9


def _preference(route: Route, method: str) -> int:
    order = (method, "GET", "ANY") if method == "HEAD" else (method, "ANY")
    return order.index(route.method) if route.method in order else _NEVER


def _ranks(route: Route) -> list[int]:
    return [one.rank for one in route.segments]


def _refusal(method: str, segments: Sequence[str], allowed: set[str]) -> NotFound | MethodNotAllowed:
    if not allowed:
        path = "/" + "/".join(segments)
        return NotFound(f"Nothing answers at {path if len(path) <= _SHOWN else path[:_SHOWN] + '...'}")
    return MethodNotAllowed(tuple(sorted(allowed | ({"HEAD"} if "GET" in allowed else set()))))


def parse_route(text: object) -> Route:
    """The route in a ROUTE constant. Raises ValueError with the reason."""
    method, _, path = text.partition(" ") if isinstance(text, str) else ("", "", "")
    if method not in (*METHODS, "ANY") or not path.startswith("/"):
        raise ValueError(f"must be like 'POST /orders/{{id}}' with one of {', '.join(METHODS)} or ANY, not {text!r}")
    segments = tuple(_segment(part) for part in path[1:].split("/")) if path != "/" else (RoutePart("", LITERAL),)
    route = Route(f"{method} {path}", method, segments)
    if any(one.rank == GREEDY for one in segments[:-1]):
        raise ValueError(f"a greedy variable must stand last in {text!r}")
    if len(set(route.variables)) != len(route.variables):
        raise ValueError(f"a variable stands twice in {text!r}")
    return route


def _segment(part: str) -> RoutePart:
    if variable := _VARIABLE.fullmatch(part):
        return RoutePart(variable[1], GREEDY if variable[2] else VARIABLE)
    if not _LITERAL.fullmatch(part):
        raise ValueError(f"{part!r} is no path segment: write a literal, {{name}} or {{name+}}")
    return RoutePart(part, LITERAL)
