import { describe, expect, test } from 'vitest';
import type { AgentDefinition } from '../../../src/agents/definition.ts';
import {
  type ClientCall,
  clientArguments,
  clientEnvironment,
} from '../../../src/agents/executors/claude-code/command-line.ts';
import { agent } from './stand-in.ts';

const CALL: ClientCall = {
  agent: agent(),
  preamble: 'You are gardener-1.',
  session: { kind: 'new', id: 'id' },
  model: undefined,
  maxTurns: undefined,
  maxCostUsd: undefined,
  permissionMode: undefined,
};

const ALWAYS = [
  '-p',
  '--output-format=stream-json',
  '--verbose',
  '--session-id=id',
  '--append-system-prompt=You are gardener-1.\n\nYou prune roses.',
];

describe('what the client is told', () => {
  test.each<{
    why: string;
    changed?: Partial<ClientCall>;
    definition?: Partial<AgentDefinition>;
    more: readonly string[];
  }>([
    { why: 'by an agent that says nothing: the settings of the user hold', more: [] },
    { why: 'a model of the agent', definition: { model: ['opus', 'sonnet'] }, more: ['--model=opus'] },
    {
      why: 'a model of the task first',
      definition: { model: ['opus'] },
      changed: { model: 'haiku' },
      more: ['--model=haiku'],
    },
    { why: 'no model where the agent takes what there is', definition: { model: ['inherit'] }, more: [] },
    {
      why: 'bounds',
      changed: { maxTurns: 3, maxCostUsd: 0.5 },
      more: ['--max-turns=3', '--max-budget-usd=0.5'],
    },
    {
      why: 'how much it may ask',
      changed: { permissionMode: 'acceptEdits' },
      more: ['--permission-mode=acceptEdits'],
    },
    {
      why: 'which tools there are, and which of their uses need no question',
      definition: {
        tools: { allowed: ['Read', 'Bash(git:*, npm:*)', 'Bash(ls)', 'mcp__raft-manager__*'], denied: [] },
      },
      more: ['--tools=Read,Bash', '--allowedTools=Read,Bash(git:*, npm:*),Bash(ls),mcp__raft-manager__*'],
    },
    { why: 'that there are none', definition: { tools: { allowed: [], denied: [] } }, more: ['--tools='] },
    {
      why: 'which are denied',
      definition: { tools: { allowed: undefined, denied: ['WebFetch', 'Bash(rm:*)'] } },
      more: ['--disallowedTools=WebFetch,Bash(rm:*)'],
    },
  ])('$why', ({ changed, definition, more }) => {
    expect(clientArguments({ ...CALL, agent: agent(definition), ...changed })).toEqual([...ALWAYS, ...more]);
  });

  test('nothing of an agent file is a flag', () => {
    const flag = '--dangerously-skip-permissions';
    const tools = { allowed: [flag], denied: [flag] };
    const args = clientArguments({
      ...CALL,
      agent: agent({ tools, model: [flag], body: flag }),
      preamble: flag,
    });
    expect(args.filter((arg) => arg.startsWith(flag))).toEqual([]);
  });
});

test('the client finds its account, and not the session that we may be part of', () => {
  const wanted = {
    ANTHROPIC_API_KEY: 'key',
    ANTHROPIC_BASE_URL: 'http://localhost:1',
    CLAUDE_CODE_OAUTH_TOKEN: 'token',
    CLAUDE_CONFIG_DIR: '/home/ann/.claude',
    CLAUDE_CODE_USE_BEDROCK: '1',
    AWS_REGION: 'eu',
    https_proxy: 'http://localhost:2',
    NODE_EXTRA_CA_CERTS: '/ca.pem',
  };
  const unwanted = {
    CLAUDECODE: '1',
    CLAUDE_CODE_SESSION_ID: 's',
    CLAUDE_CODE_ENTRYPOINT: 'cli',
    CLAUDE_CODE_SSE_PORT: '1',
    CLAUDE_PROJECT_DIR: '/project',
    CLAUDE_PLUGIN_ROOT: '/plugin',
    GITHUB_TOKEN: 'secret',
    NODE_OPTIONS: '--require=/evil.js',
    LD_PRELOAD: '/evil.so',
  };
  expect(clientEnvironment({ ...wanted, ...unwanted, ANTHROPIC_MODEL: undefined })).toEqual(wanted);
});
