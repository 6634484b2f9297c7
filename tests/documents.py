"""Run the Python blocks of a Markdown document as its reader would."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from pathlib import Path
from types import CodeType, ModuleType

from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser, SkipParser

_FILE_NAME = re.compile(r"# ([\w/]+)\.py\n")


class DocumentRun:
    """One reading of a document, from top to bottom.

    A block whose first line is a file name, like ``# myapp/tasks.py``, becomes the module ``myapp.tasks``, which later
    blocks can import. The other blocks share one module. ``await`` works at the top level of a block.

    Args:
        path: The Markdown file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._modules: list[str] = []
        self._shared = self._make_module("document")

    def __call__(self) -> int:
        """Run all blocks, and return how many there were."""
        sybil = Sybil(parsers=[CodeBlockParser("python", self._evaluate), SkipParser()])
        with asyncio.Runner() as self._runner:
            examples = list(sybil.parse(self._path))
            try:
                for example in examples:
                    example.evaluate()
            finally:
                for name in self._modules:
                    sys.modules.pop(name, None)
        return sum(isinstance(example.parsed, str) for example in examples)

    def _evaluate(self, example: Example) -> None:
        __tracebackhide__ = True
        source = str(example.parsed)
        named = _FILE_NAME.match(source)
        module = self._make_module(named[1].replace("/", ".")) if named else self._shared
        # Empty lines in front give a traceback the line numbers of the document.
        padding = "\n" * (example.line + example.parsed.line_offset)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(padding + source, str(self._path), "exec", flags=flags, dont_inherit=True)
        self._run(code, module)

    def _run(self, code: CodeType, module: ModuleType) -> None:
        __tracebackhide__ = True
        if code.co_flags & inspect.CO_COROUTINE:
            self._runner.run(eval(code, vars(module)))
        else:
            exec(code, vars(module))

    def _make_module(self, name: str) -> ModuleType:
        parent, _, own_name = name.rpartition(".")
        module = ModuleType(name)
        module.__path__ = []
        sys.modules[name] = module
        self._modules.append(name)
        if parent:
            package = sys.modules[parent] if parent in sys.modules else self._make_module(parent)
            setattr(package, own_name, module)
        return module
