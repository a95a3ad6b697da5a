// The same exchange as k6's users write it: request, check(), optional sleep. Arguments come from the environment.
import http from 'k6/http';
import { check, sleep } from 'k6';

const HEADERS = JSON.parse(__ENV.BENCH_HEADERS);
const HASH = __ENV.BENCH_HASH;
const URL = __ENV.BENCH_URL;
const THINK_S = Number(__ENV.BENCH_THINK_S || 0);
const PARAMS = { headers: HEADERS };
const CHECKS = {
  status: (answer) => answer.status === 200,
  'hash header': (answer) => answer.headers['X-Constitutional-Hash'] === HASH,
  'hash in the body': (answer) => answer.json('constitutional_hash') === HASH,
};

export const options = { vus: Number(__ENV.BENCH_USERS), duration: `${__ENV.BENCH_SECONDS}s` };

export default function () {
  check(http.get(URL, PARAMS), CHECKS);
  if (THINK_S) sleep(THINK_S * (0.5 + Math.random()));
}
