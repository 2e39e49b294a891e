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
