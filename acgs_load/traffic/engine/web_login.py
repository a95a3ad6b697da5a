"""A login for the web UI, which can start load: asked for wherever more than this machine can reach it."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import sys
from typing import Any

import gevent
from flask import redirect, request, session, url_for
from flask_login import UserMixin, login_user  # type: ignore[import-untyped]
from locust.env import Environment

from acgs_load.errors import ExitCode
from acgs_load.traffic.engine.web_pages import path_of

USER_VARIABLE, PASSWORD_VARIABLE = "ACGS_WEB_USER", "ACGS_WEB_PASSWORD"
USER_DEFAULT = "acgs"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PENALTY_S = 1.0
"""A wrong password is answered this late, so that guessing takes its time."""

logger = logging.getLogger(__name__)


class _Visitor(UserMixin):  # type: ignore[misc]  # flask-login is untyped
    """Whoever knows the password."""

    def __init__(self, name: str) -> None:
        self.id = name


def default_options(parser: Any, **_others: Any) -> None:
    """Nothing of ours listens beyond loopback unless it is asked to, and a password that is set is asked for."""
    parser.set_defaults(web_host=LOOPBACK[0], master_bind_host=LOOPBACK[0])
    parser.set_defaults(web_login=bool(os.environ.get(PASSWORD_VARIABLE)))


def guard(environment: Environment) -> None:
    """Ask for the password where a login is wanted; ends the process where there is none to ask for."""
    web_ui, options = environment.web_ui, environment.parsed_options
    if web_ui is None or options is None:
        return
    if not options.web_login:
        if options.web_host not in LOOPBACK:
            logger.warning(
                "the web UI listens on %s without a login: whoever reaches it can start load; set %s, or bind to %s",
                *(options.web_host or "every interface", PASSWORD_VARIABLE, LOOPBACK[0]),
            )
        return
    if not os.environ.get(PASSWORD_VARIABLE):
        sys.stderr.write(f"--web-login: set {PASSWORD_VARIABLE} (and {USER_VARIABLE}; {USER_DEFAULT} when absent)\n")
        sys.exit(int(ExitCode.USAGE))
    _serve_login(web_ui)


def _serve_login(web_ui: Any) -> None:
    path = path_of(web_ui, "/login_submit")
    app = web_ui.app
    app.secret_key = secrets.token_bytes(32)
    app.config |= {"SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Strict"}
    web_ui.login_manager.user_loader(_Visitor)
    web_ui.auth_args = {"username_password_callback": path}
    app.add_url_rule(path, "acgs_login", _log_in, methods=["POST"])


def _log_in() -> Any:
    """Check what the login page sends."""
    user, password = os.environ.get(USER_VARIABLE) or USER_DEFAULT, os.environ[PASSWORD_VARIABLE]
    right = [
        hmac.compare_digest(request.form.get(field, "").encode(), wanted.encode())
        for field, wanted in (("username", user), ("password", password))
    ]
    if all(right):
        login_user(_Visitor(user))
        return redirect(url_for("locust.index"))
    gevent.sleep(PENALTY_S)
    session["auth_error"] = "wrong user or password"
    return redirect(url_for("locust.login"))
