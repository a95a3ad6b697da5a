// The fields that the contract's table demands of a 2xx answer.
import { isObject } from './draws.js';

const text = (value) => typeof value === 'string';
const number = (value) => typeof value === 'number';
const integer = (value) => Number.isInteger(value);
const boolean = (value) => typeof value === 'boolean';
const any = (value) => value !== undefined;
const orNull = (kind) => (value) => value === null || kind(value);
const listOf = (kind) => (value) => Array.isArray(value) && value.every(kind);
const valuesOf = (kind) => (value) => isObject(value) && Object.values(value).every(kind);

function object(kinds) {
  const names = Object.keys(kinds);
  return (value) => isObject(value) && names.every((name) => kinds[name](value[name]));
}

const VERIFIED = { is_compliant: boolean, solver: text, solver_result: text, verification_time_ms: number };
const WRITTEN = { policy_id: text, version: integer, content_sha256: text };
const ENTRY = object({
  sequence: integer,
  event_id: text,
  event_type: text,
  tenant_id: text,
  user_id: text,
  details: any,
  timestamp: text,
  previous_hash: text,
  constitutional_hash: text,
});

const KINDS = {
  auth_login: { access_token: text, token_type: text, expires_in: number, user_id: text, tenant_id: text },
  constitutional_verify: { is_valid: boolean, principles: listOf(text), verified_at: text },
  constitutional_score: { compliance_score: number, principle_scores: valuesOf(number), is_compliant: boolean },
  constitutional_formal_request: VERIFIED,
  tenant_data_access: {
    tenant_id: text,
    canary: text,
    records: listOf(object({ id: (value) => text(value) || integer(value), tenant_id: text })),
  },
  cross_tenant_access_attempt: {},
  tenant_config_update: { tenant_id: text, setting: text, value: any, version: integer },
  policy_create: WRITTEN,
  policy_get: {
    policy_id: text,
    version: integer,
    policy: object({ rule: any, constraints: any, conditions: any, metadata: any }),
  },
  policy_update: WRITTEN,
  policy_list: {
    policies: listOf(object({ policy_id: text, tenant_id: text, version: integer })),
    next_cursor: orNull(text),
  },
  governance_decision: { is_valid: boolean, outcome: text, reasons: listOf(text) },
  formal_verification: VERIFIED,
  proof_obligation: { obligation_id: text, result: text, counterexample: orNull(isObject) },
  constraint_validation: { satisfiable: orNull(boolean), model: orNull(isObject) },
  verification_status: { solver: text, version: text, queue_depth: integer, completed: integer },
  audit_create: {
    event_id: text,
    sequence: integer,
    previous_hash: text,
    entry_hash: text,
    signature: text,
    key_id: text,
  },
  audit_verify: { is_valid: boolean, entry: ENTRY, entry_hash: text },
  chain_verify: { is_valid: boolean, length: integer, head_hash: text, entries: listOf(ENTRY) },
  crypto_validate: { is_valid: boolean },
};

const ROWS = {};
for (const operation of Object.keys(KINDS)) ROWS[operation] = Object.entries(KINDS[operation]);
const ERROR = Object.entries({ error: text, message: text, request_id: text, timestamp: text });

export function fieldProblem(operation, body) {
  return problem(ROWS[operation], body);
}

export function errorProblem(body) {
  return problem(ERROR, body);
}

function problem(rows, body) {
  for (const [name, kind] of rows) if (!kind(body[name])) return `${name} is missing or of a wrong type`;
  return null;
}
