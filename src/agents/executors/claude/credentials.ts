import type { ClientOptions } from '@anthropic-ai/sdk';

type Environment = Readonly<Record<string, string | undefined>>;

/** Each is enough for the SDK to find an account by; the first two are keys, the others say where to get one. */
const ACCOUNT_VARIABLES = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'ANTHROPIC_PROFILE',
  'ANTHROPIC_FEDERATION_RULE_ID',
];

/** Why the API would not know who we are, for people; undefined when it may. */
export function missingKey(environment: Environment): string | undefined {
  if (ACCOUNT_VARIABLES.some((name) => (environment[name] ?? '').trim() !== '')) return undefined;
  return (
    'the executor "claude" needs a key for the Messages API: set ANTHROPIC_API_KEY' +
    ' (or ANTHROPIC_AUTH_TOKEN, or ANTHROPIC_PROFILE for a profile that is stored on this machine)'
  );
}

/** Who and where, for the SDK, which takes one key only and reads the rest of its variables by itself. */
export function accountOf(
  environment: Environment,
): Pick<ClientOptions, 'apiKey' | 'authToken' | 'baseURL' | 'logLevel'> {
  const { ANTHROPIC_API_KEY: apiKey, ANTHROPIC_AUTH_TOKEN: authToken, ANTHROPIC_BASE_URL } = environment;
  return {
    ...(apiKey?.trim()
      ? { apiKey: apiKey.trim() }
      : authToken?.trim()
        ? { authToken: authToken.trim() }
        : {}),
    ...(ANTHROPIC_BASE_URL?.trim() ? { baseURL: ANTHROPIC_BASE_URL.trim() } : {}),
    // What goes wrong is told in the task's record, not in the middle of whatever this process prints.
    ...(environment.ANTHROPIC_LOG === undefined ? { logLevel: 'off' } : {}),
  };
}
