"""Reads the query of a page."""

from __future__ import annotations

from stepwell.functions.contract import Event, query_of


def without_empty(event: Event) -> Event:
    """The event without the empty parameters of its query: a form also sends the fields that were left empty."""
    return {**event, "queryStringParameters": {name: value for name, value in query_of(event).items() if value}}
