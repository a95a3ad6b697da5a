// One user's requests: sent through k6/http, judged as the contract says, counted by one k6 check each.
import http from 'k6/http';
import { check } from 'k6';
import { errorProblem, fieldProblem } from './fields.js';
import { isObject } from './draws.js';

export const HASH = __ENV.BENCH_HASH;
const BASE = __ENV.BENCH_BASE;
const OK = { ok: (problem) => problem === null };
const CANARY = /(?<![A-Za-z0-9_-])canary-([A-Za-z0-9_-]{1,64})-([0-9a-f]{16})(?![A-Za-z0-9_-])/g;
const SCORE = /^([0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+)$/;
const REFUSED = 'cross_tenant_access_attempt';
const EXPECTED = { policy_create: 201, audit_create: 201, [REFUSED]: 403 };
const RESPONSES = {
  200: http.expectedStatuses(200),
  201: http.expectedStatuses(201),
  403: http.expectedStatuses(403),
  update: http.expectedStatuses(200, 409),
};
const SCENARIOS = [
  ['auth_login', ''],
  ['constitutional_verify', 'constitutional'],
  ['constitutional_score', 'constitutional'],
  ['constitutional_formal_request', 'constitutional'],
  ['tenant_data_access', 'tenant'],
  [REFUSED, 'tenant'],
  ['tenant_config_update', 'tenant'],
  ['policy_create', 'policy'],
  ['policy_get', 'policy'],
  ['policy_update', 'policy'],
  ['policy_list', 'policy'],
  ['governance_decision', 'policy'],
  ['formal_verification', 'formal'],
  ['proof_obligation', 'formal'],
  ['constraint_validation', 'formal'],
  ['verification_status', 'formal'],
  ['audit_create', 'integrity'],
  ['audit_verify', 'integrity'],
  ['chain_verify', 'integrity'],
  ['crypto_validate', 'integrity'],
];

export class Client {
  constructor(number, tenant) {
    this.number = number;
    this.username = `k6-user-${number}`;
    this.tenant = tenant;
    this.canary = null;
    this.expiresMs = 0;
    this.params = {};
  }

  // The token is renewed after 80 % of its life; parameters are made once per token.
  ensureLogin() {
    if (Date.now() < this.expiresMs) return;
    const plain = { 'X-Constitutional-Hash': HASH, Accept: 'application/json', 'Content-Type': 'application/json' };
    this.params.auth_login = this._params('auth_login', '', plain);
    const login = { username: this.username, password: 'load-test', tenant_id: this.tenant, constitutional_hash: HASH };
    const body = this.send('auth_login', 'POST', '/api/auth/login', null, JSON.stringify(login));
    if (body === null) throw new Error('the login was refused');
    const identity = { 'X-User-ID': body.user_id, Authorization: `Bearer ${body.access_token}` };
    this.headers = Object.assign({}, plain, identity, { 'X-Tenant-ID': this.tenant });
    this.userId = body.user_id;
    this.expiresMs = Date.now() + 800 * body.expires_in;
    for (const [operation, scenario] of SCENARIOS.slice(1)) {
      this.params[operation] = this._params(operation, scenario, this.headers);
    }
  }

  // The object of an acknowledged answer, else null. `examine(body, score)` gives a problem in words or null.
  send(operation, method, path, examine, payload, params) {
    const asked = params || this.params[operation];
    const answer = http.request(method, BASE + path, payload || null, asked);
    const body = parsed(answer);
    const found = this._problem(operation, answer, body, examine);
    check(found, OK, asked.tags);
    if (found !== null && __ENV.BENCH_TELL) console.error(`${operation}: ${found}`);
    return found === null && answer.status < 300 ? body : null;
  }

  attempt(other, spoof) {
    let params = this.params[REFUSED];
    if (spoof) params = Object.assign({}, params, { headers: Object.assign({}, this.headers, { 'X-Tenant-ID': other }) });
    this.send(REFUSED, 'GET', `/api/tenant/${other}/data`, (body) => recordProblem(body, other), null, params);
  }

  _params(operation, scenario, headers) {
    const callback = operation === 'policy_update' ? RESPONSES.update : RESPONSES[EXPECTED[operation] || 200];
    return { headers, tags: { name: operation, kind: scenario }, responseCallback: callback };
  }

  _problem(operation, answer, body, examine) {
    const { status, headers } = answer;
    if (status === 0) return answer.error || 'no answer';
    if (body === null) return 'the body is no JSON object';
    const expected = EXPECTED[operation] || 200;
    if (status !== expected && !(status === 409 && operation === 'policy_update')) return `status ${status}`;
    const success = status < 300;
    const problem = success ? fieldProblem(operation, body) : refusalProblem(status, body);
    if (problem !== null) return problem;
    const score = success ? scoreOf(headers['X-Constitutional-Score']) : null;
    if (examine && (success || operation === REFUSED)) {
      const wrong = examine(body, score);
      if (wrong !== null) return wrong;
    }
    if (this._leaks(operation, answer.body, body)) return "a canary that is not the user's own";
    const lines = Object.values(headers).join('\n');
    if (lines.includes('canary-') && this._foreign(lines, this.canary)) return "a header's canary is not the user's own";
    if (success && (headers['X-Constitutional-Compliant'] !== 'true' || score === null)) return 'compliance headers';
    if (headers['X-Constitutional-Hash'] !== HASH) return 'hash header';
    return body.constitutional_hash === HASH ? null : 'hash in the body';
  }

  _leaks(operation, raw, body) {
    if (!raw.includes('canary-') && !raw.includes('\\u')) return false;
    const own = operation === 'tenant_data_access' && canaryTenant(body.canary) === this.tenant ? body.canary : this.canary;
    const waiting = [body];
    while (waiting.length) {
      const value = waiting.pop();
      if (typeof value === 'string') {
        if (value.includes('canary-') && this._foreign(value, own)) return true;
      } else if (value !== null && typeof value === 'object') {
        for (const key of Object.keys(value)) waiting.push(key, value[key]);
      }
    }
    return false;
  }

  _foreign(text, own) {
    for (const match of text.matchAll(CANARY)) {
      if (match[0] !== own && (own || match[1] !== this.tenant)) return true;
    }
    return false;
  }
}

export function canaryTenant(text) {
  const match = typeof text === 'string' ? text.match(/^canary-([A-Za-z0-9_-]{1,64})-[0-9a-f]{16}$/) : null;
  return match ? match[1] : null;
}

// json() is two to three times as quick as JSON.parse on bodies of any size.
function parsed(answer) {
  try {
    const body = answer.json();
    return isObject(body) ? body : null;
  } catch (error) {
    return null;
  }
}

function refusalProblem(status, body) {
  const problem = errorProblem(body);
  if (problem === null && status === 403 && body.error !== 'tenant_access_denied') return `403 ${body.error}`;
  return problem;
}

function scoreOf(text) {
  if (text === undefined || !SCORE.test(text)) return null;
  const score = Number(text);
  return score <= 1 ? score : null;
}

function recordProblem(body, other) {
  const waiting = [body];
  while (waiting.length) {
    const value = waiting.pop();
    if (isObject(value)) {
      if (value.records && (!Array.isArray(value.records) || value.records.length)) return 'records given away';
      if (value !== body && 'id' in value && value.tenant_id === other) return 'a record given away';
    }
    if (value !== null && typeof value === 'object') {
      for (const inner of Object.values(value)) if (inner !== null && typeof inner === 'object') waiting.push(inner);
    }
  }
  return null;
}
