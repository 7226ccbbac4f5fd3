import { readFileSync } from 'node:fs';
import type { AgentDefinition } from '../../agents/definition.ts';
import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { parseAdvertised } from '../../swarm/advertised.ts';
import { idStem } from '../../swarm/founding.ts';
import type { JoinPlan } from '../../swarm/joined-folder.ts';
import type { AgentOptions } from './agent-options.ts';

const NAME_PATTERN = /^[A-Za-z0-9._-]{1,48}$/;
const ADDRESS_PATTERN = /^wss?:\/\/[^\s/]+:\d{1,5}$/;
const LISTEN_PATTERN = /^(?<host>\[[0-9a-fA-F:]+\]|[^\s:]+):(?<port>\d{1,5})$/;

/**
 * What the options of `agent` ask for.
 *
 * @throws SwarmError BAD_INPUT saying what was expected.
 */
export function planJoin(definition: AgentDefinition, options: AgentOptions): JoinPlan {
  const name = options.name ?? idStem(definition.name).slice(0, 48);
  if (!NAME_PATTERN.test(name)) {
    throw new SwarmError('BAD_INPUT', '--name takes 1 to 48 letters, digits, dots, underscores or dashes');
  }
  const seeds = options.join ?? [];
  const strange = seeds.find((url) => !ADDRESS_PATTERN.test(url));
  if (strange !== undefined) {
    throw new SwarmError('BAD_INPUT', `--join takes an address such as ws://localhost:7101, not ${strange}`);
  }
  checkReachable(options);
  const token = tokenOf(options);
  return {
    name: name as NodeId,
    seeds,
    ...(options.listen === undefined ? {} : { listen: listenOf(options.listen) }),
    ...(options.advertise === undefined ? {} : { advertised: advertisedOf(options.advertise) }),
    voter: options.voter === true,
    requireHooks: options.requireHooks === true,
    work: workOf(options),
    ...(token === undefined ? {} : { token }),
  };
}

function workOf({ executor, maxTurns, model }: AgentOptions): NonNullable<JoinPlan['work']> {
  return {
    ...(executor === undefined ? {} : { executor }),
    ...(model === undefined ? {} : { model }),
    ...(maxTurns === undefined ? {} : { maxTurns }),
  };
}

function listenOf(text: string): { readonly host: string; readonly port: number } {
  const { host = '', port = '' } = LISTEN_PATTERN.exec(text)?.groups ?? {};
  if (host === '' || Number(port) > 65_535) {
    throw new SwarmError('BAD_INPUT', `--listen takes host:port, such as 127.0.0.1:7200, not ${text}`);
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Before a token is spent on an instance that could not come up. */
function checkReachable({ advertise, listen = '' }: AgentOptions): void {
  if (advertise !== undefined || !/^(0\.0\.0\.0|\[::\]):/.test(listen)) return;
  const message = `--listen ${listen} means every address of this machine, and others cannot dial that; say with --advertise what they dial`;
  throw new SwarmError('BAD_INPUT', message);
}

function advertisedOf(text: string): string {
  parseAdvertised(text);
  return text;
}

function tokenOf({ token, tokenFile }: AgentOptions): string | undefined {
  if (token !== undefined) return token;
  if (tokenFile === undefined) return process.env.RAFT_MANAGER_TOKEN;
  try {
    return readFileSync(tokenFile, 'utf8').trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SwarmError('BAD_INPUT', `cannot read the token: ${reason}`);
  }
}
