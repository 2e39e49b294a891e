"""A public application runs unchanged: the stock trader from ``sam init``, deployed as SAM and CloudFormation do.

Its definition is written anew in our own words, state by state, field by field, after
aws/aws-sam-cli-app-templates, ``step-func/.../statemachine/stock_trader.asl.json`` (Apache-2.0): Lambda ARNs by
DefinitionSubstitutions, a Choice over a number from a function's result, and DynamoDB's PutItem at the end. By
RESOURCE_ALIASES a step type of ours takes the place of PutItem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.wire.lambda_client import LambdaWire, served
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

Json = Any

ROLE = "arn:aws:iam::123456789012:role/stock-trader"
PUT_ITEM = "arn:aws:states:::dynamodb:putItem"
TRADE = """
import uuid
from datetime import datetime


def lambda_handler(event, context):
    now = datetime.now().isoformat()
    price = event["stock_price"]
    return {{"id": str(uuid.uuid4()), "price": str(price), "type": "{kind}", "qty": "3", "timestamp": now}}
"""
FUNCTIONS = {
    "StockChecker": "def lambda_handler(event, context):\n    return {'stock_price': event['mocked_price']}\n",
    "StockBuyer": TRADE.format(kind="buy"),
    "StockSeller": TRADE.format(kind="sell"),
}


def retry(seconds: int, most: int, rate: float) -> Json:
    return [
        {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": seconds, "MaxAttempts": most, "BackoffRate": rate}
    ]


def task(resource: str, retries: Json, **more: Json) -> Json:
    return {"Type": "Task", "Resource": f"${{{resource}}}", "Retry": retries, **more}


COLUMNS = {"Id": "S", "Type": "S", "Price": "N", "Quantity": "N", "Timestamp": "S"}
MEMBERS = {"Quantity": "qty"}
ITEM = {name: {f"{kind}.$": f"$.{MEMBERS.get(name, name.lower())}"} for name, kind in COLUMNS.items()}
STOCK_TRADER = {
    "Comment": "A state machine that does mock stock trading.",
    "StartAt": "Check Stock Value",
    "States": {
        "Check Stock Value": task("StockCheckerFunctionArn", retry(15, 5, 1.5), Next="Buy or Sell?"),
        "Buy or Sell?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.stock_price", "NumericLessThanEquals": 50, "Next": "Buy Stock"}],
            "Default": "Sell Stock",
        },
        "Sell Stock": task("StockSellerFunctionArn", retry(2, 3, 1), Next="Record Transaction"),
        "Buy Stock": task("StockBuyerFunctionArn", retry(2, 3, 1), Next="Record Transaction"),
        "Record Transaction": task(
            "DDBPutItem", retry(20, 5, 10), Parameters={"TableName": "${DDBTable}", "Item": ITEM}, End=True
        ),
    },
}


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    """A server with a step type ``put_item`` that returns its event."""
    mine = tmp_path / "mine" / "steps"
    mine.mkdir(parents=True)
    (mine / "put_item.py").write_text("def handler(event, context):\n    return event\n")
    options = {"function_paths": (mine.parent,), "resource_aliases": {PUT_ITEM: "put_item"}}
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code", **options) as wire:
        yield wire


def deployed(wire: LambdaWire, definition: Json) -> str:
    """Deploys the functions first, then the state machine with their ARNs, as a stack does; returns its ARN."""
    arns = {}
    for name, code in FUNCTIONS.items():
        made = wire.client.create_function(
            FunctionName=f"stock-trader-{name}Function-1A2B3C",
            Code={"ZipFile": package({"app.py": code, "__init__.py": "", "requirements.txt": ""})},
            Handler="app.lambda_handler",
            Runtime="python3.12",
            Role=ROLE,
            Architectures=["x86_64"],
            Tags={"lambda:createdBy": "SAM"},
        )
        wire.client.get_waiter("function_active_v2").wait(FunctionName=made["FunctionName"])
        arns[f"{name}FunctionArn"] = made["FunctionArn"]
    text = substituted(json.dumps(definition), {**arns, "DDBPutItem": PUT_ITEM, "DDBTable": "TransactionTable"})
    return wire.states.create_state_machine(
        name="StockTradingStateMachine-7XyZ",
        definition=text,
        roleArn=ROLE,
        type="STANDARD",
        loggingConfiguration={"level": "OFF", "includeExecutionData": False},
        tags=[{"key": "stateMachine:createdBy", "value": "SAM"}],
    )["stateMachineArn"]


def substituted(text: str, values: Mapping[str, str]) -> str:
    """DefinitionSubstitutions: replaces each ``${Name}`` by the template's text."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], text)


def ran(wire: LambdaWire, arn: str, given: Json) -> Json:
    begun = wire.states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"]
    with wire.worker() as worker:
        worker.run()
    return wire.states.describe_execution(executionArn=begun)


@pytest.mark.parametrize(("price", "kind"), [(50, "buy"), (51, "sell")])
def test_the_stock_trader_of_sam_runs_to_its_end(wire: LambdaWire, price: int, kind: str) -> None:
    arn = deployed(wire, STOCK_TRADER)
    done = ran(wire, arn, {"mocked_price": price})
    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    assert output["TableName"] == "TransactionTable"
    item = output["Item"]
    assert (item["Type"], item["Price"], item["Quantity"]) == ({"S": kind}, {"N": str(price)}, {"N": "3"})
    events = wire.states.get_execution_history(executionArn=done["executionArn"])["events"]
    entered = [one["stateEnteredEventDetails"]["name"] for one in events if "stateEnteredEventDetails" in one]
    trade = {"buy": "Buy Stock", "sell": "Sell Stock"}[kind]
    assert entered == ["Check Stock Value", "Buy or Sell?", trade, "Record Transaction"]


def test_its_retries_and_its_failure_are_those_of_the_definition(wire: LambdaWire) -> None:
    arn = deployed(wire, STOCK_TRADER)
    done = ran(wire, arn, {"no_price": 1})
    assert (done["status"], done["error"]) == ("FAILED", "KeyError")
    events = wire.states.get_execution_history(executionArn=done["executionArn"])["events"]
    assert sum(one["type"] == "LambdaFunctionFailed" for one in events) == 6


def test_the_form_that_workflow_studio_and_cdk_write_runs_too(wire: LambdaWire) -> None:
    """The form has ``lambda:invoke`` with ARN and version, the answer's Payload, and Retry for Lambda's own errors."""
    lambdas = [f"Lambda.{name}Exception" for name in ("Service", "AWSLambda", "SdkClient", "TooManyRequests")]
    again = {"ErrorEquals": lambdas, "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 2, "JitterStrategy": "FULL"}
    states = STOCK_TRADER["States"]
    invoked = {
        name: {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": f"{state['Resource']}:$LATEST", "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "Retry": [again],
            "Next": state["Next"],
        }
        for name, state in states.items()
        if state["Type"] == "Task" and "Next" in state
    }
    done = ran(wire, deployed(wire, {**STOCK_TRADER, "States": {**states, **invoked}}), {"mocked_price": 1})
    assert (done["status"], json.loads(done["output"])["Item"]["Type"]) == ("SUCCEEDED", {"S": "buy"})
