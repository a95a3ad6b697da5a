// The same exchange with everything off that k6 can do without: tags, trends, one check for all.
import http from 'k6/http';
import { check } from 'k6';

const HASH = __ENV.BENCH_HASH;
const URL = __ENV.BENCH_URL;
const PARAMS = { headers: JSON.parse(__ENV.BENCH_HEADERS) };
const CHECKS = {
  answer: (answer) =>
    answer.status === 200 &&
    answer.headers['X-Constitutional-Hash'] === HASH &&
    answer.json('constitutional_hash') === HASH,
};

export const options = {
  vus: Number(__ENV.BENCH_USERS),
  duration: `${__ENV.BENCH_SECONDS}s`,
  systemTags: ['status'],
  summaryTrendStats: ['p(95)'],
};

export default function () {
  check(http.get(URL, PARAMS), CHECKS);
}
