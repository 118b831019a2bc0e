// What jsdom lacks and pages need; and msw, which answers every request from the
// mock server. A request to anything else fails the test.
import '@testing-library/jest-dom/vitest';

import { cleanup, configure } from '@testing-library/react';
import { http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

import { mock } from './mock';
import { World } from './world';

// Machines that build at the same time are slow.
configure({ asyncUtilTimeout: 8_000 });

export const network = setupServer(http.all('*/api/*', ({ request }) => mock.handle(request)));

beforeAll(() => network.listen({ onUnhandledRequest: 'error' }));
beforeEach(() => {
  mock.world = new World();
  localStorage.clear();
});
afterEach(() => {
  cleanup();
  network.resetHandlers();
});
afterAll(() => network.close());

HTMLDialogElement.prototype.showModal = function showModal() {
  this.open = true;
};
HTMLDialogElement.prototype.close = function close() {
  this.open = false;
};
window.scrollTo = () => undefined;
window.matchMedia = (media) =>
  ({ matches: false, media, addEventListener: () => undefined, removeEventListener: () => undefined }) as unknown as MediaQueryList;
// Virtual lists ask how tall they are; in jsdom nothing has a height.
Object.defineProperty(HTMLElement.prototype, 'offsetHeight', { configurable: true, value: 600 });
Object.defineProperty(HTMLElement.prototype, 'offsetWidth', { configurable: true, value: 900 });
// Enough for the graph's canvas to be there; it has no size in jsdom.
window.ResizeObserver = class implements ResizeObserver {
  observe = () => undefined;
  unobserve = () => undefined;
  disconnect = () => undefined;
};
Object.assign(window, { DOMMatrixReadOnly: class { m22 = 1; } });
