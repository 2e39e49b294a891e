from __future__ import annotations

import sys

import pytest

from stepwell.runtime.catalog.catalog import Catalog, CatalogError
from stepwell.runtime.engine.definition.steplist import FunctionDefaults
from stepwell.runtime.settings import ROOT

STEP = "def handler(event, context): ...\n"


@pytest.fixture
def user_folder(tmp_path):
    """Writes files (text by path) into a folder of a user's own handlers; returns the folder."""

    def build(files, name="mine"):
        for inside, text in files.items():
            path = tmp_path / name / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / name

    return build


def test_finds_every_built_in_file():
    catalog = Catalog.load()
    for folder, kind in (("steps", "step"), ("api", "api"), ("dashboard", "dashboard"), ("sfn", "sfn")):
        files = {path.stem for path in (ROOT / "functions" / folder).glob("*.py") if not path.name.startswith("_")}
        assert {one.name for one in catalog.functions if one.kind == kind} == files
    assert "step1" in catalog.steps
    assert "POST /workflows/{name}/execute" in {route.key for route in catalog.routes}


def test_every_built_in_endpoint_says_what_it_does_and_answers():
    for function in Catalog.load().functions:
        if function.kind == "api":
            assert function.summary, function.path
            assert function.answers, function.path


def test_finds_a_users_handlers_without_importing_them(user_folder):
    mine = user_folder(
        {
            "steps/charge.py": '"""Charge."""\nRETRY = {"maxAttempts": 2}\nTIMEOUT_SECONDS = 5\n' + STEP,
            "steps/_card.py": "raise SystemExit",
            "steps/__init__.py": "raise SystemExit",
            "steps/notes.txt": "",
            "api/hello.py": 'ROUTE = "GET /hello/{who}"\nimport nothing_that_exists\n' + STEP,
            "dashboard/page.py": "raise SystemExit",
        }
    )
    catalog = Catalog.load([mine])
    charge = catalog.steps["charge"]
    assert (charge.kind, charge.module, charge.builtin) == ("step", "steps.charge", False)
    assert (charge.path, charge.root, charge.summary) == (mine / "steps/charge.py", mine, "Charge.")
    assert catalog.defaults("charge") == FunctionDefaults({"maxAttempts": 2}, 5.0)
    hello = next(one for route, one in catalog.routes.items() if route.key == "GET /hello/{who}")
    assert (hello.name, hello.module) == ("hello", "api.hello")
    assert "steps.charge" not in sys.modules
    assert len([one for one in catalog.functions if not one.builtin]) == 2


def test_a_function_says_nothing_that_it_does_not_know(user_folder):
    assert Catalog.load([user_folder({"steps/bare.py": STEP})]).defaults("bare") == FunctionDefaults()


def test_shows_where_a_function_comes_from(user_folder):
    catalog = Catalog.load([user_folder({"steps/charge.py": STEP})])
    assert catalog.steps["charge"].view().source == "mine/steps/charge.py"
    assert catalog.steps["step1"].view().source == "functions/steps/step1.py"


def test_a_step_type_may_not_shadow_a_built_in_one(user_folder):
    with pytest.raises(CatalogError) as refused:
        Catalog.load([user_folder({"steps/step1.py": STEP})])
    assert "mine/steps/step1.py" in str(refused.value)
    assert str(ROOT / "functions/steps/step1.py") in str(refused.value)


def test_two_users_may_not_have_the_same_step_type(user_folder):
    with pytest.raises(CatalogError, match=r"two/steps/charge\.py:1: the step type 'charge' .*one/steps/charge\.py"):
        Catalog.load([user_folder({"steps/charge.py": STEP}, "one"), user_folder({"steps/charge.py": STEP}, "two")])


@pytest.mark.parametrize("route", ["GET /workflows", "GET /workflows/{other}"])
def test_a_route_may_not_stand_twice(user_folder, route):
    with pytest.raises(CatalogError, match=r"api/mine\.py:1: the route .*functions/api/.*workflow"):
        Catalog.load([user_folder({"api/mine.py": f"ROUTE = {route!r}\n{STEP}"})])


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("api/a.py", "", "1: has no ROUTE"),
        ("api/a.py", "\nROUTE = 'FETCH /a'\n", "2: ROUTE must be like"),
        ("api/a.py", "ROUTE = 'GET /a'\nBODY = 7\n", "2: BODY must be a JSON Schema"),
        ("api/a.py", "ROUTE = 'GET /a'\nBODY = {'const': b'x'}\n", "2: BODY"),
        ("api/a.py", "ROUTE = 'GET /a'\nBODY = {'type': 'strin'}\n", "2: BODY is no JSON Schema .*: Unknown type"),
        ("api/a.py", "ROUTE = 'GET /a'\nBODY = {'properties': []}\n", "2: BODY is no JSON Schema"),
        ("api/a.py", "ROUTE = 'GET /a'\nBODY = {'pattern': '('}\n", "2: BODY is no JSON Schema"),
        ("api/a.py", "ROUTE = 'GET /a'\nQUERY = ['x']\n", "2: QUERY must map"),
        ("api/a.py", "ROUTE = 'GET /a'\nQUERY = {'x': 1}\n", "2: QUERY must be a JSON Schema"),
        ("api/a.py", "ROUTE = 'GET /a'\nANSWERS = {'200': {}}\n", "2: ANSWERS must map"),
        ("api/a.py", "ROUTE = 'GET /a'\nANSWERS = {200: 1}\n", "2: ANSWERS must be"),
        ("api/a.py", "ROUTE = 'GET /a'\nCHANGES = 1\n", "2: CHANGES must be True or False"),
        ("api/a.py", "ROUTE = 'GET /a'\nBODY_LIMIT = 'huge'\n", "2: BODY_LIMIT must be one of"),
        ("steps/a.py", "ROUTE = 'GET /a'\n", "1: has a ROUTE, but is a step type"),
        ("steps/a.py", "RETRY = 3\n", "1: RETRY a retry must be an object"),
        ("steps/a.py", "RETRY = {1: 2}\n", "1: RETRY has a member whose name is no string"),
        (
            "steps/a.py",
            "RETRY = {'maxAtempts': 3}\n",
            r"1: RETRY maxAtempts: a retry has no field 'maxAtempts' \(did you mean 'maxAttempts'\?\)",
        ),
        ("steps/a.py", "RETRY = {'maxAttempts': 0}\n", "1: RETRY maxAttempts: must be at least 1"),
        ("steps/a.py", "TIMEOUT_SECONDS = 0\n", "1: TIMEOUT_SECONDS must be above 0"),
        ("steps/a.py", "TIMEOUT_SECONDS = True\n", "1: TIMEOUT_SECONDS must be a number"),
        ("steps/a.py", "TIMEOUT_SECONDS = 1e999\n", "1: TIMEOUT_SECONDS must be above 0"),
        ("steps/a b.py", "", "1: the character ' ' is not allowed"),
        ("steps/a.b.py", "", "1: a function's name has no dot"),
    ],
)
def test_a_faulty_file_is_named_with_the_line(user_folder, file, text, fault):
    with pytest.raises(CatalogError, match=f"{file.split('/')[1]}:{fault}"):
        Catalog.load([user_folder({file: text + STEP})])
