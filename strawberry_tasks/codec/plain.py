"""Which fields, types and schemas are known to be plain: they show everybody who sees an object what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from strawberry.extensions import SchemaExtension

from .._compat import Schema, StrawberryField, StrawberryObjectDefinition

__all__ = ["is_guarded", "is_plain", "is_plain_schema", "restricts"]

_DJANGO_FIELD = ("strawberry_django.fields.field", "StrawberryDjangoField")

_DIRECTIVES = "strawberry.federation.schema_directives"
# Not `Tag`, by which a router's contracts hide, and not `External`, since another service may guard what is its own.
_HARMLESS = {"Cost", "InterfaceObject", "Key", "ListSize", "Override", "Provides", "Requires", "Shareable"}

# Their extensions trace, or do what the client itself asks for.
_KNOWN_PACKAGES = {"ddtrace", "sentry_sdk", "strawberry", "strawberry_django", "strawberry_tasks"}


def is_plain(field: StrawberryField) -> bool:
    """Tell whether GraphQL only reads the field's attribute, whoever asks."""
    if type(field) is not StrawberryField and not _is_djangos(field):
        return False  # A class of its own may do anything when it is read.
    return (
        not (field.base_resolver or field.extensions or field.permission_classes)
        and field.default_resolver is getattr
        and not restricts(field.directives)
    )


def _is_djangos(field: Any) -> bool:
    kind = type(field)
    return (kind.__module__, kind.__qualname__) == _DJANGO_FIELD and field.django_name in {None, field.python_name}


def restricts(directives: Iterable[object] | None) -> bool:
    """Tell whether one of the directives may restrict who sees what it stands on; one that nobody knows may."""
    return any(
        type(directive).__module__ != _DIRECTIVES or type(directive).__name__ not in _HARMLESS
        for directive in directives or ()
    )


def is_guarded(definition: StrawberryObjectDefinition) -> bool:
    """Tell whether objects of a type may be kept from somebody: by directives, its own or those of its interfaces."""
    if issubclass(definition.origin, Exception):
        return True  # GraphQL raises it, whatever its fields are.
    return any(restricts(each.directives) for each in (definition, *definition.interfaces))


def is_plain_schema(schema: Schema) -> bool:
    """Tell whether a schema reads plain fields as they are: nothing of its own stands between them and the client."""
    if schema.config.default_resolver is not getattr:
        return False
    if _package(schema.execution_context_class) not in {"graphql", "strawberry"}:
        return False
    # A schema of the user's may bring extensions that it does not tell of.
    told = _package(type(schema).get_extensions) in _KNOWN_PACKAGES
    return all(_only_observes(extension) for extension in (schema.extensions if told else schema.get_extensions()))


def _only_observes(extension: Any) -> bool:
    """Tell whether an extension leaves alone what fields resolve to.

    Args:
        extension: As `Schema` takes it: a class, an instance, or what makes one.
    """
    kind = extension if isinstance(extension, type) else type(extension)
    if not issubclass(kind, SchemaExtension):
        try:
            kind = type(extension())
        except Exception:  # noqa: BLE001 - it is the user's, and may need what only an operation has
            return False
    return issubclass(kind, SchemaExtension) and _leaves_alone(kind)


def _leaves_alone(kind: type[SchemaExtension]) -> bool:
    known = kind.resolve is SchemaExtension.resolve or _package(kind.resolve) in _KNOWN_PACKAGES
    return known or getattr(kind, "only_observes", False) is True


def _package(of: Any) -> str:
    module: str = of.__module__
    return module.partition(".")[0]
