// Behaviour while things happen: a cut connection costs no event, and a thousand
// tasks stay smooth. The numbers are printed.
import { expect, test } from '@playwright/test';

import { open, PLACES } from './pages';

const place = (name: string) => {
  const found = PLACES.find((each) => each.name === name);
  if (!found) throw new Error(`no page ${name}`);
  return found;
};

test('a cut connection is restored without a gap', async ({ page }) => {
  await open(page, place('run-list'), 'light');
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByRole('region', { name: 'Events, newest first' }).getByText('project executing')).toBeVisible();
  const asked: string[] = [];
  page.on('request', (request) => {
    if (/\/api\/events\/[^/]+\?token=/.test(request.url())) asked.push(request.headers()['last-event-id'] ?? 'none');
  });
  await page.request.post('/api/__mock/drop');
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  await expect(page.getByText('Live', { exact: true })).toBeVisible({ timeout: 20_000 });
  expect(asked.length).toBeGreaterThan(0);
  expect(Number(asked[0])).toBeGreaterThanOrEqual(15);
});

test('the graph of 1,000 tasks is drawn at once and stays smooth', async ({ page }) => {
  await open(page, place('run-list'), 'light');
  await page.evaluate(() => localStorage.setItem('orch_run_view', 'graph'));
  await page.goto('/project/prj_wide/settings');
  await page.getByText('Delete the project').waitFor();
  await page.evaluate(() => {
    const tasks: number[] = [];
    Object.assign(window, { longTasks: tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({
      type: 'longtask',
    });
  });
  const begun = Date.now();
  await page.getByRole('link', { name: 'Execution' }).click();
  await page.locator('.react-flow__node').first().waitFor();
  const drawnMs = Date.now() - begun;
  await page.waitForTimeout(1_500);
  const longest = () =>
    page.evaluate(() => {
      const { longTasks } = window as unknown as { longTasks: number[] };
      return Math.round(Math.max(0, ...longTasks.splice(0)));
    });
  const drawing = await longest();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.waitForTimeout(8_000);
  console.log(
    `graph of 1,000 tasks drawn in ${drawnMs} ms, longest task ${drawing} ms; while it runs, longest task ${await longest()} ms`,
  );
  expect(drawnMs).toBeLessThan(5_000);
});
