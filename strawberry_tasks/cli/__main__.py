"""Lets ``python -m strawberry_tasks.cli`` do what ``strawberry-tasks`` does."""

from . import main

main()
