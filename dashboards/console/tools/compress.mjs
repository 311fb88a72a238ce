/** Writes a .gz and a .br beside every built text file, so that the server never compresses at request time. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = path.join(import.meta.dirname, '..', 'dist')
const SMALLEST = 1024

for (const file of readdirSync(dist, { recursive: true })) {
  if (!/\.(html|js|css|svg|json|txt)$/.test(file) || file.startsWith('.')) continue
  const content = readFileSync(path.join(dist, file))
  if (content.length < SMALLEST) continue
  writeFileSync(path.join(dist, `${file}.gz`), gzipSync(content, { level: 9 }))
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length }
  writeFileSync(path.join(dist, `${file}.br`), brotliCompressSync(content, { params }))
}
