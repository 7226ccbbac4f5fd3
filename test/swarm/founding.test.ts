import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AgentDefinition } from '../../src/agents/definition.ts';
import { lintAgent } from '../../src/agents/lint.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { planSwarm } from '../../src/swarm/founding.ts';
import { foundingLevel } from '../../src/swarm/roster.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';

function agent(name: string, extra = ''): AgentDefinition {
  const text = `---\nname: ${name}\ndescription: d\n${extra}---\n`;
  const { definition } = lintAgent({ path: resolve(`${name}.md`), sha256: '0'.repeat(64), text });
  if (definition === undefined) throw new Error(`${name} is no agent`);
  return definition;
}

const CAPABLE = 'capabilities: [leader_election]\n';

function plan(
  instances: number,
  definitions: readonly AgentDefinition[],
  port = 0,
  reached: { readonly advertised?: string } = {},
) {
  const rest = { name: 's', workspace: '/', requireHooks: false, leaseMs: 1_000 };
  return planSwarm({ ...rest, ...reached, definitions, instances, port });
}

describe('who belongs to a new swarm', () => {
  const sizes = [
    { instances: 1, voters: 1, why: 'alone, it is its own majority' },
    { instances: 2, voters: 1, why: 'two voters would not survive the loss of one' },
    { instances: 3, voters: 3, why: 'survives the loss of one' },
    { instances: 4, voters: 3, why: 'a fourth voter would make it no safer' },
    { instances: 5, voters: 5, why: 'survives the loss of two' },
    { instances: 64, voters: 5, why: 'everybody else learns' },
  ];
  test.each(sizes)('$instances instances have $voters voters: $why', ({ instances, voters }) => {
    const { nodes } = plan(instances, [agent('a', CAPABLE)]);
    expect(nodes.map(({ voter }) => voter)).toEqual(nodes.map((_, at) => at < voters));
    expect(new Set(nodes.map(({ id }) => id)).size).toBe(instances);
  });

  test.each([0, -1, 1.5, 65, Number.NaN])('%d instances are refused', (instances) => {
    expect(() => plan(instances, [agent('a')])).toThrow(/--agents takes a whole number from 1 to 64/);
  });

  test('definitions take turns, and names become ids', () => {
    const { nodes } = plan(4, [agent('Build Er!', CAPABLE), agent('ünicode', CAPABLE), agent('…', CAPABLE)]);
    expect(nodes.map(({ id }) => id)).toEqual(['build-er-1', 'unicode-1', 'agent-1', 'build-er-2']);
    expect(nodes.map(({ agent: name }) => name)).toEqual(['Build Er!', 'ünicode', '…', 'Build Er!']);
  });

  test('ports are consecutive, and must all exist', () => {
    expect(plan(3, [agent('a')], 7000).nodes.map(({ port }) => port)).toEqual([7000, 7001, 7002]);
    expect(() => plan(3, [agent('a')], 65_534)).toThrow(/no room for 3 consecutive ports/);
  });

  test.each([
    { why: 'a name', advertised: 'Example.com', told: ['Example.com', 'Example.com'] },
    { why: 'forwarded ports', advertised: '[fd00::2]:9000', told: ['[fd00::2]:9000', '[fd00::2]:9001'] },
  ])('others are told $why', ({ advertised, told }) => {
    const { nodes } = plan(2, [agent('a')], 7000, { advertised });
    expect(nodes.map((node) => node.advertised)).toEqual(told);
  });

  test.each([
    { why: 'no room for the ports', advertised: 'example.com:65535', message: /no room for 2 consecutive/ },
    { why: 'no host', advertised: 'ws://example.com', message: /--advertise takes a host/ },
  ])('what others are told: $why', ({ advertised, message }) => {
    expect(() => plan(2, [agent('a')], 0, { advertised })).toThrow(message);
  });
});

describe('who stands for election', () => {
  test('an agent without leader_election is a candidate of last resort', () => {
    const { nodes } = plan(3, [agent('a', CAPABLE), agent('b')]);
    expect(nodes.map(({ standing }) => standing)).toEqual(['eligible', 'last-resort', 'eligible']);
  });

  test('where nobody is capable there is nobody to wait for', () => {
    expect(plan(3, [agent('a')]).nodes.map(({ standing }) => standing)).toEqual(Array(3).fill('eligible'));
  });

  test('a swarm that could never elect is refused before it starts', () => {
    expect(() => plan(3, [agent('a', 'strictEligibility: true\n')])).toThrow(/no voter may stand/);
  });
});

describe('what a member is known to understand that has not been heard', () => {
  const roster = plan(3, [agent('a', CAPABLE)]);
  test.each([
    { why: 'a founder: it runs this release, or a later one', member: 'a-2', level: LATEST_LEVEL },
    { why: 'whoever joined may be of any release', member: 'a-2.17', level: undefined },
  ])('$why', ({ member, level }) => {
    expect(foundingLevel(roster, member as NodeId)).toBe(level);
  });

  test('nobody in the folder of an instance that joined a swarm elsewhere is a founder', () => {
    expect(foundingLevel({ ...roster, seeds: ['ws://localhost:7101'] }, 'a-2' as NodeId)).toBeUndefined();
  });
});
