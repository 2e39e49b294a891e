"""Tags of state machines and activities."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Activity, Workflow
from stepwell.functions.contract import arns
from stepwell.functions.contract.arns import Arn
from stepwell.functions.contract.step_functions import MOST_TAGS
from stepwell.functions.errors.step_functions import ResourceNotFound, TooManyTags
from stepwell.runtime.engine.values import jsontext


class WireTags:
    """The tags that ``functions.contract.step_functions`` promises."""

    def get(self, arn: Arn) -> Mapping[str, str]:
        model, where = _place(arn)
        with database.connection_context():
            return _tags(model.get_or_none(*where), arn)

    def change(self, arn: Arn, *, add: Mapping[str, str], remove: Collection[str]) -> None:
        model, where = _place(arn)
        with database.connection_context(), transaction():
            before = _tags(locked(model, *where), arn)
            after = {key: value for key, value in {**before, **add}.items() if key not in remove}
            if len(after) > MOST_TAGS:
                raise TooManyTags()
            model.update(tags=jsontext.write(after)).where(*where).execute()


def _place(arn: Arn) -> tuple[Any, tuple[Any, ...]]:
    """The table of the resource, and the conditions for its row."""
    if arn.kind == arns.ACTIVITY:
        return Activity, (Activity.name == arn.name,)
    return Workflow, (Workflow.name == arn.name, Workflow.deleted_at.is_null())


def _tags(row: Workflow | Activity | None, arn: Arn) -> dict[str, str]:
    if row is None or arn.rest:
        raise ResourceNotFound(f"Resource not found: '{arn.text}'")
    return dict(json.loads(row.tags))
