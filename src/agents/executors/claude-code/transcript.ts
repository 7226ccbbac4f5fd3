import { clip } from '../../../tasks/clip.ts';
import { furthest, microsOf, type Usage } from '../../../tasks/usage.ts';
import type { ClaudeEvent, EndedEvent, SaidEvent, TokenCount, ToolCall } from './events.ts';

/** Requests whose cost may still be told again: those of a message that comes in pieces, and of subagents beside it. */
const MAX_OPEN_REQUESTS = 64;
/** Of one line of progress, in UTF-16 code units. */
const MAX_CALL_CHARS = 160;

/** Arguments that tell what a tool is used for, the most telling one first. */
const TELLING = ['command', 'file_path', 'notebook_path', 'path', 'pattern', 'url', 'query', 'description'];

const NOTHING: TokenCount = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

/** What a session has said so far, in bounded memory. */
export class Transcript {
  readonly #requests = new Map<string, TokenCount>();
  #tokens = NOTHING;
  #messageId: string | undefined;
  #turns = 0;
  /** The last message of the session that the model put into words. */
  lastText = '';
  /** The last message of the session itself, to read from it what went wrong. */
  last: Pick<SaidEvent, 'error' | 'stopReason'> | undefined;
  end: EndedEvent | undefined;

  /** Turns that the model has begun. */
  get turns(): number {
    return this.#turns;
  }

  /** Of this process alone. The money is known only at the end. */
  get usage(): Usage {
    const { end } = this;
    const counted = { turns: this.#turns, ...this.#tokens, costMicros: 0 };
    if (end === undefined) return counted;
    // The client's own sum leaves out its subagents, where it does.
    return furthest(counted, { turns: end.turns, ...end.tokens, costMicros: microsOf(end.costUsd) });
  }

  /** Takes note of `event`, and tells it in words for whoever watches; empty when it is nothing to tell. */
  add(event: ClaudeEvent): string {
    switch (event.type) {
      case 'started':
        return event.model === '' ? '' : `model ${event.model}\n`;
      case 'said':
        return this.#addSaid(event);
      case 'retrying':
        return `the request failed${event.status === undefined ? '' : ` with status ${event.status}`}; trying again (${event.attempt})\n`;
      case 'answered':
        return '';
      case 'ended':
        this.end = event;
        return '';
    }
  }

  #addSaid(event: SaidEvent): string {
    this.#count(event);
    if (event.isSubagent) return '';
    if (event.messageId !== this.#messageId) this.#turns += 1;
    this.#messageId = event.messageId;
    this.last = { error: event.error, stopReason: event.stopReason };
    const said = event.texts.filter((text) => text.trim() !== '');
    if (said.length > 0) this.lastText = said.join('\n').trim();
    return [...said.map((text) => text.trim()), ...event.calls.map(inWords)]
      .map((line) => `${line}\n`)
      .join('');
  }

  /** The pieces of one message tell the cost of all of it, each anew. */
  #count({ messageId, tokens }: SaidEvent): void {
    const earlier = this.#requests.get(messageId) ?? NOTHING;
    this.#tokens = sum(this.#tokens, tokens, earlier);
    this.#requests.delete(messageId);
    this.#requests.set(messageId, tokens);
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > MAX_OPEN_REQUESTS && oldest !== undefined) this.#requests.delete(oldest);
  }
}

function sum(before: TokenCount, more: TokenCount, less: TokenCount): TokenCount {
  return {
    inputTokens: before.inputTokens + more.inputTokens - less.inputTokens,
    outputTokens: before.outputTokens + more.outputTokens - less.outputTokens,
    cacheReadTokens: before.cacheReadTokens + more.cacheReadTokens - less.cacheReadTokens,
    cacheWriteTokens: before.cacheWriteTokens + more.cacheWriteTokens - less.cacheWriteTokens,
  };
}

/** `→ Bash: npm test`. */
function inWords({ name, input }: ToolCall): string {
  const [telling] = TELLING.flatMap((key) => {
    const value = input[key];
    return typeof value === 'string' ? [value.replaceAll(/\s+/g, ' ').trim()] : [];
  });
  const words = `→ ${name}${telling === undefined ? '' : `: ${telling}`}`;
  return words.length <= MAX_CALL_CHARS ? words : `${clip(words, MAX_CALL_CHARS - 1)}…`;
}
