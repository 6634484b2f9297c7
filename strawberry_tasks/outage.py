"""Tells of an outage when it begins and when it is over, and not with every try in between."""

from __future__ import annotations

import logging


class Outage:
    """An outage, as one that goes on trying knows it.

    Args:
        logger: Where it is told.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._is_on = False

    def note(self, message: str, *words: object, exc_info: bool = False) -> None:
        """Note that a try failed; the first one is a warning, with its traceback if that is wanted."""
        self._logger.log(logging.DEBUG if self._is_on else logging.WARNING, message, *words, exc_info=exc_info)
        self._is_on = True

    def end(self, message: str, *words: object) -> None:
        """Note that a try succeeded; said if one has failed before."""
        if self._is_on:
            self._logger.info(message, *words)
        self._is_on = False
