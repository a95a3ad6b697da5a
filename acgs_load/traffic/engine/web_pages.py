"""Pages of ours on Locust's web UI: below its base path and behind its login, as its own are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locust.web import WebUI


def add_page(web_ui: WebUI, rule: str, name: str, view: Callable[..., Any], *methods: str) -> None:
    """Serve ``view`` at ``rule`` to whoever may see Locust's pages; ``methods`` are GET alone where none is named."""
    app: Any = web_ui.app
    app.add_url_rule(path_of(web_ui, rule), name, guarded(web_ui, view), methods=methods or ("GET",))


def guarded(web_ui: WebUI, view: Callable[..., Any]) -> Callable[..., Any]:
    """The view, which asks for the login wherever one is wanted."""
    asking: Callable[..., Any] = web_ui.auth_required_if_enabled(view)  # type: ignore[no-untyped-call]
    return asking


def path_of(web_ui: WebUI, rule: str) -> str:
    """Where ``rule`` stands; a proxy may have moved Locust below a base path."""
    base = getattr(web_ui.environment.parsed_options, "web_base_path", "") or ""
    return f"{base.rstrip('/')}{rule}"
