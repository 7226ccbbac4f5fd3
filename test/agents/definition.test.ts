import { describe, expect, test } from 'vitest';
import { lint, lintFields } from './linting.ts';

test('a full definition, every field where it belongs', () => {
  const { definition, remarks } = lint(
    [
      '---',
      'name: raft-manager',
      'type: coordinator',
      'color: "#2196F3"',
      'description: Leads',
      'capabilities: [leader_election, log_replication]',
      'priority: High',
      'model: sonnet',
      'tools: Read, Bash(git:*, npm:*), Agent(x:y)',
      'disallowedTools: Write',
      'strictEligibility: true',
      'hooks:',
      '  pre: echo before',
      '  post: [echo a, echo b]',
      '  PreToolUse:',
      '    - matcher: Bash',
      'memory: {namespace: raft}',
      '---',
      'Work.',
    ].join('\n'),
  );
  expect(remarks).toEqual([]);
  expect(definition).toEqual({
    name: 'raft-manager',
    type: 'coordinator',
    color: '#2196F3',
    description: 'Leads',
    capabilities: ['leader_election', 'log_replication'],
    capabilityMap: undefined,
    priority: 'high',
    model: ['sonnet'],
    tools: { allowed: ['Read', 'Bash(git:*, npm:*)', 'Agent(x:y)'], denied: ['Write'] },
    strictEligibility: true,
    hooks: {
      pre: ['echo before'],
      post: ['echo a', 'echo b'],
      claudeCode: { PreToolUse: [{ matcher: 'Bash' }] },
      other: {},
    },
    extra: { memory: { namespace: 'raft' } },
    body: 'Work.',
    source: { path: 'agent.md', sha256: 'unused' },
  });
});

test('a name and nothing else: the defaults', () => {
  const { definition, remarks } = lint('---\nname: tester\n---\n');
  expect(remarks).toEqual(['2:1 warning missing-description']);
  expect(definition).toMatchObject({ description: '', capabilities: [], priority: 'normal', model: [] });
  expect(definition).toMatchObject({ tools: { allowed: undefined, denied: [] }, strictEligibility: false });
  expect(definition?.hooks).toEqual({ pre: [], post: [], claudeCode: {}, other: {} });
});

const NAMES = [
  { why: 'missing', line: 'color: red', remark: '2:1 error missing-name' },
  { why: 'empty', line: 'name:', remark: '2:1 error missing-name' },
  { why: 'blank', line: 'name: "  "', remark: '2:7 error missing-name' },
  { why: 'a list', line: 'name: [a]', remark: '2:7 error invalid-name' },
  { why: 'a control character', line: 'name: "a\\e[31m"', remark: '2:7 error invalid-name' },
  { why: 'longer than any table', line: `name: ${'a'.repeat(129)}`, remark: '2:7 error invalid-name' },
  {
    why: 'spaces cannot be in an instance id',
    line: 'name: Benchmark Suite',
    remark: '2:7 warning unusual-name',
  },
];

test.each(NAMES)('a name that is $why', ({ line, remark }) => {
  const { definition, remarks } = lint(`---\n${line}\ndescription: d\n---\n`);
  expect(remarks).toEqual([remark]);
  expect(definition === undefined).toBe(remark.includes('error'));
});

const TOOLS = [
  { why: 'a star is every tool', lines: ['tools: "*"'], tools: { allowed: undefined, denied: [] } },
  { why: 'so is a key without value', lines: ['tools:'], tools: { allowed: undefined, denied: [] } },
  { why: 'an empty list is no tool', lines: ['tools: []'], tools: { allowed: [], denied: [] } },
  {
    why: 'items may hold several',
    lines: ['tools:', '  - Read, Grep', '  - Bash(a, b)'],
    tools: { allowed: ['Read', 'Grep', 'Bash(a, b)'], denied: [] },
  },
  {
    why: 'allowed and denied',
    lines: ['tools:', '  allowed: [Read]', '  denied: Write, Edit', '  notes: none'],
    tools: { allowed: ['Read'], denied: ['Write', 'Edit'] },
  },
  {
    why: 'only denied: everything else',
    lines: ['tools: {denied: [Write]}'],
    tools: { allowed: undefined, denied: ['Write'] },
  },
  {
    why: 'switches',
    lines: ['tools: {Read: true, Bash: false}'],
    tools: { allowed: ['Read'], denied: ['Bash'] },
  },
  {
    why: 'denied twice is denied',
    lines: ['tools: {denied: [Write]}', 'disallowedTools: [Write, Edit]'],
    tools: { allowed: undefined, denied: ['Write', 'Edit'] },
  },
  {
    why: 'an unclosed parenthesis loses nothing',
    lines: ['tools: Read, Bash(a, b'],
    tools: { allowed: ['Read', 'Bash(a, b'], denied: [] },
  },
];

test.each(TOOLS)('tools: $why', ({ lines, tools }) => {
  const { definition, remarks } = lintFields(...lines);
  expect(remarks).toEqual([]);
  expect(definition?.tools).toEqual(tools);
});

