"""The project's settings; the environment chooses where data lives."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url

VAR = Path(os.environ.get("SAMPLE_APP_VAR") or Path(__file__).parent / "var")
"""Where the database and the files are kept, unless the environment says otherwise."""
VAR.mkdir(mode=0o700, parents=True, exist_ok=True)

DEBUG = os.environ.get("DEBUG", "1").lower() not in {"", "0", "false", "no"}
SECRET_KEY = os.environ.get("SECRET_KEY") or "for-the-demo-on-this-machine-alone"
if not DEBUG and "SECRET_KEY" not in os.environ:
    raise RuntimeError("SECRET_KEY: expected a secret of your own in the environment when DEBUG is off, got none.")
ALLOWED_HOSTS = (os.environ.get("ALLOWED_HOSTS") or "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "strawberry_django",
    "strawberry_tasks.django",
    "sample_app.shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
ROOT_URLCONF = "sample_app.urls"
ASGI_APPLICATION = "sample_app.asgi.application"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"

DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(os.environ.get("DATABASE_URL") or f"sqlite:///{VAR / 'shop.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # The web server reads while the worker writes, and writers wait for each other instead of failing.
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
MEDIA_URL = "/files/"
MEDIA_ROOT = VAR / "files"
PRIVATE = {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
"""Files are for this user's processes, and not for whoever else uses the machine."""
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": PRIVATE},
    # What visitors upload is for the worker's eyes, and never served.
    "uploads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR / "uploads", **PRIVATE},
    },
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]

SUPPLIER_URL = os.environ.get("SUPPLIER_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/supplier"
RESULT_TTL = timedelta(days=1)
"""How long a finished run, and the files that it made, are kept."""

STRAWBERRY_TASKS = {
    "URL": os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
    "NAMESPACE": "shop",
    "RESULT_TTL": RESULT_TTL,
    "RETENTION": RESULT_TTL,
    "UPLOADS": "sample_app.shop.uploads.uploads",
    "OUTBOX": True,
}

LOGGING_CONFIG = None
"""The web server and the worker have set logging up already."""
