// A program with a Claude tool loop of its own, whose model takes tasks from the swarm and does them. The program, not
// the model, keeps the leases: it renews them for as long as the model is at work.
//
//   ANTHROPIC_API_KEY=... npx tsx examples/anthropic-tool-loop.ts

import Anthropic from '@anthropic-ai/sdk';
import { type Claim, createSwarm, type SwarmClient, type WorkOutcome, type WorkResult } from 'raft-manager';

const MODEL = process.env.ANTHROPIC_MODEL ?? 'claude-haiku-5-5';

const SYSTEM: Anthropic.TextBlockParam[] = [
  {
    type: 'text',
    text: 'Do every task of the swarm, one after the other, until nothing is left. Then say in one line what you did.',
  },
];

const TOOLS: Anthropic.Tool[] = [
  {
    name: 'next_task',
    description: 'Take the next task of the swarm. Answers with its text, or that nothing is left.',
    input_schema: { type: 'object', properties: {} },
  },
  {
    name: 'finish_task',
    description: 'Hand in the result of the task you have taken.',
    input_schema: { type: 'object', properties: { result: { type: 'string' } }, required: ['result'] },
  },
  {
    name: 'give_up_task',
    description: 'Say why the task you have taken cannot be done.',
    input_schema: { type: 'object', properties: { reason: { type: 'string' } }, required: ['reason'] },
  },
];

/** The task that the model has taken. */
interface Taken {
  readonly claim: Claim;
  finish(result: WorkResult): Promise<WorkOutcome>;
}

/** What the model may do with the swarm. */
class TaskDesk {
  readonly #client: SwarmClient;
  #taken: Taken | undefined;

  constructor(client: SwarmClient) {
    this.#client = client;
  }

  async use({ name, input }: Anthropic.ToolUseBlock): Promise<string> {
    const { result = '', reason = '' } = input as { readonly result?: string; readonly reason?: string };
    if (name === 'next_task') return this.#next();
    if (name === 'finish_task') return this.#finish({ output: result });
    if (name === 'give_up_task') return this.#finish({ failed: reason, next: 'final' });
    return `there is no tool ${name}`;
  }

  async #next(): Promise<string> {
    if (this.#taken !== undefined) return `finish ${this.#taken.claim.taskId} first`;
    const claim = await this.#client.claim();
    if (claim === undefined) return 'nothing is left to do';
    let settle: (result: WorkResult) => void = () => undefined;
    const result = new Promise<WorkResult>((resolve) => {
      settle = resolve;
    });
    // Renews the lease until the model hands something in.
    const outcome = this.#client.work(claim, () => result);
    this.#taken = {
      claim,
      finish: (end) => {
        settle(end);
        return outcome;
      },
    };
    return `task ${claim.taskId}: ${claim.task.prompt}`;
  }

  async #finish(result: WorkResult): Promise<string> {
    const taken = this.#taken;
    if (taken === undefined) return 'you have not taken a task; call next_task';
    this.#taken = undefined;
    const end = await taken.finish(result);
    return end.outcome === 'lost' ? `not recorded: ${end.reason}` : `recorded as ${end.outcome}`;
  }
}

/** Lets the model work until it has nothing more to call. */
async function converse(anthropic: Anthropic, desk: TaskDesk): Promise<string> {
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Begin.' }];
  for (;;) {
    const request = { model: MODEL, max_tokens: 1024, system: SYSTEM, tools: TOOLS, messages };
    const answer = await anthropic.messages.stream(request).finalMessage();
    messages.push({ role: 'assistant', content: answer.content });
    const results: Anthropic.ToolResultBlockParam[] = [];
    for (const block of answer.content) {
      if (block.type !== 'tool_use') continue;
      results.push({ type: 'tool_result', tool_use_id: block.id, content: await desk.use(block) });
    }
    if (results.length === 0) {
      return answer.content.flatMap((block) => (block.type === 'text' ? block.text : [])).join('');
    }
    messages.push({ role: 'user', content: results });
  }
}

// In a project whose swarm is up ("raft-manager up"): SwarmClient.connect({ name: 'claude' })
const swarm = await createSwarm({ instances: 1 });
try {
  const { client } = swarm;
  const ids = await client.submit([
    { id: 'rhyme', prompt: 'Find a word that rhymes with "raft".' },
    { id: 'sum', prompt: 'What is 17 times 3?' },
  ]);
  // It reads ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL.
  console.log(await converse(new Anthropic(), new TaskDesk(client)));
  for (const { id, state, output, reason } of await client.settled(ids)) {
    console.log(`${id} ${state}: ${output || reason}`);
  }
} finally {
  await swarm.stop();
}
