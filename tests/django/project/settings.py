"""A Django project as small as can be; the environment says where its data is."""

import json
import os
import tempfile
from pathlib import Path

import dj_database_url

SECRET_KEY = "of a test"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
CSRF_TRUSTED_ORIGINS = ["https://trusted.example", "https://*.wild.example"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.django.project.urls"
STATIC_URL = "/static/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "strawberry_django",
    "strawberry_tasks.django",
    "tests.django.project",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": dj_database_url.parse(os.environ.get("TEST_PROJECT_DATABASE_URL") or "sqlite:///:memory:")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # In a file also for tests in the process: threads would lock each other out of a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": Path(tempfile.gettempdir(), f"strawberry-tasks-{os.getpid()}.sqlite3")}
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "TEST": {"MIGRATE": False}}

STRAWBERRY_TASKS = {
    "URL": os.environ.get("TEST_TASKS_URL") or "memory://",
    "NAMESPACE": os.environ.get("TEST_TASKS_NAMESPACE") or "project",
    **json.loads(os.environ.get("TEST_TASKS_OPTIONS") or "{}"),
}

TASKS = {
    "default": {"BACKEND": "strawberry_tasks.django.tasks.DramatiqBackend", "QUEUES": ["default", "urgent"]},
    "patient": {
        "BACKEND": "strawberry_tasks.django.tasks.DramatiqBackend",
        "QUEUES": [],
        "OPTIONS": {"max_retries": 1, "retry_delay": 0},
    },
}
