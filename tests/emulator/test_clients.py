from __future__ import annotations

import subprocess
from dataclasses import replace
from os import defpath

from stepwell.emulator.clients import environment, exports
from stepwell.runtime.settings import read_settings


def test_a_shell_reads_the_variables_as_they_are():
    settings = replace(read_settings({}), url="http://127.0.0.1:4000/it's here")
    shell = ["sh", "-c", exports(settings) + "env"]
    shown = subprocess.check_output(shell, env={"PATH": defpath}, text=True)
    told = dict(line.split("=", 1) for line in shown.splitlines())
    wanted = environment(settings)
    assert wanted["AWS_ACCESS_KEY_ID"] == wanted["AWS_SECRET_ACCESS_KEY"] == "stepwell"
    assert wanted["AWS_ENDPOINT_URL_SFN"].endswith("it's here")
    assert {name: told[name] for name in wanted} == wanted


def test_clients_send_a_key_that_is_answered():
    settings = read_settings({"STEPWELL_ACCESS_KEYS": "one:sixteen-or-longer,two:another-secret-key"})
    given = environment(settings)
    assert (given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]) == ("one", "sixteen-or-longer")
