import logging

from stepwell.functions.steps import step2
from tests.functions.steps.events import step_event


def test_it_echoes_its_data_and_what_step1_gave_back(caplog, capsys):
    caplog.set_level(logging.INFO)
    event = step_event({"b": 2}, results={"step1": {"step": "step1"}})
    assert step2.handler(event, None) == {"step": "step2", "received": {"b": 2}, "previous": {"step": "step1"}}
    assert "step2 received {'b': 2}" in caplog.text
    assert capsys.readouterr().out == "step2 done\n"


def test_it_works_without_step1():
    assert step2.handler({"data": None}, None) == {"step": "step2", "received": None, "previous": None}
