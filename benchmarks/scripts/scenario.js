// The whole scenario mix with every oracle that k6 has the means for: the same requests in the same shares as ours.
// k6 knows no Ed25519 ("NotSupportedError"), and its VUs share no memory: signatures are not verified here, and what
// other users of a tenant were told of its chain is not compared. The formulas come from BENCH_BOOK.
import { Client } from './scenario/client.js';
import { assertionsOf, assertionsOfScript, parse } from './scenario/smtlib.js';
import * as constitutional from './scenario/constitutional.js';
import * as tenant from './scenario/tenant.js';
import * as policy from './scenario/policy.js';
import * as formal from './scenario/formal.js';
import * as integrity from './scenario/integrity.js';

const SCENARIOS = { constitutional, tenant, policy, formal, integrity };
const WEIGHTS = JSON.parse(__ENV.BENCH_MIX);
const TENANTS = JSON.parse(__ENV.BENCH_TENANTS);
const CARDS = dealt(WEIGHTS);
const BOOK = compiled(JSON.parse(open(__ENV.BENCH_BOOK)));
const LEAN = { systemTags: ['name', 'status'], summaryTrendStats: ['p(95)'] };

export const options = Object.assign(
  {
    scenarios: {
      mix: {
        executor: 'constant-vus',
        vus: Number(__ENV.BENCH_USERS),
        duration: `${__ENV.BENCH_SECONDS}s`,
        gracefulStop: '10s',
      },
    },
  },
  __ENV.BENCH_LEAN ? LEAN : {},
);

let client = null;
let memory = null;
const turns = {};

export default function () {
  if (client === null) begin();
  client.ensureLogin();
  const name = CARDS[(__VU * 7 + __ITER) % CARDS.length];
  turns[name] = turns[name] === undefined ? __VU : turns[name] + 1;
  SCENARIOS[name].run(client, turns[name], BOOK, memory);
}

function begin() {
  const own = TENANTS[__VU % TENANTS.length];
  client = new Client(__VU, own);
  memory = {
    others: TENANTS.filter((name) => name !== own),
    configVersion: -1,
    policy: null,
    updated: null,
    cursor: '',
    events: [],
    hashes: {},
    length: 0,
    signed: null,
    validated: __VU,
  };
}

// Smooth weighted round-robin, as acgs_load.traffic.worker.deck deals.
function dealt(weights) {
  const names = Object.keys(weights);
  const total = names.reduce((sum, name) => sum + weights[name], 0);
  const credit = {};
  const cards = [];
  for (const name of names) credit[name] = 0;
  while (cards.length < total) {
    for (const name of names) credit[name] += weights[name];
    const chosen = names.reduce((best, name) => (credit[name] > credit[best] ? name : best));
    credit[chosen] -= total;
    cards.push(chosen);
  }
  return cards;
}

// Terms are compiled before the load begins.
function compiled(book) {
  for (const obligation of book.obligations) obligation.assertions = assertionsOfScript(obligation.smtlib);
  for (const wanted of book.constraints) {
    const { declarations, constraints } = JSON.parse(wanted.body);
    wanted.assertions = assertionsOf(declarations, constraints.map((term) => parse(term)[0]));
  }
  return book;
}
