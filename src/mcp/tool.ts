import type { StandardSchemaWithJSON, ToolAnnotations } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import type { Answer } from './answer.ts';
import type { Session } from './session.ts';

/** One call of a tool. */
export interface Call {
  readonly session: Session;
  /** Given when the client does not want the answer any more. */
  readonly signal: AbortSignal;
  /** Tells the client, if it asked to be told, what is being waited for. */
  tell(message: string, outOfSeconds: number): void;
}

interface ToolHead {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly annotations: ToolAnnotations;
}

interface ToolOptions<In extends z.ZodObject, Out extends z.ZodObject> extends ToolHead {
  readonly input: In;
  readonly output: Out;
  run(input: z.output<In>, call: Call): Promise<Answer<z.input<Out>>>;
}

export interface Tool extends ToolHead {
  readonly input: StandardSchemaWithJSON;
  readonly output: StandardSchemaWithJSON;
  /** @throws SwarmError BAD_INPUT, and what the swarm says. */
  call(input: unknown, call: Call): Promise<Answer<Readonly<Record<string, unknown>>>>;
}

export function defineTool<In extends z.ZodObject, Out extends z.ZodObject>(
  options: ToolOptions<In, Out>,
): Tool {
  const { input, output, run, ...head } = options;
  return {
    ...head,
    input: advertised(input, 'input'),
    output: advertised(output, 'output'),
    async call(given, call) {
      const parsed = input.safeParse(given ?? {});
      if (parsed.success) return run(parsed.data, call);
      const faults = parsed.error.issues.map(({ path, message }) => {
        return path.length === 0 ? message : `${path.join('.')}: ${message}`;
      });
      throw new SwarmError('BAD_INPUT', faults.join('; '));
    },
  };
}

/** A definition as `tools/list` gives it. */
export interface ToolDefinition extends ToolHead {
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema: Readonly<Record<string, unknown>>;
}

export function definitionOf({ name, title, description, annotations, input, output }: Tool): ToolDefinition {
  const target = { target: 'draft-2020-12' } as const;
  const inputSchema = input['~standard'].jsonSchema.input(target);
  const outputSchema = output['~standard'].jsonSchema.output(target);
  return { name, title, description, inputSchema, annotations, outputSchema };
}

/**
 * A schema that clients read and that lets everything pass: what is wrong with an input we say ourselves, with a code
 * and what to do about it.
 */
function advertised(schema: z.ZodType, io: 'input' | 'output'): StandardSchemaWithJSON {
  let json: Record<string, unknown> | undefined;
  const once = (): Record<string, unknown> => {
    json ??= compact(schema, io);
    return json;
  };
  return {
    '~standard': {
      version: 1,
      vendor: 'raft-manager',
      validate: (value) => ({ value }),
      jsonSchema: { input: once, output: once },
    },
  };
}

/** Every character is paid for by everybody's context, again and again: nothing that goes without saying. */
function compact(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (io === 'output') delete jsonSchema.additionalProperties;
    },
  });
  return json;
}
