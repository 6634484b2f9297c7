"""The REST views of the project's tasks: ``path("api/v1/", include("strawberry_tasks.django.urls"))``."""

from .default import default_tasks
from .rest import task_urls

app_name = "strawberry_tasks"
urlpatterns = task_urls(default_tasks)
