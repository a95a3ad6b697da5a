// The part of SMT-LIB that the suite generates, evaluated exactly: numbers are fractions [numerator, denominator].

export function assertionsOf(declarations, terms, definitions) {
  const defined = {};
  for (const [name, body] of Object.entries(definitions || {})) defined[name] = compile(body, defined);
  return { declarations, terms: terms.map((term) => compile(term, defined)) };
}

export function assertionsOfScript(text) {
  const declarations = {};
  const definitions = {};
  const terms = [];
  for (const command of parse(text)) {
    if (command[0] === 'declare-const') declarations[command[1]] = command[2];
    else if (command[0] === 'declare-fun') declarations[command[1]] = command[3];
    else if (command[0] === 'define-fun') definitions[command[1]] = command[4];
    else if (command[0] === 'assert') terms.push(command[1]);
  }
  return assertionsOf(declarations, terms, definitions);
}

export function modelProblem(assertions, model) {
  const values = {};
  for (const name of Object.keys(assertions.declarations)) {
    if (!(name in model)) return `no value for ${name}`;
    const value = sortValue(assertions.declarations[name], model[name]);
    if (value === null) return `${name} has a value that is none of its sort`;
    values[name] = value;
  }
  for (const term of assertions.terms) if (!term(values)) return 'an assertion does not hold';
  return null;
}

export function parse(text) {
  const open = [[]];
  for (const token of text.match(/[()]|[^\s()]+/g)) {
    if (token === '(') open.push([]);
    else if (token === ')') {
      const closed = open.pop();
      open[open.length - 1].push(closed);
    } else open[open.length - 1].push(token);
  }
  return open[0];
}

function sortValue(sort, spelled) {
  if (sort === 'Bool') return typeof spelled === 'boolean' ? spelled : null;
  if (sort === 'Int') return Number.isSafeInteger(spelled) ? [spelled, 1] : null;
  const match = typeof spelled === 'string' && spelled.match(/^(0|-?[1-9][0-9]*)(?:\/([1-9][0-9]*))?$/);
  if (!match) return null;
  const value = [exact(Number(match[1])), exact(Number(match[2] || 1))];
  return common(Math.abs(value[0]), value[1]) === 1 ? value : null;
}

function compile(expression, defined) {
  if (typeof expression === 'string') return atom(expression, defined);
  const operands = expression.slice(1).map((operand) => compile(operand, defined));
  const operator = OPERATORS[expression[0]];
  if (!operator) throw new Error(`${expression[0]} is outside the subset`);
  return (values) => operator(operands.map((operand) => operand(values)));
}

function atom(token, defined) {
  if (token in defined) return defined[token];
  if (token === 'true' || token === 'false') return () => token === 'true';
  if (/^\d+(\.0)?$/.test(token)) {
    const constant = [parseInt(token, 10), 1];
    return () => constant;
  }
  return (values) => values[token];
}

function exact(number) {
  if (!Number.isSafeInteger(number)) throw new Error('a number grew beyond what is exact');
  return number;
}

function common(a, b) {
  while (b) [a, b] = [b, a % b];
  return a;
}

function difference(a, b) {
  if (typeof a === 'boolean') return a === b ? 0 : 1;
  return exact(a[0] * b[1]) - exact(b[0] * a[1]);
}

function plus(a, b) {
  return [exact(a[0] * b[1] + b[0] * a[1]), exact(a[1] * b[1])];
}

const times = (a, b) => [exact(a[0] * b[0]), exact(a[1] * b[1])];
const negative = (a) => [-a[0], a[1]];
const inverse = (a) => (a[0] < 0 ? [-a[1], -a[0]] : [a[1], a[0]]);
const neighbours = (right) => (all) => all.every((value, i) => i === 0 || right(difference(all[i - 1], value)));

const OPERATORS = {
  and: (all) => all.every((value) => value),
  or: (all) => all.some((value) => value),
  not: ([value]) => !value,
  '=>': (all) => all[all.length - 1] || !all.slice(0, -1).every((value) => value),
  xor: (all) => all.reduce((left, right) => left !== right),
  ite: ([condition, then, otherwise]) => (condition ? then : otherwise),
  '=': neighbours((sign) => sign === 0),
  distinct: (all) => all.every((value, i) => all.slice(i + 1).every((other) => difference(value, other) !== 0)),
  '<': neighbours((sign) => sign < 0),
  '<=': neighbours((sign) => sign <= 0),
  '>': neighbours((sign) => sign > 0),
  '>=': neighbours((sign) => sign >= 0),
  '+': (all) => all.reduce(plus),
  '-': (all) => (all.length === 1 ? negative(all[0]) : all.reduce((left, right) => plus(left, negative(right)))),
  '*': (all) => all.reduce(times),
  '/': (all) => all.reduce((left, right) => times(left, inverse(right))),
};
