import type { AgentDefinition } from '../agents/definition.ts';
import { PACKAGE_AGENTS, scanAgents } from '../agents/registry.ts';
import { TrustStore, type TrustVerdict, trustFolder } from '../hooks/trust.ts';
import type { HookPolicy } from './attempt.ts';

/** The trust store of this machine, which knows the agent files of this package. */
export async function openTrustStore(): Promise<TrustStore> {
  const { agents } = await scanAgents([{ owner: 'package', path: PACKAGE_AGENTS }]);
  const packaged = agents.map(({ definition }) => definition.source.sha256);
  return new TrustStore(trustFolder(process.env), packaged);
}

const WHY_NOT: Readonly<Record<Exclude<TrustVerdict, 'allowed' | 'packaged'>, string>> = {
  denied: 'were denied on this machine',
  changed: 'were decided on with other content; the file has changed since',
  unknown: 'have not been allowed on this machine',
};

/** Decides once whether the hooks of an agent may run here. Nobody can be asked: no word means no. */
export async function decideHooks(definition: AgentDefinition, required: boolean): Promise<HookPolicy> {
  const { hooks, source, name } = definition;
  // Without a question, a damaged list of decisions is no reason to keep the agent from its work.
  if (hooks.pre.length + hooks.post.length === 0) return { kind: 'allowed' };
  const verdict = (await openTrustStore()).check(source);
  if (verdict === 'allowed' || verdict === 'packaged') return { kind: 'allowed' };
  const reason = `the hooks of ${name} ${WHY_NOT[verdict]}; to let them run: raft-manager hooks allow ${source.path}`;
  return { kind: 'denied', reason, required };
}
