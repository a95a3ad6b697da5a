// Constitutional verification, and the verify request that formal verification shares.
import { among } from './draws.js';
import { HASH } from './client.js';

const OPERATIONS = ['policy_evaluation', 'governance_review', 'resource_allocation', 'data_access', 'model_deployment'];
const TOLERANCE = 1e-6 + 1e-12;
const MINIMUM = 0.95;

export function run(client, turn, book) {
  client.send('constitutional_verify', 'GET', '/api/constitutional/verify', (body) =>
    body.is_valid ? null : 'is_valid is false',
  );
  const score = { operation: among(OPERATIONS), tenant_id: client.tenant, constitutional_hash: HASH };
  client.send('constitutional_score', 'POST', '/api/constitutional/score', scoreProblem, JSON.stringify(score));
  verify(client, 'constitutional_formal_request', 'consistency', among(book.consistency));
}

export function verify(client, operation, kind, wanted) {
  const body =
    `{"policy_content":${wanted.content},"verification_type":"${kind}","constitutional_hash":"${HASH}",` +
    `"tenant_id":"${client.tenant}","timestamp":"${new Date().toISOString()}"}`;
  client.send(operation, 'POST', '/api/verification/verify', (told) => verdictProblem(wanted, told), body);
}

function verdictProblem(wanted, body) {
  if (body.solver_result === 'unknown') return body.is_compliant ? 'compliant beside unknown' : null;
  const right = body.solver_result === wanted.solver_result && body.is_compliant === wanted.compliant;
  return right ? null : 'a verdict unlike the construction';
}

function scoreProblem(body, headerScore) {
  const values = Object.values(body.principle_scores);
  const score = body.compliance_score;
  if (!body.is_compliant) return 'is_compliant is false';
  if (!values.length) return 'no principles';
  let sum = 0;
  for (const value of values) {
    if (value < 0 || value > 1) return 'a principle outside 0 to 1';
    sum += value;
  }
  if (Math.abs(score - sum / values.length) > TOLERANCE) return 'the score is not the mean';
  if (headerScore !== null && Math.abs(score - headerScore) > TOLERANCE) return 'the header has another score';
  return score < MINIMUM ? 'the score is low' : null;
}
