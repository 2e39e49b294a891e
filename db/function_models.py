"""The tables of the functions that were created over AWS Lambda's API, and nothing else."""

from __future__ import annotations

from peewee import BigIntegerField, BlobField, CompositeKey, IntegerField, TextField

from stepwell.db.columns import IdField, Table


class StoredFunction(Table):
    """A function that was created over AWS Lambda's API. ``published`` counts its versions.

    ``reserved`` is the number of its invocations that may run at a time, null for any number.
    """

    name = TextField(primary_key=True)
    published = IntegerField(default=0)
    reserved = IntegerField(null=True)
    tags = TextField(default="{}")
    created_at = BigIntegerField()


class FunctionVersion(Table):
    """The code and the configuration of one version of a function. Number 0 is $LATEST, the only one that changes."""

    name = TextField()
    number = IntegerField()
    options = TextField()
    code = TextField(index=True)
    revision = TextField()
    modified_at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("name", "number")


class FunctionCode(Table):
    """A zip by its SHA-256, kept as long as a version refers to it. ``size`` is the zip's own, in bytes."""

    sha256 = TextField(primary_key=True)
    size = IntegerField()
    content = BlobField()


class FunctionAlias(Table):
    """A name for one version of a function, or for two: ``weights`` gives the share of the second one."""

    name = TextField()
    alias = TextField()  # type: ignore[assignment]  # hides a method of Model; it is not called here
    version = TextField()
    weights = TextField(default="{}")
    description = TextField(default="")
    revision = TextField()

    class Meta:
        primary_key = CompositeKey("name", "alias")


class EventConfig(Table):
    """The retries and destinations of asynchronous invocations of a function, or of one of its versions or aliases."""

    name = TextField()
    qualifier = TextField()
    options = TextField()
    modified_at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("name", "qualifier")


class FunctionPermission(Table):
    """A statement of the policy of a function, or of one of its versions or aliases; "" qualifies the function."""

    name = TextField()
    qualifier = TextField()
    sid = TextField()
    statement = TextField()
    created_at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("name", "qualifier", "sid")


class RunningInvocation(Table):
    """A running invocation of a function with a reserved concurrency, in any process; gone when it has ended."""

    id = IdField(primary_key=True)
    name = TextField(index=True)
    lease_until = BigIntegerField()

    class Meta:
        table_name = "function_seat"
