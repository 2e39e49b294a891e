"""One invocation in the words and shapes of Lambda's own runtime client, awslambdaric: context, import, result, error.

The child runs this, and so does the mode without a child. Standard library alone.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import json
import os
import sys
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

RESULT_BYTES = 6_291_556
"""Lambda's own bound of a response. Of a larger one only the size is sent."""
ERROR_CHARS, CAUSE_CHARS = 256, 32_768
"""Step Functions' bounds of an Error and a Cause; a Cause is an error's JSON text."""


TASK_ROOT = "/var/task"
"""Where a function's files lie on Lambda. Traces name it, and not the folder that they are in on this machine."""


class UnreadableResult(Exception):
    """A handler has returned bytes that are not text, so they cannot be a payload. ``size`` is their number."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"{size} bytes that are not UTF-8")


class InvocationFault(Exception):
    """An invocation failed for a reason that Lambda has a name for."""

    def __init__(self, kind: str, message: str, trace: Sequence[str] = ()) -> None:
        self.kind, self.trace = kind, list(trace)
        super().__init__(message)


class Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class Client:
    """The application's own description in a client context."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, members.get(name))


class ClientContext:
    def __init__(self, members: Mapping[str, Any]) -> None:
        self.custom, self.env, client = (members.get(name) for name in ("custom", "env", "client"))
        self.client = Client(client) if isinstance(client, Mapping) else None


class HandlerContext:
    """Lambda's context object, member by member."""

    tenant_id = None

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.aws_request_id = members["aws_request_id"]
        self.function_name = members["function_name"]
        self.function_version = members["function_version"]
        self.memory_limit_in_mb = members["memory_limit_in_mb"]
        self.invoked_function_arn = members["invoked_function_arn"]
        self.log_group_name = members["log_group_name"]
        self.log_stream_name = members["log_stream_name"]
        self.identity = Identity()
        given = dict(members.get("client_context") or {})
        self._trace = given.pop("w3c", {})
        self.client_context = ClientContext(given) if given else None
        self._deadline = time.monotonic() + members["remaining_ms"] / 1000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))

    def w3c(self) -> Any:
        return self._trace


class SourceWatch:
    """Knows each source file that was imported from under the roots, as it stood just before it was read.

    A finder that finds nothing of its own: it looks over the shoulder of PathFinder, so that modules which a handler
    imports late are known as well, and an edit between reading a file and looking at it cannot be missed.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = tuple(os.path.join(root, "") for root in roots)
        self._seen: dict[str, tuple[int, int] | None] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None:
            self.see(spec.origin)
        return spec

    def see(self, file: str) -> None:
        """Remember how a file stands now, before it is read; installed packages do not change under our feet."""
        if file.startswith(self._roots) and "-packages/" not in file:
            self._seen.setdefault(file, _mark(file))

    def changed(self) -> bool:
        """True if any file that was read has changed since, or is gone."""
        return any(_mark(file) != mark for file, mark in self._seen.items())


def _mark(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class Handlers:
    """The handlers of this process, each imported once, from its own file and under its dotted name."""

    def __init__(self, watch: SourceWatch) -> None:
        self._watch = watch
        self._loaded: dict[tuple[str, str], Any] = {}

    def find(self, module: str, path: str, handler: str) -> Callable[[Any, Any], Any]:
        """The handler that a file defines. Raises InvocationFault, or whatever the file raises while it is imported."""
        if not module:
            message = f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
            raise InvocationFault("Runtime.MalformedHandlerName", message)
        if (module, path) not in self._loaded:
            self._loaded[module, path] = self._load(module, path)
        found: Callable[[Any, Any], Any] | None = getattr(self._loaded[module, path], handler, None)
        if found is None:
            raise InvocationFault("Runtime.HandlerNotFound", f"Handler '{handler}' missing on module '{module}'")
        return found

    def _load(self, module: str, path: str) -> types.ModuleType:
        try:
            return self._import(module, path)
        except ImportError as error:
            message = f"Unable to import module '{module}': {error}"
            raise InvocationFault("Runtime.ImportModuleError", message) from error
        except SyntaxError as error:
            place = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
            raise InvocationFault(
                "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}", [place]
            ) from None

    def _import(self, name: str, path: str) -> types.ModuleType:
        if (known := sys.modules.get(name)) is not None:
            return _same(known, name, path)
        self._watch.see(path)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not os.path.isfile(path):
            raise ModuleNotFoundError(f"No module named '{name}'")
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


def _same(known: types.ModuleType, name: str, path: str) -> types.ModuleType:
    if os.path.realpath(getattr(known, "__file__", None) or "") != os.path.realpath(path):
        raise InvocationFault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {name} as a handler module")
    return known


def perform(handlers: Handlers, request: Mapping[str, Any], root: str) -> dict[str, Any]:
    """The answer to a request. ``root`` is the folder with the function's files, which traces show as Lambda's.

    Passes on a BaseException that is no Exception: SystemExit, KeyboardInterrupt.
    """
    context = HandlerContext(request["context"])
    try:
        handler = handlers.find(request["module"], request["path"], request["handler"])
        text, size = marshal(handler(json.loads(request["event"]), context))
    except UnreadableResult as found:
        return {"unreadable": found.size}
    except Exception as error:
        return {"error": explain(error, context.aws_request_id, root)}
    return {"result": text} if size <= RESULT_BYTES else {"oversize": size}


def exit_status(code: object) -> int:
    """The status that Python ends with after ``sys.exit(code)``."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def marshal(value: Any) -> tuple[str, int]:
    """A result as JSON text and its size in bytes. Bytes are a payload that the handler has written itself.

    Raises InvocationFault for a value that is no JSON, UnreadableResult for bytes that are no text.
    """
    if isinstance(value, bytes):
        try:
            return value.decode(), len(value)
        except UnicodeDecodeError:
            raise UnreadableResult(len(value)) from None
    try:
        text = _ENCODER.encode(value)
        return text, len(text.encode())
    except Exception as error:
        raise InvocationFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _number(value: Any) -> int | float:
    """Decimal is the one type beyond JSON's own that Lambda takes."""
    decimal = sys.modules.get("decimal")
    if decimal is None or not isinstance(value, decimal.Decimal):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    approximate = float(value)
    return int(value) if abs(approximate) < 1 << 63 and value == value.to_integral_value() else approximate


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_number)


