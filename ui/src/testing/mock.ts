import { MockServer } from './mockServer';

/** The one mock server of a test file; its world is new for every test. */
export const mock = new MockServer();
