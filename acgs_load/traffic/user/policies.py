"""What one user knows of a policy of its own: what was acknowledged, and what may have been applied besides."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from acgs_load.traffic.checks.canonical import sha256_or_reason
from acgs_load.traffic.checks.fields import Json

CONTENT_FIELDS = ("rule", "constraints", "conditions", "metadata")


class Content(NamedTuple):
    """A policy's four fields and the hash that the target must give them."""

    packed: bytes
    """The fields as JSON: as objects they would be most of what a user remembers."""
    sha256: str

    @property
    def fields(self) -> Json:
        """The fields, for whoever changes them too."""
        fields: Json = orjson.loads(self.packed)
        return fields

    def sent_with(self, more: Json) -> bytes:
        """A request body: the four fields and ``more``."""
        return self.packed[:-1] + b"," + orjson.dumps(more)[1:]


def content_of(fields: Json) -> Content:
    """The content that this user sends."""
    content = {name: fields[name] for name in CONTENT_FIELDS}
    return Content(orjson.dumps(content), sha256_or_reason(content))


def content_sha256(fields: Json) -> str:
    """The hash of the content in an answer, whatever else the object carries."""
    return sha256_or_reason({name: fields[name] for name in CONTENT_FIELDS})


class OwnPolicy:
    """One acknowledged policy. Only its user updates it, always naming the last version that it knows.

    An update without an answer may have been applied, may still be applied later, or never: both states are right
    until the version moves on. An update on an old version is refused, so nothing else can happen.
    """

    __slots__ = ("content", "policy_id", "refused_version", "unsure", "version")

    def __init__(self, policy_id: str, version: int, content: Content) -> None:
        self.policy_id = policy_id
        self.version = version
        self.content = content
        self.unsure: tuple[Content, ...] = ()
        """Contents sent for version + 1 whose fate is unknown."""
        self.refused_version: int | None = None
        """The version that a 409 refused; the true one lies above."""

    def acknowledge(self, version: int, content: Content) -> None:
        """The target said that this is the policy now."""
        if version != self.version:
            self.unsure = ()
        self.version, self.content, self.refused_version = version, content, None

    def settle(self, version: int, sha256: str) -> bool:
        """Take a state that was read as the known one; False where its content is none that this user sent."""
        for content in (self.content, *self.unsure):
            if content.sha256 == sha256:
                self.acknowledge(version, content)
                return True
        return False

    def doubt(self, content: Content) -> None:
        """``content`` was sent on the known version, and nobody knows what became of it."""
        self.unsure = (*self.unsure, content)

    def refuse(self, sent_version: int) -> None:
        """The target answered 409 to an update on ``sent_version``."""
        self.refused_version = sent_version

    def possible_contents(self) -> tuple[Content, ...]:
        """Every content that may decide now; empty where anything may (after a 409 that nothing of ours explains)."""
        if self.refused_version is not None:
            return self.unsure
        return (self.content, *self.unsure)

    def allows(self, version: int, sha256: str) -> bool:
        """Whether a truthful target may answer with this version and content."""
        if self.refused_version is None and version == self.version:
            return sha256 == self.content.sha256
        if version == self.version + 1 and self.unsure:
            return any(sha256 == content.sha256 for content in self.unsure)
        return self.refused_version is not None and version > self.refused_version
