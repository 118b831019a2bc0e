// The whole story in one browser: first visit, account, project, plan, approval,
// execution, a decision from the inbox, finished. Against the mock server, or against
// a real engine with the simulated model when ORCH_URL is set; then the engine should
// be fresh, or ORCH_EMAIL and ORCH_PASSWORD name an account.
import { expect, type Page, test } from '@playwright/test';

const isReal = process.env.ORCH_URL !== undefined;
const email = process.env.ORCH_EMAIL;
const password = process.env.ORCH_PASSWORD ?? 'correct horse battery';

const REQUIREMENTS = `A small command-line program that greets people.

- Without arguments it prints a greeting.
- With names it prints one greeting per name.

Tests cover both.`;

async function enter(page: Page): Promise<void> {
  if (email !== undefined) {
    await page.goto('/login');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    return;
  }
  await page.goto('/');
  // A fresh server leads to the first account by itself; an older one is asked.
  const create = page.getByRole('button', { name: /Create (the administrator|account)/ });
  const link = page.getByRole('link', { name: 'Create an account' });
  await expect(create.or(link)).toBeVisible();
  if (await link.isVisible()) await link.click();
  await page.getByLabel('Email').fill(`story-${Date.now()}@example.com`);
  await page.getByLabel('Password').fill(password);
  await create.click();
}

test('from first visit to finished project', async ({ page }) => {
  test.setTimeout(isReal ? 240_000 : 120_000);
  if (!isReal) await page.request.post('/api/__mock/reset?seed=fresh');

  await test.step('an account', async () => {
    await enter(page);
    await expect(page.getByRole('heading', { name: 'Projects' })).toBeVisible();
  });

  await test.step('a project, its requirements numbered while writing', async () => {
    await page.getByRole('link', { name: 'New project' }).first().click();
    const submit = page.getByRole('button', { name: 'Create and plan' });
    await expect(submit).toHaveAttribute('aria-disabled', 'true');
    await page.getByLabel('Name').fill('Greeter');
    await page.getByLabel('Requirements', { exact: true }).fill(REQUIREMENTS);
    await expect(page.getByText('4 requirements')).toBeVisible();
    await submit.click();
  });

  await test.step('the plan is made, read and approved', async () => {
    const approve = page.getByRole('button', { name: 'Approve version 1' });
    await expect(approve).toBeVisible({ timeout: 60_000 });
    await page.getByText('Table', { exact: true }).click();
    await expect(page.getByRole('table', { name: 'Tasks of the plan' })).toBeVisible();
    await approve.click();
    const dialog = page.getByRole('dialog', { name: 'Approve version 1?' });
    await expect(dialog.getByText('of 4 served')).toBeVisible();
    await dialog.getByRole('button', { name: 'Approve and start' }).click();
  });

  await test.step('it runs, and is watched', async () => {
    await expect(page).toHaveURL(/\/run$/);
    await expect(page.getByRole('region', { name: 'Events, newest first' })).toBeVisible();
    await expect(page.getByText('Completed').first()).toBeVisible({ timeout: 60_000 });
  });

  if (!isReal) {
    await test.step('it waits for a person, and the tab says so', async () => {
      const waiting = page.getByRole('link', { name: /waiting for you/ }).first();
      await expect(waiting).toBeVisible({ timeout: 60_000 });
      await waiting.click();
      await expect(page.getByRole('heading', { name: 'Inbox', level: 1 })).toBeVisible();
      await expect(page).toHaveTitle(/^\(\d\) /);
      const accept = page.getByRole('button', { name: 'Accept the output' });
      while (await accept.first().isVisible()) {
        const before = await accept.count();
        await accept.first().click();
        await expect(accept).toHaveCount(before - 1);
      }
    });
    await page.goto('/');
    await page.getByRole('link', { name: 'Greeter' }).click();
  }

  await test.step('it is finished, and the output can be read', async () => {
    const done = page.locator('header').getByText('Completed');
    const inbox = page.getByRole('button', { name: 'Accept the output' });
    for (let round = 0; round < 20 && !(await done.isVisible()); round += 1) {
      // Another task may ask meanwhile.
      const waiting = page.locator('header').getByRole('link', { name: /waiting for you/ });
      if (await waiting.isVisible()) {
        const back = page.url();
        await waiting.click();
        await inbox.first().click();
        await page.goto(back);
      }
      await page.waitForTimeout(isReal ? 2000 : 700);
    }
    await expect(done).toBeVisible();
    await page.getByRole('region', { name: 'Tasks by wave' }).getByRole('link').first().click();
    await expect(page.getByRole('heading', { name: 'Output' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Copy the output' })).toBeVisible();
  });
});
