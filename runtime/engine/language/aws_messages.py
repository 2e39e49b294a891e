"""AWS's messages for faults of a state.

Sources: public records of AWS's answers, in the issues floci-io/floci#2521, #2870, localstack/localstack#12094,
in the recordings of gabrielmoreira/tiny-asl-machine (`tests/conformance/cases/.snapshots/aws`), and in questions about
"An error occurred while executing the state".
"""

from __future__ import annotations

from stepwell.runtime.engine.language.paths import Path
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.entries import entered
from stepwell.runtime.engine.values.jsontext import Json

LONGEST = 32_768
"""Characters of a Cause. Source: AWS Step Functions API reference, "ExecutionFailedEventDetails"."""


def in_state(state: str, entry: int, what: str) -> str:
    """A fault, with the state in which it arose."""
    return f"An error occurred while executing the state '{state}' (entered at the event id #{entered(entry)}). {what}"[
        :LONGEST
    ]


NO_INPUT = "Unable to apply Path transformation to null or empty input."
"""A path is applied to an input that is null. Source: the question "AWS Step function parameters are not
moving to the next step"."""


def no_results(path: Path, reached: int | None) -> str:
    """There is nothing at InputPath or OutputPath. The words behind the colon are Jayway JsonPath's."""
    steps = "".join(f"['{step}']" if isinstance(step, str) else f"[{step}]" for step in path.steps[:reached])
    problem = "No results for path:" if reached is None else "Missing property in path"
    return f"Invalid path '{path.text}' : {problem} ${steps}"


def no_step(path: Path, document: Json) -> str:
    """There is nothing at the reference path of a field."""
    step = path.steps[-1] if path.steps else path.text
    return f'Unable to apply step "{step}" to input {shown(document)}'


def no_parameter(field: str, path: str) -> str:
    """There is nothing at a Wait's path."""
    return f"The {field} parameter does not reference an input value: {path}"


def no_integer(field: str, path: str, value: Json) -> str:
    """The value at a path is no whole number. Source: localstack/localstack, test_max_concurrency_path."""
    text = value if isinstance(value, str) else jsontext.write(value)
    return f'The {field} field refers to value "{text}" which is not a valid integer: {path}'[:LONGEST]


def of_parameter(field: str, problem: str, path: str, value: Json) -> str:
    """A Wait cannot use the value at its path; ``problem`` is the reason."""
    text = value if isinstance(value, str) else jsontext.write(value)
    return f"The {field} parameter {problem}: {path} == {text}"


NO_ACTIVITY = "The activity ARN does not exist."
TOO_LONG = "Wait state delay is too long."


def no_timestamp(field: str, value: str) -> str:
    """A Wait in JSONata cannot use the text that its field gives."""
    return f"The {field} field cannot be parsed as an ISO-8601 extended offset date-time format string: {value}"


def no_items(value: Json) -> str:
    """The input of a Map in JSONata, which has no Items, is no list."""
    return f"Map state input must be an array but was: {shown(value)}"


def no_number(field: str, path: str, value: Json) -> str:
    """The value at a path is no number."""
    return no_integer(field, path, value).replace("valid integer", "valid float")


NEGATIVE_COUNT = "ToleratedFailureCount cannot be negative."
NO_PERCENTAGE = "ToleratedFailurePercentage must be between 0 and 100."


def no_value(path: str, field: str, document: Json) -> str:
    """There is nothing at the path of a payload template's member."""
    return (
        f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{shown(document)}'"
    )


def no_argument(call: str, path: str, document: Json) -> str:
    """There is nothing at the path of an intrinsic function's argument."""
    missing = f"The JsonPath argument for the field '{path}' could not be found in the input '{shown(document)}'"
    return f"The function '{call}' had the following error: {missing}"


def of_intrinsic(call: str, what: str) -> str:
    """An intrinsic function cannot use its arguments; ``what`` is the reason."""
    return f"There was an error while evaluating the intrinsic function: {call}. {what}"


def too_large(what: str) -> str:
    """A result is above the payload limit. ``what`` is the state, or the resource that gave the result."""
    return f"The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."


def shown(document: Json) -> str:
    """The JSON text of a document, cut to the length of a cause."""
    return jsontext.write(document)[:LONGEST]
