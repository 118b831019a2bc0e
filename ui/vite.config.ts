// Build and development server. `--mode mock` serves /api from memory, so that
// the pages can be seen and tested without the engine.
import { fileURLToPath } from 'node:url';

import tailwind from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { compression, defineAlgorithm } from 'vite-plugin-compression2';
import { defineConfig } from 'vitest/config';

import { mockApi } from './src/testing/mockPlugin';

const ENGINE = process.env.ORCH_URL ?? 'http://127.0.0.1:5200';

export default defineConfig(({ mode }) => ({
  plugins: [
    react(),
    tailwind(),
    mode === 'mock' && mockApi(),
    compression({ algorithms: [defineAlgorithm('gzip', { level: 9 }), defineAlgorithm('brotliCompress')] }),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    host: '127.0.0.1',
    port: 5173,
    strictPort: true,
    ...(mode === 'mock' ? {} : { proxy: { '/api': { target: ENGINE, changeOrigin: false } } }),
  },
  preview: { host: '127.0.0.1', port: 4173, strictPort: true },
  build: {
    target: 'es2023',
    // The strict content policy allows no data: scripts and few data: assets.
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['./src/testing/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    testTimeout: 30_000,
  },
}));
