"""What a page is asked for in its query."""

from __future__ import annotations

from stepwell.functions.contract import Event, query_of


def asked(event: Event) -> Event:
    """The event without what is empty in its query: a form sends the fields that were left empty, too."""
    return {**event, "queryStringParameters": {name: value for name, value in query_of(event).items() if value}}
