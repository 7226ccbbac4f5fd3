import { OutputTail } from '../../../shell/output.ts';
import { type ProgramResult, runProgram } from '../../../shell/program.ts';
import { addUsage, exhaustion } from '../../../tasks/usage.ts';
import type { Execution, ExecutionResult } from '../port.ts';
import { promptOf } from './briefing.ts';
import type { ClientCall } from './command-line.ts';
import { type ClaudeEvent, readEvent } from './events.ts';
import { Lines } from './lines.ts';
import { type OwnStop, verdictOf } from './outcome.ts';
import { encodeSession } from './saved-session.ts';
import { Transcript } from './transcript.ts';
import { TurnSaver } from './turn-saver.ts';

export interface SessionOptions {
  readonly execution: Execution;
  readonly session: ClientCall['session'] & {
    /** Completed in earlier attempts. */
    readonly turns: number;
  };
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly configFolder: string;
  readonly timeoutMs: number;
  /** For a client that has told its result and neither speaks nor ends. */
  readonly lingerMs: number;
}

export interface SessionEnd {
  readonly result: ExecutionResult;
  /** False when there was no session to go on with: nothing has been done. */
  readonly wasFound: boolean;
}

/** One process of the client, from its prompt to its result. */
export class SessionRun {
  readonly #options: SessionOptions;
  readonly #transcript = new Transcript();
  readonly #lines = new Lines();
  readonly #progress = new OutputTail();
  readonly #stop = new AbortController();
  readonly #saver: TurnSaver;
  #ownStop: OwnStop | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(options: SessionOptions) {
    const { checkpoint } = options.execution;
    this.#options = options;
    this.#saver = new TurnSaver({
      save: (turn) => checkpoint.save(turn),
      onLost: () => this.#stop.abort('lost'),
      onTrouble: (reason) => this.#tell(`${reason}\n`),
    });
  }

  async run(): Promise<SessionEnd> {
    const { execution, session, program, args, environment, timeoutMs } = this.#options;
    const run = await runProgram({
      program,
      args,
      input: promptOf(execution, session.kind),
      environment,
      cwd: execution.cwd,
      timeoutMs,
      signal: AbortSignal.any([execution.signal, this.#stop.signal]),
      onStdout: (text) => this.#hear(text),
    });
    clearTimeout(this.#linger);
    this.#onLine(this.#lines.rest());
    await this.#saver.settled();
    return { result: this.#resultOf(run), wasFound: !this.#isUnknownSession(run) };
  }

  #hear(text: string): void {
    for (const line of this.#lines.add(text)) this.#onLine(line);
    if (this.#transcript.end === undefined) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.#halt('silent-after-result'), this.#options.lingerMs);
  }

  #onLine(line: string): void {
    const event = readEvent(line);
    if (event === undefined) return;
    this.#tell(this.#transcript.add(event));
    this.#checkTurn(event);
  }

  #checkTurn(event: ClaudeEvent): void {
    if (event.type === 'answered') this.#saveTurn();
    if (event.type === 'said' && this.#exhaustion() !== undefined) this.#halt('budget');
  }

  /** Which limit is reached, in words. Not money, of which the client itself takes care. */
  #exhaustion(): string | undefined {
    const { budget } = this.#options.execution;
    return exhaustion(addUsage(budget.spent, this.#transcript.usage), budget);
  }

  #saveTurn(): void {
    const { execution, session, configFolder } = this.#options;
    const { turns, usage } = this.#transcript;
    const state = encodeSession(session.id, { cwd: execution.cwd, configFolder });
    this.#saver.offer({ turn: session.turns + turns, usage, state });
  }

  #halt(why: OwnStop): void {
    this.#ownStop ??= why;
    this.#stop.abort(why);
  }

  #tell(text: string): void {
    if (text === '') return;
    this.#progress.add(text);
    this.#options.execution.onOutput?.(text);
  }

  /** The client knows it no more, or keeps it elsewhere. */
  #isUnknownSession({ stderr }: ProgramResult): boolean {
    const { end, turns } = this.#transcript;
    if (this.#options.session.kind === 'new' || turns > 0) return false;
    return /no conversation found/i.test(`${end?.errors.join('\n') ?? ''}\n${end?.text ?? ''}\n${stderr}`);
  }

  #resultOf(run: ProgramResult): ExecutionResult {
    const transcript = this.#transcript;
    const { timeoutMs } = this.#options;
    const verdict = verdictOf(run, {
      transcript,
      stop: this.#ownStop,
      timeoutMs,
      exhausted: this.#exhaustion(),
    });
    const output = verdict.outcome === 'completed' ? this.#answer() : this.#progress.text;
    return { ...verdict, output, usage: transcript.usage, durationMs: run.durationMs };
  }

  /** What the model said last, and what it was kept from: that often explains why little was done. */
  #answer(): string {
    const { end, lastText } = this.#transcript;
    const tail = new OutputTail();
    tail.add(end?.text.trim() || lastText);
    const denied = [...new Set(end?.denied)];
    if (denied.length > 0) tail.add(`\n[not allowed to use: ${denied.join(', ')}]`);
    return tail.text;
  }
}
