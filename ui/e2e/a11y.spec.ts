// Every page in both themes, without a single violation; nothing may break the
// content policy either, or be wider than a phone.
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';

import { open, PLACES, THEMES } from './pages';

for (const place of PLACES) {
  for (const theme of THEMES) {
    test(`${place.name} ${theme}`, async ({ page }) => {
      const complaints: string[] = [];
      page.on('console', (message) => {
        // A failed request is written by the browser itself; pages show what it means.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
          complaints.push(message.text());
        }
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await open(page, place, theme);
      await page.waitForTimeout(300);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map((node) => node.html.slice(0, 160)).join(' | ')})`)).toEqual([]);
      expect(complaints).toEqual([]);

      await page.setViewportSize({ width: 390, height: 844 });
      await page.waitForTimeout(150);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, 'nothing is wider than a phone').toBeLessThanOrEqual(0);
    });
  }
}
