"""How the processes of one test find each other: a `Tasks` out of environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from celery import Celery
from dramatiq import Broker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from strawberry_tasks import OwnerPolicy, Tasks, Viewer
from strawberry_tasks.uploads import DirectoryUploads


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is signed in."""

    id: str
    is_staff: bool = False
    tenant: str | None = None

    def __str__(self) -> str:
        return f"user {self.id} of {self.tenant}"


class TenantPolicy(OwnerPolicy):
    """Keeps a user's tenant with the runs, and makes the user of it again in the worker."""

    def viewer_of(self, user: Any) -> Viewer:
        """Name a user, and whose tenant it is."""
        viewer = super().viewer_of(user)
        if isinstance(user, User):
            return Viewer(id=viewer.id, is_staff=viewer.is_staff, claims={"tenant": user.tenant})
        return viewer

    def load_user(self, viewer: Viewer) -> object:
        """Make the user again."""
        tenant = viewer.claims.get("tenant")
        return User(id=str(viewer.id), tenant=None if tenant is None else str(tenant))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where everything is."""

    url: str
    """The store."""

    namespace: str
    """The prefix of its keys, and the queue: a broker may be shared by several tests."""

    uploads: Path
    """Where uploads are kept."""

    broker: str = ""
    """A broker's URL for `Tasks`; with ``stock+`` in front, the one of a broker that the project makes itself, with ``celery+``
    that of a Celery app's."""

    lease: timedelta = timedelta(seconds=30)
    """How long an attempt lives that is not renewed."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Further options of `Tasks`; they stay in the process."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read what `environment` wrote."""
        return cls(
            url=os.environ["TEST_TASKS_URL"],
            namespace=os.environ["TEST_TASKS_NAMESPACE"],
            uploads=Path(os.environ["TEST_TASKS_UPLOADS"]),
            broker=os.environ["TEST_TASKS_BROKER"],
            lease=timedelta(seconds=float(os.environ["TEST_TASKS_LEASE"])),
        )

    @property
    def environment(self) -> dict[str, str]:
        """What another process needs to know."""
        return {
            "TEST_TASKS_URL": self.url,
            "TEST_TASKS_NAMESPACE": self.namespace,
            "TEST_TASKS_UPLOADS": str(self.uploads),
            "TEST_TASKS_BROKER": self.broker,
            "TEST_TASKS_LEASE": str(self.lease.total_seconds()),
        }

    def make_tasks(self, celery: Celery | None = None) -> Tasks:
        """Make the `Tasks` of this process, over that Celery app if there is one."""
        options = dict(self.options) if celery is None else {**self.options, "backend": "celery"}
        return Tasks(
            self.url,
            broker=self._make_broker() if celery is None else celery,
            namespace=self.namespace,
            queue=self.namespace,
            policy=TenantPolicy(),
            uploads=DirectoryUploads(self.uploads),
            lease=self.lease,
            **options,
        )

    def make_celery(self) -> Celery:
        """Make the Celery app of this process."""
        url = self.broker.removeprefix("celery+")
        app = Celery("tests", broker=url, set_as_current=False)
        app.conf.broker_connection_retry_on_startup = True
        app.conf.worker_prefetch_multiplier = 1
        app.conf.task_default_queue = f"{self.namespace}-own"
        if url.startswith("amqp"):
            app.conf.broker_transport_options = {"confirm_publish": True}
        else:
            app.conf.broker_transport_options = {"global_keyprefix": f"{self.namespace}-celery:"}
        return app

    def _make_broker(self) -> Broker | str | None:
        if not self.broker.startswith("stock+"):
            return self.broker or None
        url = self.broker.removeprefix("stock+")
        if url.startswith("amqp"):
            return RabbitmqBroker(url=url, confirm_delivery=True)
        return RedisBroker(url=url, namespace=f"{self.namespace}-stock")
