import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { draftOf } from '../../src/cli/init/plan.ts';
import { wishForClaudeCode } from '../../src/cli/init/wish.ts';
import { AGENT, type Files, init, SERVERS, SETTINGS, undo } from './repository.ts';

const MANIFEST = '.claude/raft-manager.json';
const THEIRS = `{
  // what we may do
  "permissions": { "allow": ["Bash(npm test)"] }, /* and no more */
  "hooks": {
    "PreToolUse": [
      { "matcher": "Bash", "hooks": [{ "type": "command", "command": "./check.sh" }] } // ours
    ]
  }
}
`;

/** What a JSON reader sees in a text without comments. */
const parsed = (text: string | undefined) => JSON.parse(text ?? '');

describe('init', () => {
  test('writes five agents, the server and all hooks of the plugin', () => {
    const { files, plan } = init({});
    expect(Object.keys(files).sort()).toEqual([
      ...[
        'crdt-synchronizer',
        'performance-benchmarker',
        'quorum-manager',
        'raft-manager',
        'security-manager',
      ].map((name) => `.claude/agents/${name}.md`),
      MANIFEST,
      SETTINGS,
      SERVERS,
    ]);
    expect(plan.kept).toEqual([]);
    expect(parsed(files[SERVERS])).toEqual({
      mcpServers: { 'raft-manager': { command: 'raft-manager', args: ['mcp'] } },
    });
    const { hooks } = parsed(files[SETTINGS]);
    expect(Object.keys(hooks)).toContain('SubagentStart');
    expect(hooks.PreToolUse.map(({ matcher }: { matcher: string }) => matcher)).toEqual([
      'Agent|Task',
      'Edit|MultiEdit|Write|NotebookEdit',
    ]);
    expect(JSON.stringify(hooks)).not.toContain('CLAUDE_PLUGIN_ROOT');
  });

  test('a second run changes nothing, and says nothing', () => {
    const { files } = init({ [SETTINGS]: THEIRS });
    const { plan } = init(files);
    expect(plan).toEqual({ changes: [], kept: [], note: undefined });
  });

  test('keeps every character that was there', () => {
    const { files } = init({ [SETTINGS]: THEIRS });
    const added = (files[SETTINGS] ?? '').split('\n');
    for (const line of THEIRS.split('\n').slice(0, 4)) expect(added).toContain(line);
    expect(files[SETTINGS]).toContain(
      '{ "matcher": "Bash", "hooks": [{ "type": "command", "command": "./check.sh" }] }, // ours',
    );
  });

  test.each([
    {
      why: 'a server of theirs under our name',
      path: SERVERS,
      text: '{"mcpServers":{"raft-manager":{"command":"x"}}}',
      theirs: '"raft-manager":{"command":"x"}',
    },
    {
      why: 'an agent of theirs under our name',
      path: AGENT,
      text: '---\nname: raft-manager\n---\nmine\n',
      theirs: 'mine',
    },
    {
      why: 'our hook as they call it',
      path: SETTINGS,
      text: '{"hooks":{"SessionEnd":[{"hooks":[{"type":"command","command":"npx raft-manager hook"}]}]}}',
      theirs: 'npx raft-manager hook',
    },
  ])('leaves $why, says so, and takes it with --force until it is undone', ({ path, text, theirs }) => {
    const { files, plan } = init({ [path]: text });
    expect(plan.kept).toMatchObject([{ path, why: expect.stringMatching(/not from here; --force/) }]);
    expect(files[path]).toContain(theirs);
    const forced = init(files, { force: true });
    expect(forced.files[path]).not.toBe(files[path]);
    expect(forced.plan.kept).toEqual([]);
    expect(init({ [path]: text }, { force: true }).files[path]).toBe(forced.files[path]);
    expect(undo(init({ [path]: text }, { force: true }).files).files).toEqual({ [path]: text });
  });

  test('does not bring back what somebody has taken out, nor over what somebody has changed', () => {
    const { files } = init({});
    const settings = parsed(files[SETTINGS]);
    delete settings.hooks.TeammateIdle;
    settings.hooks.SessionStart[0].hooks[0].timeout = 99;
    const { [AGENT]: _, ...others } = files;
    const edited: Files = { ...others, [SETTINGS]: JSON.stringify(settings) };
    for (let run = 0, now = edited; run < 3; run++) {
      const { files: after, plan } = init(now);
      expect(after).toEqual(edited);
      expect(plan.kept.map(({ path }) => path)).toEqual([AGENT, SETTINGS, SETTINGS]);
      now = after;
    }
    const forced = parsed(init(edited, { force: true }).files[SETTINGS]);
    expect(forced.hooks).toMatchObject({ TeammateIdle: [{}], SessionStart: [{ hooks: [{ timeout: 10 }] }] });
    expect(forced.hooks.SessionStart).toHaveLength(1);
  });

  test('a newer release writes over what the older one has written, and nothing else', () => {
    const wish = wishForClaudeCode();
    const hooks = wish.entries.get(SETTINGS);
    const older = {
      ...wish,
      version: '0.0.1',
      files: new Map([...wish.files].map(([path, text]) => [path, `${text}\nolder\n`])),
      entries: new Map(wish.entries).set(SETTINGS, {
        isLike: () => false,
        wanted: [
          ...(hooks?.wanted.slice(1) ?? []),
          { path: ['hooks', 'Stop'], as: 'item', value: { hooks: [] } },
          { path: ['hooks', 'SessionStart'], as: 'item', value: { hooks: [{ command: 'old' }] } },
        ],
      }),
    };
    const before = init({ [SETTINGS]: THEIRS }, { wish: older }).files;
    const mine = { ...before, [AGENT]: 'mine' };
    const { files, plan } = init(mine);
    const fresh = init({ [SETTINGS]: THEIRS }).files;
    expect(plan.kept.map(({ path }) => path)).toEqual([AGENT]);
    expect(files[AGENT]).toBe('mine');
    expect(files['.claude/agents/quorum-manager.md']).toBe(fresh['.claude/agents/quorum-manager.md']);
    expect(files[SETTINGS]).not.toContain('"Stop"');
    expect(files[SETTINGS]).not.toContain('"old"');
    expect(undo({ ...files, [AGENT]: before[AGENT] ?? '' }).files).toMatchObject({ [SETTINGS]: THEIRS });
  });

  test('goes on after it was interrupted, wherever that was', () => {
    const { files } = init({ [SETTINGS]: THEIRS });
    const paths = Object.keys(files).filter((path) => path !== MANIFEST);
    for (let done = 0; done <= paths.length; done++) {
      const written = Object.fromEntries(paths.slice(0, done).map((path) => [path, files[path] ?? '']));
      const interrupted = { [SETTINGS]: THEIRS, ...written, [MANIFEST]: draftOf(files[MANIFEST] ?? '') };
      const { files: after, plan } = init(interrupted);
      expect(after).toEqual(files);
      expect(plan.kept).toEqual([]);
    }
  });

  test.each([
    {
      why: 'a comma too many',
      text: '{\n  "a": 1,,\n}',
      message: /^\.claude\/settings\.json:2:10: this is not JSON: property name expected/,
    },
    {
      why: 'not an object',
      text: '[]',
      message: /settings\.json:1:1: expected an object\. Nothing was written/,
    },
    {
      why: 'hooks that are a list',
      text: '{\n "hooks": []}',
      message: /:2:11: "hooks" should be an object, not array/,
    },
    {
      why: 'an event that is none',
      text: '{"hooks": {"PreToolUse": "x"}}',
      message: /"hooks\.PreToolUse" should be a list, not string/,
    },
    {
      why: 'a key twice',
      text: '{"hooks": {},\n"hooks": {}}',
      message: /:2:1: "hooks" stands here a second time/,
    },
  ])('refuses $why with its place', ({ text, message }) => {
    expect(() => init({ [SETTINGS]: text })).toThrow(message);
  });

  test('refuses a note of its own that it cannot read', () => {
    expect(() => init({ [MANIFEST]: '{}' })).toThrow(/raft-manager\.json cannot be read.*version control/);
  });
});

