"""Who can sign in to the demo."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Permission, User

DEMO_PASSWORD = "strawberry"  # noqa: S105 - shown on the sign-in page


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Somebody who can sign in."""

    name: str
    is_staff: bool
    sees: str


DEMO_USERS = (
    DemoUser("alice", False, "her own runs"),
    DemoUser("bob", False, "his own runs"),
    DemoUser("staff", True, "everybody's runs, the internals of failures, and the admin"),
)


def create_demo_users() -> None:
    """Create those who are missing; staff may do in the admin what there is to do with tasks."""
    permissions = Permission.objects.filter(content_type__app_label="strawberry_tasks")
    for demo_user in DEMO_USERS:
        if not User.objects.filter(username=demo_user.name).exists():
            User.objects.create_user(demo_user.name, password=DEMO_PASSWORD, is_staff=demo_user.is_staff)
        if demo_user.is_staff:
            User.objects.get(username=demo_user.name).user_permissions.add(*permissions)
