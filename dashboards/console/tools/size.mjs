/** Size budget: initial JavaScript (entry, what it imports, the worker) at most 90 kB gzipped, dist at most 1.5 MB. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

const dist = path.join(import.meta.dirname, '..', process.argv[2] ?? 'dist')
const INITIAL_LIMIT = 90_000
const TOTAL_LIMIT = 1_500_000

const manifest = JSON.parse(readFileSync(path.join(dist, '.vite', 'manifest.json'), 'utf8'))
const initial = new Set()
function follow(key) {
  const chunk = manifest[key]
  if (initial.has(chunk.file)) return
  initial.add(chunk.file)
  for (const next of chunk.imports ?? []) follow(next)
}
follow('index.html')
for (const file of readdirSync(path.join(dist, 'assets'))) {
  if (file.includes('worker') && file.endsWith('.js')) initial.add(`assets/${file}`)
}

const gz = [...initial].reduce((sum, file) => sum + gzipSync(readFileSync(path.join(dist, file)), { level: 9 }).length, 0)
const total = readdirSync(dist, { recursive: true })
  .filter((file) => !/\.(gz|br)$/.test(file))
  .map((file) => statSync(path.join(dist, file)))
  .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)

console.log(`initial JavaScript ${gz} B gzipped (limit ${INITIAL_LIMIT}), dist ${total} B (limit ${TOTAL_LIMIT})`)
if (gz > INITIAL_LIMIT || total > TOTAL_LIMIT) {
  console.error('over the size budget: load a page lazily or drop a dependency')
  process.exit(1)
}
