// Multi-tenant operations: own data, an attempt on another tenant's, a setting.
import { among, settingOf } from './draws.js';
import { equal } from './rules.js';
import { HASH, canaryTenant } from './client.js';

export function run(client, turn, book, memory) {
  const { tenant } = client;
  const data = client.send('tenant_data_access', 'GET', `/api/tenant/${tenant}/data`, (body) => dataProblem(client, body));
  if (data !== null) client.canary = data.canary;
  client.attempt(among(memory.others), turn % 2 === 0);
  const { setting, value } = settingOf(client.number);
  const payload = JSON.stringify({ setting, value, constitutional_hash: HASH });
  const told = client.send('tenant_config_update', 'PUT', `/api/tenant/${tenant}/config`, (body) => {
    if (body.tenant_id !== tenant) return 'the setting of another tenant';
    if (body.setting !== setting || !equal(body.value, value)) return 'another setting than was sent';
    return body.version > memory.configVersion ? null : 'the version did not rise';
  }, payload);
  if (told !== null) memory.configVersion = told.version;
}

function dataProblem(client, body) {
  if (body.tenant_id !== client.tenant) return 'data of another tenant';
  if (body.records.some((row) => row.tenant_id !== client.tenant)) return 'a record of another tenant';
  if (canaryTenant(body.canary) !== client.tenant) return 'the canary is not of the own tenant';
  return client.canary === null || body.canary === client.canary ? null : 'another canary than before';
}
