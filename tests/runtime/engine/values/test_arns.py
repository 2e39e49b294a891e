"""Each kind of ARN as AWS writes it, and the constants that stand in each of them."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.values import arns
from stepwell.runtime.engine.values.arns import NOWHERE, Deployment

STATES = "arn:aws:states:us-east-1:123456789012"
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (arns.machine("pay"), f"{STATES}:stateMachine:pay"),
        (arns.machine("pay", 3), f"{STATES}:stateMachine:pay:3"),
        (arns.machine("pay", "live"), f"{STATES}:stateMachine:pay:live"),
        (arns.execution("pay", "one"), f"{STATES}:execution:pay:one"),
        (arns.express("pay", "one", "id-1"), f"{STATES}:express:pay:one:id-1"),
        (arns.map_run("pay/each", "id-1"), f"{STATES}:mapRun:pay/each:id-1"),
        (arns.activity("ask"), f"{STATES}:activity:ask"),
        (arns.function("send"), f"{LAMBDA}:send"),
        (arns.function("send", "2"), f"{LAMBDA}:send:2"),
        (arns.function("send", ""), f"{LAMBDA}:send"),
    ],
)
def test_an_arn_is_written_as_aws_writes_it(made: str, expected: str) -> None:
    assert made == expected


def test_a_deployment_names_its_machine_and_its_executions() -> None:
    standard = Deployment("eu-west-1", "000000000000")
    assert standard.machine("pay") == "arn:aws:states:eu-west-1:000000000000:stateMachine:pay"
    assert standard.execution("pay", "one", "id-1") == "arn:aws:states:eu-west-1:000000000000:execution:pay:one"


def test_an_express_execution_has_its_id_in_its_arn() -> None:
    express = Deployment(arns.REGION, arns.ACCOUNT, is_express=True)
    assert express.execution("pay", "one", "id-1") == arns.express("pay", "one", "id-1")


def test_the_default_deployment_has_neither_region_nor_account() -> None:
    assert NOWHERE.machine("pay") == "arn:aws:states:::stateMachine:pay"
