"""ARNs: the one place where they are made. The handlers' contract takes them apart.

There is one region and one account here. An ARN of Step Functions has the form
``arn:aws:states:<region>:<account>:<kind>:<name>...``.

Sources: AWS Step Functions API reference, "qualified and unqualified ARNs"; developer guide, "Accessing execution data
from the Context object".
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.runtime.engine.values.dice import Dice

REGION, ACCOUNT = "us-east-1", "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stepwell"
"""The role of a state machine or a function that was created without one. It has no effect here."""


def machine(name: str, qualifier: str | int | None = None) -> str:
    """The ARN of a state machine, or of its version or alias named by ``qualifier``."""
    return _of_states("stateMachine", name, *_qualified(qualifier))


def execution(machine: str, name: str) -> str:
    """The ARN of a Standard execution; ``machine`` is the name of its state machine."""
    return _of_states("execution", machine, name)


def express(machine: str, name: str, identity: str) -> str:
    """The ARN of an Express execution. It ends with the execution's id, because its name may be used again."""
    return _of_states("express", machine, name, identity)


def tested(machine: str, name: str) -> str:
    """The ARN of the execution that TestState makes up. It names an Express execution, and ends with its name."""
    return _of_states("express", machine, name)


def express_name(identity: str) -> str:
    """The name of an Express execution that was given none. It is another one than the id."""
    return Dice(0, f"{identity}/name").uuid()


def map_run(label: str, identity: str) -> str:
    """The ARN of a Map Run; ``label`` has the form ``machine/label``."""
    return _of_states("mapRun", label, identity)


def activity(name: str) -> str:
    """The ARN of an activity."""
    return _of_states("activity", name)


def function(name: str, qualifier: str | None = None) -> str:
    """The ARN of a Lambda function, or of its version or alias named by ``qualifier``. An empty one counts as none."""
    return ":".join(("arn:aws:lambda", REGION, ACCOUNT, "function", name, *_qualified(qualifier or None)))


@dataclass(frozen=True)
class Deployment:
    """The account in which a state machine runs, as its context object shows it: the same for all executions of a
    version.

    The caller that loads the machine gives it. ``role`` is the ARN of the state machine's role.
    """

    region: str = ""
    account: str = ""
    role: str = ""
    is_express: bool = False

    def machine(self, name: str) -> str:
        """The ARN of the state machine of this name."""
        return _of_states("stateMachine", name, region=self.region, account=self.account)

    def execution(self, machine: str, name: str, identity: str) -> str:
        """The ARN of an execution, with its id where the machine is an Express one."""
        kind, parts = ("express", (machine, name, identity)) if self.is_express else ("execution", (machine, name))
        return _of_states(kind, *parts, region=self.region, account=self.account)


NOWHERE = Deployment()
"""The default: ARNs without region and account."""


def _of_states(kind: str, *parts: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return ":".join(("arn:aws:states", region, account, kind, *parts))


def _qualified(qualifier: str | int | None) -> tuple[str, ...]:
    return () if qualifier is None else (str(qualifier),)
