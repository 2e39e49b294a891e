"""Workflows and their versions: a definition is checked and compiled once, stored, and loaded once per process.

A version never changes. It stays when its workflow is deleted, for the executions that run it.
"""

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
from stepwell.runtime import workflow_names
from stepwell.runtime.engine.aws_history import resources_of
from stepwell.runtime.engine.definition import flow, lint, steplist, validate
from stepwell.runtime.engine.definition.field_kinds import Fault
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import PlannedTask, StateMachine
from stepwell.runtime.engine.definition.resources import NO_ALIASES, aliases_for
from stepwell.runtime.engine.definition.steplist import Compiled, FunctionDefaults
from stepwell.runtime.engine.values import arns, jsontext, names
from stepwell.runtime.engine.values.arns import Deployment
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.locations import ROOT, Location
from stepwell.runtime.express_machines import EXPRESS, MachinePair, machines_of
from stepwell.runtime.ids import new_id
from stepwell.runtime.settings import Limits

MACHINES = 128
"""How many state machines a process keeps loaded; one may take some megabytes."""
EVENT_PAYLOAD = 8 << 20
"""The payload limit of an execution that delivers an event: an event of 1 MB, a result of 6 MB, the record of both."""
EVENT_MOVE = 4 * EVENT_PAYLOAD
"""The most that one move of it writes: the result is in a task, in the frame and in the record for the destination."""
LATEST_COLUMNS = (Version.id, Version.workflow_id, Version.number)
"""The columns of a version that a start reads. Definition and machine may be large, and the machine is loaded already.
"""


@dataclass(frozen=True)
class Latest:
    """The version that a start uses."""

    workflow_id: str
    name: str
    version_id: str
    number: int
    now: int
    """The database's time when it was looked up."""


class Workflows:
    """Stores and loads definitions. ``defaults`` are the constants of the step types, by their names."""

    def __init__(
        self, defaults: Mapping[str, FunctionDefaults], limits: Limits, aliases: Mapping[str, str] = NO_ALIASES
    ) -> None:
        self.defaults = defaults
        self.limits = limits
        self.aliases = aliases
        self._machine = lru_cache(maxsize=MACHINES)(_load)

    def machine(self, version_id: str) -> StateMachine:
        """The state machine that the rows of a version's executions follow, loaded once. Raises NotFound."""
        return self._machine(version_id).outer

    def inner(self, version_id: str) -> StateMachine:
        """The state machine that the one task of an Express execution plays. Raises NotFound."""
        return self._machine(version_id).inner

    def create(self, name: str, definition: Json) -> Version:
        """Store the newest version of ``name``. Raises InvalidName, InvalidDefinition, PayloadTooLarge."""
        if fault := names.fault_of(name):
            raise InvalidName(f"The workflow's name: {fault}.", path="$.name")
        return self._store(name, definition, self.compiled(definition, ROOT / "definition"))

    def seed(self, name: str, definition: Json) -> None:
        """Store a workflow that ships with Stepwell, unless its name was ever used: a deleted one stays deleted."""
        with database.connection_context():
            known = Workflow.select().where(Workflow.name == name).exists()
        if known:
            return
        text, compiled = self._texts(definition, self.compiled(definition))
        with database.connection_context(), transaction():
            workflow = _first_named(name)
            if workflow is not None:
                add_version(workflow, text, compiled, "{}")

    def create_flow(self, tree: Json) -> Latest:
        """The version of the workflow ``flow:<name>`` with this tree. It is stored only if the newest version differs.

        It may not be the newest any more when this returns: many may store trees of one name at once.
        """
        _refuse(validate.flow(tree, self.defaults, self.limits.steps), ROOT)
        return self.kept(workflow_names.of_flow(tree["name"]), tree, flow.compile(tree, self.defaults))

    def kept(self, name: str, definition: Json, made: Compiled) -> Latest:
        """The version of a workflow with this definition. It is stored only if the newest version differs."""
        with database.connection_context():
            newest = _newest(name)
        if newest is None or (newest.definition, newest.compiled) != (jsontext.write(definition), compiled_text(made)):
            newest = self._store(name, definition, made)
        return _latest(name, newest)

    def faults(self, definition: Json) -> list[Fault]:
        """The faults of a definition in either notation."""
        return validate.workflow(definition, self.defaults, self.limits.steps, self.aliases)

    def compiled(self, definition: Json, root: Location = ROOT) -> Compiled:
        """Check and compile a definition in either notation. Raises InvalidDefinition, with places from ``root``."""
        _refuse(self.faults(definition), root)
        return self.compile(definition)

    def compile(self, definition: Json) -> Compiled:
        """Compile a definition that has no faults."""
        if validate.is_step_list(definition):
            return steplist.compile(definition, self.defaults)
        return Compiled(definition, (), aliases_for(resources_of(definition).values(), self.aliases))

    def warnings(self, definition: Json) -> list[Fault]:
        """Warnings for a valid definition: fields that have no effect here, and values that are probably mistakes."""
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
        """Delete a workflow. Its executions go on with the versions that they began with. Raises NotFound."""
        gone = Workflow.update(deleted_at=clock_sql(), tags="{}").where(
            Workflow.name == name, Workflow.deleted_at.is_null()
        )
        with database.connection_context(), transaction():
            if not gone.execute():
                raise NotFound(f"There is no workflow {name[:80]!r}.")
            named = Workflow.select(Workflow.id).where(Workflow.name == name)
            Alias.delete().where(Alias.workflow_id.in_(named)).execute()

    def _store(self, name: str, definition: Json, made: Compiled) -> Version:
        text, compiled = self._texts(definition, made)
        with database.connection_context(), transaction():
            workflow = _named(name)
            return add_version(workflow, text, compiled, _options_before(workflow))

    def _texts(self, definition: Json, made: Compiled) -> tuple[str, str]:
        """The definition and the machine as they are stored. Raises PayloadTooLarge."""
        text = jsontext.write(definition)
        if jsontext.size(text) > self.limits.definition:
            raise PayloadTooLarge(f"The definition is larger than {self.limits.definition} bytes.", path="$.definition")
        return text, compiled_text(made)


