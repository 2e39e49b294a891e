"""The rules of the code base. Each rule takes the root folder and yields the breaches: file, line and rule."""

from __future__ import annotations

import ast
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.rooms import TABLE
from tests.words import FIELD, PLAIN

Rule = Callable[[Path], Iterator[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef

PACKAGE = "stepwell."
ENGINE = "runtime/engine"
FOLDERS = {"functions", "runtime", "db", "emulator"}
ROOMS = {*TABLE, *FOLDERS, ENGINE, "tests", "benchmarks"}
HANDLER_FOLDERS = ("functions/api", "functions/steps")

IMPURE = {
    *("asyncio", "concurrent", "multiprocessing", "queue", "sched", "signal", "subprocess", "threading"),
    *("glob", "io", "os", "pathlib", "shutil", "sqlite3", "sys", "tempfile"),
    *("http", "requests", "select", "selectors", "smtplib", "socket", "ssl", "urllib.error", "urllib.request"),
    *("random", "secrets", "time", "uuid", "zoneinfo"),
    *("flask", "huey", "peewee", "playhouse", "psycopg", "psycopg2", "redis", "werkzeug"),
}
PURE_ALL_THE_SAME = {"random.Random", "uuid.UUID"}  # with a seed, or from given bits, they only calculate
IMPURE_CALLS = {"eval", "exec", "input", "open", "print"}
CLOCKS = {"now", "utcnow", "today"}

FILE_LINES = 450
FOLDER_MODULES = 14
FUNCTION_LINES = 50
FUNCTION_MEDIAN = 8
FUNCTION_P90 = 25
NESTING = 3
NAMES_THAT_SAY_NOTHING = {
    *("util", "utils", "helper", "helpers", "common", "misc"),
    *("manager", "managers", "service", "services", "info"),
}

BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Source:
    """One file of the code base: its ``path`` relative to the root, and its ``module`` name in imports."""

    path: str
    module: str
    lines: int
    tree: ast.Module

    @property
    def room(self) -> str:
        return room_of(self.path) or ""

    @property
    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@cache
def sources(root: Path) -> tuple[Source, ...]:
    """Every file of the rooms, read once."""
    return tuple(_source(root, file) for folder in sorted(FOLDERS) for file in sorted((root / folder).rglob("*.py")))


def each_room_imports_only_what_lies_below_it(root: Path) -> Iterator[str]:
    for source in sources(root):
        for line, name in imports(source):
            there = room_of(name.replace(".", "/"))
            if there and there != source.room and there not in TABLE.get(source.room, ()):
                yield f"{source.path}:{line}: {source.room} may not import {name}"


def every_module_lies_in_a_room(root: Path) -> Iterator[str]:
    """A new folder or a new flat module needs a line in ``tests/rooms.py``."""
    for source in sources(root):
        if source.room not in TABLE and not source.path.endswith("__init__.py"):
            yield f"{source.path}: no room of tests/rooms.py holds it"


def a_folder_holds_at_most_14_modules(root: Path) -> Iterator[str]:
    """Folders of handlers are an exception: there a file is an endpoint."""
    folders = Counter(source.path.rpartition("/")[0] for source in sources(root) if "__init__" not in source.path)
    for folder, count in folders.items():
        if count > FOLDER_MODULES and not folder.startswith("functions/") and not folder.endswith("/migrations"):
            yield f"{folder}: {count} modules, at most {FOLDER_MODULES}"


def a_function_imports_contract_errors_and_its_own_folder(root: Path) -> Iterator[str]:
    for source in sources(root):
        folder = source.path.rpartition("/")[0].replace("/", ".")
        own = re.compile(rf"functions\.(contract|errors)\b|{re.escape(folder)}\._[a-z]")
        for line, name in imports(source):
            if source.path.startswith("functions/") and name.split(".")[0] == "functions" and not own.match(name):
                yield f"{source.path}:{line}: may import functions.contract, functions.errors, {folder}._x; not {name}"


def private_files_stay_in_their_folder(root: Path) -> Iterator[str]:
    """Only its own folder may import ``_x.py``, and the tests of that folder, at the same path below ``tests``."""
    for source in (*sources(root), *_tests(root)):
        path = source.path.removeprefix("tests/")
        own = {path.rpartition("/")[0], path.removesuffix(".py").replace("/test_", "/")}
        for line, name in imports(source):
            found = re.match(r"(.+?)\.(_[a-z]\w*)", name)
            if found and name.split(".")[0] in FOLDERS and (owner := found[1].replace(".", "/")) not in own:
                yield f"{source.path}:{line}: {found[2]} is private to {owner}"


def the_engine_is_pure(root: Path) -> Iterator[str]:
    for source in sources(root):
        if source.path.startswith(f"{ENGINE}/"):
            yield from (f"{source.path}:{line}: the engine is pure: no {what}" for line, what in _impurities(source))


def imports_are_written_from_the_top(root: Path) -> Iterator[str]:
    for source in sources(root):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                yield f"{source.path}:{node.lineno}: write the import from the top, not {'.' * node.level}"


def imports_of_ours_say_stepwell(root: Path) -> Iterator[str]:
    """A user of Stepwell may have a ``db`` or ``functions`` package too. And a second name makes a second module."""
    for source in sources(root):
        for line, name in _written_imports(source):
            if name.split(".")[0] in FOLDERS:
                yield f"{source.path}:{line}: import {PACKAGE}{name}, not {name}"


def no_import_leads_back(root: Path) -> Iterator[str]:
    """Counts every import, also those inside functions and for type checkers: a hidden cycle is a cycle."""
    modules = {source.module: source for source in sources(root)}
    graph = {name: {_target(there, modules) for _, there in imports(modules[name])} - {"", name} for name in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as fault:
        yield f"import cycle: {' -> '.join(reversed(fault.args[1]))}"


def a_file_is_no_longer_than_450_lines(root: Path) -> Iterator[str]:
    for source in sources(root):
        if source.lines > FILE_LINES:
            yield f"{source.path}: {source.lines} lines, at most {FILE_LINES}"


def a_function_is_no_longer_than_50_lines(root: Path) -> Iterator[str]:
    for source in sources(root):
        for function in source.functions:
            if (lines := length(function)) > FUNCTION_LINES:
                yield f"{source.path}:{function.lineno}: {function.name} has {lines} lines, at most {FUNCTION_LINES}"


def functions_are_short(root: Path) -> Iterator[str]:
    lengths = sorted(length(function) for source in sources(root) for function in source.functions)
    if not lengths:
        return
    if (median := statistics.median(lengths)) > FUNCTION_MEDIAN:
        yield f"the code base: the median function has {median:g} lines, at most {FUNCTION_MEDIAN}"
    if (p90 := lengths[len(lengths) * 9 // 10]) > FUNCTION_P90:
        yield f"the code base: one function in ten has {p90} lines or more, at most {FUNCTION_P90}"


def blocks_stand_no_deeper_than_3(root: Path) -> Iterator[str]:
    for source in sources(root):
        for function in source.functions:
            if (depth := nesting(function)) > NESTING:
                yield f"{source.path}:{function.lineno}: {function.name} nests {depth} deep, at most {NESTING}"


def names_say_something(root: Path) -> Iterator[str]:
    """Every word of a module's name counts; of a class name only the last, its noun."""
    for source in sources(root):
        for word in NAMES_THAT_SAY_NOTHING & set(words(source.module)):
            yield f"{source.path}: the name says nothing: {word}"
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and words(node.name)[-1] in NAMES_THAT_SAY_NOTHING:
                yield f"{source.path}:{node.lineno}: the name says nothing: class {node.name}"


def module_names_are_words_that_readers_know(root: Path) -> Iterator[str]:
    """A word is plain English, a word of the field, or explained in the glossary. Single letters and digits pass."""
    glossary = root / "docs" / "glossary.md"
    rows = re.findall(r"^\| ([\w -]+) \|", glossary.read_text(), re.MULTILINE) if glossary.is_file() else []
    known = PLAIN | FIELD | {word for row in rows for word in words(row.replace(" ", "_"))}
    for source in sources(root):
        strange = set(words(source.module.rpartition(".")[2])) - known if "/migrations/" not in source.path else ()
        for word in sorted(strange):
            if word.isalpha() and len(word) > 1:
                yield f"{source.path}: {word!r} stands neither in docs/glossary.md nor in tests/words.py"


def every_handler_has_a_test_of_its_own(root: Path) -> Iterator[str]:
    for source in sources(root):
        folder, _, file = source.path.rpartition("/")
        test = f"tests/{folder}/test_{file}"
        if folder in HANDLER_FOLDERS and not file.startswith("_") and not (root / test).is_file():
            yield f"{source.path}: its test {test} is missing"


RULES: tuple[Rule, ...] = (
    each_room_imports_only_what_lies_below_it,
    every_module_lies_in_a_room,
    a_folder_holds_at_most_14_modules,
    a_function_imports_contract_errors_and_its_own_folder,
    private_files_stay_in_their_folder,
    the_engine_is_pure,
    imports_are_written_from_the_top,
    imports_of_ours_say_stepwell,
    no_import_leads_back,
    a_file_is_no_longer_than_450_lines,
    a_function_is_no_longer_than_50_lines,
    functions_are_short,
    blocks_stand_no_deeper_than_3,
    names_say_something,
    module_names_are_words_that_readers_know,
    every_handler_has_a_test_of_its_own,
)


def room_of(path: str) -> str | None:
    """The innermost room around this path, or None if the path is not ours."""
    path = path.removesuffix(".py")
    return max((room for room in ROOMS if path == room or path.startswith(f"{room}/")), key=len, default=None)


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """All imports of a file, also those inside functions: line and dotted name. Our names lose their ``stepwell.``."""
    return ((line, name.removeprefix(PACKAGE)) for line, name in _written_imports(source))


def length(function: Function) -> int:
    """Lines from ``def`` to the end, without the docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    return _span(function) - (_span(first) if documented else 0)


def nesting(node: ast.AST, parent: ast.AST | None = None) -> int:
    """The depth of nested blocks. An elif is no deeper than its if; an inner function starts at 0 again."""
    inside = (child for child in ast.iter_child_nodes(node) if not isinstance(child, SCOPES))
    follows = isinstance(parent, ast.If) and isinstance(node, ast.If) and parent.orelse == [node]
    own = int(isinstance(node, BLOCKS) and not follows)
    return own + max((nesting(child, node) for child in inside), default=0)


def words(name: str) -> list[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


@cache
def _tests(root: Path) -> tuple[Source, ...]:
    """The files of the tests, read once. The rules of size do not apply to them."""
    return tuple(_source(root, file) for file in sorted((root / "tests").rglob("*.py")))


def _source(root: Path, file: Path) -> Source:
    text = file.read_text(encoding="utf-8")
    path = file.relative_to(root).as_posix()
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return Source(path, module, len(text.splitlines()), ast.parse(text, path, feature_version=(3, 11)))


def _impurities(source: Source) -> Iterator[tuple[int, str]]:
    for line, name in imports(source):
        if name not in PURE_ALL_THE_SAME and any(f"{name}.".startswith(f"{impure}.") for impure in IMPURE):
            yield line, f"import of {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            yield node.lineno, f".{node.attr}"
        if isinstance(node, ast.Call) and _is_impure(node):
            yield node.lineno, f"call of {_last_name(node.func)}"


def _written_imports(source: Source) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _last_name(node.func) in ("import_module", "__import__"):
            yield from ((node.lineno, name) for name in _strings(node.args[:1]))


def _is_impure(call: ast.Call) -> bool:
    """True for a call with side effects. ``Random()`` without a seed counts: it takes one from the machine."""
    name = _last_name(call.func)
    return (name in IMPURE_CALLS and isinstance(call.func, ast.Name)) or (name == "Random" and not call.args)


def _target(name: str, modules: dict[str, Source]) -> str:
    """The module of ours behind this import, or "" if there is none."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _strings(nodes: list[ast.expr]) -> Iterator[str]:
    return (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
