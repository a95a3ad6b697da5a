"""Ed25519: the gateway's signing key, and the check of signatures that clients bring back."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acgs_load.gateway.answers import Answer, invalid_field
from acgs_load.gateway.canonical import ContentError, canonical_json
from acgs_load.gateway.request import Request, hashed_fields

SIGNATURE_BYTES = 64


def new_key() -> bytes:
    """The 32 private bytes of a fresh key."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


class Signer:
    """The one key of a store; its id is taken from its public half."""

    def __init__(self, private_bytes: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(private_bytes)
        self._public = self._private.public_key()
        public_bytes = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = f"ed25519-{sha256(public_bytes).hexdigest()[:16]}"
        self.public_keys = {self.key_id: base64.b64encode(public_bytes).decode()}
        """What ``/gateway/config`` publishes: key id → standard base64 of 32 bytes."""

    def sign(self, digest: bytes) -> str:
        """Standard base64 of the signature over 32 raw bytes."""
        return base64.b64encode(self._private.sign(digest)).decode()

    def is_genuine(self, digest: bytes, signature: str) -> bool:
        """Whether ``signature`` is this key's over ``digest``; False for anything malformed, stray bits included."""
        try:
            raw = base64.b64decode(signature.encode("ascii"), validate=True)
            if len(raw) != SIGNATURE_BYTES or base64.b64encode(raw).decode() != signature:
                return False
            self._public.verify(raw, digest)
        except (binascii.Error, UnicodeEncodeError, InvalidSignature):
            return False
        return True

    async def validate(self, request: Request) -> Answer:
        """``crypto_validate``: over SHA-256 of the payload's canonical JSON. Raises Refusal (422)."""
        payload = hashed_fields(request.fields, ("payload",))["payload"]
        signature, key_id = request.text("signature"), request.text("key_id")
        if key_id != self.key_id:
            raise invalid_field("key_id names no key of this gateway")
        try:
            digest = sha256(canonical_json(payload)).digest()
        except ContentError as error:
            raise invalid_field(f"the payload cannot be hashed: {error}") from None
        return Answer(200, {"is_valid": self.is_genuine(digest, signature)})
