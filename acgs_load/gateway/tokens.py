"""Logins: JSON Web Tokens bound to a tenant, signed with the store's secret, remembered as sessions."""

from __future__ import annotations

import math
import re
import time
from uuid import uuid4

import jwt

from acgs_load.contract import TENANT_ID_PATTERN
from acgs_load.gateway.answers import Answer, invalid_field, invalid_token
from acgs_load.gateway.request import Claims, Request
from acgs_load.gateway.sessions import Sessions
from acgs_load.gateway.tenants import Tenants

ALGORITHM = "HS256"
ISSUER = "acgs-reference-gateway"
_TENANT_ID = re.compile(TENANT_ID_PATTERN)


class Tokens:
    """Issues and reads tokens. A token stays good until its own expiry, whatever was issued after it."""

    def __init__(self, secret: bytes, lifetime_s: int, sessions: Sessions, tenants: Tenants) -> None:
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._sessions = sessions
        self._tenants = tenants

    async def login(self, request: Request) -> Answer:
        """``auth_login``: any non-empty username and password, for any tenant. Raises Refusal (401, 422)."""
        username, password, tenant_id = request.text("username"), request.text("password"), request.text("tenant_id")
        if not _TENANT_ID.fullmatch(tenant_id):
            raise invalid_field(f"tenant_id does not match {TENANT_ID_PATTERN}")
        if not username or not password:
            raise invalid_token("the login is refused: username or password is empty")
        await self._tenants.admit(tenant_id)
        return await self._issue(username, tenant_id, uuid4().hex)

    async def refresh(self, request: Request) -> Answer:
        """``auth_refresh``: a new token for the same session."""
        claims = request.claims
        return await self._issue(claims.user_id, claims.tenant_id, claims.session_id)

    async def claims(self, request: Request) -> Claims:
        """Who the request's token speaks for. Raises Refusal (401)."""
        authorization = request.header(b"authorization")
        if authorization is None:
            raise invalid_token("there is no Authorization header")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise invalid_token("Authorization is no bearer token")
        token = token.lstrip(" ")  # RFC 9110, 11.4: one blank or more
        claims = self._sessions.known.get(token) or await self._sessions.find(token) or await self._read(token)
        if claims.expires_at <= time.time():
            raise invalid_token("the token has expired")
        return claims

    async def _read(self, token: str) -> Claims:
        try:
            told = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], issuer=ISSUER, options={"require": ["exp", "sub", "jti"]}
            )
            claims = Claims(told["sub"], told["tenant_id"], told["sid"], float(told["exp"]))
        except (jwt.InvalidTokenError, KeyError, ValueError):
            raise invalid_token("the token is not one of this gateway's, or has expired") from None
        self._sessions.remember(token, claims)
        return claims

    async def _issue(self, user_id: str, tenant_id: str, session_id: str) -> Answer:
        now_s = time.time()
        expires_at = math.ceil(now_s + self._lifetime_s)  # whole seconds in a JWT: never less than was promised
        claims = Claims(user_id, tenant_id, session_id, float(expires_at))
        told = {
            "iss": ISSUER,
            "sub": user_id,
            "tenant_id": tenant_id,
            "sid": session_id,
            "jti": uuid4().hex,
            "iat": int(now_s),
            "exp": expires_at,
        }
        token = jwt.encode(told, self._secret, ALGORITHM)
        await self._sessions.open(token, claims)
        return Answer(
            200,
            {
                "access_token": token,
                "token_type": "bearer",
                "expires_in": self._lifetime_s,
                "user_id": user_id,
                "tenant_id": tenant_id,
            },
        )
