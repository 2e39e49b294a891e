"""Writes the event of each call on a line of its own."""

import json
import os
from pathlib import Path


def handler(event, context):
    notes = Path(os.environ["ARTIFACTS_DIR"]) / "notes"
    with notes.open("a") as file:
        file.write(json.dumps(event) + "\n")
