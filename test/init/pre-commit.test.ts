import { describe, expect, test } from 'vitest';
import { withGuard, withoutGuard } from '../../src/cli/init/pre-commit.ts';

describe('the guard in a pre-commit hook', () => {
  test.each([
    { why: 'a shell script', hook: '#!/bin/sh\nnpm test\n' },
    { why: 'one that ends in exec', hook: '#!/usr/bin/env bash\nset -e\nexec npm test\n' },
    { why: 'one without a last line end', hook: '#!/bin/sh\nnpm test' },
    { why: 'one without a first line', hook: 'npm test\n' },
  ])('stands before all else in $why, once, and comes out again', ({ hook }) => {
    const guarded = withGuard('pre-commit', hook);
    expect(guarded.indexOf('guard --staged')).toBeLessThan(guarded.indexOf('npm test'));
    expect(withGuard('pre-commit', guarded)).toBe(guarded);
    expect(withoutGuard(guarded)).toBe(hook);
  });

  test('is a hook of its own where there was none, which goes away as a whole', () => {
    const guarded = withGuard('pre-commit', undefined);
    expect(guarded).toMatch(/^#!\/bin\/sh\n/);
    expect(withGuard('pre-commit', guarded)).toBe(guarded);
    expect(withoutGuard(guarded)).toBeUndefined();
  });

  test('is not put into a program', () => {
    const hook = '#!/usr/bin/env python3\nprint()\n';
    expect(() => withGuard('.git/hooks/pre-commit', hook)).toThrow(
      /pre-commit is no shell script; call "raft-manager guard/,
    );
    expect(withoutGuard(hook)).toBe(hook);
  });
});
