"""Fails always."""


class Broken(Exception):
    """The failure that was asked for."""


def handler(event, context):
    raise Broken("as asked for")
