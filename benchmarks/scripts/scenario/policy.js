// Policy governance: versions and contents are compared with what was acknowledged, outcomes with the rule.
import { decisionOn, policyContent } from './draws.js';
import { contentOf } from './canonical.js';
import { decide } from './rules.js';
import { HASH } from './client.js';

export function run(client, turn, book, memory) {
  create(client, memory);
  const policy = (turn % 2 && memory.updated) || memory.policy;
  if (!policy) return;
  const path = `/api/policy/${encodeURIComponent(policy.id)}`;
  client.send('policy_get', 'GET', path, (body) => readProblem(policy, body));
  if (turn % 3 === 0) update(client, memory, policy, path);
  else if (turn % 3 === 1) list(client, memory);
  else decideOn(client, policy);
}

function create(client, memory) {
  const content = contentOf(policyContent(client.username));
  const payload = JSON.stringify(Object.assign({}, content.fields, { constitutional_hash: HASH }));
  const told = client.send('policy_create', 'POST', '/api/policy/create', (body) => storedProblem(body, content, 1), payload);
  if (told !== null) memory.policy = { id: told.policy_id, version: 1, content };
}

function update(client, memory, policy, path) {
  const content = contentOf(policyContent(client.username));
  const { version } = policy;
  const payload = JSON.stringify(Object.assign({}, content.fields, { version, constitutional_hash: HASH }));
  const told = client.send('policy_update', 'PUT', path, (body) =>
    body.policy_id === policy.id ? storedProblem(body, content, version + 1) : 'an update of another policy', payload);
  if (told !== null) {
    policy.version = told.version;
    policy.content = content;
    memory.updated = policy;
  }
}

function list(client, memory) {
  const path = `/api/policy/list?limit=20&cursor=${encodeURIComponent(memory.cursor)}`;
  const told = client.send('policy_list', 'GET', path, (body) =>
    body.policies.every((row) => row.tenant_id === client.tenant) ? null : 'a policy of another tenant');
  memory.cursor = told === null ? '' : told.next_cursor || '';
}

function decideOn(client, policy) {
  const decision = decisionOn(policy.content.fields);
  const payload = JSON.stringify({ policy_id: policy.id, decision });
  client.send('governance_decision', 'POST', '/api/governance/decisions/validate', (body) => {
    if (body.is_valid !== (body.outcome === 'permit')) return 'is_valid beside another outcome';
    return body.outcome === decide(policy.content.fields, decision) ? null : 'another outcome than the rule implies';
  }, payload);
}

function storedProblem(body, content, version) {
  if (body.content_sha256 !== content.sha256) return 'content_sha256 is wrong';
  return body.version === version ? null : 'another version';
}

function readProblem(policy, body) {
  if (body.policy_id !== policy.id) return 'another policy';
  if (body.version !== policy.version) return 'a stale version';
  return contentOf(body.policy).sha256 === policy.content.sha256 ? null : 'another content than acknowledged';
}
