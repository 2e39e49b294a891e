"""Where a state machine is at home: what the names in its context object are made of.

Source: AWS Step Functions developer guide, "Accessing execution data from the Context object".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Home:
    """The same for all executions of a version; whoever loads the machine knows it."""

    region: str = ""
    account: str = ""
    role: str = ""
    is_express: bool = False

    def machine(self, name: str) -> str:
        """The ARN of the state machine of this name."""
        return f"arn:aws:states:{self.region}:{self.account}:stateMachine:{name}"

    def execution(self, machine: str, name: str, identity: str) -> str:
        """The ARN of an execution; of an Express one, whose name may be used again, it holds its id, too."""
        kind, more = ("express", f":{identity}") if self.is_express else ("execution", "")
        return f"arn:aws:states:{self.region}:{self.account}:{kind}:{machine}:{name}{more}"


NOWHERE = Home()

REGION, ACCOUNT = "us-east-1", "123456789012"
"""The region and the account in every ARN that is made here."""
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stepwell"
"""The role of a state machine or a function that was created without one. It has no effect here."""
_STATES = f"arn:aws:states:{REGION}:{ACCOUNT}"


def machine(name: str, qualifier: str | int | None = None) -> str:
    """The ARN of a state machine, or of one of its versions or aliases."""
    return f"{_STATES}:stateMachine:{name}" + ("" if qualifier is None else f":{qualifier}")


def execution(machine: str, name: str) -> str:
    """The ARN of a Standard execution."""
    return f"{_STATES}:execution:{machine}:{name}"


def express(machine: str, name: str, identity: str) -> str:
    """The ARN of an Express execution: its name may be used again, so the ARN holds its id as well."""
    return f"{_STATES}:express:{machine}:{name}:{identity}"


def map_run(label: str, identity: str) -> str:
    """The ARN of a Map Run; ``label`` is ``<machine>/<the Map's label>``."""
    return f"{_STATES}:mapRun:{label}:{identity}"


def activity(name: str) -> str:
    """The ARN of an activity."""
    return f"{_STATES}:activity:{name}"


def function(name: str, qualifier: str | None = None) -> str:
    """The ARN of a function, or of one of its versions or aliases."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}{f':{qualifier}' if qualifier else ''}"
