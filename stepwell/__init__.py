"""Serverless-style functions and durable workflows on a laptop, your own servers and AWS, from the same files.

All of Stepwell is imported from this package. An installed Stepwell has its folders in it; in a checkout they stand
beside it, at the top of the repository, and are found there.
"""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
if not (_HERE / "runtime").is_dir():
    __path__.append(str(_HERE.parent))
