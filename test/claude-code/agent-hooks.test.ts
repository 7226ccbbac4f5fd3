import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import { TrustStore } from '../../src/hooks/trust.ts';
import { openPlayground, type Playground, recorded, startSwarm } from './playground.ts';

const AGENT = 'builder';
const CALL = recorded('PreToolUse', {}, 'Agent');
const RETURN = recorded('PostToolUse', {}, 'Agent');
const { agent_id } = recorded('SubagentStart');

function definition(hooks: string): string {
  return `---\nname: ${AGENT}\ndescription: builds\nhooks:\n${hooks}---\nBuilds.\n`;
}

const NOTES = [
  `  pre: 'echo "pre $TASK ($AGENT_NAME, leader $RAFT_LEADER)" >>notes'`,
  `  post: 'echo "post $TASK $SUCCESS" >>notes'`,
  '',
].join('\n');

/** A project with an agent whose hooks a person has allowed. */
async function withAgent(hooks: string, { allowed } = { allowed: true }): Promise<Playground> {
  const play = openPlayground();
  const file = play.write(`.claude/agents/${AGENT}.md`, definition(hooks));
  const { source } = await loadAgentFile(file);
  if (allowed) await new TrustStore(play.environment.RAFT_MANAGER_TRUST_DIR ?? '').allow(source);
  return play;
}

/** The recorded call, of our agent. */
function ofAgent(event: typeof CALL, changes: typeof CALL = {}) {
  const { tool_input, tool_response } = event as Record<string, object>;
  return {
    ...event,
    tool_input: { ...tool_input, subagent_type: AGENT },
    tool_response: { ...tool_response, agentType: AGENT },
    ...changes,
  };
}

const startOf = (event: 'SubagentStart' | 'SubagentStop') => recorded(event, { agent_type: AGENT });
const notes = (play: Playground): readonly string[] => play.read('notes').split('\n').slice(0, -1);

describe('the hooks of an agent’s definition', () => {
  test('run around its call, with the task that it was given', async () => {
    const play = await withAgent(NOTES);
    await startSwarm(play);
    expect(await play.hook(ofAgent(CALL))).toEqual({ exitCode: 0, stderr: '', said: undefined });
    expect(notes(play)).toEqual(['pre start an election (builder, leader raft-manager-1)']);
    await play.hook(startOf('SubagentStart'));
    await play.hook(startOf('SubagentStop'));
    expect(notes(play).slice(1)).toEqual(['post start an election true']);
  });

  test.each([
    { why: 'its end is heard of first', events: [startOf('SubagentStop'), ofAgent(RETURN)] },
    { why: 'its return is heard of first', events: [ofAgent(RETURN), startOf('SubagentStop')] },
  ])('post runs once when $why', async ({ events }) => {
    const play = await withAgent(NOTES);
    await startSwarm(play);
    for (const event of [ofAgent(CALL), startOf('SubagentStart'), ...events]) await play.hook(event);
    expect(notes(play).slice(1)).toEqual(['post start an election true']);
  });

  test('post runs when it ends in the background, not when it is sent there', async () => {
    const play = await withAgent(NOTES);
    await startSwarm(play);
    await play.hook(ofAgent(CALL));
    await play.hook(startOf('SubagentStart'));
    await play.hook(ofAgent(RETURN, { tool_response: { status: 'async_launched', agentId: agent_id } }));
    expect(notes(play)).toHaveLength(1);
    await play.hook(startOf('SubagentStop'));
    expect(notes(play).slice(1)).toEqual(['post start an election true']);
  });

  test('post is told of a failure', async () => {
    const play = await withAgent(NOTES);
    await startSwarm(play);
    await play.hook(ofAgent(CALL));
    await play.hook(startOf('SubagentStart'));
    const failure = { hook_event_name: 'PostToolUseFailure', tool_response: undefined, error: 'overloaded' };
    await play.hook(ofAgent(RETURN, failure));
    expect(notes(play).slice(1)).toEqual(['post start an election false']);
  });

  test('run once, also where the hook is installed twice', async () => {
    const play = await withAgent(NOTES);
    await startSwarm(play);
    const twice = (event: typeof CALL) => Promise.all([play.hook(event), play.hook(event)]);
    for (const event of [ofAgent(CALL), startOf('SubagentStart'), startOf('SubagentStop')])
      await twice(event);
    expect(notes(play)).toEqual([
      'pre start an election (builder, leader raft-manager-1)',
      'post start an election true',
    ]);
  });

  test('a failing pre keeps it from starting, and says why', async () => {
    const play = await withAgent("  pre: 'echo no quorum here >&2; exit 3'\n");
    await startSwarm(play);
    const { exitCode, stderr, said } = await play.hook(ofAgent(CALL));
    expect({ exitCode, said }).toEqual({ exitCode: 2, said: undefined });
    expect(stderr).toMatch(/the pre hook of builder .*3/);
    expect(stderr).toContain('no quorum here');
  });

  test('a failing post is told to the person', async () => {
    const play = await withAgent("  post: 'exit 3'\n");
    await startSwarm(play);
    const { exitCode, said } = await play.hook(ofAgent(RETURN));
    expect(exitCode).toBe(0);
    expect(said).toEqual({ systemMessage: expect.stringContaining('the post hook of builder') });
  });

  test('that nobody has allowed do not run: the agent does, and the person is told', async () => {
    const play = await withAgent(NOTES, { allowed: false });
    const { exitCode, said } = await play.hook(ofAgent(CALL));
    expect(exitCode).toBe(0);
    expect(said).toEqual({ systemMessage: expect.stringContaining('raft-manager hooks allow') });
    expect(() => readFileSync(`${play.folder}/notes`)).toThrow('ENOENT');
  });

  test('run without a swarm, too: they may be there to find that out', async () => {
    const play = await withAgent(NOTES);
    expect(await play.hook(ofAgent(CALL))).toMatchObject({ exitCode: 0 });
    expect(notes(play)).toEqual(['pre start an election (builder, leader )']);
    // What it has to remember is none of git's business.
    expect(play.read('.raft-manager/.gitignore')).toBe('*\n');
  });
});

test.each([
  { why: 'of another plugin', type: 'other:builder' },
  { why: 'that Claude Code brings along', type: 'Explore' },
])('an agent $why has no hooks of ours', async ({ type }) => {
  const play = await withAgent(NOTES);
  const call = { ...CALL, tool_input: { prompt: 'look', subagent_type: type } };
  expect(await play.hook(call)).toEqual({ exitCode: 0, stderr: '', said: undefined });
});
