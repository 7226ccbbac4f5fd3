import { DAY_MS } from '../../siblings/security-manager/certificate-life.ts';
import type { LinksAnswer } from '../../siblings/security-manager/desk.ts';
import { type SecurityState, securityState } from '../../siblings/security-manager/manager.ts';
import { takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { pack, REQUEST, unpack } from '../../swarm/wire.ts';
import type { LinkReport } from '../../transport/port.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder, tableOptions, withSwarm } from '../reach.ts';
import { type Column, table } from '../view/table.ts';

const CENSUS_TIMEOUT_MS = 2_000;

/** The links of one node; null: it does not say. */
interface NodeLinks {
  readonly id: string;
  readonly links: readonly LinkReport[] | null;
}

type Row = SecurityState['certificates'][number] & { readonly cipher: string | null };

const COLUMNS: readonly Column<Row>[] = [
  { title: 'MEMBER', value: ({ id }) => id, least: 12 },
  { title: 'STANDING', value: standing, style: ({ isRevoked }) => (isRevoked ? 'red' : undefined) },
  { title: 'CERTIFICATE UNTIL', value: ({ expiresAt }) => expiresAt?.slice(0, 16) ?? '-' },
  { title: 'CIPHER', value: ({ cipher }) => cipher ?? '-' },
  { title: 'SHA-256', value: ({ fingerprint }) => fingerprint?.slice(0, 16) ?? '-' },
];

/** Who may get in, by what and until when, and what the links between the nodes speak. */
export async function showSecurity(options: ReachOptions): Promise<void> {
  const folder = await reachableFolder(options);
  const state = await withSwarm(options, (swarm) => securityState({ swarm, folder }));
  const nodes = await linksOf(folder);
  if (options.json) return printJson({ ...state, nodes });
  const { authorities, certificateLifeMs, clients, joinTokens, rotation, secured, warnings } = state;
  printLine(
    secured
      ? 'TLS 1.3, certificates of members'
      : 'no TLS: on this machine alone, with the token of its folder',
  );
  for (const { fingerprint, expiresAt, signs } of authorities) {
    printLine(`authority ${fingerprint} until ${expiresAt.slice(0, 10)}${signs ? ', signs' : ''}`);
  }
  if (certificateLifeMs !== null)
    printLine(`certificates of members last ${certificateLifeMs / DAY_MS} days`);
  if (rotation !== null)
    printLine(`rotation: ${rotation.phase}, waiting for ${rotation.waitingFor.join(', ') || 'nobody'}`);
  const rows = state.certificates.map((one) => ({ ...one, cipher: cipherOf(one.id, nodes) }));
  if (secured) for (const line of table(rows, COLUMNS, tableOptions())) printLine(line);
  for (const { name, role, expiresAt } of clients) printLine(`client ${name}: ${role}, ${until(expiresAt)}`);
  const { open, used, expired } = joinTokens;
  if (secured) printLine(`join tokens: ${open} open, ${used} used, ${expired} expired`);
  for (const warning of warnings) process.stderr.write(`raft-manager: ${warning}\n`);
}

function standing({ isMember, isRevoked }: Row): string {
  if (isRevoked) return 'revoked';
  return isMember ? 'member' : 'left';
}

function until(expiresAt: string | null): string {
  return expiresAt === null ? 'for ever' : `until ${expiresAt.slice(0, 16)}`;
}

/** As the others see it. */
function cipherOf(id: string, nodes: readonly NodeLinks[]): string | null {
  const all = nodes.flatMap(({ links }) => links ?? []);
  return all.find(({ peer, direction }) => peer === id && direction === 'out')?.cipher ?? null;
}

async function linksOf(folder: SwarmFolder): Promise<readonly NodeLinks[]> {
  const { nodes } = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
  return Promise.all(
    nodes.map(async ({ id, url, role }): Promise<NodeLinks> => {
      if (url === null || role === 'down') return { id, links: null };
      const client = new SwarmClient({
        folder,
        name: `security-${process.pid}`,
        version: packageVersion(),
        url,
      });
      try {
        const { links } = unpack(await client.ask(REQUEST.security, pack({ kind: 'links' }))) as LinksAnswer;
        return { id, links };
      } finally {
        await client.close();
      }
    }),
  );
}
