"""Workflows and their versions: a definition is checked and compiled once, stored for ever, loaded once per process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from peewee import Case

from stepwell.db.database import database, transaction
from stepwell.db.models import Alias, Version, Workflow
from stepwell.db.queries import clock_sql
from stepwell.functions.errors import InvalidDefinition, InvalidName, NotFound, PayloadTooLarge
from stepwell.runtime.engine.aws_history import resources_of
from stepwell.runtime.engine.definition import flow, lint, steplist, validate
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import PlannedTask, StateMachine, TaskState
from stepwell.runtime.engine.definition.resources import FUNCTION, NO_ALIASES, Resource, aliases_for
from stepwell.runtime.engine.definition.steplist import Compiled, FunctionDefaults
from stepwell.runtime.engine.definition.validate import Fault
from stepwell.runtime.engine.language.fields import Constant
from stepwell.runtime.engine.values import arns, jsontext, names
from stepwell.runtime.engine.values.arns import Deployment
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.locations import ROOT, Location
from stepwell.runtime.ids import new_id
from stepwell.runtime.settings import Limits

Json = Any

FLOW, EVENT = "flow:", "event:"
"""What the names of workflows begin with that nobody has made by name: flows, and the events of a function."""

MACHINES = 128
"""How many state machines a process keeps loaded; one may take some megabytes."""

EXPRESS = "EXPRESS"
EXPRESS_STATE, EXPRESS_FUNCTION = "Express", ":express"
"""The one state of an Express execution, and what does it in place of a function: no file can have that name."""
EXPRESS_SECONDS = 300.0
"""How long AWS lets an Express execution run."""
EVENT_PAYLOAD = 8 << 20
"""What fits into an event's execution: an event of 1 MB, a result of 6 MB, and the record of both."""
LATEST_COLUMNS = (Version.id, Version.workflow_id, Version.number)
"""What a start reads of a version: the definition and the machine may be large, and the machine is loaded already."""


@dataclass(frozen=True)
class Latest:
    """The version that a start uses."""

    workflow_id: str
    name: str
    version_id: str
    number: int
    now: int
    """The database's time when it was looked up."""


@dataclass(frozen=True)
class Machines:
    """What a version runs as: ``outer`` by its rows, ``inner`` in memory. They differ for Express versions only."""

    outer: StateMachine
    inner: StateMachine


