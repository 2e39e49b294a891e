"""Reads the options of a function from the inputs of CreateFunction and the updates. Options are stored and shown.

Source: Lambda developer guide, "Lambda quotas" and "Using Lambda environment variables" (reserved names, 4 KB).
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.functions.contract import Json
from stepwell.functions.errors.lambda_ import InvalidParameterValueException

KEPT = (
    *("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment", "TracingConfig"),
    *("EphemeralStorage", "Architectures", "LoggingConfig", "DeadLetterConfig", "KMSKeyArn"),
    *("VpcConfig", "SnapStart"),
)
NOT_HERE = (
    *("Layers", "FileSystemConfigs", "ImageConfig", "CodeSigningConfigArn", "TenancyConfig", "CapacityProviderConfig"),
    *("DurableConfig", "PublishTo", "AcceleratorConfig"),
)
"""Options that are refused: a function that needs them would not run here as its owner expects."""
VARIABLES_BYTES = 4096
LONGEST_TIMEOUT = 900
RESERVED = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    }
)
_UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
)


def chosen(given: Mapping[str, Json]) -> dict[str, Json]:
    """The options that an input sets. Raises InvalidParameterValueException."""
    for name in NOT_HERE:
        if given.get(name):
            raise InvalidParameterValueException(f"{name} is not supported here.")
    found = {name: given[name] for name in KEPT if name in given}
    _check_runtime(found.get("Runtime"))
    _check_variables(found.get("Environment", {}).get("Variables", {}))
    if found.get("Timeout", 0) > LONGEST_TIMEOUT:
        raise InvalidParameterValueException(f"Timeout must be at most {LONGEST_TIMEOUT} seconds.")
    return found


def _check_runtime(runtime: str | None) -> None:
    if runtime is not None and not runtime.startswith("python3."):
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is not supported here: functions run on the server's own Python."
        )


def _check_variables(variables: Mapping[str, str]) -> None:
    if taken := sorted(RESERVED.intersection(variables)):
        raise InvalidParameterValueException(
            f"{_UNABLE}contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(taken)}"
        )
    if sum(len(name.encode()) + len(value.encode()) for name, value in variables.items()) > VARIABLES_BYTES:
        raise InvalidParameterValueException(f"{_UNABLE}exceeded the 4KB limit.")


def package(code: Mapping[str, Json]) -> bytes:
    """The zip in an input. Raises InvalidParameterValueException."""
    if "ZipFile" not in code:
        raise InvalidParameterValueException(
            "Code is taken as a ZipFile here: there is no S3, and there are no images."
        )
    found: bytes = code["ZipFile"]
    return found
