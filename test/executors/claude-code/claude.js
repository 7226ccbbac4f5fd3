#!/usr/bin/env node
// Stands in for Claude Code: speaks its stream as the file STAND_IN says, step by step, and keeps sessions as it does. What
// it was called with goes to STAND_IN_LOG, a line a call.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text as allOf } from 'node:stream/consumers';
import { setTimeout as delay, setImmediate as pause } from 'node:timers/promises';

const { STAND_IN, STAND_IN_LOG, ...env } = process.env;
const args = process.argv.slice(2);
const script = JSON.parse(readFileSync(STAND_IN, 'utf8'));
const flagged = (flag) => args.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1);
const write = (text) => new Promise((done) => process.stdout.write(text, done));
const sessions = join(process.env.CLAUDE_CONFIG_DIR ?? process.cwd(), 'sessions');

const stdin = script.readsNothing ? '' : await allOf(process.stdin);
appendFileSync(STAND_IN_LOG, `${JSON.stringify({ args, stdin, env, cwd: process.cwd() })}\n`);

const resumed = flagged('--resume');
if (resumed !== undefined && !existsSync(join(sessions, resumed))) {
  const message = `No conversation found with session ID: ${resumed}`;
  const result = { type: 'result', subtype: 'error_during_execution', is_error: true, num_turns: 0 };
  await write(
    `${JSON.stringify({ ...result, session_id: resumed, total_cost_usd: 0, errors: [message] })}\n`,
  );
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
const created = flagged('--session-id');
if (created !== undefined) {
  mkdirSync(sessions, { recursive: true });
  writeFileSync(join(sessions, created), '');
}

for (const step of (resumed === undefined ? script.begun : script.resumed) ?? []) {
  if (step.line !== undefined) await write(`${JSON.stringify(step.line)}\n`);
  if (step.raw !== undefined) await write(step.raw);
  for (const piece of step.pieces ?? []) {
    await write(piece);
    await pause();
  }
  if (step.stderr !== undefined) process.stderr.write(step.stderr);
  if (step.deaf) process.on('SIGTERM', () => undefined);
  if (step.child) {
    // As a tool does that runs a server: it would outlive its parent, and keeps the pipes open.
    const ignoring = "trap '' TERM; while :; do sleep 1000; done";
    spawn('sh', ['-c', ignoring], { stdio: 'inherit' });
    spawn('sleep', ['1000'], { stdio: 'ignore' }).unref();
  }
  // One turn after the other, for as long as it is let.
  for (let turn = 1; step.again !== undefined; turn += 1) {
    for (const line of step.again) await write(`${JSON.stringify(line).replaceAll('TURN', String(turn))}\n`);
    await delay(50);
  }
  if (step.hang) await new Promise(() => setInterval(() => undefined, 1_000_000));
  if (step.killed) process.kill(process.pid, step.killed);
  if (step.exit !== undefined) process.exit(step.exit);
}
