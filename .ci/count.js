// Prints "<passed> <failed>" from the JSON report of the test runner.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// A file that breaks before its first test (a bad import, a failing hook) has no failed test to count.
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
);
console.log(`${report.numPassedTests} ${report.numFailedTests + broken.length}`);
