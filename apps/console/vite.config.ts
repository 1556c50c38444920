import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

// Where `npm run dev` finds a controller.
const controller = process.env.LONGSHORE_URL ?? 'http://127.0.0.1:8081'
const passedOn = ['/api', '/socket.io', '/health', '/ready', '/asyncapi.yaml']

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // Nothing is inlined, so that the Content-Security-Policy needs no exceptions.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries(passedOn.map((path) => [path, { target: controller, ws: true }])),
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
