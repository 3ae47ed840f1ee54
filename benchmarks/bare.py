"""The peer of the HTTP doors: one Redis GET and one Ed25519 verify, pooled, key prebuilt, and nothing else."""

import os

import nacl.signing
import redis
from flask import Flask

KEY = nacl.signing.SigningKey(bytes(32))
VERIFY = KEY.verify_key
NAME = "bench:bare"


def create_app() -> Flask:
    """The bare application, on the same server, workers and threads as ours."""
    app = Flask(__name__)
    store = redis.Redis.from_url(os.environ["REDIS_URL"])
    store.set(NAME, bytes(KEY.sign(b"x" * 300)))

    @app.get("/")
    def check() -> dict[str, bool]:
        return {"ok": bool(VERIFY.verify(store.get(NAME)))}  # type: ignore[arg-type]  # bytes: nobody else writes it

    return app
