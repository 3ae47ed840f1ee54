"""Opens the store, the trust and the decoder; registers the blueprints; nothing else.

granian --interface wsgi --factory app:create_app
"""

import os
import time

from flask import Flask

from verifier import settings, web
from verifier.store.redis import connect
from verifier.web.desk import Desk


def create_app() -> Flask:
    """The web application of this environment (see verifier.settings); raises SettingsError, StoreError."""
    found = settings.from_env(os.environ)
    client = connect(found.redis_url or "redis://127.0.0.1:6379/0")
    app = Flask("verifier.web", static_folder="static", template_folder="templates")
    return web.wire(app, Desk(found, client, lambda: int(time.time())), found.proxies)
