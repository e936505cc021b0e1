// Turns every OpenAPI file in openapi/ into src/api/.schema/<service>.d.ts.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import openapiTS, { astToString } from 'openapi-typescript'

const source = new URL('../openapi/', import.meta.url)
const target = new URL('../src/api/.schema/', import.meta.url)

const present = await readdir(source).catch(() => [])
const files = present.filter((name) => name.endsWith('.json')).sort()
if (files.length === 0) {
  console.error('openapi/ holds no *.json: run `yinqi openapi` first')
  process.exit(1)
}
await mkdir(target, { recursive: true })
for (const name of files) {
  const text = astToString(await openapiTS(new URL(name, source)))
  const out = name.replace(/\.json$/, '.d.ts')
  await writeFile(new URL(out, target), `// Generated from openapi/${name} by \`npm run types\`.\n${text}`)
  console.log(`src/api/.schema/${out}`)
}
