"""Always fails."""


class Broken(Exception):
    """The planned failure."""


def handler(event, context):
    raise Broken("as asked for")
