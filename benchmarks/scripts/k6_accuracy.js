// The same exchange at an arrival rate (BENCH_RATE) or from looping users; k6's own percentiles go into its summary.
import http from 'k6/http';
import { check } from 'k6';

const HASH = __ENV.BENCH_HASH;
const URL = __ENV.BENCH_URL;
const PARAMS = { headers: JSON.parse(__ENV.BENCH_HEADERS) };
const USERS = Number(__ENV.BENCH_USERS);
const RATE = Number(__ENV.BENCH_RATE || 0);
const DURATION = `${__ENV.BENCH_SECONDS}s`;
const OPEN = { executor: 'constant-arrival-rate', rate: RATE, duration: DURATION, preAllocatedVUs: USERS, maxVUs: 500 };
const CLOSED = { executor: 'constant-vus', vus: USERS, duration: DURATION };
const CHECKS = {
  status: (answer) => answer.status === 200,
  'hash header': (answer) => answer.headers['X-Constitutional-Hash'] === HASH,
  'hash in the body': (answer) => answer.json('constitutional_hash') === HASH,
};

export const options = {
  scenarios: { accuracy: RATE ? OPEN : CLOSED },
  summaryTrendStats: ['p(50)', 'p(90)', 'p(99)', 'p(99.9)'],
};

export default function () {
  check(http.get(URL, PARAMS), CHECKS);
}