const CAPABILITIES = [
  { why: 'a list, each once', lines: ['capabilities: [a, b, a, " "]'], names: ['a', 'b'], remarks: [] },
  { why: 'a comma string', lines: ['capabilities: a, b'], names: ['a', 'b'], remarks: [] },
  {
    why: 'a map of switches',
    lines: ['capabilities: {a: true, b: false, c: 3}'],
    names: ['a'],
    remarks: ['4:1 info capabilities-map'],
  },
  {
    why: 'a map of lists',
    lines: ['capabilities:', '  consensus: [a, b]', '  more: {c: true}'],
    names: ['a', 'b', 'c'],
    remarks: ['4:1 info capabilities-map'],
  },
  {
    why: 'a sentence with a colon became a map',
    lines: ['capabilities:', '  - a', '  - b: c'],
    names: ['a'],
    remarks: ['6:5 warning invalid-capability'],
  },
  {
    why: 'a number is no list',
    lines: ['capabilities: 3'],
    names: [],
    remarks: ['4:15 warning ignored-field'],
  },
];

test.each(CAPABILITIES)('capabilities: $why', ({ lines, names, remarks }) => {
  const result = lintFields(...lines);
  expect(result.remarks).toEqual(remarks);
  expect(result.definition?.capabilities).toEqual(names);
});

test("claude-flow's tool rules among the capabilities are tool rules", () => {
  const { definition } = lintFields(
    'capabilities:',
    '  allowed_tools: [Read]',
    '  restricted_tools: [Bash]',
    '  depth: 3',
  );
  expect(definition?.tools).toEqual({ allowed: ['Read'], denied: ['Bash'] });
  expect(definition?.capabilities).toEqual([]);
  expect(definition?.capabilityMap).toEqual({
    allowed_tools: ['Read'],
    restricted_tools: ['Bash'],
    depth: 3,
  });
});

describe('hooks', () => {
  test('aliases run in the order of the file, other keys are kept and said not to run', () => {
    const { definition, remarks } = lintFields(
      'hooks:',
      '  pre_task: a',
      '  pre: b',
      '  post_execution: c',
      '  on_error: d',
    );
    expect(definition?.hooks).toEqual({
      pre: ['a', 'b'],
      post: ['c'],
      claudeCode: {},
      other: { on_error: 'd' },
    });
    expect(remarks).toEqual(['5:3 info hook-alias', '7:3 info hook-alias', '8:3 info hook-not-run']);
  });

  test('empty ones are none', () => {
    expect(lintFields('hooks:', '  pre:', '  post: ["", a, ]').definition?.hooks).toMatchObject({
      pre: [],
      post: ['a'],
    });
    expect(lintFields('hooks:').remarks).toEqual([]);
  });

  test('a script that YAML took apart is an error: the agent must not work without its check', () => {
    const { definition, remarks } = lintFields('hooks:', '  pre:', '    - echo a', '    - echo "Status: ok"');
    expect(remarks).toEqual(['7:7 error invalid-hook']);
    expect(definition).toBeUndefined();
  });

  test('something that is no map of hooks is remarked upon, and nothing of it runs', () => {
    const { definition, remarks } = lintFields('hooks: [lint]');
    expect(remarks).toEqual(['4:8 warning ignored-hooks']);
    expect(definition?.hooks).toMatchObject({ pre: [], post: [] });
  });
});

const REMARKS = [
  { why: 'priority by another name', line: 'priority: urgent', remark: '4:11 warning unknown-priority' },
  { why: 'priority as a number', line: 'priority: 1', remark: '4:11 warning unknown-priority' },
  { why: 'a colour that is a comment', line: 'color: #2196F3', remark: '4:1 warning comment-value' },
  { why: 'a colour that is a map', line: 'color: {red: 1}', remark: '4:8 warning ignored-field' },
  { why: 'a model that is a map', line: 'model: {name: x}', remark: '4:8 warning ignored-field' },
  { why: 'documentation with a name', line: 'type: documentation', remark: '4:7 warning documentation-type' },
  {
    why: 'yes is text in YAML 1.2',
    line: 'strictEligibility: yes',
    remark: '4:20 error invalid-eligibility',
  },
  { why: 'a number of tools', line: 'tools: 5', remark: '4:8 error invalid-tools' },
  { why: 'one tool that is not text', line: 'tools: [Read, [Write]]', remark: '4:15 error invalid-tools' },
];

test.each(REMARKS)('$why', ({ line, remark }) => {
  expect(lintFields(line).remarks).toEqual([remark]);
});

test('what looks like a number stays the text that was written', () => {
  const { definition } = lint('---\nname: 0x10\ndescription: 1.10\nmodel: 4.10\ncolor: true\n---\n');
  expect(definition).toMatchObject({ name: '0x10', description: '1.10', model: ['4.10'], color: 'true' });
});
