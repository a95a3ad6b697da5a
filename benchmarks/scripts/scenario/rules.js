// What a policy decides, by the rule language of the contract (section 4).
import { isObject } from './draws.js';

const MISSING = Symbol('missing');

export function decide(content, decision) {
  const { rule } = content;
  if (!rule.actions.includes('*') && !rule.actions.includes(decision.action)) return 'deny';
  return content.conditions.every((condition) => holds(condition, decision)) ? rule.effect : 'deny';
}

function holds({ field, op, value }, decision) {
  const found = fieldOf(decision, field);
  if (found === MISSING) return false;
  if (op === 'in') return Array.isArray(value) && value.some((element) => equal(found, element));
  const kind = kindOf(found);
  if (kind !== kindOf(value)) return false;
  if (op === '==') return equal(found, value);
  if (op === '!=') return !equal(found, value);
  if (kind !== 'number' && kind !== 'string') return false;
  if (op === '<') return found < value;
  if (op === '<=') return found <= value;
  if (op === '>') return found > value;
  return found >= value;
}

function fieldOf(decision, path) {
  let found = decision;
  for (const name of path.split('.')) {
    if (!isObject(found) || !(name in found)) return MISSING;
    found = found[name];
  }
  return found;
}

export function equal(left, right) {
  const kind = kindOf(left);
  if (kind !== kindOf(right)) return false;
  if (kind === 'list') return left.length === right.length && left.every((item, i) => equal(item, right[i]));
  if (kind === 'object') {
    const keys = Object.keys(left);
    return keys.length === Object.keys(right).length && keys.every((key) => key in right && equal(left[key], right[key]));
  }
  return left === right;
}

function kindOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return typeof value;
}
