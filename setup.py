"""Maps the folders at the top of the repository to one package, ``stepwell``; pyproject.toml says the rest."""

from setuptools import find_packages, setup

FOLDERS = ("functions", "runtime", "db", "emulator")

setup(
    packages=["stepwell", *(f"stepwell.{name}" for name in find_packages(include=[f"{one}*" for one in FOLDERS]))],
    package_dir={"stepwell": "stepwell", **{f"stepwell.{folder}": folder for folder in FOLDERS}},
    package_data={
        "stepwell": ["py.typed"],
        "stepwell.db": ["migrations/*.py"],
        "stepwell.functions.dashboard": ["templates/*"],
        "stepwell.runtime.aws": ["*.json"],
    },
)
