// The audit chain: entries hashed anew, windows linked, signatures tampered with. A VU knows its own entries only.
import encoding from 'k6/encoding';
import { among, below } from './draws.js';
import { entryHash, genesisHash } from './canonical.js';
import { HASH } from './client.js';

const EVENT_TYPES = ['policy_change', 'access_granted', 'access_denied', 'model_deployed', 'vote_cast'];
const ACTORS = ['council', 'Prüfstelle', '審査', 'the "steward"'];
const GENESIS = genesisHash(HASH);
const EVENTS_MOST = 64;

export function run(client, turn, book, memory) {
  append(client, turn, memory);
  readBack(client, turn, memory);
  if (turn % 2) verifyChain(client, memory);
  else validateSignature(client, turn, memory);
}

function append(client, turn, memory) {
  const event = {
    event_type: among(EVENT_TYPES),
    tenant_id: client.tenant,
    user_id: client.userId,
    details: {
      actor: among(ACTORS),
      reference: below(2 ** 48).toString(16).padStart(16, '0'),
      amount: below(2 ** 53),
      scope: { resources: [`model-${below(23)}`, null, below(2) === 0], turn },
    },
    timestamp: new Date().toISOString(),
  };
  const before = memory.length;
  let entry = null;
  const told = client.send('audit_create', 'POST', '/api/integrity/audit/create', (body) => {
    const { sequence, event_id, previous_hash } = body;
    entry = Object.assign({ sequence, event_id, previous_hash, constitutional_hash: HASH }, event);
    return appendedProblem(memory, before, entryHash(entry), body);
  }, JSON.stringify(event));
  if (told === null) return;
  learn(memory, told.sequence, told.entry_hash);
  memory.signed = { entry, signature: told.signature, key_id: told.key_id };
  memory.events.push({ id: told.event_id, hash: told.entry_hash });
  if (memory.events.length > EVENTS_MOST) memory.events.splice(below(EVENTS_MOST - 1), 1);
}

function appendedProblem(memory, before, recomputed, body) {
  if (body.entry_hash !== recomputed) return 'entry_hash is wrong';
  if (body.sequence <= before || body.sequence < 1) return 'appended to the middle of the chain';
  const linked = body.sequence === 1 ? GENESIS : memory.hashes[body.sequence - 1];
  return linked === undefined || body.previous_hash === linked ? null : 'the link to the entry before is broken';
}

function readBack(client, turn, memory) {
  const { events } = memory;
  if (!events.length) return;
  const event = turn % 2 ? among(events) : events[events.length - 1];
  const path = `/api/integrity/audit/verify?event_id=${encodeURIComponent(event.id)}`;
  client.send('audit_verify', 'GET', path, (body) => {
    if (body.entry.tenant_id !== client.tenant) return 'an event of another tenant';
    const recomputed = entryHash(body.entry);
    if (recomputed !== event.hash) return 'the event has changed';
    if (body.entry_hash !== recomputed) return 'entry_hash is wrong';
    return body.is_valid ? null : 'is_valid is false';
  });
}

function verifyChain(client, memory) {
  const before = memory.length;
  let hashes = [];
  const told = client.send('chain_verify', 'GET', '/api/integrity/chain/verify?last=16', (body) => {
    hashes = body.entries.map(entryHash);
    return windowProblem(client, memory, before, body, hashes);
  });
  if (told === null) return;
  told.entries.forEach((entry, i) => learn(memory, entry.sequence, hashes[i]));
}

function windowProblem(client, memory, before, { entries, length, head_hash: head, is_valid: valid }, hashes) {
  if (entries.some((entry) => entry.tenant_id !== client.tenant)) return 'entries of another tenant';
  if (!valid) return 'is_valid is false';
  if (length < before) return 'the chain is shorter than it was';
  if (entries.length !== Math.min(16, length)) return 'a window of a wrong size';
  if (head !== (hashes.length ? hashes[hashes.length - 1] : GENESIS)) return 'head_hash is wrong';
  for (let i = 0; i < entries.length; i += 1) {
    const { sequence, previous_hash: previous } = entries[i];
    if (sequence !== length - entries.length + 1 + i) return 'the window is not dense';
    const linked = i ? hashes[i - 1] : GENESIS;
    if ((i || sequence === 1) && previous !== linked) return 'a link is broken';
    const known = memory.hashes[sequence];
    if (known !== undefined && known !== hashes[i]) return 'an entry has changed';
  }
  return null;
}

function learn(memory, sequence, hash) {
  if (!(sequence in memory.hashes)) memory.hashes[sequence] = hash;
  if (sequence > memory.length) memory.length = sequence;
}

function validateSignature(client, turn, memory) {
  if (!memory.signed) return;
  const genuine = memory.validated % 2 === 0;
  memory.validated += 1;
  let { entry, signature } = memory.signed;
  if (!genuine && below(2)) signature = withOneBitFlipped(signature);
  else if (!genuine) {
    const details = Object.assign({}, entry.details, { amount: entry.details.amount === 0 ? 1 : entry.details.amount - 1 });
    entry = Object.assign({}, entry, { details });
  }
  const payload = JSON.stringify({ payload: entry, signature, key_id: memory.signed.key_id });
  client.send('crypto_validate', 'POST', '/api/integrity/crypto/verify', (body) =>
    body.is_valid === genuine ? null : 'a genuine signature and a tampered one were mixed up', payload);
}

function withOneBitFlipped(signature) {
  const raw = new Uint8Array(encoding.b64decode(signature, 'std'));
  const bit = below(raw.length * 8);
  raw[bit >> 3] ^= 1 << (bit & 7);
  return encoding.b64encode(raw.buffer, 'std');
}