describe('undo', () => {
  test('where init was never run does nothing', () => {
    expect(undo({ [SETTINGS]: THEIRS }).plan).toEqual({ changes: [], kept: [], note: undefined });
  });

  test('leaves what was changed since, and takes out the rest', () => {
    const { files } = init({ [SETTINGS]: THEIRS });
    const changed = {
      ...files,
      [AGENT]: 'mine',
      [SETTINGS]: (files[SETTINGS] ?? '').replace('"permissions"', '"model": "opus",\n  "permissions"'),
      [SERVERS]: (files[SERVERS] ?? '').replace(
        '"mcpServers": {',
        '"mcpServers": { "other": { "command": "y" },',
      ),
    };
    const { files: after, plan } = undo(changed);
    expect(after).toEqual({
      [AGENT]: 'mine',
      [SETTINGS]: THEIRS.replace('"permissions"', '"model": "opus",\n  "permissions"'),
      [SERVERS]: expect.stringContaining('other'),
    });
    expect(after[SERVERS]).not.toContain('raft-manager');
    expect(plan.kept).toMatchObject([{ path: AGENT }]);
  });
});

/** Any JSON with comments, blanks and line ends of people, as an object. */
const documents = fc
  .record({
    value: fc.dictionary(
      fc.constantFrom('permissions', 'hooks', 'model', 'env', 'mcpServers'),
      fc.jsonValue({ maxDepth: 2 }),
    ),
    hooks: fc.dictionary(
      fc.constantFrom('PreToolUse', 'SessionEnd', 'Stop'),
      fc.array(fc.jsonValue({ maxDepth: 1 })),
    ),
    has: fc.constantFrom('nothing', 'hooks', 'servers'),
    indentation: fc.constantFrom('', ' ', '  ', '\t', '    '),
    comment: fc.constantFrom('', '// a line\n', '/* a block */'),
    eol: fc.constantFrom('\n', '\r\n'),
    end: fc.constantFrom('', '\n', '\n\n'),
    bom: fc.constantFrom('', '\uFEFF'),
  })
  .map(({ value, hooks, has, indentation, comment, eol, end, bom }) => {
    const { hooks: _, mcpServers: __, ...rest } = value;
    const whole = {
      ...rest,
      ...(has === 'hooks' ? { hooks } : {}),
      ...(has === 'servers' ? { mcpServers: {} } : {}),
    };
    const text = JSON.stringify(whole, undefined, indentation);
    return bom + `${comment}${text}${comment}${end}`.replaceAll('\n', eol);
  });

describe('whatever a file looks like', () => {
  test('init and undo leave it as it was, to the byte, and init twice is init once', () => {
    fc.assert(
      fc.property(documents, documents, (settings, servers) => {
        const before = { [SETTINGS]: settings, [SERVERS]: servers };
        const once = init(before).files;
        expect(init(once).plan.changes).toEqual([]);
        expect(undo(once).files).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  test('undo takes out just as much when the file was changed meanwhile', () => {
    fc.assert(
      fc.property(documents, (settings) => {
        const once = init({ [SETTINGS]: settings }).files;
        const touched = { ...once, [SETTINGS]: `${once[SETTINGS]}\n` };
        const left = undo(touched).files[SETTINGS] ?? '';
        expect(stripped(left)).toEqual(stripped(settings));
        expect(left).not.toContain('raft-manager hook');
      }),
      { numRuns: 300 },
    );
  });
});

/** Without blanks and commas, which say nothing. */
function stripped(text: string): string {
  return text.replace(/[\s,\uFEFF]/g, '');
}