def limits_of(workflow: str, limits: EngineLimits) -> EngineLimits:
    """The limits of a workflow's executions. Those that deliver events take payloads of Lambda's size."""
    if workflow_names.is_of_events(workflow):
        return replace(limits, payload=EVENT_PAYLOAD, move=EVENT_MOVE)
    return limits


def add_version(workflow: Workflow, definition: str, compiled: str, options: str, **published: Any) -> Version:
    """Write the newest version of a workflow, and return it. The workflow's row has its number already."""
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
    made: Version = Version.select(Version, clock_sql().alias("now")).where(Version.id == identity).get()
    return made


def _options_before(workflow: Workflow) -> str:
    """AWS options (role, logging) carried over from the previous version; a REST update does not change them."""
    before = Version.select(Version.options).where(
        Version.workflow_id == workflow.id, Version.number == workflow.latest - 1
    )
    return "{}" if workflow.latest == workflow.first else before.scalar() or "{}"


def compiled_text(made: Compiled) -> str:
    """A compiled definition as it is stored."""
    aliases = {"aliases": dict(made.aliases)} if made.aliases else {}
    return json.dumps({"machine": made.machine, "plan": [asdict(one) for one in made.plan], **aliases})


def machine_document(version: Version) -> Json:
    """The state machine that a version was compiled to, in Amazon States Language."""
    return json.loads(version.compiled)["machine"]


def _latest(name: str, version: Version) -> Latest:
    return Latest(version.workflow_id, name, version.id, version.number, version.now)


def _load(version_id: str) -> MachinePair:
    with database.connection_context():
        version = Version.get_or_none(Version.id == version_id)
        if version is None:
            raise NotFound("The workflow's version is gone.")
        kind = Workflow.get_by_id(version.workflow_id).kind
    compiled = json.loads(version.compiled)
    plan = tuple(PlannedTask(**one) for one in compiled["plan"])
    role = json.loads(version.options).get("roleArn", arns.ROLE)
    deployment = Deployment(arns.REGION, arns.ACCOUNT, role, is_express=compiled.get("kind", kind) == EXPRESS)
    machine = load(compiled["machine"], plan, compiled.get("aliases", NO_ALIASES), deployment)
    return machines_of(machine, deployment.is_express)


def _newest(name: str, *columns: Any) -> Version | None:
    newest: Version | None = (
        Version.select(*(columns or (Version,)), clock_sql().alias("now"))
        .join(Workflow, on=(Workflow.id == Version.workflow_id))
        .where(Workflow.name == name, Workflow.deleted_at.is_null(), Version.number == Workflow.latest)
        .first()
    )
    return newest


def _named(name: str) -> Workflow:
    """The workflow's row, new or with its number of versions raised. It stays locked until the transaction ends.

    So several callers that store a version of one workflow at once get different numbers.
    """
    row = Workflow.insert(id=new_id(), name=name, latest=1, created_at=clock_sql())
    row = row.on_conflict(conflict_target=[Workflow.name], update=_raised())
    made: Workflow = next(iter(row.returning(Workflow).execute()))
    return made


def _first_named(name: str) -> Workflow | None:
    """The row of a new workflow; None if the name was ever used."""
    row = Workflow.insert(id=new_id(), name=name, latest=1, created_at=clock_sql()).on_conflict_ignore()
    return next(iter(row.returning(Workflow).execute()), None)


def revived(name: str, kind: str, tags: str) -> Workflow | None:
    """The row of a workflow that is new, or made again after it was deleted; None if there is one already."""
    row = Workflow.insert(id=new_id(), name=name, kind=kind, tags=tags, latest=1, created_at=clock_sql())
    changes = {**_raised(), Workflow.kind: kind, Workflow.tags: tags}
    row = row.on_conflict(conflict_target=[Workflow.name], update=changes, where=Workflow.deleted_at.is_null(False))
    return next(iter(row.returning(Workflow).execute()), None)


def _raised() -> dict[Any, Any]:
    """The changes that add a version. A deleted workflow begins anew: this version is its first."""
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
    """Raise InvalidDefinition if there are faults, the first one in its message. Their places begin at ``root``."""
    if faults:
        found = [_described(one, root) for one in faults]
        first, more = found[0], len(found) - 1
        message = f"{first['message']}{f' (and {more} more)' if more else ''}"
        raise InvalidDefinition(message, path=first["path"], hint=first.get("hint"), faults=found)


def _described(fault: Fault, root: Location) -> dict[str, str]:
    place = root / fault.where.steps
    hint = {"hint": fault.hint} if fault.hint else {}
    return {"code": fault.code, "message": fault.message, "path": str(place), "pointer": place.pointer, **hint}
