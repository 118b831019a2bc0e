// Browser tests. Against the mock server by default, which is built and started
// here; against a real engine when ORCH_URL names one. Debian's Chromium is used.
import { defineConfig } from '@playwright/test';

const realUrl = process.env.ORCH_URL;
const MOCK_URL = 'http://127.0.0.1:4173';

export default defineConfig({
  testDir: './e2e',
  outputDir: './test-results',
  // One server, whose memory the tests reset: they take turns.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    baseURL: realUrl ?? MOCK_URL,
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'story', testMatch: 'story.spec.ts' },
    { name: 'a11y', testMatch: 'a11y.spec.ts' },
    { name: 'live', testMatch: 'live.spec.ts' },
    { name: 'screenshots', testMatch: 'screenshots.spec.ts' },
  ],
  ...(realUrl === undefined && {
    webServer: {
      command: 'npm run preview:mock',
      url: `${MOCK_URL}/api/health`,
      reuseExistingServer: false,
      gracefulShutdown: { signal: 'SIGTERM' as const, timeout: 3_000 },
    },
  }),
});
