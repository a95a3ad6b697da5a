// Formal verification: verdicts by construction, models evaluated.
import { among } from './draws.js';
import { verify } from './constitutional.js';
import { modelProblem } from './smtlib.js';

export function run(client, turn, book) {
  verify(client, 'formal_verification', 'compliance', among(book.compliance));
  prove(client, turn, among(book.obligations));
  if (turn % 2) validate(client, among(book.constraints));
  else client.send('verification_status', 'GET', '/api/verification/status');
}

function prove(client, turn, obligation) {
  const id = `obligation-${client.number}-${turn}`;
  const payload = JSON.stringify({ obligation_id: id, smtlib: obligation.smtlib, timeout_ms: 5000 });
  client.send('proof_obligation', 'POST', '/api/verification/obligations', (body) => {
    if (body.obligation_id !== id) return 'another obligation_id';
    if (body.result === 'unknown') return null;
    if (body.result !== (obligation.valid ? 'valid' : 'invalid')) return 'a result unlike the construction';
    return dueProblem(body.counterexample, !obligation.valid, obligation.assertions);
  }, payload);
}

function validate(client, wanted) {
  client.send('constraint_validation', 'POST', '/api/verification/constraints', (body) => {
    if (body.satisfiable === null) return null;
    if (body.satisfiable !== wanted.satisfiable) return 'satisfiable unlike the construction';
    return dueProblem(body.model, wanted.satisfiable, wanted.assertions);
  }, wanted.body);
}

function dueProblem(model, due, assertions) {
  if (!due) return model === null ? null : 'a model where none is due';
  return model === null ? 'no model where one is due' : modelProblem(assertions, model);
}
