"""The same web process with Channels in front: its routing, its sessions, its consumer."""

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import re_path
from strawberry.channels import GraphQLWSConsumer

from tests.django.project.asgi import django_application
from tests.django.project.schema import schema

consumer = GraphQLWSConsumer.as_asgi(schema=schema)
websockets = AuthMiddlewareStack(URLRouter([re_path(r"^graphql/$", consumer)]))

application = ProtocolTypeRouter({"http": django_application, "websocket": AllowedHostsOriginValidator(websockets)})