def explain(error: Exception, request_id: str, root: str) -> dict[str, Any]:
    """An error in Lambda's form, cut to the length of a Cause. It is printed too, with its traceback."""
    frames = _user_frames(error, root)
    kind, trace = (error.kind, error.trace) if isinstance(error, InvocationFault) else (type(error).__name__, frames)
    found = _bounded(
        {
            "errorMessage": _plain(_message(error)),
            "errorType": _plain(kind)[:ERROR_CHARS],
            "requestId": request_id,
            "stackTrace": [_plain(_as_on_lambda(entry, root)) for entry in trace],
        }
    )
    with contextlib.suppress(Exception):  # a handler may have left anything in the place of stderr
        _print_error(found, found["stackTrace"] or (_user_frames(error.__cause__, root) if error.__cause__ else []))
    return found


def _print_error(error: Mapping[str, Any], trace: Sequence[str]) -> None:
    head = f"[ERROR] {error['errorType']}: {error['errorMessage']}\nTraceback (most recent call last):\n"
    print(head + "".join(map(_plain, trace)), file=sys.stderr, end="")


def _message(error: BaseException) -> str:
    try:
        return str(error)[:CAUSE_CHARS]
    except Exception as second:
        return f"<no message: {type(second).__name__} in __str__ of {type(error).__name__}>"


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _user_frames(error: BaseException, root: str) -> list[str]:
    """The traceback from the first frame on that is neither ours nor the import system's, in Lambda's form."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = (__file__, "<frozen importlib")
    first = next((at for at, frame in enumerate(frames) if not frame.filename.startswith(ours)), len(frames))
    shown = [(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in frames[first:]]
    return [_as_on_lambda(entry, root) for entry in traceback.format_list(shown)]


def _as_on_lambda(entry: str, root: str) -> str:
    """An entry of a traceback, with Lambda's root in the place of the function's own."""
    for one in {root, os.path.realpath(root)}:
        if entry.startswith(f'  File "{os.path.join(one, "")}'):
            return f'  File "{TASK_ROOT}/' + entry[len(f'  File "{os.path.join(one, "")}') :]
    return entry


def _bounded(error: dict[str, Any]) -> dict[str, Any]:
    while len(json.dumps(error, ensure_ascii=False)) > CAUSE_CHARS:
        trace = error["stackTrace"]
        if len(trace) > 1:
            keep = len(trace) // 4
            error = {**error, "stackTrace": [*trace[:keep], *trace[len(trace) - keep :]]}
        else:
            error = {
                **error,
                "errorMessage": error["errorMessage"][: len(error["errorMessage"]) // 2],
                "stackTrace": [],
            }
    return error
