"""The web process: it makes the database's tables, and serves."""

from django.core.asgi import get_asgi_application
from django.core.management import call_command

from strawberry_tasks.django.asgi import with_websockets

django_application = get_asgi_application()
application = with_websockets(django_application, "tests.django.project.schema.schema", path="/graphql/")

call_command("migrate", verbosity=0)
