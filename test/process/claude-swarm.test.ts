import { describe, expect, onTestFinished, test } from 'vitest';
import { SwarmClient } from '../../src/api/swarm-client.ts';
import type { ApiRequest } from '../claude-api/request.ts';
import { type Reply, says, use, wants } from '../claude-api/script.ts';
import { type ClaudeApi, startClaudeApi } from '../claude-api/server.ts';
import { eventually, kill, openProject, type Project } from './harness.ts';
import { coordinatorOf, nextLife, standingFolder } from './swarm-view.ts';

const PARTS = ['roses', 'tulips', 'weeds'] as const;
type Part = (typeof PARTS)[number];

const MISSION =
  'Survey the garden: have others count the roses, the tulips and the weeds. Then tell me all three.';

/** More requests than it takes, whoever dies on the way. */
const MANY = 100;

/** One model behind all instances: it knows by the words of a conversation which task that is about. */
class Garden {
  /** What only whoever counts is told. */
  readonly #counts = PARTS.map((part) => `${part}: ${Math.floor(Math.random() * 1e6)}`);
  readonly #counting = new Set<Part>();
  /** Parts that have been counted, once somebody asks and this is settled. */
  readonly #gates = new Map<string, Gate>(PARTS.map((part) => [part, new Gate()]));

  /** Who counts now, or has counted. */
  get counting(): readonly Part[] {
    return [...this.#counting];
  }

  get counts(): readonly string[] {
    return this.#counts;
  }

  letAnswer(...parts: readonly string[]): void {
    for (const part of parts) this.#gates.get(part)?.open();
  }

  readonly answer = async ({ body }: ApiRequest): Promise<Reply> => {
    const words = JSON.stringify(body.messages);
    if (words.includes(MISSION)) return survey(words, JSON.stringify(body.messages.at(-1)));
    const at = PARTS.findIndex((one) => words.includes(`Count the ${one}`));
    const part = PARTS[at];
    if (part === undefined) throw new Error(`what is this about? ${words}`);
    this.#counting.add(part);
    const counted = this.#counts[at] ?? '';
    await this.#gates.get(part)?.passed;
    return says(counted);
  };
}

class Gate {
  open: () => void = () => undefined;
  readonly passed = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

/** First it has others count, then it waits for them, then it repeats what they said. */
function survey(words: string, latest: string): Reply {
  const results = PARTS.map((part) => new RegExp(`${part}: \\d+`).exec(latest)?.[0]);
  if (results.every((result) => result !== undefined)) return says(`I was told: ${results.join(', ')}`);
  if (words.includes('submitted: '))
    return wants(use('swarm_status', { task_ids: PARTS, wait_seconds: 300 }));
  const tasks = PARTS.map((part) => ({ id: part, prompt: `Count the ${part}.` }));
  return wants(use('task_submit', { tasks }));
}

async function connect(project: Project): Promise<SwarmClient> {
  const client = await SwarmClient.connect({ dir: project.state });
  onTestFinished(() => client.close());
  return client;
}

/** The requests about the survey, by how many messages each of them holds. */
function surveyRequests({ requests }: ClaudeApi): readonly number[] {
  const about = requests.filter(({ body }) => JSON.stringify(body.messages).includes(MISSION));
  return about.map(({ body }) => body.messages.length);
}

describe('a model has others do three tasks, and tells all three results', () => {
  test.each([
    { why: 'the coordinator dies, which had the survey', victim: 'survey', surveys: 2 },
    { why: 'the coordinator dies, which was counting', victim: 'a count', surveys: 1 },
  ])('$why', async ({ surveys, victim }) => {
    const garden = new Garden();
    const api = await startClaudeApi(Array.from({ length: MANY }, () => garden.answer));
    const project = openProject({ ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: 'a key that is none' });
    expect(await project.run(['up', '--agents', '3', '--executor', 'claude'])).toMatchObject({ exitCode: 0 });
    const client = await connect(project);
    await client.submit([{ id: 'survey', prompt: MISSION }]);

    // One instance surveys and waits, the two others count, and the third count waits for its turn.
    await eventually('two to count', () => garden.counting.length === 2 && surveyRequests(api).includes(3));
    const atWork = new Map((await client.tasks()).map(({ agent, id, state }) => [id, { agent, state }]));
    const [first = '', second = ''] = garden.counting;
    const agents = ['survey', first, second].map((id) => atWork.get(id)?.agent);
    expect(new Set(agents).size).toBe(3);
    garden.letAnswer(first);
    await client.settled([first]);

    const doomed = (victim === 'survey' ? agents[0] : agents[2]) ?? '';
    const { coordinator, term } = await client.status();
    if (coordinator !== doomed) await project.run(['transfer', doomed]);
    const before = await coordinatorOf(standingFolder(project));
    expect(before.id).toBe(doomed);
    kill(before.pid, 'SIGKILL');
    garden.letAnswer(...PARTS);
    await nextLife(standingFolder(project), before);

    const [mission, ...counted] = await client.settled(['survey', ...PARTS]);
    expect(counted.map(({ output, state }) => ({ output, state }))).toEqual(
      garden.counts.map((output) => ({ output, state: 'completed' })),
    );
    expect(mission).toMatchObject({
      state: 'completed',
      attempts: surveys,
      output: `I was told: ${garden.counts.join(', ')}`,
    });
    // Whoever went on with the survey went on where it was, and had nothing counted again.
    expect(surveyRequests(api).filter((length) => length === 1)).toHaveLength(1);
    expect((await client.status()).term).toBeGreaterThan(term);
    expect(api.faults).toEqual([]);
    expect(await project.run(['verify', '--quick'])).toMatchObject({ exitCode: 0 });
  });
});