class Workflows:
    """Knows the step types' names and constants; the definitions are in the database."""

    def __init__(
        self, defaults: Mapping[str, FunctionDefaults], limits: Limits, aliases: Mapping[str, str] = NO_ALIASES
    ) -> None:
        self.defaults = defaults
        self.limits = limits
        self.aliases = aliases
        self._machine = lru_cache(maxsize=MACHINES)(_load)

    def machine(self, version_id: str) -> StateMachine:
        """The state machine of a version, loaded once. Raises NotFound."""
        return self._machine(version_id).outer

    def inner(self, version_id: str) -> StateMachine:
        """The state machine that an Express version's one task is. Raises NotFound."""
        return self._machine(version_id).inner

    def create(self, name: str, definition: Json) -> Version:
        """Store the newest version of ``name``. Raises InvalidName, InvalidDefinition, PayloadTooLarge."""
        if fault := names.fault_of(name):
            raise InvalidName(f"The workflow's name: {fault}.", path="$.name")
        return self._store(name, definition, self.compiled(definition, ROOT / "definition"))

    def seed(self, name: str, definition: Json) -> None:
        """Store a workflow that ships with the house, unless there is one, or was one that somebody deleted."""
        with database.connection_context():
            known = Workflow.select().where(Workflow.name == name).exists()
        if not known:
            self._store(name, definition, self.compiled(definition), is_seed=True)

    def create_flow(self, tree: Json) -> Latest:
        """The version of the workflow ``flow:<name>`` that is this tree: a new one only when the newest is not.

        It may not be the newest any more when this returns: trees of one name are stored by many at once.
        """
        _refuse(validate.flow(tree, self.defaults, self.limits.steps), ROOT)
        name = FLOW + tree["name"]
        return self.kept(name, tree, flow.compile(tree, self.defaults))

    def kept(self, name: str, definition: Json, made: Compiled) -> Latest:
        """The version of this name that is this definition: a new one only when the newest is not."""
        with database.connection_context():
            newest = _newest(name)
        if newest is None or (newest.definition, newest.compiled) != (jsontext.write(definition), compiled_text(made)):
            newest = self._store(name, definition, made)
        return _latest(name, newest)

    def faults(self, definition: Json) -> list[Fault]:
        """What is wrong with a definition in either notation."""
        return validate.workflow(definition, self.defaults, self.limits.steps, self.aliases)

    def compiled(self, definition: Json, root: Location = ROOT) -> Compiled:
        """The machine of a definition in either notation. Raises InvalidDefinition, with places from ``root``."""
        _refuse(self.faults(definition), root)
        return self.compile(definition)

    def compile(self, definition: Json) -> Compiled:
        """The machine of a definition that has no faults."""
        if validate.is_step_list(definition):
            return steplist.compile(definition, self.defaults)
        return Compiled(definition, (), aliases_for(resources_of(definition).values(), self.aliases))

    def warnings(self, definition: Json) -> list[Fault]:
        """What a valid definition says that nothing comes of here."""
        return lint.warnings(definition, self.aliases)

    def latest(self, name: str) -> Latest:
        """The newest version of a workflow. Raises NotFound."""
        return _latest(name, self.newest(name, *LATEST_COLUMNS))

    def newest(self, name: str, *columns: Any) -> Version:
        """The newest version's row, or these columns of it. Raises NotFound."""
        with database.connection_context():
            version = _newest(name, *columns)
        if version is None:
            raise NotFound(f"There is no workflow {name[:80]!r}.")
        return version

    def delete(self, name: str) -> None:
        """Let a workflow be gone; its executions go on with the versions they have. Raises NotFound."""
        gone = Workflow.update(deleted_at=clock_sql(), tags="{}").where(
            Workflow.name == name, Workflow.deleted_at.is_null()
        )
        with database.connection_context(), transaction():
            if not gone.execute():
                raise NotFound(f"There is no workflow {name[:80]!r}.")
            named = Workflow.select(Workflow.id).where(Workflow.name == name)
            Alias.delete().where(Alias.workflow_id.in_(named)).execute()

    def _store(self, name: str, definition: Json, made: Compiled, *, is_seed: bool = False) -> Version:
        text = jsontext.write(definition)
        if jsontext.size(text) > self.limits.definition:
            raise PayloadTooLarge(f"The definition is larger than {self.limits.definition} bytes.", path="$.definition")
        compiled = compiled_text(made)
        with database.connection_context(), transaction():
            workflow = _named(name, is_seed)
            if workflow is None:
                return _newest(name)
            return add_version(workflow, text, compiled, _options_before(workflow))


def limits_of(workflow: str, limits: EngineLimits) -> EngineLimits:
    """The bounds that hold for a workflow's executions: an event's payloads are as large as Lambda lets them be."""
    return replace(limits, payload=EVENT_PAYLOAD) if workflow.startswith(EVENT) else limits


def add_version(workflow: Workflow, definition: str, compiled: str, options: str, **published: Any) -> Version:
    """The row of a workflow's newest version, whose number the workflow has already."""
    identity = new_id()
    Version.insert(
        id=identity,
        workflow_id=workflow.id,
        number=workflow.latest,
        definition=definition,
        compiled=compiled,
        options=options,
        created_at=clock_sql(),
        **published,
    ).execute()
    return Version.select(Version, clock_sql().alias("now")).where(Version.id == identity).get()


def _options_before(workflow: Workflow) -> str:
    """What the version before was kept with for AWS's wire: who does not speak of it changes nothing of it."""
    before = Version.select(Version.options).where(
        Version.workflow_id == workflow.id, Version.number == workflow.latest - 1
    )
    return "{}" if workflow.latest == workflow.first else before.scalar() or "{}"


def compiled_text(made: Compiled) -> str:
    """A compiled definition as it is kept."""
    aliases = {"aliases": dict(made.aliases)} if made.aliases else {}
    return json.dumps({"machine": made.machine, "plan": [asdict(one) for one in made.plan], **aliases})


def machine_document(version: Version) -> Json:
    """The state machine that a version was compiled to, in Amazon States Language."""
    return json.loads(version.compiled)["machine"]


