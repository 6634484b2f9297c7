"""The version matrix: Python × Django × Strawberry.

`nox` runs all of it with the Python versions that are installed, `nox -t ci` the slice that CI runs, `nox -l` lists it all.
What follows `--` goes to pytest.
"""

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False

PYTHONS = ["3.11", "3.12", "3.13"]
DJANGOS = ["5.2", "6.1"]
FLOOR = ["strawberry-graphql==0.330.3", "strawberry-graphql-django==0.93.0", "dramatiq==2.1.0", "redis==6.0.0"]
STRAWBERRIES = {"floor": FLOOR, "latest": []}

# The oldest and the newest of everything.
CI_SLICE = {("3.11", "5.2", "floor"), ("3.13", "6.1", "latest")}

# Django 6.1 needs Python 3.12.
COMBINATIONS = [
    nox.param(python, django, strawberry, tags=["ci"] if (python, django, strawberry) in CI_SLICE else [])
    for python in PYTHONS
    for django in DJANGOS
    for strawberry in STRAWBERRIES
    if not (python == "3.11" and django == "6.1")
]


@nox.session
@nox.parametrize(["python", "django", "strawberry"], COMBINATIONS)
def tests(session: nox.Session, django: str, strawberry: str) -> None:
    """Run the tests with one combination of versions."""
    project = nox.project.load_toml("pyproject.toml")
    session.install(
        "-e",
        ".[demo]",
        *nox.project.dependency_groups(project, "test"),
        f"django=={django}.*",
        *STRAWBERRIES[strawberry],
    )
    session.run("python", "-m", "pytest", *session.posargs)
