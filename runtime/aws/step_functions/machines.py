"""Workflows as Step Functions' state machines: the rows that REST writes as well, with AWS's own columns.

Our version is AWS's revision. A published one has AWS's version number as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stepwell.db.database import database, transaction
from stepwell.db.models import Version, Workflow
from stepwell.db.queries import clock_sql
from stepwell.functions import errors
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.arns import MACHINE, Arn
from stepwell.functions.contract.step_functions import DefinitionFault, Machine, MachineRow, NewMachine
from stepwell.functions.errors.step_functions import InvalidName, StateMachineAlreadyExists
from stepwell.runtime.aws.step_functions import definitions
from stepwell.runtime.aws.step_functions.targets import found_version, live_workflow, locked_workflow, newest_version
from stepwell.runtime.engine.definition.references import variables_read
from stepwell.runtime.engine.values import arns, jsontext, names
from stepwell.runtime.workflows import Workflows, add_version, compiled_text, machine_document, revived

DEFAULT_OPTIONS: Mapping[str, Json] = {
    "roleArn": arns.ROLE,
    "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
    "tracingConfiguration": {"enabled": False},
    "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
}
"""The options of a state machine that was created over REST, or without them."""


class WireMachines:
    """The state machines that ``functions.contract.step_functions`` promises."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    def create(self, wanted: NewMachine) -> Machine:
        if names.fault_of(wanted.name):
            raise InvalidName(f"Invalid Name: '{wanted.name}'")
        assert wanted.definition is not None
        compiled = compiled_text(definitions.compiled(self._workflows, wanted.definition, wanted.kind))
        options = jsontext.write(dict(wanted.options))
        with database.connection_context(), transaction():
            made = revived(wanted.name, wanted.kind, jsontext.write(dict(wanted.tags)))
            if made is None:
                return _same(view(*found_version(Arn("", MACHINE, wanted.name))), wanted)
            published = _published(made, wanted.description) if wanted.publish else {}
            return view(made, add_version(made, wanted.definition, compiled, options, **published))

    def update(self, arn: Arn, wanted: NewMachine) -> Machine:
        compiled = None
        if wanted.definition is not None:
            compiled = compiled_text(definitions.compiled(self._workflows, wanted.definition, self._kind(arn)))
        with database.connection_context(), transaction():
            workflow = locked_workflow(arn)
            before = newest_version(workflow)
            options = jsontext.write({**json.loads(before.options), **wanted.options})
            definition = wanted.definition if wanted.definition is not None else before.definition
            if _is_unchanged(view(workflow, before), wanted):
                return self._as_it_is(workflow, before, wanted)
            workflow.latest += 1
            Workflow.update(latest=workflow.latest).where(Workflow.id == workflow.id).execute()
            published = _published(workflow, wanted.description) if wanted.publish else {}
            made = add_version(workflow, definition, compiled or before.compiled, options, **published)
            return view(workflow, made)

    def _as_it_is(self, workflow: Workflow, newest: Version, wanted: NewMachine) -> Machine:
        """The newest revision, which an update would repeat. With ``publish`` it has its version, perhaps a new one."""
        if wanted.publish and newest.published is None:
            Version.update(**_published(workflow, wanted.description)).where(Version.id == newest.id).execute()
            newest = Version.get_by_id(newest.id)
        found = view(workflow, newest)
        return found if wanted.publish else replace(found, version=None, version_arn=None)

    def get(self, arn: Arn) -> Machine:
        with database.connection_context():
            return with_variables(view(*found_version(arn)))

    def list(self, *, limit: int, cursor: str | None) -> Page[MachineRow]:
        query = Workflow.select().where(
            Workflow.deleted_at.is_null(),
            ~Workflow.name.contains(":"),
            Workflow.name > (cursor or ""),
        )
        with database.connection_context():
            found = list(query.order_by(Workflow.name).limit(limit + 1))
        return page_of(found, limit, lambda one: one.name, _row)

    def delete(self, arn: Arn) -> None:
        try:
            self._workflows.delete(arn.name)
        except errors.NotFound:
            pass  # AWS answers a second delete like the first

    def _kind(self, arn: Arn) -> str:
        with database.connection_context():
            return str(live_workflow(arn).kind)

    def faults(self, definition: str, kind: str) -> Sequence[DefinitionFault]:
        return definitions.judged(self._workflows, definition, kind)[1]

    def warnings(self, definition: str) -> Sequence[DefinitionFault]:
        return [definitions.as_aws(one) for one in self._workflows.warnings(json.loads(definition))]


def revision(version_id: str) -> Machine:
    """The revision with this id, even if its state machine is deleted."""
    version = Version.get_by_id(version_id)
    return view(Workflow.get_by_id(version.workflow_id), version)


def with_variables(machine: Machine) -> Machine:
    """The revision with the variables that its states read."""
    return replace(machine, variables=variables_read(json.loads(machine.definition)))


def role_of(machine: Machine) -> str:
    """The role that a revision was stored with; one that was created over REST has the default role."""
    return str(machine.options["roleArn"])


def _same(found: Machine, wanted: NewMachine) -> Machine:
    """The existing state machine, if it equals the wanted one. Raises StateMachineAlreadyExists."""
    before, after = ({**DEFAULT_OPTIONS, **one.options} for one in (found, wanted))
    for ignored in (before, after):
        del ignored["roleArn"]
    is_same = found.kind == wanted.kind and before == after and (found.version is not None) == wanted.publish
    is_same &= found.description == wanted.description
    # AWS compares the texts, not what they mean: other white space is another definition.
    if not is_same or found.definition != wanted.definition:
        raise StateMachineAlreadyExists(f"State Machine Already Exists: '{arns.machine(wanted.name)}'")
    return found


def _is_unchanged(newest: Machine, wanted: NewMachine) -> bool:
    """True if an update would make a revision that equals the newest one."""
    is_same_text = wanted.definition in (None, newest.definition)
    return is_same_text and {**newest.options, **wanted.options} == newest.options


def _published(workflow: Workflow, description: str | None) -> dict[str, Any]:
    """The columns of a version that is published at once. The caller has locked the workflow's row."""
    number = next_published(workflow)
    return {"published": number, "published_at": clock_sql(), "description": description}


def next_published(workflow: Workflow) -> int:
    """A new version number. The caller has locked the workflow's row."""
    Workflow.update(published=Workflow.published + 1).where(Workflow.id == workflow.id).execute()
    return int(Workflow.select(Workflow.published).where(Workflow.id == workflow.id).scalar())


def _row(workflow: Workflow) -> MachineRow:
    return MachineRow(arns.machine(workflow.name), workflow.name, workflow.kind, workflow.created_at)


def view(workflow: Workflow, version: Version) -> Machine:
    """A revision as its handler shows it."""
    number = version.published
    return Machine(
        arn=arns.machine(workflow.name),
        name=workflow.name,
        kind=workflow.kind,
        created_at=workflow.created_at,
        definition=_text(version),
        options={**DEFAULT_OPTIONS, **json.loads(version.options)},
        revision=None if version.number == workflow.first else version.id,
        revised_at=version.created_at,
        version=number,
        version_arn=arns.machine(workflow.name, number) if number else None,
        version_created_at=version.published_at,
        description=version.description,
    )


def _text(version: Version) -> str:
    """The definition as a state machine: the text as it was given, or the compiled step list."""
    is_machine = "StartAt" in json.loads(version.definition)
    return version.definition if is_machine else jsontext.write(machine_document(version))
