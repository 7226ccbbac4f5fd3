import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_AGENT_FILE_BYTES } from '../protocol/limits.ts';
import type { AgentDefinition } from './definition.ts';
import { type Diagnostic, type Finding, toDiagnostics } from './diagnostic.ts';
import { TOO_LARGE } from './frontmatter.ts';
import { type LintResult, lintAgent } from './lint.ts';

/**
 * The agent in the file at `path`.
 *
 * @throws SwarmError BAD_INPUT, with `file:line:column` of the first error in the message and all
 * diagnostics in `details`, when the file cannot be read or is not a usable agent.
 */
export async function loadAgentFile(path: string): Promise<AgentDefinition> {
  const { definition, diagnostics } = await lintAgentFile(path);
  if (definition !== undefined) return definition;
  const reason = diagnostics.find(({ severity }) => severity === 'error') ?? diagnostics[0];
  const message = reason === undefined ? `${path}: not an agent` : formatDiagnostic(reason);
  throw new SwarmError('BAD_INPUT', message, { file: path, diagnostics });
}

/** `file:line:column: message; hint`, for messages that stand alone. */
function formatDiagnostic({ file, line, column, message, hint }: Diagnostic): string {
  return `${file}:${line}:${column}: ${message}; ${hint}`;
}

/**
 * What `lintAgent` says about the file at `path`.
 *
 * @throws SwarmError BAD_INPUT when there is no such file or it cannot be read.
 */
export async function lintAgentFile(path: string): Promise<LintResult> {
  const bytes = await readBounded(path);
  if (bytes.byteLength > MAX_AGENT_FILE_BYTES) return refused(path, TOO_LARGE);
  const text = decode(bytes);
  if (text === undefined) return refused(path, NOT_UTF8);
  return lintAgent({ path, text, sha256: createHash('sha256').update(bytes).digest('hex') });
}

/** Non-blocking, because opening a named pipe would wait for its writer. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

async function readBounded(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, READ);
    if (!(await file.stat()).isFile())
      throw new SwarmError('BAD_INPUT', `${path} is not a file`, { file: path });
    return await readUpTo(file, MAX_AGENT_FILE_BYTES + 1);
  } catch (error) {
    if (error instanceof SwarmError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SwarmError('BAD_INPUT', `cannot read the agent file ${path}: ${reason}`, { file: path });
  } finally {
    await file?.close();
  }
}

async function readUpTo(file: FileHandle, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < limit) {
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(Math.min(64 * 1024, limit - length)),
    });
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  return Buffer.concat(chunks, length);
}

/** `undefined` when the bytes are not UTF-8: guessing another encoding would run scripts nobody wrote. */
function decode(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) : undefined;
}

const NOT_UTF8 = {
  code: 'not-utf8',
  message: 'the file is not UTF-8 text',
  hint: 'save it as UTF-8',
} as const;

function refused(file: string, finding: Omit<Finding, 'at' | 'severity'>): LintResult {
  return {
    definition: undefined,
    diagnostics: toDiagnostics(file, '', [{ at: 0, severity: 'error', ...finding }]),
  };
}
