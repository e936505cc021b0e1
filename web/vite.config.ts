import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Where `npm run dev` finds the gateway; the built pages always ask their own host. */
const gateway = process.env.YINQI_GATEWAY ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': here('./src') } },
  define: { __VUE_OPTIONS_API__: 'false' },
  build: {
    target: 'es2018',
    cssTarget: 'chrome61',
    // The pages run under `default-src 'self'`: nothing may become a data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { console: here('./index.html'), m: here('./m/index.html') } },
  },
  server: { proxy: { '/api': gateway } },
})
