/** Builds the console: relative paths, old-browser floor, third-party notices beside the bundle. */
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { notices } from './tools/notices.mjs'

const server = process.env.FENGSUI_DEV_SERVER ?? 'http://127.0.0.1:8000'

export default defineConfig({
  base: './',
  plugins: [vue(), notices()],
  define: { __VUE_OPTIONS_API__: false, __VUE_PROD_DEVTOOLS__: false },
  worker: { format: 'iife' },
  build: {
    target: ['chrome90', 'firefox91'],
    manifest: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 400,
  },
  server: {
    proxy: { '/api': server, '/ws': { target: server, ws: true } },
  },
  test: { environment: 'jsdom', include: ['tests/**/*.test.ts'], restoreMocks: true, isolate: false },
})
