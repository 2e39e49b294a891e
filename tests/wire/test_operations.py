"""Every operation of AWS's model is served, and the table of inputs equals the model's."""

from __future__ import annotations

import re
from pathlib import Path

from botocore import xform_name

from stepwell.runtime.aws.json_protocol import PREFIX, TABLE
from stepwell.runtime.catalog.catalog import Catalog
from tests.wire import model

OURS = {target.removeprefix(PREFIX) for target in Catalog.load().targets}


def test_every_operation_is_served():
    assert set(model.SERVICE.operation_names) == OURS


def test_a_handlers_file_is_named_after_its_operation():
    for target, function in Catalog.load().targets.items():
        assert function.name == xform_name(target.removeprefix(PREFIX))


def test_the_table_of_inputs_is_that_of_the_model():
    assert TABLE.read_text() == model.text(), "botocore knows another model: python -m tests.wire.model"


def test_every_operation_that_is_served_is_called_by_a_test_of_this_folder():
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    called = set(re.findall(r"\b(?:client|sfn)\.(\w+)", texts)) | set(re.findall(r'paginator\("(\w+)"', texts))
    assert {xform_name(name) for name in OURS} <= called
