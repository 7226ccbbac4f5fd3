import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import { recordsOf, verifyChain } from '../../siblings/security-manager/audit-chain.ts';
import { noteOperatorAction } from '../../siblings/security-manager/audit-log.ts';
import type { QuarantinePolicy } from '../../siblings/security-manager/audit-policy.ts';
import { AUDIT_NAMESPACE, type AuditRecord } from '../../siblings/security-manager/audit-record.ts';
import type { SwarmClient } from '../../swarm/client.ts';
import { POLICY_RECORD } from '../../swarm/quarantine.ts';
import type { ReachOptions } from '../options.ts';
import { OPERATOR, printJson, printLine, tableOptions, withSwarm } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { type Column, table } from '../view/table.ts';

export interface AuditOptions extends ReachOptions {
  readonly verify?: true;
  readonly follow?: true;
  readonly quarantine?: QuarantinePolicy;
}

const POLL_MS = 500;

const COLUMNS: readonly Column<AuditRecord>[] = [
  { title: 'RECORD', value: ({ sequence }) => `${sequence}`, align: 'right' },
  { title: 'TIME', value: ({ at }) => new Date(at).toISOString() },
  { title: 'BY', value: ({ by }) => by },
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'WHO', value: ({ subject }) => subject },
  { title: 'TIMES', value: ({ count }) => `${count}`, align: 'right' },
  { title: 'WHAT', value: ({ detail }) => detail, least: 30 },
];

export async function showAudit(options: AuditOptions): Promise<void> {
  const { follow, quarantine, verify } = options;
  if ([follow, quarantine, verify].filter((one) => one !== undefined).length > 1) {
    throw new SwarmError('BAD_INPUT', '--verify, --follow and --quarantine exclude each other');
  }
  await withSwarm(options, async (client) => {
    if (quarantine !== undefined) await setPolicy(client, quarantine, options);
    else if (verify) await check(client, options);
    else await show(client, options);
  });
}

async function check(client: SwarmClient, options: AuditOptions): Promise<void> {
  const verdict = verifyChain(await stored(client, options));
  process.exitCode = verdict.kind === 'whole' ? EXIT.ok : EXIT.failed;
  if (options.json) return printJson(verdict);
  if (verdict.kind === 'broken') return printLine(`BROKEN at record ${verdict.at}: ${verdict.why}`);
  const { dropped, head, records } = verdict;
  const before = dropped === 0 ? '' : `, behind ${dropped} that were dropped`;
  printLine(`whole: ${records} records${before}; the latest has the hash ${head}`);
}

async function setPolicy(
  client: SwarmClient,
  policy: QuarantinePolicy,
  { json }: AuditOptions,
): Promise<void> {
  const detail = `quarantine for two votes: ${policy}`;
  const action = { by: OPERATOR, subject: 'swarm', kind: 'policy', detail };
  await noteOperatorAction(client, action, [{ ...POLICY_RECORD, value: policy }]);
  if (json) printJson({ quarantine: policy });
  else printLine(detail);
}

async function show(client: SwarmClient, options: AuditOptions): Promise<void> {
  let heading = 0;
  for (let last = 0; ; await delay(POLL_MS)) {
    const records = recordsOf(await stored(client, options)).filter(({ sequence }) => sequence > last);
    last = records.at(-1)?.sequence ?? last;
    if (options.json) for (const record of records) printJson(record);
    else for (const line of table(records, COLUMNS, tableOptions()).slice(heading)) printLine(line);
    if (!options.follow) return;
    heading = 1;
  }
}

function stored(client: SwarmClient, { timeout }: AuditOptions) {
  return client.query({ kind: 'records', namespace: AUDIT_NAMESPACE }, { timeoutMs: timeout });
}