def _latest(name: str, version: Version) -> Latest:
    return Latest(version.workflow_id, name, version.id, version.number, version.now)


def _load(version_id: str) -> Machines:
    with database.connection_context():
        version = Version.get_or_none(Version.id == version_id)
        workflow = version and Workflow.get_by_id(version.workflow_id)
    if version is None:
        raise NotFound("The workflow's version is gone.")
    compiled = json.loads(version.compiled)
    plan = tuple(PlannedTask(**one) for one in compiled["plan"])
    role = json.loads(version.options).get("roleArn", arns.ROLE)
    deployment = Deployment(arns.REGION, arns.ACCOUNT, role, is_express=compiled.get("kind", workflow.kind) == EXPRESS)
    inner = load(compiled["machine"], plan, compiled.get("aliases", NO_ALIASES), deployment)
    return Machines(around(inner) if deployment.is_express else inner, inner)


def around(inner: StateMachine) -> StateMachine:
    """The machine of an Express execution's rows: one task, which is the whole of the inner machine.

    It runs at least once and from the beginning, as AWS says of Express workflows.
    """
    limit = min(inner.timeout_seconds or EXPRESS_SECONDS, EXPRESS_SECONDS)
    seconds = Constant("TimeoutSeconds", limit)
    call = Resource(FUNCTION, EXPRESS_FUNCTION)
    only = TaskState(EXPRESS_STATE, resource=EXPRESS_FUNCTION, call=call, timeout_seconds=seconds)
    return StateMachine(EXPRESS_STATE, {EXPRESS_STATE: only})


def _newest(name: str, *columns: Any) -> Version | None:
    return (
        Version.select(*(columns or (Version,)), clock_sql().alias("now"))
        .join(Workflow, on=(Workflow.id == Version.workflow_id))
        .where(Workflow.name == name, Workflow.deleted_at.is_null(), Version.number == Workflow.latest)
        .first()
    )


def _named(name: str, is_seed: bool) -> Workflow | None:
    """The workflow's row with its number raised; a seed finds None when the name was ever used."""
    row = Workflow.insert(id=new_id(), name=name, latest=1, created_at=clock_sql())
    if is_seed:
        row = row.on_conflict_ignore()
    else:
        row = row.on_conflict(conflict_target=[Workflow.name], update=_raised())
    return next(iter(row.returning(Workflow).execute()), None)


def revived(name: str, kind: str, tags: str) -> Workflow | None:
    """The row of a workflow that is new, or made again after it was deleted; None when there is one."""
    row = Workflow.insert(id=new_id(), name=name, kind=kind, tags=tags, latest=1, created_at=clock_sql())
    changes = {**_raised(), Workflow.kind: kind, Workflow.tags: tags}
    row = row.on_conflict(conflict_target=[Workflow.name], update=changes, where=Workflow.deleted_at.is_null(False))
    return next(iter(row.returning(Workflow).execute()), None)


def _raised() -> dict[Any, Any]:
    """One version more; of a deleted workflow it is the first of a new life."""
    is_new = Workflow.deleted_at.is_null(False)
    return {
        Workflow.latest: Workflow.latest + 1,
        Workflow.first: Case(None, [(is_new, Workflow.latest + 1)], Workflow.first),
        Workflow.created_at: Case(None, [(is_new, clock_sql())], Workflow.created_at),
        Workflow.published: Case(None, [(is_new, 0)], Workflow.published),
        Workflow.kind: Case(None, [(is_new, "STANDARD")], Workflow.kind),
        Workflow.deleted_at: None,
    }


def _refuse(faults: Sequence[Fault], root: Location) -> None:
    """Raise with all faults, the first one as what is wrong; their places begin at ``root``."""
    if faults:
        told = [_told(one, root) for one in faults]
        first, more = told[0], len(told) - 1
        message = f"{first['message']}{f' (and {more} more)' if more else ''}"
        raise InvalidDefinition(message, path=first["path"], hint=first.get("hint"), faults=told)


def _told(fault: Fault, root: Location) -> dict[str, str]:
    place = root / fault.where.steps
    hint = {"hint": fault.hint} if fault.hint else {}
    return {"code": fault.code, "message": fault.message, "path": str(place), "pointer": place.pointer, **hint}
