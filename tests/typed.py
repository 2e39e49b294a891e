"""``python -m tests.typed`` checks the types of the whole code base.

mypy does not follow a package's ``__path__``. So links below ``build/`` lay the folders out as in an installed
Stepwell. Through the links, every message names the file in the repository.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAID_OUT = ROOT / "build" / "typed"
FOLDERS = ("functions", "runtime", "db", "emulator")


def lay_out() -> None:
    """Make ``build/typed/stepwell`` show the folders as one package."""
    package = LAID_OUT / "stepwell"
    package.mkdir(parents=True, exist_ok=True)
    for name, target in {"__init__.py": "stepwell/__init__.py", **{folder: folder for folder in FOLDERS}}.items():
        link = package / name
        if not link.is_symlink():
            link.symlink_to(ROOT / target)


if __name__ == "__main__":
    lay_out()
    sys.exit(subprocess.run([sys.executable, "-m", "mypy", *sys.argv[1:]], cwd=ROOT).returncode)
