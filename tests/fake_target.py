"""A truthful target in memory, for tests of the client: the contract in the fewest words."""

import base64
import copy
import hashlib
import itertools
import re
import urllib.parse

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fake_logic import canonical, holds, sha, solve, solve_script

HASH = "cdd01ef066bc6cf2"
FOUR = ("rule", "constraints", "conditions", "metadata")


class Refused(Exception):  # noqa: N818  an answer, not an error of the test
    """The answer is an error of the contract."""

    def __init__(self, status, error):
        self.status, self.error = status, error


class FakeTarget:
    """All tenants' state. ``handle`` answers one request truthfully, as (status, body)."""

    def __init__(self):
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.requests = []
        self.expires_in = 3600
        self.tokens = {}
        self.policies = {}
        self.policy_numbers = itertools.count()
        self.config_versions = {}
        self.chains = {}
        self.genesis = hashlib.sha256(f"genesis_block:{HASH}".encode()).hexdigest()
        self.publishes_keys = True

    def handle(self, method, path, headers, body):
        """Status and body of the truthful answer."""
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        for wanted, pattern, answer in self._routes():
            match = wanted == method and re.fullmatch(pattern, url.path)
            if match:
                try:
                    tenant = None
                    if not url.path.startswith(("/gateway", "/api/auth/login")):
                        tenant = self._tenant(headers)
                    parts = [urllib.parse.unquote(part) for part in match.groups()]
                    return answer(tenant, *parts, {**query, **(body or {})})
                except Refused as refused:
                    return self._error(refused.status, refused.error)
        return self._error(404, "not_found")

    def _tenant(self, headers):
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if headers["X-Constitutional-Hash"] != HASH:
            raise Refused(403, "constitutional_hash_mismatch")
        if token not in self.tokens:
            raise Refused(401, "invalid_token")
        if headers.get("X-Tenant-ID") != self.tokens[token]:
            raise Refused(403, "tenant_access_denied")
        return self.tokens[token]

    def _routes(self):
        api = "/api"
        return (
            ("GET", "/gateway/config", self.config),
            ("POST", f"{api}/auth/login", self.login),
            ("POST", f"{api}/auth/refresh", self.refresh),
            ("GET", f"{api}/constitutional/verify", self.constitution),
            ("POST", f"{api}/constitutional/score", self.score),
            ("POST", f"{api}/verification/verify", self.verify),
            ("POST", f"{api}/verification/obligations", self.prove),
            ("POST", f"{api}/verification/constraints", self.constrain),
            ("GET", f"{api}/verification/status", self.status),
            ("GET", f"{api}/tenant/([^/]+)/data", self.data),
            ("PUT", f"{api}/tenant/([^/]+)/config", self.configure),
            ("POST", f"{api}/policy/create", self.create),
            ("GET", f"{api}/policy/list", self.list),
            ("GET", f"{api}/policy/([^/]+)", self.read),
            ("PUT", f"{api}/policy/([^/]+)", self.update),
            ("POST", f"{api}/governance/decisions/validate", self.decide),
            ("POST", f"{api}/integrity/audit/create", self.append),
            ("GET", f"{api}/integrity/audit/verify", self.read_event),
            ("GET", f"{api}/integrity/chain/verify", self.verify_chain),
            ("POST", f"{api}/integrity/crypto/verify", self.verify_signature),
        )

    @staticmethod
    def _error(status, error):
        texts = {"error": error, "message": "no", "request_id": "r-1", "timestamp": "2026-01-01T00:00:00.000Z"}
        return status, {**texts, "constitutional_hash": HASH}

    def config(self, _tenant, _body):
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        keys = {"key-1": base64.b64encode(raw).decode()} if self.publishes_keys else {}
        return 200, {"rate_limiting": {}, "services": [], "signing_keys": keys, "constitutional_hash": HASH}

    def login(self, _tenant, body):
        return self._token(body["tenant_id"], body["username"])

    def refresh(self, tenant, _body):
        return self._token(tenant, "somebody")

    def _token(self, tenant, name):
        token = self.name_token()
        self.tokens[token] = tenant
        granted = {"access_token": token, "token_type": "bearer", "expires_in": self.expires_in}
        return 200, {**granted, "user_id": f"id-of-{name}", "tenant_id": tenant, "constitutional_hash": HASH}

    def name_token(self):
        return f"token-{len(self.tokens)}"

    def constitution(self, _tenant, _body):
        found = {"is_valid": True, "principles": ["dignity"], "verified_at": "2026-01-01T00:00:00.000Z"}
        return 200, {**found, "constitutional_hash": HASH}

    def score(self, _tenant, _body):
        scores = {"dignity": 1.0, "privacy": 1}
        found = {"compliance_score": 1.0, "principle_scores": scores, "is_compliant": True}
        return 200, {**found, "constitutional_hash": HASH}

    def verify(self, _tenant, body):
        content = body["policy_content"]
        terms = list(content["constraints"])
        compliance = body["verification_type"] == "compliance"
        if compliance:
            terms.append(f"(not {content['requirement']})")
        verdict, _ = solve(content["declarations"], terms)
        compliant = verdict == ("unsat" if compliance else "sat")
        found = {"is_compliant": compliant, "solver": "z3", "solver_result": verdict, "verification_time_ms": 1.5}
        return 200, {**found, "constitutional_hash": HASH}

    def prove(self, _tenant, body):
        declared = dict(re.findall(r"\(declare-(?:const|fun) (\w+) (?:\(\) )?(\w+)\)", body["smtlib"]))
        verdict, model = solve_script(re.sub(r"\((check-sat|get-model)\)", "", body["smtlib"]), declared)
        result = {"unsat": "valid", "sat": "invalid"}[verdict]
        found = {"obligation_id": body["obligation_id"], "result": result, "counterexample": model}
        return 200, {**found, "constitutional_hash": HASH}

    def constrain(self, _tenant, body):
        verdict, model = solve(body["declarations"], body["constraints"])
        return 200, {"satisfiable": verdict == "sat", "model": model, "constitutional_hash": HASH}

    def status(self, _tenant, _body):
        return 200, {"solver": "z3", "version": "4", "queue_depth": 0, "completed": 1, "constitutional_hash": HASH}

    @staticmethod
    def canary(tenant):
        return f"canary-{tenant}-{hashlib.sha256(tenant.encode()).hexdigest()[:16]}"

    def data(self, tenant, asked, _body):
        if asked != tenant:
            raise Refused(403, "tenant_access_denied")
        records = [{"id": "1", "tenant_id": tenant, "note": self.canary(tenant)}]
        found = {"tenant_id": tenant, "canary": self.canary(tenant), "records": records}
        return 200, {**found, "constitutional_hash": HASH}

    def configure(self, tenant, asked, body):
        assert asked == tenant
        version = self.config_versions[tenant] = self.config_versions.get(tenant, 0) + 1
        found = {"tenant_id": tenant, "setting": body["setting"], "value": body["value"], "version": version}
        return 200, {**found, "constitutional_hash": HASH}

    def create(self, tenant, body):
        policy_id = f"policy {next(self.policy_numbers)}/ä"
        content = {name: body[name] for name in FOUR}
        self.policies[policy_id] = (tenant, [content])
        found = {"policy_id": policy_id, "version": 1, "content_sha256": sha(content)}
        return 201, {**found, "constitutional_hash": HASH}

    def _policy(self, tenant, policy_id):
        if policy_id not in self.policies:
            raise Refused(404, "not_found")
        owner, contents = self.policies[policy_id]
        if owner != tenant:
            raise Refused(403, "tenant_access_denied")
        return contents

    def read(self, tenant, policy_id, _body):
        contents = self._policy(tenant, policy_id)
        policy = copy.deepcopy(contents[-1])
        return 200, {"policy_id": policy_id, "version": len(contents), "policy": policy, "constitutional_hash": HASH}

    def update(self, tenant, policy_id, body):
        contents = self._policy(tenant, policy_id)
        if body["version"] != len(contents):
            raise Refused(409, "version_conflict")
        contents.append({name: body[name] for name in FOUR})
        found = {"policy_id": policy_id, "version": len(contents), "content_sha256": sha(contents[-1])}
        return 200, {**found, "constitutional_hash": HASH}

    def list(self, tenant, body):
        own = [(name, row) for name, row in self.policies.items() if row[0] == tenant][::-1]
        begin = int(body["cursor"] or 0)
        page = [{"policy_id": n, "tenant_id": tenant, "version": len(row[1])} for n, row in own[begin : begin + 20]]
        following = str(begin + 20) if begin + 20 < len(own) else None
        return 200, {"policies": page, "next_cursor": following, "constitutional_hash": HASH}

    def decide(self, tenant, body):
        content, decision = self._policy(tenant, body["policy_id"])[-1], body["decision"]
        listed = {"*", decision["action"]} & set(content["rule"]["actions"])
        applies = listed and all(holds(condition, decision) for condition in content["conditions"])
        outcome = content["rule"]["effect"] if applies else "deny"
        found = {"is_valid": outcome == "permit", "outcome": outcome, "reasons": ["because"]}
        return 200, {**found, "constitutional_hash": HASH}

    def append(self, tenant, body):
        chain = self.chains.setdefault(tenant, [])
        event = {name: body[name] for name in ("event_type", "tenant_id", "user_id", "details", "timestamp")}
        entry = {
            **event,
            "sequence": len(chain) + 1,
            "event_id": f"event-{tenant}-{len(chain)}",
            "previous_hash": sha(chain[-1]) if chain else self.genesis,
            "constitutional_hash": HASH,
        }
        chain.append(entry)
        signature = base64.b64encode(self.key.sign(bytes.fromhex(sha(entry)))).decode()
        shown = {name: entry[name] for name in ("event_id", "sequence", "previous_hash", "constitutional_hash")}
        return 201, {**shown, "entry_hash": sha(entry), "signature": signature, "key_id": "key-1"}

    def read_event(self, tenant, body):
        for entry in self.chains.get(tenant, []):
            if entry["event_id"] == body["event_id"]:
                found = {"is_valid": True, "entry": copy.deepcopy(entry), "entry_hash": sha(entry)}
                return 200, {**found, "constitutional_hash": HASH}
        raise Refused(404, "not_found")

    def verify_chain(self, tenant, _body):
        chain = self.chains.get(tenant, [])
        head = sha(chain[-1]) if chain else self.genesis
        found = {"is_valid": True, "length": len(chain), "head_hash": head, "entries": copy.deepcopy(chain[-16:])}
        return 200, {**found, "constitutional_hash": HASH}

    def verify_signature(self, _tenant, body):
        digest = hashlib.sha256(canonical(body["payload"])).digest()
        try:
            self.key.public_key().verify(base64.b64decode(body["signature"]), digest)
        except Exception:  # noqa: BLE001  whatever is wrong with it, it is no signature
            return 200, {"is_valid": False, "constitutional_hash": HASH}
        return 200, {"is_valid": True, "constitutional_hash": HASH}
