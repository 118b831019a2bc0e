// Pictures of every page at two sizes in both themes, to be looked at.
import { test } from '@playwright/test';

import { open, PLACES, THEMES } from './pages';

const SIZES = [
  { name: 'desk', width: 1280, height: 800 },
  { name: 'phone', width: 390, height: 844 },
] as const;

for (const place of PLACES) {
  for (const theme of THEMES) {
    for (const size of SIZES) {
      test(`${place.name} ${theme} ${size.name}`, async ({ page }) => {
        await page.setViewportSize(size);
        await open(page, place, theme);
        // Lazy parts such as the graph come a little later.
        await page.waitForTimeout(700);
        await page.screenshot({ path: `screenshots/${place.name}-${theme}-${size.name}.png`, animations: 'disabled' });
      });
    }
  }
}
