"""One file, from the environment only. ``.env.example`` lists every name; a wrong one refuses to start."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from handoffflow import env, logs, secrets

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_file(Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env"))

DEBUG = env.boolean("DEBUG")
DATA_DIR = (BASE_DIR / env.text("DATA_DIR", "data")).resolve()
_command = sys.argv[1] if len(sys.argv) > 1 else ""

# The brand and the address --------------------------------------------------------------------

APP_NAME = env.text("APP_NAME", "HandoffFlow")
PORT = env.port("PORT", 8000)
APP_URL = env.origin("APP_URL", f"http://localhost:{PORT}")
_host = urlsplit(APP_URL).hostname or "localhost"
_https = APP_URL.startswith("https://")

# Twilio, or its stand-in ----------------------------------------------------------------------

TWILIO_SID = env.text("TWILIO_SID", pattern=r"AC[0-9A-Za-z]{32}", example="AC and 32 hexadecimal digits")
TWILIO_AUTH_TOKEN = env.text("TWILIO_AUTH_TOKEN", pattern=r"\S+", example="32 hexadecimal digits")
TWILIO_AUTH_TOKEN_SECONDARY = env.text(
    "TWILIO_AUTH_TOKEN_SECONDARY", pattern=r"\S+", example="32 hexadecimal digits"
)
TWILIO_WHATSAPP_NUMBER = env.text(
    "TWILIO_WHATSAPP_NUMBER", pattern=r"whatsapp:\+\d{6,15}", example="whatsapp:+551150280000"
)
TWILIO_FLOW_SID = env.text(
    "TWILIO_FLOW_SID", pattern=r"FW[0-9A-Za-z]{32}", example="FW and 32 hexadecimal digits"
)
if TWILIO_SID and not TWILIO_AUTH_TOKEN:
    raise ImproperlyConfigured("TWILIO_SID is set and TWILIO_AUTH_TOKEN is not: set both or neither.")
if TWILIO_AUTH_TOKEN and not TWILIO_SID:
    raise ImproperlyConfigured("TWILIO_AUTH_TOKEN is set and TWILIO_SID is not: set both or neither.")
for _name in ("TWILIO_AUTH_TOKEN_SECONDARY", "TWILIO_WHATSAPP_NUMBER", "TWILIO_FLOW_SID"):
    if not TWILIO_SID and globals()[_name]:
        raise ImproperlyConfigured(f"{_name} is set without an account: TWILIO_SID is missing.")

SIMULATOR_ENABLED = env.boolean("SIMULATOR_ENABLED", default=DEBUG and not TWILIO_SID)
SIMULATOR_PORT = env.port("SIMULATOR_PORT", PORT + 10000 if PORT <= 55535 else PORT - 10000)
SIMULATOR_LEDGER = DATA_DIR / "simulator.sqlite3"
TWILIO_API_URL = env.origin(
    "TWILIO_API_URL", f"http://127.0.0.1:{SIMULATOR_PORT}" if SIMULATOR_ENABLED else ""
)

# What Twilio posts is appended to this file, without what it says or about whom.
TWILIO_CAPTURE = env.file("TWILIO_CAPTURE", base=BASE_DIR)

# Secrets --------------------------------------------------------------------------------------

# `serve` keeps its own, and so does the `migrate` that has to come before it.
_makes = DEBUG or SIMULATOR_ENABLED or _command in {"serve", "migrate"}
_kept = secrets.kept(DATA_DIR, make=_makes)
SECRET_KEY = env.text("SECRET_KEY") or (_kept["secret_key"] if _kept else "")
SECRET_KEY_FALLBACKS = env.listing("SECRET_KEY_FALLBACKS")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is required when DEBUG is off: 50 random characters or more.")
if not DEBUG and (len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5 or "insecure" in SECRET_KEY):
    raise ImproperlyConfigured("SECRET_KEY is too weak: it needs 50 random characters or more.")
if SIMULATOR_ENABLED and not TWILIO_SID and _kept:
    TWILIO_SID, TWILIO_AUTH_TOKEN = _kept["simulator_sid"], _kept["simulator_token"]
    TWILIO_WHATSAPP_NUMBER = "whatsapp:+551150280000"

# Calling operators ----------------------------------------------------------------------------

# What push services know the product by; kept in DATA_DIR, and the same on every machine.
PUSH_PRIVATE_KEY = env.text(
    "PUSH_PRIVATE_KEY", pattern=r"[A-Za-z0-9_-]{43}", example="43 letters, digits, - or _"
) or secrets.push_key(DATA_DIR, make=_makes)
# Whom a push service may write to when something is wrong with what it gets.
PUSH_CONTACT = env.text(
    "PUSH_CONTACT",
    APP_URL if _https else "mailto:push@localhost",
    pattern=r"(?:mailto:[^@\s]+@[^@\s]+|https://\S+)",
    example="mailto:it@example.com",
)
_mail = env.mail("EMAIL_URL")
MAIL_READY = bool(_mail) or DEBUG
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST", ""), _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER", ""), _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text(
    "EMAIL_FROM", f"handoffflow@{_host}", pattern=r"[^@]+@[^@\s]+", example="desk@example.com"
)

# Hosts ----------------------------------------------------------------------------------------

INTERNAL_HOSTS = frozenset(env.listing("INTERNAL_HOSTS"))
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS") or [_host]
if DEBUG:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
elif "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name its hosts: * is only for DEBUG.")
CSRF_TRUSTED_ORIGINS = [APP_URL]

# The language model ---------------------------------------------------------------------------

# What numbers use whose bot is a language model and that have no address of their own.
LLM_URL = env.address("LLM_URL", internal=INTERNAL_HOSTS)
LLM_MODEL = env.text("LLM_MODEL")
LLM_API_KEY = env.text("LLM_API_KEY", pattern=r"[!-~]+", example="the key as the provider shows it")
if LLM_URL and not LLM_MODEL:
    raise ImproperlyConfigured("LLM_URL is set and LLM_MODEL is not: set both or neither.")
for _name in ("LLM_MODEL", "LLM_API_KEY"):
    if not LLM_URL and globals()[_name]:
        raise ImproperlyConfigured(f"{_name} is set and LLM_URL is not: set it as well.")

# Applications ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "handoffflow",
    "operators",
    "conversations",
    "handoffflow.admin_config.SupervisorsAdmin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "ninja",
    "django_htmx",
    "axes",
]
MIDDLEWARE = [
    "handoffflow.middleware.request_id",
    "handoffflow.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "handoffflow.middleware.fast_path",
    "handoffflow.middleware.ReadableText",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "handoffflow.middleware.SessionLimits",
    "handoffflow.language.ChosenLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
if DEBUG:
    MIDDLEWARE.append("handoffflow.middleware.OwnNotFound")
ROOT_URLCONF = "handoffflow.urls"
WSGI_APPLICATION = "handoffflow.wsgi.application"
ASGI_APPLICATION = "handoffflow.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "handoffflow.context_processors.product",
            ],
        },
    },
]

# Database -------------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", base=BASE_DIR, default=DATA_DIR / "db.sqlite3")}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
# A process that only serves pages may have no worker near it: /readyz then does not ask for one.
WORKER_EXPECTED = env.boolean("WORKER_EXPECTED", default=True)
# Empty: /metrics answers on this machine only.
METRICS_TOKEN = env.text(
    "METRICS_TOKEN", pattern=r"[\w.~+/-]{16,}=*", example="16 or more letters, digits or . ~ + / - _"
)
# Calls of the REST API a minute for each key and each operator, in each process; 0 is without a limit.
API_RATE = env.count("API_RATE", 600, most=1_000_000)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_HANDLERS = [
    "handoffflow.uploading.Quota",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Files ----------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": env.storage("MEDIA_STORAGE"),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

# Language and time ----------------------------------------------------------------------------

LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English")), ("es", _("Spanish"))]
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "pt-br", among=[code for code, _label in LANGUAGES])
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = env.time_zone("TIME_ZONE", "America/Sao_Paulo")

# People, passwords, sessions ------------------------------------------------------------------

AUTH_USER_MODEL = "operators.Operator"
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/operator/"
LOGOUT_REDIRECT_URL = LOGIN_URL
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    # Before Django's, which would ask for permissions that operators never have one by one.
    "handoffflow.supervisors.Membership",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_TEMPLATE = "registration/throttled.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_DISABLE_ACCESS_LOG = True
# It logs user names and addresses otherwise.
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = 2 * 3600
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
# Browsers bind a __Host- cookie to this very host and to https. The other names carry the port,
# because cookies do not: two installations on one machine would log each other out.
SESSION_COOKIE_NAME = "__Host-session" if _https else f"session_{PORT}"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else f"csrf_{PORT}"
LANGUAGE_COOKIE_SAMESITE, LANGUAGE_COOKIE_SECURE, LANGUAGE_COOKIE_HTTPONLY = "Lax", _https, True

# Security headers (the policy itself is in handoffflow/middleware.py) --------------------------

SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # X-Frame-Options comes from our own middleware, which knows of the simulator.
    "security.W005",  # HSTS for subdomains is the company's decision, not this host's.
    "security.W021",  # The same holds for preloading.
    "security.W008",  # The reverse proxy redirects to https; a redirected webhook loses its form.
]
if not _https:
    # An installation on one machine or behind a tunnel; checks.py judges the address itself.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W012", "security.W016"]

LOGGING = logs.configuration(debug=DEBUG)
