"""How Sphinx builds the documentation."""

from importlib.metadata import version as installed_version

import django
from django.conf import settings

# What is in `strawberry_tasks.django` can be imported only where Django is set up.
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "strawberry_tasks.django"])
django.setup()

project = "strawberry_tasks"
author = "strawberry_tasks contributors"
copyright = author
release = installed_version("strawberry-tasks")
version = release.rpartition(".")[0]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "strawberry_tasks"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

napoleon_google_docstring = True
napoleon_numpy_docstring = False
# Attributes are documented by the docstrings under them, which autodoc reads itself.
napoleon_use_ivar = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
autoclass_content = "class"
default_role = "code"
nitpicky = False
# Otherwise the recursive type is spelled out wherever it occurs.
autodoc_type_aliases = {"JSON": "JSON"}
