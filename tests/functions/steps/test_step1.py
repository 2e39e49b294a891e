import logging

from stepwell.functions.steps import step1
from tests.functions.steps.events import step_event


def test_it_echoes_its_data_and_says_so_in_the_log_and_on_stdout(caplog, capsys):
    caplog.set_level(logging.INFO)
    assert step1.handler(step_event({"a": [1, "é"]}), None) == {"step": "step1", "received": {"a": [1, "é"]}}
    assert "step1 received {'a': [1, 'é']}" in caplog.text
    assert capsys.readouterr().out == "step1 done\n"


def test_it_takes_any_data_or_none():
    assert step1.handler({"data": 0}, None)["received"] == 0
    assert step1.handler({}, None)["received"] is None
