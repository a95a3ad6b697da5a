// Random data of the same kinds and in the same proportions as acgs_load.traffic.user.content draws them.
const ACTIONS = ['read', 'deploy', 'delete', 'approve', 'publish', 'export'];
const REGIONS = ['us-east-1', 'us-west-2', 'eu-west-1', 'ap-southeast-1'];
const ROLES = ['auditor', 'operator', 'steward', 'Änderungsrat'];
const TEXTS = [
  'plain words',
  'quotes " and \\ and /slash',
  'line\nbreak\ttab\u0001',
  'Gewaltenteilung – 権力分立',
  '😀 astral, \ufb33 not',
  '\u2028 and \u007f stay as they are',
];
const INTEGERS = [0, -1, 2 ** 31, 2 ** 53, -(2 ** 53), 40000];
const MODES = ['strict', 'advisory', 'off', 'überprüft'];
const SETTINGS = ['retention_days', 'session_limit', 'review_mode', 'audit_enabled', 'approvers', 'greeting'];

export function below(limit) {
  return Math.floor(Math.random() * limit);
}

export function among(values) {
  return values[below(values.length)];
}

export function policyContent(author) {
  const conditions = [];
  for (let count = below(4); count > 0; count -= 1) conditions.push(condition());
  return {
    rule: rule(),
    constraints: [`(<= risk ${below(100)})`],
    conditions,
    metadata: {
      name: `policy ${below(1000000)}`,
      author,
      note: among(TEXTS),
      limit: among(INTEGERS),
      labels: { '\ufb33': 1, '😀': 2, z: null, A: [true, false] },
    },
  };
}

export function decisionOn(content) {
  const decision = randomDecision();
  if (below(2)) {
    const { actions } = content.rule;
    if (!actions.includes('*')) decision.action = among(actions);
    for (const wanted of content.conditions) satisfy(decision, wanted);
  }
  return decision;
}

export function settingOf(user) {
  const kind = user % SETTINGS.length;
  const values = [
    () => below(3650),
    () => below(10000),
    () => among(MODES),
    () => below(2) === 0,
    () => [`approver-${below(97)}`, `approver-${below(89)}`],
    () => `Grüße Nr. ${below(1000000)}`,
  ];
  return { setting: SETTINGS[kind], value: values[kind]() };
}

function rule() {
  const kind = below(4);
  const first = below(ACTIONS.length);
  const actions = kind === 0 ? ['*'] : [];
  for (let i = 0; i < kind; i += 1) actions.push(ACTIONS[(first + i) % ACTIONS.length]);
  return { effect: below(4) === 0 ? 'deny' : 'permit', actions };
}

function condition() {
  const level = below(100);
  const [field, op, value] = [
    () => ['context.risk', '<', level + 1],
    () => ['context.risk', '>=', level],
    () => ['context.risk', '!=', level],
    () => ['context.risk', '==', level],
    () => ['context.region', 'in', [REGIONS[level % 4], 'eu-north-1']],
    () => ['context.approved', '==', level % 2 === 0],
    () => ['context.limits.daily', '<=', level * 10],
    () => ['context.tags', '==', ['gold', level]],
    () => ['subject.role', '==', ROLES[level % 4]],
    () => ['subject.role', '>', 'a'],
    () => ['subject.manager', '==', null],
    () => ['context.risk', 'in', [level, `${level}`, null]],
    () => ['context.approved', '!=', 1],
    () => ['context.unheard_of', '!=', level],
  ][below(14)]();
  return { field, op, value };
}

function randomDecision() {
  const risk = below(100);
  const odd = below(8);
  return {
    action: among(ACTIONS),
    subject: { role: among(ROLES), manager: odd & 4 ? null : 'council' },
    context: {
      risk,
      region: among(REGIONS),
      approved: Boolean(odd & 1),
      limits: odd === 2 ? [risk] : { daily: risk * 7 },
      tags: ['gold', risk],
    },
  };
}

function satisfy(decision, { field, op, value }) {
  let fitting = value;
  if (op === 'in') fitting = value[0];
  else if ((op === '<' || op === '>' || op === '!=') && typeof value === 'number') {
    fitting = op === '<' ? value - 1 : value + 1;
  } else if (op === '>') fitting = 'operator';
  const path = field.split('.');
  const name = path.pop();
  let place = decision;
  for (const part of path) {
    if (!isObject(place[part])) place[part] = {};
    place = place[part];
  }
  place[name] = fitting;
}

export function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
